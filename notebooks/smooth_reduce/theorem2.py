# %% [markdown]
# # Does a vote of $k$ patches fail more rarely than one?
# **Source.** Smooth-Reduce, Theorem 2 (appendix D) and the end of section 3. Each of $k$ sub-classifiers fails with
# probability $\alpha$. Smooth-Mean is treated as a majority vote, so that it fails if at least half of them do, and
# Chernoff's bound for independent failures gives $e^{-k\alpha}(2e\alpha)^{k/2}$. The main text states $\alpha/k$
# instead, and concludes that $k$ times fewer samples suffice. An experiment follows from that: Smooth-Reduce with 10
# patches, a tenth of the samples and $\alpha = 0.01$ for each, beside SmoothAdv at $\alpha = 0.001$.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("smooth_reduce/theorem2", run_name)
page.here

# %% [markdown]
# **What is proved, and what is stated.** `independent` is the exact binomial tail $P[\mathrm{Bin}(k, \alpha) \ge k/2]$,
# which the theorem bounds. `together` is the case in which all patches fail at once: the vote then fails as often as one
# of them. In the `worst` case exactly half of them fail at a time, with probability $k\alpha / \lceil k/2 \rceil$, up to
# $2\alpha$. Patches that overlap, are cut from one image and go through one network lie somewhere between.

# %%
page.table("cells", digits=3)

# %%
page.figure

# %% [markdown]
# **What a certificate promises.** CERTIFY counts one class for each noisy copy: that of the vote. Its confidence bound
# errs with probability at most $\alpha$, and attains that at some true $p_A$, such as those below; how many patches were
# asked makes no difference. The largest radius, in units of $\sigma$, is $\Phi^{-1}(\alpha^{1/n})$.

# %%
page.table("levels")

# %% [markdown]
# **What was found.** Everything here is exact: no draws.

# %%
page.save()
page.found
