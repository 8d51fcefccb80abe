# %% [markdown]
# # Certified accuracy at each radius on ImageNet
# **Source.** Smooth-Reduce, Table 4, behind its Table 2 and Fig. 3: 500 images, 8 and 16 patches on two networks of
# SmoothAdv (PGD and DDN), radius 0, 0.5, ..., 4. The text states n = 100,000 samples and no $\alpha$, and promises rows for
# four patches, which are not there.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/table4", run_name)
page.here

# %% [markdown]
# **Divided**, with the image declared to be that of 256 pixels, so that patches are plain crops: then $L = \sqrt k$. Against
# the image of 224 pixels, which other papers certify, $L$ is 1.15 times larger still.

# %%
page.table("printed")

# %% [markdown]
# **Samples.** n samples certify no radius above $\sigma\,\Phi^{-1}(\alpha^{1/n})$. Where all rows of a table fall to 0 far
# below that, the table was made with fewer. `least` and `most` are the numbers of samples between which the table can be,
# at $\alpha$ = 0.001.

# %%
page.table("samples")

# %% [markdown]
# **This run**, at radii that fit it: certified (R / L) and as published (R), for each number of patches.

# %%
page.table("ours")

# %%
page.figure

# %% [markdown]
# **What was found.** Linear interpolation between printed radii is generous where a curve falls off its ceiling.

# %%
page.save()
page.found
