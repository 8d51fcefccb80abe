# %% [markdown]
# # Gaussian noise, and where it lies in high dimension
# **Source.** Lecture, "Reminder: Gaussian Noise": the density in one dimension, the density in two with its level
# sets, the lines of equal density; areas close to the centre have the higher one.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("lecture/gaussian_noise", run_name)
page.here

# %% [markdown]
# **One dimension.** The density for the chosen $\sigma$, half of it and twice it, and a histogram of samples for the
# chosen one.
#
# **Two dimensions.** The level sets are circles. The one that holds a share $m$ of the noise has the radius
# $\sigma\sqrt{-2\ln(1 - m)}$, and the density there is $1 - m$ times the highest.
#
# **Any dimension.** $\|\epsilon\|_2 / \sigma$ follows the chi law with $d$ degrees of freedom, exactly. The samples
# are whole vectors, drawn coordinate by coordinate, so they test the law and not themselves (Kolmogorov-Smirnov
# p-value).

# %%
page.table("laws", panel="norm law")

# %% [markdown]
# **Relative to the radius** $\sigma\sqrt d$ the shell gets thin (below, left: each density is divided by its peak, so
# that all fit one picture). **In absolute terms** it keeps its thickness: the standard deviation of $\|\epsilon\|_2$
# tends to $\sigma/\sqrt2$ while $\sigma\sqrt d$ grows.

# %%
page.figure

# %% [markdown]
# **What was found.** The two densities and the level sets are the lecture's. The share of noise inside each level set,
# the chi law of the norm and the shell are not: its slides print no numbers, so there is nothing to compare.

# %%
page.save()
page.found
