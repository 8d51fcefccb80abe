# %% [markdown]
# # Does averaging networks reduce the variance of the margin as the formula says?
# **Source.** Blog on smoothed ensembles: the margin of a mean of $k$ networks over noise has the variance
# $\sigma^2(k) = \frac{1 + \zeta (k - 1)}{k}\,\sigma^2(1)$, which falls to $\zeta\,\sigma^2(1)$; $\zeta$, the
# correlation between the networks, is called small. No value is printed.

# %% tags=["parameters"]
margins: list = []
resamples: int = 2000
seed: int = 0
figure: str = "variance_ratio.png"
table: str = "variance_ratio.csv"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

from resmooth.theory.variance import correlation, ensemble_variance, variance_ratio

plt.style.use("notebooks/resmooth.mplstyle")
rng = np.random.default_rng(seed)


def covariances(path):
    """Margin covariances of the members at each image, from the two halves of the draws: two arrays [images, K, K]."""
    halves = pd.read_parquet(path).sort_values("idx").groupby("half").covariance
    flat = [np.stack(half) for _, half in halves]
    return [half.reshape(len(half), round(half.shape[1] ** 0.5), -1) for half in flat]


data = {}
for path in map(Path, margins):
    data[float(path.parent.name.split("=")[1]), path.parent.parent.name] = covariances(path)
sigmas = sorted({sigma for sigma, _ in data})
experiments = sorted({name for _, name in data}, key=lambda name: (len(name), name))  # resnet8 before resnet20
cases = [(sigma, name) for sigma in sigmas for name in experiments if (sigma, name) in data]
images, members = data[cases[0]][0].shape[:2]
k = np.arange(1, members + 1)
run, draws = Path(margins[0]).parents[4].name, pd.read_parquet(margins[0]).draws.min()

Markdown(
    f"**Here.** The run `{run}`: {', '.join(experiments)} at sigma = {', '.join(f'{s:g}' for s in sigmas)}, {members} "
    f"seeds each, {images} images, margins over 2 x {draws:,} noise draws that all members share."
)

# %% [markdown]
# **What can fail.** With $\zeta$ = mean covariance of two members / mean variance of one, the formula averaged over all
# subsets of $k$ members is an identity on the draws that $\zeta$ comes from. So $\zeta$ is taken from one half of the
# draws and compared with the other half, and with the ensembles that exist: the first 1, 2, ..., K seeds. Tested are
# thus (1) the finite number of draws and (2) the assumption that all members have one variance and all pairs one
# covariance. This $\zeta$ is the paper's $\zeta_p$, correlation over the noise. Its $\zeta_c$, over the draw of the
# training seeds at a fixed image, is zero by construction for independent seeds and cannot be estimated at one image.


# %%
def model(first):
    """Formula with zeta from mean covariances [..., K, K] of half 1: ratios [..., K]."""
    return variance_ratio(correlation(first)[..., None], k)


def measured(second):
    """Variance of the mean margin of the first k members over the mean variance of a member, in half 2: [..., K]."""
    mean_variance = np.trace(second, axis1=-2, axis2=-1) / members
    return np.stack([ensemble_variance(second, size) for size in k], axis=-1) / mean_variance[..., None]


def resampled(covariance, weights):
    """Mean covariances over images for each resample [B, K, K]; weights [B, images]."""
    return np.tensordot(weights, covariance, axes=1)


# %% [markdown]
# **Pooled and per image.** Pooled: covariances are averaged over the images first, so images with large margins
# weigh more. Its 95 % intervals resample images (for all quantities alike, so that differences are paired). The
# formula per image has its own $\zeta$ at each image: drawn is the range of the middle 80 % of the images.

# %%
rows, zetas = [], []
for sigma, name in cases:
    first, second = data[sigma, name]
    weights = rng.multinomial(images, np.full(images, 1 / images), size=resamples) / images
    pooled = {"model": model(first.mean(0)), "measured": measured(second.mean(0)), "all subsets": model(second.mean(0))}
    boot_first, boot_second = resampled(first, weights), resampled(second, weights)
    boot = {"model": model(boot_first), "measured": measured(boot_second), "all subsets": model(boot_second)}
    for series in ("measured", "all subsets"):
        pooled[f"{series} - model"], boot[f"{series} - model"] = (x[series] - x["model"] for x in (pooled, boot))
    for series, values in pooled.items():
        low, high = np.percentile(boot[series], [2.5, 97.5], axis=0)
        rows += [(sigma, name, f"pooled: {series}", *line) for line in zip(k, values, low, high)]
    for series, values in (("model", model(first)), ("measured - model", measured(second) - model(first))):
        low, middle, high = np.percentile(values, [10, 50, 90], axis=0)
        rows += [(sigma, name, f"per image: {series}", *line) for line in zip(k, middle, low, high)]
    zeta, each, variances = correlation(first.mean(0)), correlation(first), np.diag(first.mean(0))
    low, high = np.percentile(correlation(boot_first), [2.5, 97.5])
    middle = np.percentile(each, [10, 50, 90])
    zetas.append((sigma, name, zeta, low, high, *middle, variances.max() / variances.min()))
