# %% [markdown]
# # The waterfalls of certified accuracy
# **Source.** Slides on input-dependent smoothing, the first of three problems of a constant $\sigma$: certified accuracy
# "waterfalls" (figure after Cohen et al. 2019, modified; its data and levels are not told). One curve for each $\sigma$;
# none reaches beyond the ceiling $\sigma\,\Phi^{-1}(\alpha^{1/n})$ that $n$ samples allow, and the images on which all
# samples agree stand there together. So a curve can drop from a considerable height to 0 at one radius, and whatever is
# to be certified further out needs a larger $\sigma$ for every image, also for those that it harms.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/waterfalls", run_name)
page.here

# %% [markdown]
# **The ceilings.** `value`: images that are correct with all votes for their class, in % of all images: how far the curve
# drops there at once, with the Clopper-Pearson interval; `of correct`: the same in % of the correct ones; `largest`: the
# largest radius of a correct image. Radii at the ceiling are the ceiling whatever the truth: a larger $n$ would find
# some of them larger.
#
# A log does not say its $\alpha$. It is told from its largest radii, which lie far enough apart; where these are too few,
# it is taken to be that of most logs on the same data (`told`: False).

# %%
page.table("ceilings")

# %% [markdown]
# **The curves**, with 95 % Clopper-Pearson intervals (images as a random sample, networks fixed), each up to its
# ceiling. A dot marks the height from which it drops to 0 there.

# %%
page.figure

# %% [markdown]
# **What was found.** That a curve ends at its ceiling is arithmetic, and checked on every radius of this run. How steeply it
# falls before is measured in the last tenth of the radii: a straight line would lose a tenth there, a waterfall more.

# %%
page.save()
page.found
