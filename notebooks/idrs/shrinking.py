# %% [markdown]
# # Shrinking decision regions and uneven classes
# **Source.** Slides on input-dependent smoothing, the third problem of a constant $\sigma$: the shrinking phenomenon and
# the class-wise unfairness that follows from it (Mohapatra et al. 2020). A bounded decision region of the smoothed
# classifier shrinks as $\sigma$ grows, and at last it is gone; its class loses accuracy, and others gain the ground. No
# number and no picture could be read from the source.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/shrinking", run_name)
page.here

# %% [markdown]
# **A ball.** Let the base classifier answer A in a ball of radius $a$ and B elsewhere. The smoothed one answers A at
# distance $t$ from the centre if $P(|x + \sigma\epsilon| \le a) > 1/2$, and $|x + \sigma\epsilon|^2 / \sigma^2$ follows a
# noncentral $\chi^2_N$ with noncentrality $t^2 / \sigma^2$: again a ball, whose radius solves $F_N(a^2 / \sigma^2;\,t^2 /
# \sigma^2) = 1/2$. It is gone when $\sigma$ reaches $a$ over the square root of the median of $\chi^2_N$: in the plane
# $a / \sqrt{2 \log 2}$ = 0.849 $a$, in many dimensions nearly $a / \sqrt N$.
#
# **A quadrant,** unbounded, also shrinks: $\Phi(x_1 / \sigma)\,\Phi(x_2 / \sigma) > 1/2$ is the same shape at every
# $\sigma$, drawn back in proportion, and never gone. **A half-plane** stays as it is: $\Phi(x_1 / \sigma) > 1/2$ wherever
# $x_1 > 0$.
#
# In the plane, in units of $a$, with images of A spread evenly over the disc, on which the base classifier is always
# right. All of B's images stay right: with a perfect base classifier the unevenness comes from the smoothing alone.

# %%
page.table("disc", part="disc")

# %% [markdown]
# **How much of the spread is chance?** With $n_c$ images of class $c$ the observed variance over the classes (divisor: classes
# less one) exceeds that of the true accuracies by $p_c (1 - p_c) / n_c$, on average over the classes. `chance`: what the
# images' split into classes would give if correctness had nothing to do with the class (their labels shuffled): mean and
# 95 % quantile, and how rarely it gives as much as observed (`p`). `value`: the true spread, the observed variance less an
# unbiased estimate of the excess, as a standard deviation; `rise`: its variance minus that at the smallest $\sigma$, in
# squared points. 95 % intervals from the bootstrap's standard error, images drawn within each class and paired between
# levels, with half an image added to each cell. Classes with one image are left out.
#
# `alike`: the spread that the classes would have if from the smallest $\sigma$ on all had lost alike in log-odds. It grows
# with such a loss too, since shares lie further apart near 1/2 than near 1. `excess`: observed minus that. Only where each
# class has 100 images.

# %%
page.table("spread", part="spread")

# %%
page.figure

# %% [markdown]
# **What was found.** Regions are computed, not estimated. Of the classes, two things are asked: do they differ beyond
# chance, and do they differ more under more noise?

# %%
page.save()
page.found
