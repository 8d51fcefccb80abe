# %% [markdown]
# # Certified radius against ensemble size
# **Source.** Blog and paper on smoothed ensembles (arXiv 2106.06946): averaging the scores of $k$ networks that differ
# in their seed alone raises the average certified radius (ACR); by the paper's abstract 3 to 10 members gain 5 to 21 %
# over the strongest of them. Three ResNet20 beat one ResNet110 on CIFAR-10. The best ACRs reported for such ensembles
# there (in the paper on Smooth-Reduce) are .583 / .756 / .788 at $\sigma$ = 0.25 / 0.5 / 1.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("ensembles/acr_vs_k", run_name)
page.here

# %% [markdown]
# **Paired comparison.** All classifiers of a $\sigma$ certify the same images (an ensemble and its members even under the
# same noise), so differences are taken image by image: easy and hard images cancel. Intervals hold for these trained
# networks; another set of seeds would add to them. Ensembles are the first $k$ seeds, never picked.
#
# **Against the mean and the best member.** The best member is picked on the very images that are reported, so its value
# is too high by selection, and the gain over it too low; the mean member is a fair stand-in for "a model with some seed".

# %%
page.table("against_k", metric="ACR")

# %% [markdown]
# **Gain in per cent** of the largest ensemble. The ratio of two means gets its interval from the residuals
# $e - (1 + g)\,m$ per image, with $e$ the radius of the ensemble, $m$ of the single model and $g$ the gain.

# %%
page.table("gains")

# %% [markdown]
# **Several small ones or a large one?** Soft ensembles of the first architecture against the mean single model of the
# last, with the same training, on the same images. $k$ = 1 stands for the mean single small one: it shows how much is
# due to the architecture, not to the ensemble.

# %%
page.figure

# %% [markdown]
# **What was found.** Differences between images are in the intervals; the luck of the seeds and their order is not.

# %%
page.save()
page.found
