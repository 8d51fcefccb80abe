# %% [markdown]
# # The certified radius as a function of $p_A$ and $p_B$
# **Source.** Lecture, "Robustness Guarantee: intuition" and "Efficient Certification": $R =
# \frac\sigma2\,(\Phi^{-1}(p_A) - \Phi^{-1}(p_B))$, and its short form $R = \sigma\,\Phi^{-1}(p_A)$ for $p_B = 1 -
# p_A$, which needs one bound instead of one for each class.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("lecture/certified_radius", run_name)
page.here

# %% [markdown]
# **The map.** $p_A + p_B \le 1$ and $p_B \le p_A$ leave a triangle. Its upper right edge $p_B = 1 - p_A$ is the short
# form.
#
# **What each form gives away.** Let $p_B$ be a share of the rest $1 - p_A$. With exact probabilities the short form
# loses whenever other classes take part of the rest, and all of it for $p_A \le 1/2$. With $n$ samples the long form
# pays for knowing more: as many bounds as classes have to hold at once, so each gets its part of $\alpha$, while the
# short form spends all of $\alpha$ on one. Both are evaluated at the expected counts. On the event that all bounds hold,
# $p_B \le 1 - p_A$ is known too, so the smaller of the two upper bounds counts.
#
# **The ceiling.** If all $n$ samples agree, the bound on $p_A$ is $\alpha^{1/n}$: no classifier gets a larger radius
# from $n$ samples. The long form has a lower one. The values marked "as printed" are this project's own reference
# values: the lecture prints none.

# %%
page.table("claim", panel="ceiling printed")

# %%
page.figure

# %% [markdown]
# **What was found.** Both formulas are the lecture's; the comparison of the two forms is not in the source.

# %%
page.save()
page.found
