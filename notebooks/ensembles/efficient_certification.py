# %% [markdown]
# # Certifying a pre-set radius with fewer network evaluations
# **Source.** Paper on smoothed ensembles (arXiv 2106.06946) and its code. *K-consensus*: where the first $K$ of $k$
# members agree on a noisy copy, that is the answer, and only elsewhere the others are asked. *Adaptive sampling*
# (CertifyAdp): certify or give up a radius $r$ fixed beforehand in stages of more and more samples. The abstract
# claims up to 55 times fewer samples; the tables behind it are not on record here. The paper's stages, 1,000, 10,000
# and 125,000 samples against a fixed 100,000, cannot save more than a factor of 100,100 / 1,100 = 91.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("ensembles/efficient_certification", run_name)
page.here

# %% [markdown]
# **Factors.** *SampleRF*: samples of the fixed rule over those drawn, all images together. *KCR*: per cent of the
# samples that $K$ members decide. *Evaluations*: network calls of the fixed rule with the full ensemble over those made;
# a sample costs $k$, with K-consensus $K + (1 - \mathrm{KCR})(k - K)$ on average. *TimeRF*: the same for seconds.
# Intervals (95 %) resample the images; where all images stop at the same number of samples they have no width, and are
# too narrow where few images decide the mean.
#
# **Agreement.** Same class certified, or both abstain, as the fixed rule with the full ensemble; Clopper-Pearson, 95 %.
# Both see the same noise, so that luck makes them differ less than two runs of one rule on fresh noise. Decisions of
# one image at several radii hang together; images do not. So the interval over all radii counts images.
#
# Two rules that the paper does not have stand beside CertifyAdp: Clopper-Pearson on one growing sample with a union
# bound over the looks, and a confidence sequence. All hold at the same error probability $\alpha$ for an image.

# %%
page.table("overview")

# %%
page.table("alike", digits=3)

# %%
page.figure

# %% [markdown]
# **What was found.** Where rules differ none need be wrong: near the threshold one certifies what another cannot.

# %%
page.save()
page.found
