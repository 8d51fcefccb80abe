# %% [markdown]
# # How biased is -log of a mean over K noisy copies?
# **Source.** Notes on noises, appendix "Loss Estimators for the Smoothed Classifier". For fixed $x$ and
# $\delta \sim N(0, 1)$ the loss $-\log E[(x+\delta)^2] = -\log(x^2+1)$ is estimated by
# $-\log \frac1K \sum_{k=1}^K (x+\delta^{(k)})^2$. Claims: the estimator is consistent; it is biased upwards (Jensen); a
# second-order Taylor expansion gives its bias, "so the bias scales as $1/K$". No number and no figure is printed.
# **Here.** The bias exactly, by the Taylor term and the term after it, and by drawing the estimator itself.

# %% tags=["parameters"]
x: list = [0, 0.5, 1, 2]
k_max: int = 4096
k_drawn: list = [1, 2, 4, 8, 16, 32, 64, 128, 256]
repetitions: int = 100000
seed: int = 0
figure: str = "loss_estimators.png"
table: str = "loss_estimators.csv"

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

from resmooth.theory.loss_bias import exact_bias, monte_carlo, next_order, taylor_bias

plt.style.use("notebooks/resmooth.mplstyle")

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

# %%
k = np.unique(np.geomspace(1, k_max, 120).astype(int))
lines = pd.concat(
    pd.DataFrame(
        {
            "series": "curves",
            "x": point,
            "K": k,
            "exact": exact_bias(point, k),
            "taylor": taylor_bias(point, k),
            "next": next_order(point, k),
            "as printed": (1 + 2 * point**2) / (k * (1 + point) ** 2),
        }
    )
    for point in x
)
rows = []
for point in x:
    for size in k_drawn:
        bias, error = monte_carlo(point, size, repetitions, seed + len(rows))
        rows.append(("drawn", point, size, exact_bias(point, size), taylor_bias(point, size), bias, error))
drawn = pd.DataFrame(rows, columns=["series", "x", "K", "exact", "taylor", "drawn", "standard error"])
data = pd.concat([lines, drawn], ignore_index=True)
data["target"] = 0 - np.log1p(data.x**2)
data.to_csv(table, index=False)

at = drawn.K.isin([1, 4, 16, 64, 256])
drawn[at].pivot(index="K", columns="x", values=["exact", "taylor", "drawn"]).round(4)

# %%
fig, ((bias, error), (scaled, loss)) = plt.subplots(2, 2, figsize=(11, 8.4))
markers = "os^D"
for i, point in enumerate(x):
    line, dots = lines[lines.x == point], drawn[drawn.x == point]
    color, name = f"C{i}", f"x = {point:g}"
    look = {"color": color, "marker": markers[i % 4], "ls": "none", "ms": 4, "lw": 1, "capsize": 2}
    half = 1.96 * dots["standard error"]
    bias.plot(line.K, line.exact, color=color, lw=1.3, label=name)
    bias.plot(line.K, line.taylor, "--", color=color, lw=1)
    bias.errorbar(dots.K, dots.drawn, half, **look)

    error.plot(line.K, np.abs(line.taylor / line.exact - 1), "--", color=color, lw=1.3)
    error.plot(line.K, np.abs((line.taylor + line.next) / line.exact - 1), "-", color=color, lw=1.3, label=name)

    scaled.plot(line.K, line.K * line.exact, color=color, lw=1.3)
    scaled.plot(line.K, line.K * line.taylor, "--", color=color, lw=1)
    printed = (line.K * line["as printed"]).iloc[0]
    if not np.isclose(printed, (line.K * line.taylor).iloc[0]):
        scaled.axhline(printed, ls=":", color=color, lw=2)
        note = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "color": color, "fontsize": 9}
        scaled.annotate(f"as printed, {name}", (k_max, printed), **note)
    precise = dots[half < 0.2 * dots.exact]
    scaled.errorbar(precise.K, precise.K * precise.drawn, (precise.K * half)[precise.index], **look)

    target = -np.log1p(point**2)
    loss.plot(line.K, line.exact + target, color=color, lw=1.3, label=name)
    loss.errorbar(dots.K, dots.drawn + target, half, **look)
    loss.axhline(target, color=color, lw=1, ls="--")

