# %% [markdown]
# # Which ratios $\sigma_1 / \sigma_0$ rule out a certificate
# **Source.** Slides on input-dependent randomized smoothing, Theorem 2.4 and the table "Theoretical lower-thresholds
# for $\sigma_1/\sigma_0$". The noise is $N(x_0, \sigma_0^2 I)$ at the certified point and $N(x_1, \sigma_1^2 I)$ at an
# adversary, in $N$ dimensions; $p_B$ bounds the runner-up class at $x_0$. If $\sigma_1 < \sigma_0$ and
# $\log z + 1 - z < \frac2N \log p_B$ with $z = \sigma_1^2/\sigma_0^2$, then $x_1$ cannot be certified; if
# $\sigma_1 > \sigma_0$, the same holds with $z \frac{N-1}N$ instead of $z$.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/ratio_thresholds", run_name)
page.here

# %% [markdown]
# **The table.** `thm` is the ratio at which an implication holds with equality, `exact` the ratio at which the largest
# possible probability of class B at $x_1 = x_0$ reaches 1/2. A cell agrees if `thm lower` rounds to it; `off` is `thm
# lower` less the printed number, in units of its last digit. The upper thresholds are not tabulated in the slides.

# %%
page.table("thresholds", digits=6)

# %% [markdown]
# **Exactly, by central chi-squared.** At $x_1 = x_0$ the worst set B is a ball around that point if
# $\sigma_1 < \sigma_0$, and the outside of one if $\sigma_1 > \sigma_0$. With $q$ the quantile of $\chi^2_N$ that leaves
# $p_B$ below it (above it), and $m$ the median, the limit is $\sqrt{q / m}$. The theorem follows by bounding the tail
# by Chernoff, and the median by $N$ or $N - 1$; so it excludes less than it could, and nothing that can be certified.
#
# **The header.** The caption speaks of $p_B$, the cell above the columns says $p_A$. Read as $p_A$, with
# $p_B = 1 - p_A$, the columns stand for points where every prediction abstains, since $p_A \le 1/2$, and the theorem
# gives other numbers.

# %%
page.table("readings", digits=6, N=3072)

# %%
page.figure

# %% [markdown]
# **What was found.** Everything here is exact: roots and quantiles, no draws.

# %%
page.save()
page.found
