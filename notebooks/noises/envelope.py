# %% [markdown]
# # The envelope over sigma in l1, and the published table
# **Source.** Notes on noise distributions, and the paper that grew out of them (Yang et al. 2020). Its table gives
# certified accuracies in l1 on CIFAR-10 and ImageNet, at each radius those of the best $\sigma$: uniform noise above
# Laplace at every radius, and with stability training above that. Its lower bounds are at $\alpha / 2$, and it counts
# no abstentions, which matters at $r$ = 0 only.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/envelope", run_name)
page.here

# %% [markdown]
# **The oracle.** The published table takes at each radius the $\sigma$ that does best on the very images that it
# reports: too high by selection. *Honest* is a $\sigma$ chosen on one half of the images and evaluated on the other,
# both ways averaged, over ten random halvings (cross-fitting; choosing on half of the images is a little harder than on
# all). `area` is that under the envelope, an average radius; `optimism` is oracle minus honest, with 95 % by the
# bootstrap's standard error, copies of an image staying in one half.

# %%
page.table("areas")

# %% [markdown]
# **The published table** (certified accuracy in %, l1), for the data of this run where there is one, else that of
# CIFAR-10 for reference alone: accuracies on other data cannot be compared.

# %%
page.table("published")

# %% [markdown]
# **The orderings**, over the $\sigma$ that both noises of a pair have. `equal sigma`: the difference between the two
# ACRs at each such $\sigma$, paired by image. `envelope`: between the areas under the two honest envelopes, by the
# bootstrap; on the data of the published table also certified accuracy at its radii. How far another seed would go is
# not in these intervals.

# %%
page.table("orders")

# %% [markdown]
# **Why the level matters.** Below a certain $p$ uniform noise has the larger l1 radius at equal $\sigma$, above it
# Laplace noise, whose radius grows without bound as $p$ goes to 1. So it depends on how many answers are that sure:
# `above`, in % of the correct ones.

# %%
page.table("crossings")

# %%
page.figure

# %% [markdown]
# **What was found.** The paper's data are harder than digits, and its uniform networks go up to $\sigma$ = 3.5, those
# with Laplace noise to 1.25. One network stands for each noise: a difference that the intervals resolve can still be
# the luck of a seed.

# %%
page.save()
page.found
