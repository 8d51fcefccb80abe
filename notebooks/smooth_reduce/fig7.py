# %% [markdown]
# # Smooth-Reduce with random and with dense patches
# **Source.** Smooth-Reduce, Fig. 7 and the paragraph on sampling in section 4. On CIFAR-10, 25 patches are cut in two
# ways: `dense`, overlapping with a fixed stride (25 patches of 32 pixels are all that an image of 36 pixels has), or
# `random`, uniformly and with replacement. The paper finds no effect on the certificates, given enough patches.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/fig7", run_name)
page.here

# %% [markdown]
# **What may differ.** The norm $L$ hardly depends on where patches lie, so that the certified radius $R/L$ differs by
# the votes alone. Random places repeat: of 25 draws from 25 places 16 are different on average. The same network
# reduces fewer different views of the image, and with noise on each patch, as many noises as before.
#
# **Equal** means here: at several radii the paired 95 % interval of the difference lies within 5 points of certified
# accuracy. That no difference is seen would not do.

# %%
page.table("averages", kind="certified")

# %%
page.figure

# %% [markdown]
# **What was found.** Random places are one draw; other draws would differ a little.

# %%
page.save()
page.found
