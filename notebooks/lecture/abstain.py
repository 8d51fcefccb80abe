# %% [markdown]
# # Three reasons for ABSTAIN, each provoked and remedied
# **Source.** Lecture, "Certification Procedure". Where CERTIFY returns ABSTAIN there are three possibilities:
#
# 1. the guess $\hat c_A$ was wrong, and the probability of that class is below 1/2 (remedy: increase $n_0$);
# 2. the true $p_A \le 1/2$ (remedy: train with noise);
# 3. the true $p_A > 1/2$, but its lower bound is too loose (remedy: increase $n$).
#
# The source prints neither a figure nor a number for them.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("lecture/abstain", run_name)
page.here

# %% [markdown]
# **Votes in their order.** The counts files keep the votes of each few consecutive samples, so CERTIFY can be repeated on
# disjoint groups of them, with small and with large $n_0$ and $n$. The $n_0$ votes of the run's own guess are other
# samples.
#
# **Theory, exact.** CERTIFY abstains if fewer than $k^*$ of the $n$ votes are for the guess. With class probabilities
# $p_1 \dots p_K$
# $$P(\mathrm{ABSTAIN}) = \sum_c P(\hat c_A = c)\;P(\mathrm{Bin}(n, p_c) < k^*)$$
# because guess and estimate use different samples. $P(\hat c_A = c)$ is a finite sum over the multinomial law.
#
# **Reason 1, $n_0$.** Guesses from groups of the first half of the votes, estimates from the whole second half. Beside
# the image two textbook cases with the same $p_A$: all the rest in one rival, or spread evenly over seven.
#
# **Reason 3, $n$.** The guess is the run's own; the estimates come from groups of $n$ votes. No $n$ helps where no class
# has a probability above 1/2: that share of the images, as far as all votes settle it, is a floor.
#
# **The image shown** is the one whose $p_A$, as a share of votes, lies nearest to that of the textbook cases, of those
# that are answered with all votes, and not by the network trained at the other $\sigma$. It is chosen by the votes that
# are then shown: an illustration. The rates over all images are the evidence.

# %%
page.figure

# %% [markdown]
# **Reason 2, and which reason it was.** An abstention does not say why. All $n$ votes of an image often do: another class
# than the guess is certified (reason 1), no class can reach 1/2 (reason 2: upper bounds of all classes, at $\alpha / K$
# each), the guess itself is certified (reason 3). What remains is too close to 1/2 to say. Which reason holds is thus
# read from votes, not known; a reason counts as seen where it shows more often than such bounds are wrong.

# %%
page.table("reasons")

# %% [markdown]
# **What was found.** Differences are paired over the images; one network of one seed stands for each training.

# %%
page.save()
page.found