shared = {"xscale": "log", "xlabel": "copies K"}
bias.set(**shared, yscale="log", ylim=(0.2 * lines.exact.min(), 3), ylabel="bias")
bias.set_title("Bias: exact (lines), Taylor (dashed), drawn (dots, 95 %)")
bias.legend(loc="lower left")
error.set(**shared, yscale="log", ylabel="relative error of the approximation")
error.set_title("Error of Taylor (dashed) and with the next term (solid)")
error.legend(loc="lower left")
scaled.set(**shared, ylabel="K times bias", ylim=(0, None))
scaled.set_title("Bias times K: exact (solid), Taylor (dashed), drawn (dots)")
loss.set(**shared, ylabel="expected loss")
loss.set_title("Expected loss, from noisy data (K = 1) to the target (dashed)")
loss.legend(loc="upper right", ncols=2)
fig.savefig(figure, metadata={"Software": None})


# %%
def off(K, *terms):
    """Range over x of the relative error with K copies of the sum of these terms, in words."""
    exact = exact_bias(np.array(x), K)
    share = 100 * np.abs(sum(term(np.array(x), K) for term in terms) / exact - 1)
    return f"{share.min():.2g} to {share.max():.2g} %"


helps = np.abs(lines.taylor + lines.next - lines.exact) < np.abs(lines.taylor - lines.exact)
z = (drawn.drawn - drawn.exact) / drawn["standard error"]
above = (drawn.drawn > 1.96 * drawn["standard error"]).sum()
tail = lines[lines.K == k.max()]
power = {size: np.log2(exact_bias(np.array(x), 2 * size) / exact_bias(np.array(x), size)) for size in (1, k.max())}
misprint = lines[lines.K == 1].set_index("x")
wrong = [f"{misprint['as printed'][p]:.3g} for {misprint.taylor[p]:.3g} at x = {p:g}" for p in x if p not in (0, 1)]
Markdown(
    f"**Reproduced.** Jensen's direction: the exact bias is positive everywhere, and so are {above} of {len(drawn)} drawn ones "
    f"by more than half their 95 % interval; {(z.abs() < 1.96).sum()} of {len(drawn)} intervals hold the exact value (largest "
    f"deviation {z.abs().max():.1f} standard errors). Consistency: at K = {k.max():,} the bias is at most "
    f"{tail.exact.max():.1e}. The order 1/K: there the bias falls as K to the power {power[k.max()].min():.4f} to "
    f"{power[k.max()].max():.4f}. **With a reservation.** That order is not there from the start: from K = 1 to 2 the power is "
    f"{power[1].min():.2f} to {power[1].max():.2f}, and Taylor is off by {off(1, taylor_bias)} at K = 1, "
    f"{off(16, taylor_bias)} at 16 and {off(256, taylor_bias)} at 256. With the next term it is "
    f"{off(1, taylor_bias, next_order)} at K = 1 and {off(16, taylor_bias, next_order)} at 16; that term helps at "
    f"{helps.sum()} of the {len(lines)} points of the curves. **Not reproduced.** The display as printed"
    + (f": it makes K times the bias {', '.join(wrong)}." if wrong else ".")
)

# %% [markdown]
# **What it means for training.** $K = 1$ minimises $-E \log f(x + \delta)$, that is training on noisy data: the upper
# end of the same family, not another loss. More copies bring the loss of the smoothed classifier nearer, at most by the
# bias drawn here. The same inequality holds for probabilities; there the mean is computed as the logsumexp of
# log-softmax scores minus $\log K$.
