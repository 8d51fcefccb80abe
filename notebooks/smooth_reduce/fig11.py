# %% [markdown]
# # Scores of the top class and of the runner-up over noisy copies
# **Source.** Smooth-Reduce, Fig. 11 and appendix D.1. Histograms of the scores of the two most probable classes over
# noisy copies of an image, by SmoothAdv's network alone, by Smooth-Max and by Smooth-Mean. Good classifiers have the
# first near 1 with little variance and the second near 0. The paper finds both reductions better than the network
# alone, Smooth-Max by the score of its top class rather than by the margin, Smooth-Mean by all of these.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig11", run_name)
page.here

# %% [markdown]
# **What scores say of a certificate.** CERTIFY counts the class with the largest score of each copy, nothing else: a
# margin of 0.1 in every copy certifies as much as one of 0.9. Maxima over patches raise all classes at once, and do not
# add up to 1. Smooth-Mean averages scores before the softmax.
#
# **Whose noise?** With noise on each patch, as in the paper, the network is asked under $k$ independent noises for each
# copy. Averages over them vary less, as with more samples; but the radius is divided by $L$, about $\sqrt{k}$ (exhibit
# `soundness`). With noise on the image, $L = 1$, scores compare with those of the network alone: this decides.

# %%
page.table("statistics", digits=3)

# %%
page.figure

# %% [markdown]
# **Patches less the network alone**, on the same number of noisy copies. `mean margin`: t intervals; standard
# deviations: bootstrap over the copies. Both for these images and this network.

# %%
page.table("differences", digits=3)

# %% [markdown]
# **What was found.**

# %%
page.save()
page.found
