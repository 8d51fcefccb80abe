# %% [markdown]
# # How far is the Monte-Carlo estimate from the true $p_A$?
# **Source.** Lecture, "Monte Carlo Integration Bounds" and "Binomial Proportion confidence bound": find a lower and
# an upper bound with $P(\text{lower} \le p_A \le \text{upper}) \ge 1 - \alpha$ by Chebyshev's inequality, the central
# limit theorem (CLT) or Clopper-Pearson; the last is plotted for $p_A = 0.7$, $\alpha = 0.01$.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("lecture/confidence_bounds", run_name)
page.here

# %% [markdown]
# **Both sides.** The CLT and Clopper-Pearson give each side half of $\alpha$. Chebyshev's inequality bounds both sides at
# once, so its two bounds are taken at the full $\alpha$: halving would widen them for nothing.
#
# **One run.** A single growing sample, looked at again and again. Each interval holds with probability $1 - \alpha$
# at its own $n$, not at all of them together.
#
# **How often each is wrong.** Exactly: the binomial probabilities of all counts whose interval misses $p$, added up,
# not a simulation. **The same, measured** in independent repetitions, with a 99 % Clopper-Pearson interval around each
# measured share, stands beside it.

# %%
page.figure

# %% [markdown]
# **What was found.** The Clopper-Pearson bounds of the lecture's case, and the two alternatives that it names; the source
# gives the picture without numbers or seed, so the run drawn is ours. The share of wrong intervals is not in the source.

# %%
page.save()
page.found
