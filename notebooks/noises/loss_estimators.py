# %% [markdown]
# # How biased is -log of a mean over K noisy copies?
# **Source.** Notes on noises, appendix "Loss Estimators for the Smoothed Classifier". For fixed $x$ and
# $\delta \sim N(0, 1)$ the loss $-\log E[(x+\delta)^2] = -\log(x^2+1)$ is estimated by
# $-\log \frac1K \sum_{k=1}^K (x+\delta^{(k)})^2$. Claims: the estimator is consistent; it is biased upwards (Jensen); a
# second-order Taylor expansion gives its bias, "so the bias scales as $1/K$". No number and no figure is printed.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/loss_estimators", run_name)
page.here

# %% [markdown]
# **Exact.** $\sum_k (x+\delta^{(k)})^2$ is noncentral chi-square with $K$ degrees of freedom and noncentrality $K x^2$. With
# the digamma function $\psi$ and $J \sim \mathrm{Poisson}(K x^2 / 2)$ the bias is
# $$\log(1+x^2) + \log\frac K2 - E\,\psi\Big(\frac K2 + J\Big)$$
# **Taylor.** With $\mathrm{Var}[(x+\delta)^2] = 2 + 4x^2$ the source's expansion is $\frac{1+2x^2}{K(1+x^2)^2}$. It is taken
# around the mean $E[(x+\delta)^2] = 1+x^2$, not "around $x$", and the source prints $(x+\delta^2)$ where $(x+\delta)^2$ is
# meant. As printed, $E[x+\delta^2] = 1+x$ would make the target $-\log(1+x)$ and the bias $\frac{1+2x^2}{K(1+x)^2}$.
#
# **Next term.** From the third and fourth cumulants,
# $\big(\frac{3(2+4x^2)^2}{4(1+x^2)^4} - \frac{8+24x^2}{3(1+x^2)^3}\big)\,/\,K^2$; it is not in the source.
#
# With one copy, and with sixteen:

# %%
page.table("drawn", series="drawn", K=1)

# %%
page.table("drawn", series="drawn", K=16)

# %%
page.figure

# %% [markdown]
# **What was found.** An order is a statement about large $K$: its power, and Taylor's share of the bias, are extrapolated
# from values at $K$, $2K$ and $4K$ that are exact to rounding.

# %%
page.save()
page.found
