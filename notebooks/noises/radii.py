# %% [markdown]
# # The certified radius of every noise
# **Source.** Notes on noise distributions: seven laws with their level $\sigma$ (here $E|x|_2^2 / d = \sigma^2$), and the
# remark that certificates grow with the lower bound $p$ on the probability $q$ of the top class. The notes print no
# radius but the one for masks (page `masking`); formulas came with the paper of the same authors (Yang et al. 2020,
# "Randomized smoothing of all shapes and sizes") and their code.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/radii", run_name)
page.here

# %% [markdown]
# **The curves.** A norm for which a noise has no certificate of its own gets what follows from the others: a ball in one
# norm lies in one of another. `exp1 k=1` is Laplace, `exp2 k=2` and `expp p=2` are normal; `ssn` has the l1 radius of
# `uniform`, and `dssn`, which counts all its votes, no more than that where one class has all the others. `powinf` and
# `pow2` have their default tails.

# %%
page.table("shown", dim=3072)

# %% [markdown]
# **Which noise certifies most at a given $p$?** From which $p$ to which; the first of the list where several come within
# 0.5 % of the largest radius. At equal $\sigma$ and equal $p$: how large $p$ is depends on the network and differs between
# noises.

# %%
page.table("best", part="best")

# %% [markdown]
# **Loose or approximate against tight.** Five pairs:
# - Laplace, linf: $\lambda\,\Phi^{-1}(p) / \sqrt d$, the default of the public code, against the exact integral of the
#   differential method. The former is an approximation: that it lies below is an observation, not a proof.
# - Exp2 with k = 1, l2: the differential method, $(d - 1)\,\mathrm{artanh}(1 - 2 I^{-1}_{1-p})$, against the level sets,
#   which are tight.
# - ExpInf with k = 1, l1: the linear $2 g (p - 1/2)$ against the improvement for $p > 1 - 1/(2d)$.
# - Uniform, linf: a union bound over coordinates, the l1 radius / d, against $2\lambda (1 - (3/2 - p)^{1/d})$.
# - Laplace, l1: $\frac\lambda2 \log(p / (1 - p))$, the bound by differential privacy, against $-\lambda \log(2 (1 - p))$.
#
# **What tables do.** The public code stores a radius at nodes and looks values up: every 0.001 of $p$ up to 0.999, or 3001
# nodes at Laplace quantiles up to $p$ = 0.9928. Between nodes a straight line runs above a convex function, so linear
# interpolation certifies too much. Beyond the last node the code goes on along the last chord, which lies below: sound, and
# far too little for confident predictions.

# %%
page.figure

# %% [markdown]
# **What was found.** No model and no data: nothing here says which noise is best for a classifier.

# %%
page.save()
page.found
