# %% [markdown]
# # Input-dependent smoothing against the dimension
# **Source.** Slides on input-dependent randomized smoothing, figure "Problems with the curse of dimensionality": only its
# caption is left, neither picture nor axes. What follows is a substitute for it, made of the quantities that the slides
# define: the ratios $\sigma_1/\sigma_0$ that Theorem 2.4 excludes, and $\xi$, the largest probability that another class
# can have at a point $x_1$ at distance $R$; and "IDRS can still work!": all that is needed is an $r$-semi-elastic
# $\sigma(x)$.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/dimensionality", run_name)
page.here

# %% [markdown]
# **Thresholds.** The theorem and the exact limits at $R$ = 0 both close in on 1 as $N^{-1/2}$: with
# $\log z + 1 - z \approx -\frac12 (1 - z)^2$ the theorem leaves $|1 - \sigma_1/\sigma_0| \approx \sqrt{-\log p_B / N}$,
# and with $\chi^2_N \approx N + \sqrt{2N}\,z$, $z$ normal, the exact limits leave $\Phi^{-1}(1 - p_B) / \sqrt{2N}$. So the
# theorem stays too wide by the same factor $\sqrt{-2 \log p_B} / \Phi^{-1}(1 - p_B)$ in every large dimension.
#
# **The window** of ratios at which $\xi < 1/2$ is widest at $R$ = 0, where it ends at the exact limits, and closes at
# Cohen's radius. An $r$-semi-elastic $\sigma(x)$ may reach any ratio from $e^{-rR}$ to $e^{rR}$; the certified radius is
# where this wedge leaves the window.

# %%
page.table("ends")

# %% [markdown]
# **The price in radius.** At fixed $r$ the certified radius falls with $N$, by about
# $1/\sqrt{1 + 2 N r^2 \sigma_0^2}$ of Cohen's (an approximation, not a bound); to keep a given share of it, $r$ has to
# fall as $1/\sqrt N$.

# %%
page.table("certified")

# %%
page.figure

# %% [markdown]
# **What was found.** Everything here is exact: quantiles, roots and radii, no draws. "Tends to" is decided by the power of
# $N$, extrapolated from three dimensions.

# %%
page.save()
page.found