ratios = pd.DataFrame(rows, columns=["sigma", "experiment", "series", "k", "value", "low", "high"])
columns = ["sigma", "experiment", "zeta", "low", "high", "10 %", "median", "90 %", "largest / smallest variance"]
zetas = pd.DataFrame(zetas, columns=columns)
ratios.to_csv(table, index=False)
zetas.round(3)

# %%
fine = np.linspace(1, members, 100)
look = [{"color": f"C{i}", "marker": "os^D"[i % 4]} for i in range(len(experiments))]
fig, panels = plt.subplots(
    2, len(sigmas), figsize=(max(3.9 * len(sigmas), 9), 7.6), sharex=True, sharey="row", squeeze=False
)
for sigma, (ratio, error) in zip(sigmas, panels.T):
    for i, name in enumerate(experiments):
        part = ratios[(ratios.sigma == sigma) & (ratios.experiment == name)]
        pick = {series: lines for series, lines in part.groupby("series")}
        if not pick:
            continue
        x = k + (i - (len(experiments) - 1) / 2) * 0.12
        line, spread = pick["pooled: model"], pick["per image: model"]
        ratio.fill_between(spread.k, spread.low, spread.high, color=f"C{i}", alpha=0.13, lw=0)
        ratio.plot(line.k, line.value, ["-", "--", "-.", ":"][i % 4], color=f"C{i}", label=f"formula, {name}")
        dots = pick["pooled: measured"]
        ratio.errorbar(
            x,
            dots.value,
            [dots.value - dots.low, dots.high - dots.value],
            ls="none",
            ms=5,
            lw=1.2,
            label=f"measured, {name}",
            **look[i],
        )
        for series, fill, shift in (("measured", f"C{i}", 0), ("all subsets", "white", 0.06)):
            gap = pick[f"pooled: {series} - model"]
            error.errorbar(
                x + shift,
                gap.value,
                [gap.value - gap.low, gap.high - gap.value],
                ls="none",
                ms=5,
                lw=1.2,
                mfc=fill,
                **look[i],
            )
    ratio.plot(fine, 1 / fine, color="0.4", lw=1, ls=":", label=r"uncorrelated ($\zeta$ = 0)")
    error.axhline(0, color="0.4", lw=1)
    ratio.set(title=f"$\\sigma$ = {sigma:g}", ylim=(0, max(1.5, 1.08 * ratios.high.max())), xticks=k)
    error.set_xlabel("members k")
panels[0][0].set_ylabel(r"variance ratio $\sigma^2(k)\,/\,\sigma^2(1)$")
panels[1][0].set_ylabel("measured minus formula")
panels[0][0].legend(loc="upper right", fontsize=8)
kinds = [plt.Line2D([], [], color="0.3", marker="o", ls="none", ms=5, mfc=fill) for fill in ("0.3", "white")]
panels[1][0].legend(kinds, ["the first k seeds", "mean over all subsets of k"], loc="upper right", fontsize=8)
note = "bands: formula with the zeta of each image, middle 80 % of images; bars: 95 %, resampling images"
fig.suptitle(f"Lines: formula, pooled zeta of half 1; {note}", x=0.01, ha="left", fontsize=10)
fig.savefig(figure, metadata={"Software": None})

# %%
gaps = ratios[ratios.series.str.startswith("pooled:") & ratios.series.str.endswith("- model") & (ratios.k > 1)]
gaps = gaps.assign(off=(gaps.low > 0) | (gaps.high < 0))
subsets = gaps[gaps.series.str.contains("all subsets")]
first_k = gaps[gaps.series.str.contains("measured") & (gaps.k < members)]
reached = ratios[(ratios.series == "pooled: measured") & (ratios.k == members)].value
alone = ratios[(ratios.series == "per image: measured - model") & (ratios.k == members)]
small = (zetas.high < 0.5).all()


def span(values, form):
    """The smallest and the largest value, in words."""
    ends = dict.fromkeys((f"{values.min():{form}}", f"{values.max():{form}}"))
    return " to ".join(ends)


text = (
    f"**Reproduced:** on fresh draws the formula predicts the variance averaged over all subsets to within "
    f"{subsets.value.abs().max():.3f} of the single variance (pooled; at single images the middle 80 % of the errors "
    f"at k = {members} lie within {max(-alone.low.min(), alone.high.max()):.3f}). That much is an identity but for the "
    f"draws."
)
if len(first_k):
    text += (
        f" **{'Not reproduced' if first_k.off.any() else 'Reproduced'}:** for the ensembles of the first 2 to "
        f"{members - 1} seeds it errs by up to {first_k.value.abs().max():.3f}, and {first_k.off.sum()} of "
        f"{len(first_k)} of the 95 % intervals exclude zero; members do not have equal variances "
        f"(largest over smallest: up to {zetas['largest / smallest variance'].max():.2f})."
    )
text += (
    f" **{'Reproduced' if small else 'Not reproduced'}:** a small zeta. Pooled it is {span(zetas.zeta, '.2f')} (95 % "
    f"intervals within {zetas.low.min():.2f} to {zetas.high.max():.2f}): {members} members keep "
    f"{span(100 * reached, '.0f')} % of the variance, and by the formula no number of them gets below "
    f"{100 * zetas.zeta.min():.0f} %. The intervals cover the choice of the {images} images, not of the seeds."
)
Markdown(text)
