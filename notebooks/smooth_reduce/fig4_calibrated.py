# %% [markdown]
# # Smooth-Reduce against the network alone, at the same number of evaluations
# **Source.** Smooth-Reduce, Fig. 4b and 8, and the last paragraph on CIFAR-10 in section 3. One noisy copy costs
# Smooth-Reduce $k$ evaluations of the network, so that the paper also compares at equal cost: SmoothAdv by 100,000
# copies with $\alpha = 0.001$, and 10 patches by 10,000 copies with $\alpha = 0.01$. It reports larger radii and a higher
# certified accuracy for the patches.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig4_calibrated", run_name)
page.here

# %% [markdown]
# **Two things differ from the paper.** The vote of $k$ patches errs with the $\alpha$ of its own confidence bound,
# whatever $k$ (exhibit `theorem2`), so that a comparison of certificates needs one $\alpha$. And with noise on the resized
# image or on each patch the radius $R$ of the noisy input is $R / L$ for the image (exhibit `soundness`). Both are
# `certified` here. The paper's way, $R$ at $\alpha = 0.01$, is `as published`. All numbers come from the same stored
# counts: those of the patches by their first $n/k$ copies.
#
# **Averages.** `largest` is the radius that $n$ votes out of $n$ certify, divided by $L$. The $n_0$ copies for the
# selection of a class are the same number for all, and cost the patches $k$ times as much; like the paper, `n` leaves
# them out, `evaluations` counts them.

# %%
page.table("averages", kind="certified")

# %% [markdown]
# **Differences** from the network alone are taken image by image. Intervals are 95 %, for these networks.

# %%
page.figure

# %% [markdown]
# **What was found.**

# %%
page.save()
page.found
