# %% [markdown]
# # Sampling ExpInf, Exp1 and Exp2 noise
# **Source.** Notes on noises, the three appendices "Noise Details": densities proportional to
# $\exp(-(\|x\|_p / \lambda)^k)$, $p = \infty, 1, 2$. Draw $z$ from $\Gamma(d/k)$, which gives the radius
# $r = \|x\|_p = \lambda z^{1/k}$, then a point of the sphere of that radius. To the letter the text says something else:
# multiply by $z$ (Exp1), no factor $r$ (Exp2), no random sign (ExpInf), a point of the ball instead of the sphere (Exp1
# and Exp2).

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/samplers", run_name)
page.here

# %% [markdown]
# **The recipe.** A direction is a point of the unit sphere of the norm. That of ExpInf: a coordinate at random is
# $\pm 1$, the others are uniform. That of Exp1: a uniform point of the simplex with random signs. That of Exp2: a normal
# vector over its length.
#
# **Tests.** *Radius*: the norm of whole vectors against the law of $z^{1/k}$ by Kolmogorov and Smirnov (KS), the largest
# distance between the samples' distribution function and the law's. *Direction*: exactly known is the law of one
# coordinate $u_1$: for Exp1 $|u_1|$ follows Beta(1, d - 1), for Exp2 $u_1^2$ follows Beta(1/2, (d - 1)/2), for ExpInf
# $|u_1|$ is 1 with probability $1/d$ and uniform otherwise. The largest coordinate must have a fair sign, and the
# direction must not depend on the radius.
#
# **Without the recipe.** That the norm of a density has this law at all is checked on points drawn by rejection:
# uniform points of a square, each kept with the probability that its density gives.

# %%
page.table("density")

# %% [markdown]
# **What the text says instead**, by the same tests at $k = 2$: the law of the radius, and the sign of the largest
# coordinate.

# %%
page.table("wrong", digits=3, test="radius", k=2)

# %%
page.table("wrong", digits=3, test="sign of the largest", k=2)

# %% [markdown]
# **In pictures.** Above, two dimensions, with the level sets that hold 50, 90 and 99 % of the noise. Below, the law of the
# radius, its quantiles, and how far off each wrong radius is against the dimension: $z = r^k$ has the distribution
# function $F(t^{1/k})$, a fixed length 1 is off by $\max(F(1), 1 - F(1))$, and in the ball $r U^{1/d}$ has
# $P(r U^{1/d} \le t) = F(t) + t^d\,E[r^{-d}; r > t]$. Samples are not needed there.

# %%
page.figure

# %% [markdown]
# **What was found.** The change of variables with its gamma law, and the three directions, are right once they are read
# as meant.

# %%
page.save()
page.found
