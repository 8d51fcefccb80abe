# %% [markdown]
# # Scores of the top class and of the runner-up over noisy copies of clips
# **Source.** Smooth-Reduce, Fig. 12 and appendix D.1. Histograms of the scores of the two most probable classes over noisy
# copies of two clips of UCF-101, by the 3D network alone, by Smooth-Max and by Smooth-Mean. The paper finds larger margins of
# lower variance by both reductions, and scores that are lower and more spread than those of images.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig12", run_name)
page.here

# %% [markdown]
# **What is averaged already.** The network alone is an average over all chunks of a clip. With one noise on the clip,
# Smooth-Mean averages the same chunks with other weights, and can hardly differ. Smooth-Max takes for each class the
# sub-video that is surest of it, which raises the runner-up too. How scores bear on a certificate is in `fig11`.
#
# **Whose noise?** With noise on each sub-video, as in the paper, a frame is seen under several independent noises, and their
# mean varies less. But the radius is divided by $L$. With noise on the clip, $L = 1$: this decides. `k` counts the frames of a
# sub-video.

# %%
page.table("statistics", digits=3)

# %%
page.figure

# %% [markdown]
# **Sub-videos less the network alone**, on the same number of noisy copies. `mean margin`: t intervals; standard
# deviations: bootstrap over the copies. Both for these clips and this network.

# %%
page.table("differences", digits=3)

# %% [markdown]
# **What was found.** Clips and images are other data, seen by other networks: their scores are not compared.

# %%
page.save()
page.found
