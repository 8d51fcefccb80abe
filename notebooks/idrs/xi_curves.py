# %% [markdown]
# # The certified radius as a crossing: $\xi_>(R)$, $\xi_<(R)$ and 1/2
# **Source.** Slides on input-dependent randomized smoothing: $CR(x_0) = \sup\{R \ge 0 : \xi(R) < 0.5\}$ for an
# $r$-semi-elastic $\sigma(x)$, and the figure "Numerical evaluation of the certified radii. The function $\xi_>$ and the
# threshold for different values of N". Its picture and its parameters are not to be had, so the parameters are ours.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/xi_curves", run_name)
page.here

# %% [markdown]
# **Two branches.** $\xi(R)$ is the largest probability that another class can have at distance $R$, where $\sigma_1$ may lie
# anywhere from $\sigma_0 e^{-rR}$ (there it is $\xi_>$) to $\sigma_0 e^{rR}$ ($\xi_<$). $\xi$ is largest at one end of this
# interval, at which one depends on $R$, so a certificate needs both below 1/2; that this is enough is proved in
# `resmooth.smoothing.idrs`. The caption names only the first one.
#
# **The curves.** $R$ = 0 gives $1 - p_A$, and $r$ = 0 the straight case of a constant $\sigma$,
# $\Phi(R / \sigma - \Phi^{-1}(p_A))$, which crosses 1/2 at Cohen's radius $\sigma\,\Phi^{-1}(p_A)$.
#
# **The crossings.** `excess` is what $\xi_>$ alone certifies beyond the certified radius, relative to it, and `xi < there`
# the probability that the other class can reach at that radius.

# %%
page.table("crossings", digits=8)

# %% [markdown]
# **In general.** What $\xi_>$ alone certifies too much, over $N$, $p_A$ and $r \sigma_0$ (radii in units of $\sigma_0$
# depend on the two only by their product): from next to nothing to more than the radius itself. A negative excess would
# say that $\xi_>$ crosses first; there is none, to within the precision of radii.

# %%
page.figure

# %% [markdown]
# **What was found.** Everything here is exact: values of $\xi$ and their crossings, no draws.

# %%
page.save()
page.found
