# %% [markdown]
# # Noise, training method and certified radius: the ImageNet table
# **Source.** Lecture, "Effect of noise $\sigma$ on Certified Robustness vs. Accuracy": ACR (average certified radius)
# and certified accuracy at eight radii of four training methods at $\sigma$ = 0.5 and 1, ImageNet, with $n$ = 100,000
# samples and $\alpha$ = 0.001. More noise: lower accuracy, larger radii; the methods trade small radii for large ones,
# and Gaussian augmentation is printed with the lowest ACR and the highest accuracy at $r$ = 0.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("lecture/sigma_table", run_name)
page.here

# %% [markdown]
# **Printed → from the log.** Certified accuracy in %. `~` stands for rounding (truncated, or one unit off), `≠` for a
# real difference, `–` where no log was published and `?` where it could not be fetched; no mark: it rounds to the
# printed number.

# %%
page.table("printed")

# %% [markdown]
# **What the logs say about each ACR**, in the words of the audit: how many images, which $\alpha$, which denominator.

# %%
page.table("acrs")

# %% [markdown]
# **Is the ranking resolved?** Each ACR against the best printed one, in standard errors of the difference. The audit knows
# no single images, so rows count as independent samples; rows on the same images (Gaussian, Consistency) could be
# compared more sharply from their logs. A row without a log gets the median standard error of the others at its
# $\sigma$, and a truncated log stands for the full one.

# %%
page.table("ranking", digits=3)

# %% [markdown]
# **This run.** Single models: the mean over the seeds, in brackets the standard error over the images (of one model) and
# the standard deviation between seeds. The two ACRs have different denominators and are not comparable with each other;
# abstentions count as errors in all columns but their own.

# %%
page.table("entries")

# %% [markdown]
# **Does the training method matter?** Each method's ACR over all images minus that of Gaussian augmentation with the same
# architecture and noise, on the same images (means over the seeds first): the 95 % interval is over the images, networks
# fixed. `sd of seeds` is the standard deviation of Gaussian's own ACR from seed to seed: what a difference between single
# networks has to exceed before it speaks of the method rather than of its draw. Stability, not in the lecture's table,
# lies below Gaussian in the published logs on CIFAR-10.

# %%
page.table("comparison", digits=3)

# %% [markdown]
# **The figure.** Above, the points of one radius stand side by side so that their intervals can be told apart; all radii
# beyond the ceiling, the largest that $n$ samples can certify, are 0 and left out. Below, curves are means over the seeds.

# %%
page.figure

# %% [markdown]
# **What was found.** Statements about methods count the lecture's three alone; the small networks here were trained for
# few epochs.

# %%
page.save()
page.found
