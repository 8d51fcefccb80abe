# %% [markdown]
# # Certified accuracy of Smooth-Max and Smooth-Mean against the radius
# **Source.** Smooth-Reduce, Figure 2: certified accuracy on CIFAR-10 at $\sigma$ = 0.25, 0.5 and 1 of SmoothAdv, of
# Smooth-Max and Smooth-Mean over four patches of it, of MACER with and without them, and of other methods. The paper
# concludes that both reductions certify more than everything else, and that Smooth-Mean abstains least.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig2", run_name)
page.here

# %% [markdown]
# **What is drawn.** Noise lies on the image, on the resized image, or on each patch. Full colours are certified radii,
# $R / L$; thin dotted lines are $R$, which the paper takes for a radius of the image. Bands are 95 % intervals, each point
# by itself. Of other methods the first network of the base's architecture is taken, and an ensemble if there is one.

# %%
page.figure

# %% [markdown]
# **Is the maximum at least as good?** Smooth-Max takes the class with the largest softmax score on any patch. One patch
# that is confidently wrong decides, so that nothing orders it before the network on the whole image.
#
# **Abstentions.** CERTIFY abstains where the lower bound of $p_A$ is at most one half. The factor $L$ changes nothing of
# that, but noise that the network did not see in training does, and so do patches that miss a part of the object.

# %%
page.table("averages", digits=3)

# %% [markdown]
# **What was found.** Shares of the same images are compared by the interval of Agresti and Min, ACRs by the residuals of
# their ratio. Intervals are over the images, networks fixed.

# %%
page.save()
page.found
