# %% [markdown]
# # Average certified radius of Smooth-Mean against the noise level
# **Source.** Smooth-Reduce, Figure 1: the average certified radius (ACR) of SmoothAdv and of MACER on CIFAR-10, each with
# and without Smooth-Mean over $k$ = 4 patches, at $\sigma$ = 0.25, 0.5 and 1. The paper reads it so: Smooth-Mean improves
# every network without training, and the more the larger $\sigma$ is.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig1", run_name)
page.here

# %% [markdown]
# **Two definitions.** The ACR divides the sum of the certified radii by the number of all images (Zhai et al. 2020), or by
# that of the correctly classified ones. The paper states the first. Its certified accuracies show that it prints the second
# for all but MACER and the ensembles, so that its ratio to MACER mixes both. `one` is the network, `reduced` is
# Smooth-Mean, `value` their ratio; ACRs by definition are estimates by the trapezoid rule from the certified accuracies.
#
# **Which radius.** With noise on every patch, $R = \sigma\,\Phi^{-1}(p_A)$ is a radius of the stacked patches. Certified
# for the image is $R / L$, with $L = \|(P_1; \dots; P_k)\|$, about 2.26 for four patches of CIFAR-10.

# %%
page.table("printed", digits=3)

# %% [markdown]
# **On this run.** Noise is on the image ($L = 1$), on the resized image, or on each patch. Filled markers: certified
# radii. Thin dotted lines, open markers: $R$ as published.

# %%
page.figure

# %% [markdown]
# **Ratios** of the ACR of Smooth-Mean to that of its network, with 95 % intervals by the delta method: the residual of each
# image, $r - \rho\,s$ for a ratio $\rho$ of the means of $r$ and $s$, is averaged over the images. Both classifiers certify
# the same images.

# %%
page.table("ratios", digits=3)

# %% [markdown]
# **From the smallest to the largest noise level**, the change of this ratio. It compares four classifiers on the same images.

# %%
page.table("changes", digits=3)

# %% [markdown]
# **What was found.** Intervals are over the images; another network of the same kind would add to them.

# %%
page.save()
page.found
