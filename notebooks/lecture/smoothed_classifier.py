# %% [markdown]
# # From a base classifier to the smoothed one, in the plane
# **Source.** Lecture, "Constructing classifier g": a point among coloured decision regions, dashed level sets of the
# noise, class probabilities as bars with lower and upper bounds. A footnote warns that the dashed lines are not the
# radius.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("lecture/smoothed_classifier", run_name)
page.here

# %% [markdown]
# **The base classifier $f$.** Three directions, and waves that bend the boundaries between them. The class is the
# largest score.
#
# **The smoothed classifier $g$.** The class probabilities under noise are the three regions of $f$, each blurred with
# the Gaussian density on a grid. **The true radius** is the distance from the point to the line where the winner's lead
# over the runner-up is zero. The line is interpolated between grid points, so its error is far below the grid step.
#
# **What sampling knows.** Counts of $f$ at noisy copies of the point. Each of the six bounds is allowed $\alpha / 6$,
# so that all hold together with probability $1 - \alpha$; then the radius of the lecture's theorem needs no second
# sample, even though the winner is read off the same counts.

# %%
page.table("probabilities", panel="probabilities")

# %%
page.table("radii", panel="radii")

# %%
page.figure

# %% [markdown]
# **What was found.** The construction of $g$, the bars and the dashed level sets are the lecture's, on a toy of our own:
# its classifier and its numbers are not printed, so its picture is followed in kind, not in value. The true radius of
# $g$ is not in the source. For images nobody knows it, and the certified radius is the only statement.

# %%
page.save()
page.found
