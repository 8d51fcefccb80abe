# %% [markdown]
# # Does averaging networks reduce the variance of the margin as the formula says?
# **Source.** Blog on smoothed ensembles, "Variance Reduction via Ensembles": the margin of a mean of $k$ networks over
# noise has the variance $\sigma^2(k) = \frac{1 + \zeta (k - 1)}{k}\,\sigma^2(1)$, which falls to $\zeta\,\sigma^2(1)$;
# $\zeta$, the correlation between the networks, is called a small constant. No value is printed.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("ensembles/variance_ratio", run_name)
page.here

# %% [markdown]
# **What can fail.** With $\zeta$ = mean covariance of two members / mean variance of one, the formula averaged over all
# subsets of $k$ members is an identity on the draws that $\zeta$ comes from. So $\zeta$ is taken from one half of the
# draws and compared with the other half, and with the ensembles that exist: the first 1, 2, ..., K seeds. Tested are
# thus (1) the finite number of draws and (2) the assumption that all members have one variance and all pairs one
# covariance. This $\zeta$ is the paper's $\zeta_p$, correlation over the noise. Its $\zeta_c$, over the draw of the
# training seeds at a fixed image, is zero by construction for independent seeds and cannot be estimated at one image.

# %%
page.table("zetas", digits=3)

# %% [markdown]
# **Pooled and per image.** Pooled: covariances are averaged over the images first, so images with large margins
# weigh more. Its 95 % intervals resample images (for all quantities alike, so that differences are paired). The
# formula per image has its own $\zeta$ at each image: drawn is the range of the middle 80 % of the images.

# %%
page.figure

# %% [markdown]
# **What was found.** The intervals cover the choice of the images, not of the seeds.

# %%
page.save()
page.found
