# %% [markdown]
# # Smooth-Reduce against the size of the resized image
# **Source.** Smooth-Reduce, Fig. 4a and the paragraph on resizing in section 4. ImageNet's test images are resized to
# 384, 512 and 640 pixels a side, and 16 patches of 224 pixels are cut from each at random. The larger the image, the
# less of it a patch shows: the paper reports that certified accuracy falls together with the accuracy. In theory, it
# says, the radius should not change; that is not so (exhibit `soundness`).

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig4_resize", run_name)
page.here

# %% [markdown]
# **Two reasons to fall.** Networks see patches of the size that they were trained on, but with an object that is larger
# and cut off: votes get worse. And unless the noise is on the image itself, resizing raises the norm $L$ of the linear
# map from image to patches, by which the radius $R$ of the noisy input is divided. The published curves, $R$, show the
# first reason alone.

# %%
page.table("averages", kind="certified")

# %%
page.figure

# %% [markdown]
# **From each side to the next**, differences image by image, with 95 % intervals for this network. The central patch by
# itself tells what the network makes of one patch, before anything is reduced.

# %%
page.table("steps")

# %% [markdown]
# **What was found.**

# %%
page.save()
page.found
