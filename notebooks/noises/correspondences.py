# %% [markdown]
# # Which scale gives which level: the two tables $\lambda \leftrightarrow \sigma$
# **Source.** Notes on noises, tables "L-1 Noise" ($\frac1d E\|x\|_1 = \sigma$) and "L-2 Noise"
# ($\frac1d E\|x\|_2^2 = \sigma^2$): for seven families the scale $\lambda$ of a level $\sigma$, so that noises can be
# compared at the same $\sigma$. With $* = \Gamma(\frac{d+1}k) / \Gamma(\frac dk)$, ExpInf, Exp1 and Exp2 have
# $\lambda$ of about $2\sigma/*$, $d\sigma/*$ and $\sqrt{\pi d/2}\,\sigma/*$ in the first table.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/correspondences", run_name)
page.here

# %% [markdown]
# **The two tables at the size of a CIFAR-10 image**, $\sigma = 1$: $\lambda$ as printed and exactly. The formulas are
# those that the audit of the printed claims evaluates; the exact values are those by which this package scales its
# noise.

# %%
page.table("tables", digits=7, panel="table")

# %% [markdown]
# **The expected norms** at $\lambda = 1$, from which those scales follow, here at $d = 10$. The source derives them by
# conditioning on the radius $r$, then puts $(E r)^2 = *^2$ where $E r^2$ belongs, and drops terms of order 1 beside $d$.

# %%
page.table("norms", d=10, panel="norms")

# %% [markdown]
# **Wrong or incomplete lines**, each as the one number that the text implies beside the one that it means. Those on
# sampling have a page of their own (`samplers`).

# %%
page.table("wrong", panel="wrong line")

# %% [markdown]
# **Error against dimension**, of the long forms (top row) and of the short forms $2\sigma/d$, $\sqrt3\,\sigma/d$ (ExpInf)
# and $\sigma$ (Exp1; bottom row), which take $* = d$. Marks are samples, drawn at the printed $\lambda$ and shown where
# the error exceeds four of their standard errors.

# %%
page.figure

# %% [markdown]
# **What was found.** An approximation whose error falls as $1/d$ passes any loose test at the dimension of an image, and
# is off by a fifth in ten dimensions; so equality is tested at $d = 10$, and "about" in the limit.

# %%
page.save()
page.found
