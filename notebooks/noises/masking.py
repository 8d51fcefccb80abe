# %% [markdown]
# # Masking: certificates against a few changed pixels
# **Source.** Notes on noise distributions, appendix on masking: each coordinate is kept with probability $p$ and set to
# 0 otherwise. An image with $R$ changed coordinates looks the same unless a mask keeps one of them, which has
# probability at most $R p$ (union bound); so the smoothed classifier is robust if $p_A > 1/2 + R p$. The noise has
# $E|\epsilon|_2^2 = (1 - p)\,|x|_2^2$. No figure, no number.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/masking", run_name)
page.here

# %% [markdown]
# **How much $R$ pixels can change.** $\Delta_R$, the most that a class probability can differ between two images that
# differ in $R$ pixels: the union bound beside the exact probability, $1 - (1 - p)^R$, and that of a mask of fixed size
# (Levine and Feizi 2020: exactly $k$ of $d$ pixels stay), $1 - {d - R \choose k} / {d \choose k}$. At $p = k / d$
# always $\Delta_{iid} \le \Delta_{fixed} \le R p$, with equality at $R$ = 1. A pixel is one position with all its
# channels.

# %%
page.table("shown")

# %% [markdown]
# **Radius against $p_A$** (union / independent / fixed). A certificate needs $p_A - \Delta_R > 1/2$. The limit for
# independent masks, whatever the classifier and the number of samples, is $R < \log(1/2) / \log(1 - p)$; the union
# bound ends below $1 / (2p)$.

# %%
page.table("radii")

# %% [markdown]
# **Three details.** The inequality is strict: where $p_A = 1/2 + R p$ exactly, the two classes can tie, and $R$ is not
# certified. A radius is a whole number: the authors' first code reported $(p_A - 1/2) / p$ as a real number, which
# lifts averages (by the last column if $p_A$ is spread evenly over [1/2, 1]). And the formula for $E|\epsilon|_2^2$
# holds exactly, for masks of a fixed size too, as an average over masks and not for each single one: here on an image
# of random pixels.

# %%
page.table("strict")

# %%
page.table("moments")

# %% [markdown]
# **The networks of the run.** `gain` counts the correct images for which the exact bound certifies more pixels than the
# union bound. For independent masks `fixed size would lose` counts those that the same $p_A$ would certify for fewer
# pixels under masks of $k = p\,d$ pixels, under which their $p_A$ was not measured. `largest R` is what $p_A$ = 1
# certifies: 0 says that the mask keeps too many pixels.

# %%
page.table("networks").T

# %% [markdown]
# **Independent or fixed size?** Both at one level, trained alike, on the same images, each by its own exact bound:
# certified accuracy in points, with the interval of Agresti and Min (2005) for paired proportions.

# %%
page.table("differences")

# %%
page.figure

# %% [markdown]
# **What was found.**

# %%
page.save()
page.found
