# %% [markdown]
# # Certified accuracy and ACR of Smooth-Reduce on videos, at every noise level
# **Source.** Smooth-Reduce, Figure 10 and appendix C: the classifiers of Figure 5 on UCF-101 at $\sigma$ = 0.25, 0.5 and 1.
# The paper finds that Smooth-Reduce certifies larger radii than randomized smoothing of the network on chunks (RS), at a
# higher certified accuracy, and that larger chunks and longer sub-videos certify more.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig10", run_name)
page.here

# %% [markdown]
# **Larger radii, or more clips?** The ACR over all clips is the area under a curve: both count. The ACR over the clips that
# a classifier has right says how large radii are where there are any; it may be large because hard clips are left out. With
# noise on each sub-video, $R / L$ is certified; the paper would publish $R$.

# %%
page.figure

# %% [markdown]
# **All classifiers and levels.** Both ACRs with 95 % intervals over the clips, accuracy and abstention of the smoothed
# classifier, and forward passes of the network on a chunk for the certificate of one clip.

# %%
page.table("averages", digits=3)

# %% [markdown]
# **What was found.** Differences are paired over the clips, and each network is trained once. A statement on every level
# needs two levels; the exhibit `fig5` decides at one.

# %%
page.save()
page.found
