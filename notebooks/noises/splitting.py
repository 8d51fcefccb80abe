# %% [markdown]
# # Splitting noise, at random or deterministic, beside uniform noise
# **Source.** Not the notes: Levine and Feizi (2021) build on their uniform noise. Splitting noise (SSN) cuts the line
# of each pixel value at distances of $2\lambda$ and rounds the value to the middle of its cell; two images fall apart
# with probability at most $|x - x'|_1 / 2\lambda$, the same bound as for uniform noise on $[-\lambda, \lambda]$, but
# whatever the joint law of the cuts. So all cuts may hang on one offset, and with 8-bit images there are only $L =
# \lfloor 510\,\lambda \rfloor$ of them (DSSN): $L$ passes give the smoothed classifier itself. They report SSN above
# uniform noise in l1, and DSSN above both.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("noises/splitting", run_name)
page.here

# %% [markdown]
# **What a certificate costs.** DSSN has no confidence, no $\alpha$, nothing lost to sampling and no abstention. Of DSSN
# the runner-up is counted too: `by p alone` is its ACR if all other votes went to one class, which is what the others'
# lower bound on $p_A$ supposes.

# %%
page.table("costs")

# %% [markdown]
# **The orderings**, over the $\sigma$ that both noises of a pair have. `equal sigma`: the difference between the
# average certified radii, paired by image; `envelope`: between the areas under the honest envelopes over $\sigma$
# (`noises/envelope`).

# %%
page.table("orders")

# %% [markdown]
# **Image by image.** Differences in certified accuracy at equal $\sigma$ have the interval of Agresti and Min (2005):
# half an image is added to each of the four cells, so that none has width zero.

# %%
page.figure

# %% [markdown]
# **What was found.** Intervals are over images; networks are fixed, one for each noise.

# %%
page.save()
page.found
