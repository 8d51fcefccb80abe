# %% [markdown]
# # Robustness against accuracy over $\sigma$
# **Source.** Slides on input-dependent smoothing, the second problem of a constant $\sigma$: the trade-off between
# robustness and accuracy, after Gao et al. (2020), beside a figure after Cohen et al. (2019) whose data are not told. A
# larger $\sigma$ makes larger radii possible and costs accuracy, for all images alike.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/accuracy_tradeoff", run_name)
page.here

# %% [markdown]
# **What is measured.** Clean accuracy is that of the smoothed classifier, certified accuracy at $r$ = 0, abstentions
# counted as errors. Robustness is ACR, the average certified radius over all images, and certified accuracy at single
# radii. Each network is certified with the noise that it was trained with.
#
# **One alpha, one set of images.** Logs of one series that were made at different $\alpha$ (told from their largest
# radii; where a log does not tell, that of most logs of its series) are turned into what the same counts certify at the
# smallest. Of a series only the images count that all its levels have.
#
# **Values**, with 95 % intervals: Clopper-Pearson for shares, t for ACR. Images as a random sample, networks fixed.
# Beyond the ceiling $\sigma\,\Phi^{-1}(\alpha^{1/n})$ certified accuracy is 0 for certain.

# %%
page.table("overview")

# %% [markdown]
# **From one level to the next.** The larger $\sigma$ minus the smaller, paired by image: clean accuracy in points, with
# the interval of Agresti and Min (2005), and ACR, with that of the mean of the differences. "Not resolved": the interval
# includes zero.

# %%
page.table("steps", part="step")

# %%
page.figure

# %% [markdown]
# **What was found.** A trade-off has two sides, and each is decided at every step: accuracy lost, and images certified beyond
# the ceiling of the smaller $\sigma$, where that certifies none.

# %%
page.save()
page.found
