# %% [markdown]
# # Soft and hard smoothing of the same network, certified on the same noisy copies
# **Source.** Notes on noises, "Randomized Smoothing" and "Approximating the Smoothed Classifier". The soft smoothed
# classifier is the mean of the forecasts, $F_\mathrm{soft}(x) = E_\epsilon P_\theta(y|x+\epsilon)$, the hard one the
# distribution of their modes. Guarantees are derived for the hard one, which the notes say is needed for them, by a
# Clopper-Pearson bound on the probability of its top class; the soft one is said to be robust in a Lipschitz sense. No
# figure or number is printed.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/soft_hard", run_name)
page.here

# %% [markdown]
# **Why soft smoothing can be certified alike.** If a function with values in $[0, 1]$ has the mean $p$ under noise
# around $x$, its mean around $x'$ is least when it is the indicator of a region (Neyman and Pearson). So the radius
# that holds for votes at the lower bound $p$ holds for scores; and since scores sum to one, a class above 1/2 is the
# top class. The source gives no bound for the soft one; this is our addition.
#
# **What differs is the bound on $p$.** Votes are binomial: Clopper-Pearson. Scores are only known to lie in $[0, 1]$:
# Hoeffding, $\bar x - \sqrt{\ln(1/\alpha)/2n}$, or empirical Bernstein (Maurer and Pontil 2009) with the sample
# variance $V$,
# $$\bar x - \sqrt{2 V \ln(2/\alpha) / n} - \frac{7 \ln(2/\alpha)}{3(n-1)}$$
# To tell the two losses apart, the votes are also certified by empirical Bernstein, as the scores 0 and 1 that they
# are.

# %%
page.table("acr")

# %% [markdown]
# **The bound as the source prints it** compares a binomial variable with the *mean* of the votes,
# $$\hat q = \inf\{q : P[\mathrm{Binomial}(m, q) \ge \tfrac1m \textstyle\sum_i q_i] \ge \alpha\}$$
# It must be their *number* $\sum_i q_i$. The mean is at most 1, so that the display asks how likely a single vote is.
# With the number it is generally conservative, as the notes say: how often it errs is known exactly for each $p$.

# %%
page.table("ceilings")

# %%
page.figure

# %% [markdown]
# **What was found.** How much soft loses depends on how sure the network is: with the scores of a softmax at ever lower
# temperature it becomes hard. Bands are 95 % for the choice of images, at each radius by itself.

# %%
page.save()
page.found
