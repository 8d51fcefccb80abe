# %% [markdown]
# # Certified accuracy under different noises
# **Source.** Notes on noise distributions, which are compared at equal $\sigma$: $E|x|_2^2 / d = \sigma^2$ for all of
# them. The paper that grew out of them (Yang et al. 2020) says which shape suits which norm: for a suitable notion of
# "optimal" the density's level sets are the norm's Wulff crystal, a cube for l1 and a sphere for l2. Neither prints
# accuracies at one level; the table over all levels is another page (`noises/envelope`), and so is splitting noise
# (`noises/splitting`).

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/certified_accuracy", run_name)
page.here

# %% [markdown]
# **Equal level.** All networks at the $\sigma$ that most noises share (of several, the largest), one for each noise,
# trained and certified alike. A network is trained under the noise that smooths it. ACR, the average certified radius
# over all images, is the area under the curve of certified accuracy. Behind it its difference from the first noise of
# the table (normal, if it is there), with the 95 % interval of the mean of paired differences between images.
#
# **Every norm.** One certificate follows from another where a ball lies inside a ball: a radius in l1 gives one in l2
# and linf, divided by $\sqrt d$ and $d$, and a radius in a larger norm holds in a smaller one as it is. In l2 and linf
# most noises have only what follows from their own norm: the smaller the $d$, the less is lost. Deterministic noise
# (DSSN) has its radius from the counts of all its passes, the others from the lower bound on $p_A$.

# %%
page.table("noises")

# %% [markdown]
# **Groups.** Noises are drawn by what their density depends on: independent coordinates; one norm of the whole vector;
# or no density that is added at all, as for splitting. Bands are 95 % for the choice of images, at each radius by
# itself; beyond the largest radius that the number of samples allows they end.

# %%
page.figure

# %% [markdown]
# **What was found.** Orderings at one level say nothing about the best of many levels: at equal $p$ Laplace noise
# certifies most where $p$ is near 1, as it is for small $\sigma$ and easy data.

# %%
page.save()
page.found
