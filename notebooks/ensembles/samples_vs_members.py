# %% [markdown]
# # More samples of one model, or more members?
# **Source.** Blog and paper on smoothed ensembles (arXiv 2106.06946): more samples with a single network barely improve
# the certified radius, unless a very large radius (in the blog's figure 2.0) needs them for mathematical reasons; an
# ensemble, at an equal number of network evaluations, improves it. The necessity is a ceiling: even $n$ votes out of $n$
# certify no more than $\sigma\,\Phi^{-1}(\alpha^{1/n})$. The figure's values are not on record here.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("ensembles/samples_vs_members", run_name)
page.here

# %% [markdown]
# **Comparison.** All classifiers see the same images, and the first samples of the same noise. The single model is the
# mean over the members ("a model with some seed"), so no member is picked. Differences are taken image by image; their
# 95 % intervals add one image won and one lost (after Bonett and Price 2012), so that none has width zero, and hold for
# these networks. As in the source, the samples that select the class are not in the budget; what changes if they are is
# said at the end.
#
# **Ensemble minus single model at equal evaluations**, in points of certified accuracy, at some radii $r / \sigma$; the
# last columns lie just below the ceilings of the ensembles and of the single model.

# %%
page.table("differences")

# %% [markdown]
# **ACR over all images at equal evaluations**: gain of the ensemble over the mean single model, in per cent.

# %%
page.table("gains", digits=3)

# %% [markdown]
# **The price of fewer samples** by the formula: the radius, in $\sigma$, that the expected number of votes certifies for
# an image whose true radius is `true`, by the fewest and the most samples of this run, and of the paper.

# %%
page.table("price")

# %% [markdown]
# **Without sampling limits** (thin line) the radius is $\sigma\,\Phi^{-1}(\hat p_A)$ of the plain frequency over all
# samples of the run: what the better classifier alone would gain, were samples free. It is no certificate.

# %%
page.figure

# %% [markdown]
# **What was found.** Intervals are over the images, for these networks in this order of seeds.

# %%
page.save()
page.found
