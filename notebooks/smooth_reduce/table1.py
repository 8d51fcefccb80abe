# %% [markdown]
# # ACR and abstention on CIFAR-10
# **Source.** Smooth-Reduce, Table 1: ResNet-110 of SmoothAdv and of MACER, each image resized from 32 to 36 pixels and cut
# into four patches; n = 100,000, $\alpha$ = 0.001. The text defines the average certified radius (ACR) over all test
# images, and says that Smooth-Mean exceeds other methods by at least 25 %, Smooth-Max by at least 14 %.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/table1", run_name)
page.here

# %% [markdown]
# **Two definitions in one column.** The certified accuracies of Table 3 bound the ACR of the same row from both sides:
# over all images (`all`), or over the correctly classified ones (`correct`), which is larger the worse the network is.
# `fits` says under which definition the printed number is possible; the estimates are by the trapezoid rule.

# %%
page.table("printed")

# %% [markdown]
# **What is certified.** With noise on each patch, the radius R that CERTIFY returns is one of the stacked patches. For the
# image it must be divided by $L$, the norm of cutting and resizing. Below are both, at equal $\alpha$ and equal numbers of
# noisy copies; a patch costs an evaluation of the network, so that the last columns count what a certificate costs.

# %%
page.table("ours")

# %% [markdown]
# **Paired.** ACR over patches less that of the network alone, on the same images (95 %, networks fixed).

# %%
page.table("gains")

# %%
page.figure

# %% [markdown]
# **What was found.** Verdicts on printed numbers need no run: they follow from the paper's own tables. DDRS chooses its
# noise level for each image, so that its radii are claims, and nothing of it is certified.

# %%
page.save()
page.found
