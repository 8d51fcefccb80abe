# %% [markdown]
# # Noise on patches is not noise on the image
# **Source.** Smooth-Reduce, the Remark of section 3, and the effect of resizing in section 4. In the experiments each
# patch gets Gaussian noise of its own, $f(P_i x + z_i)$. The Remark argues that this is the same as noise on the image,
# $f(P_i(x + z))$: as each $P_i$ is linear, it becomes part of the classifier, the noise keeps its standard deviation,
# and Cohen's radius $R = \sigma\,\Phi^{-1}(p_A)$ is one of the image. Nor should resizing change it, in theory.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/soundness", run_name)
page.here

# %% [markdown]
# **What can be proved.** The smoothed classifier is a function of the stacked patches $Mx$, $M = (P_1; \dots; P_k)$, and
# cannot change its class while $\|M\delta\| < R$. As $\|M\delta\| \le L\|\delta\|$ with $L = \|M\|$, the image's radius
# is $R/L$. With one noise vector on the image $L = 1$; with one on the resized image $L$ is the norm $\|A\|$ of the
# resizing; with noise on each patch it is about $\sqrt k$ times that. Noise drawn anew on the image for each patch, as
# the paper's pseudocode has it, gives $\sqrt k$. `random, worst` allows for any places of the patches.

# %%
page.table("norms")

# %% [markdown]
# **A counter-example.** Take a linear score $w \cdot u$ of each patch, and the mean of the scores. Then $p_A$ and the
# distance to the decision boundary are known exactly, here in units in which the mean score of the image is $\|w\|$. The
# published radius goes beyond the boundary; divided by $L$ it does not, and comes near.

# %%
page.table("example")

# %%
page.figure

# %% [markdown]
# **What was found.** Norms and counter-examples are exact; the shares of random classifiers have 95 % intervals.
# How often a published radius is too large depends on the classifier: the smoother its weights, the more alike are the
# scores of overlapping patches, and the more the claim gains from noise that the image does not have.

# %%
page.save()
page.found
