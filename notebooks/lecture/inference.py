# %% [markdown]
# # PREDICT1 and PREDICT2: how often they abstain, how often they are wrong
# **Source.** Lecture, "Inference Procedure I" and "II". PREDICT1 returns the top class if the hypothesis $p \le 1/2$ is
# rejected for it at level $\alpha$; PREDICT2 if the hypothesis that the two top classes are equally likely is rejected.
# The lecture calls PREDICT2 more sample efficient and able to answer without a majority, and says that either returns
# $\hat c_A \neq c_A$ with probability at most $\alpha$. Typical are 100 to 1000 samples and $\alpha$ = 0.001. No figure
# is printed.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("lecture/inference", run_name)
page.here

# %% [markdown]
# **The guarantee with its conditions.** For one image, over the noise:
# $$P(\text{a class is returned, and it is not } c_A) \le \alpha$$
# It needs a fixed classifier, independent samples of the noise, **$n$ fixed in advance**, and $\alpha$ < 1/2 for PREDICT1.
# It speaks of the class of $g$, not of the label; of all calls, not of those that are answered; and of each image by
# itself, not of all images together.
#
# **Exact.** For two or three classes all tables of counts can be listed, so abstention and error are sums. The worst
# cases of the error are ties: $c_A$ is then the class that leads by a hair, taken to be the first. One line breaks a
# condition on purpose: PREDICT1 is asked again after every tenth vote, and its first answer is taken.
#
# **On the run.** The first half of an image's votes plays the samples of PREDICT, in disjoint groups of $n$; the second
# half says what $g$ and its probabilities are, so that no vote does both. Lines are what the second half's shares
# predict. One image is shown by itself: of those that have no majority class for certain, the one with the clearest lead,
# both by the second half. Intervals are 95 % Clopper-Pearson over groups and images (these images: others would add to
# them).

# %%
page.figure

# %% [markdown]
# **Errors on the run** count on the images whose top class the second half settles by PREDICT2 at the same $\alpha$. Ties,
# the worst case, are thus left out: nobody knows their class. `x` is $\alpha$, `value` the share of wrong answers among
# all calls.

# %%
page.table("wrong", panel="error, run")

# %% [markdown]
# **What was found.** Differences are paired over the images, of one network.

# %%
page.save()
page.found
