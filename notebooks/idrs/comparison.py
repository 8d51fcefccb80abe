# %% [markdown]
# # Input-dependent smoothing against one constant level
# **Source.** Slides: the contributions name a comparison of input-dependent smoothing (IDRS) with randomized smoothing
# (RS); they print no number of it. The problems that IDRS is meant to ease: certified accuracy ends at a ceiling
# ("waterfalls"), more robustness costs accuracy, and classes suffer unequally from more noise.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/comparison", run_name)
page.here

# %% [markdown]
# **Five rows for each base level** $\sigma_b$, on the same images: RS at $\sigma_b$; RS at a constant level near the mean
# of $\sigma(x)$ (the fair comparison: IDRS must not win by more noise alone); IDRS by that same network, trained with
# constant noise; IDRS by a network trained with noise of level $\sigma(x)$. IDRS certificates hold for the classifier
# that is smoothed with $\sigma(y)$ at every $y$, by the worst case over both $\sigma(y) < \sigma(x)$ and $\sigma(y) >
# \sigma(x)$.
#
# **DDRS** (Alfarra et al. 2020) chooses $\sigma$ for each image by gradient ascent and claims $\sigma\,\Phi^{-1}(p_A)$.
# Nothing bounds how that $\sigma$ changes around the image, so **its radii are not certificates**: its certified radius
# is 0 everywhere. It is drawn for what it claims.
#
# **The table.** `ceiling`: the radius for all n votes, from the lowest to the highest level. ACR over all images, with a
# 95 % t interval. `spread`: standard deviation over the classes (ddof = 1) of the clean accuracy of each class, as a
# fraction, abstentions counted as errors; `by chance`: its mean if correctness had nothing to do with the class, so what
# the few images of a class alone would make of it.

# %%
page.table("overview")

# %% [markdown]
# **Paired differences, IDRS less RS on the same images.** ACR: 95 % t interval. Certified and clean accuracy in points:
# interval of Agresti and Min 2005. Variance over the classes: of their true accuracies, what chance adds taken out, by the
# bootstrap of the images within each class. An interval that contains 0 resolves nothing; the networks are fixed in all
# of them, and but for `IDRS, network of the mean level` against `RS, mean level` they are different networks.

# %%
page.table("paired")

# %%
page.figure

# %% [markdown]
# **What was found.** Each of the three problems is one statement, decided against RS at the mean level of $\sigma(x)$, for
# both networks and at every base level. The same network under constant noise shows what semi-elasticity costs, and what
# the spread of levels brings; the other one, what training with noise of level $\sigma(x)$ adds.

# %%
page.save()
page.found
