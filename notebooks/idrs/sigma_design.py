# %% [markdown]
# # The design of $\sigma(x)$: levels by the distance to the training set
# **Source.** Slides, appendix "The $\sigma(x)$ design": $\sigma(x) = \sigma_b \exp\left(r \left(d_k(x) - m\right)\right)$, where
# $d_k(x)$ is the mean $l_2$ distance from $x$ to its $k$ nearest training images. No figure, no values of $k$, $r$ and $m$.

# %% tags=["parameters"]
run_name: str = "digits"

# %%
from resmooth.exhibits import Page

page = Page("idrs/sigma_design", run_name)
page.here

# %% [markdown]
# **What the design rests on.** $d_k$ never changes faster than $x$ moves: each distance is 1-Lipschitz, and so is the mean of
# the $k$ smallest. Hence $|\log \sigma(x) - \log \sigma(y)| \le r\,|x - y|_2$, $r$-semi-elasticity, on which the certificate
# stands. Distances are exact, to the training set as it is: approximate neighbours, or a set that is augmented anew, would
# void the certificate. The slopes of every pair of test images show how near real images come to what the proof allows.
#
# **What the design costs.** At equal $\sigma$ and $p_A$ the certified radius is smaller than Cohen's
# $\sigma\,\Phi^{-1}(p_A)$; the table holds their ratio at the lowest, the mean and the highest level of these images, for
# two $p_A$. What it gives is more noise for images far from the training set: the last columns say whether those are the
# harder ones (rank correlation of $\sigma(x)$ with the lower bound on the right class's probability, 0 where the answer
# is wrong, and its p-value).

# %%
page.table("levels")

# %% [markdown]
# **The levels** of all test images, by class, the slopes between pairs, and the images with the lowest and the highest level.

# %%
page.figure

# %% [markdown]
# **What was found.**

# %%
page.save()
page.found
