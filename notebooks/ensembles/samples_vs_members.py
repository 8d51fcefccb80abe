# %% [markdown]
# # More samples of one model, or more members?
# **Source.** Blog and paper on smoothed ensembles (arXiv 2106.06946): at an equal number of network evaluations, "using
# more samples with just a single network barely improves the certified radius at all, unless mathematically necessary to
# achieve a sufficiently high confidence level", which is "only the case for very large radii (here 2.0)"; an ensemble
# improves it. The necessity is a ceiling: even $n$ votes out of $n$ certify no more than
# $\sigma\,\Phi^{-1}(\alpha^{1/n})$. The figure's values are not on record here.

# %% tags=["parameters"]
counts: list = []
certificate: str = ""
printed_n: int = 100000
figure: str = "samples_vs_members.png"
table: str = "samples_vs_members.csv"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.lines import Line2D
from scipy import stats

from resmooth import bounds, certify_from_counts, noise, storage

plt.style.use("notebooks/resmooth.mplstyle")
shards = {}
for path in map(Path, counts):
    shards.setdefault((float(path.parent.name.split("=")[1]), path.parent.parent.name), []).append(path)
sigmas = sorted({sigma for sigma, _ in shards})
experiments = sorted({name for _, name in shards}, key=lambda name: (len(name), name))  # resnet8 before resnet20
cases = [(sigma, name) for name in experiments for sigma in sigmas if (sigma, name) in shards]
whole, about = storage.read_counts(shards[cases[0]])
members = whole.classifier.str.startswith("member-").groupby(whole.idx).sum().min()
images, n0, budget, step = whole.idx.nunique(), about["n0"], about["n"], whole.step.max()
sizes = np.arange(1, members + 1)
samples = {
    int(k): int(budget // k // step * step) for k in sizes
}  # of an ensemble of k that makes `budget` evaluations
run = Path(counts[0]).parents[3].name
alpha = storage.gather_certificates([certificate]).alpha.iloc[0]

Markdown(
    f"**Here.** The run `{run}`: {', '.join(experiments)}, sigma = {', '.join(f'{s:g}' for s in sigmas)}, {images} "
    f"images, alpha = {alpha:g}. Every classifier makes {budget:,} evaluations of a network to bound p_A: a single "
    f"model by n = {budget:,} samples, soft ensembles of the first k seeds by n = "
    f"{', '.join(f'{samples[k]:,} (k = {k})' for k in sizes[1:])}. The paper has {printed_n:,} for an ensemble and k "
    f"times as many for a single model, on CIFAR-10 and ImageNet: its ceilings are higher and closer together."
)

# %% [markdown]
# **Comparison.** All classifiers see the same images, and the first samples of the same noise. The single model is the
# mean over the members ("a model with some seed"), so no member is picked. Differences are taken image by image; their
# 95 % intervals add one image won and one lost (after Bonett and Price 2012), so that none has width zero, and hold for
# these networks. As in the source, the samples that select the class are not in the budget; the closing cell says what
# changes if they are.
#
# **Without sampling limits.** The radius $\sigma\,\Phi^{-1}(\hat p_A)$ of the plain frequency over all samples of the run
# shows what the better classifier alone would gain, were samples free. It is no certificate.

# %%
ceilings = {k: stats.norm.isf(-np.expm1(np.log(alpha) / n)) for k, n in samples.items()}  # in sigma
near = {k: 0.999 * ceiling for k, ceiling in ceilings.items()}  # what all votes alike still certify
steps = np.arange(0, near[members], 0.5)
grid = np.unique([*np.linspace(0, ceilings[1], 150), *steps, *near.values(), *(1.001 * c for c in ceilings.values())])


def certificates(sigma, experiment, n):
    """Certified radius in sigma of each image by n samples, -1 where wrong: a table [images, classifiers]."""
    frame, metadata = storage.read_counts(shards[sigma, experiment], n if n < budget else None)
    law = noise.make(metadata["noise"], metadata["dim"], sigma=metadata["sigma"], arithmetic=metadata["arithmetic"])
    result = certify_from_counts(np.stack(frame.counts0), np.stack(frame.counts), law, alpha)
    frame["radius"] = np.where(result.predict == frame.label, result.radius / law.sigma, -1.0)
    return frame.pivot(index="idx", columns="classifier", values="radius")


def unlimited(sigma, experiment):
    """The same by the plain frequency of the most frequent class over all samples."""
    frame, _ = storage.read_counts(shards[sigma, experiment])
    votes = np.stack(frame.counts)
    p = votes.max(axis=1) / votes.sum(axis=1)
    right = (votes.argmax(axis=1) == frame.label) & (p > 0.5)
    return frame.assign(radius=np.where(right, stats.norm.ppf(p), -1.0)).pivot(
        index="idx", columns="classifier", values="radius"
    )


def single(radii):
    """Of the single models [images, members]."""
    return radii[[f"member-{k}" for k in sizes]].to_numpy()


def soft(radii, k):
    """Of the soft ensemble of k [images, 1]."""
    return radii[[f"soft-{k}"]].to_numpy()


def curve(radii):
    """Whether each image is certified at each radius of the grid, mean over the classifiers [images, grid]."""
    return (radii[:, :, None] >= grid).mean(axis=1)


def paired(difference):
    """Mean over images of differences in [-1, 1] and its 95 % interval, in per cent."""
    more = np.concatenate([difference, np.ones_like(difference[:1]), -np.ones_like(difference[:1])])
    mean, half = more.mean(axis=0), stats.norm.ppf(0.975) * more.std(axis=0, ddof=1) / np.sqrt(len(more))
    return 100 * difference.mean(axis=0), 100 * (mean - half), 100 * (mean + half)


rows, acrs = [], []
for sigma, experiment in cases:
    taken = {k: (budget + n0) // k - n0 for k in map(int, sizes)}  # if selection is in the budget, too
    taken = {k: n // step * step for k, n in taken.items() if n >= step}
    by_n = {n: certificates(sigma, experiment, n) for n in {*samples.values(), *taken.values()}}
    one, fewer, free = by_n[budget], by_n[samples[members]], unlimited(sigma, experiment)
    lines = {
        ("certified accuracy [%]", "one model", 1, budget): single(one),
        ("certified accuracy [%]", "one model, few samples", 1, samples[members]): single(fewer),
        ("certified accuracy, unlimited [%]", "one model", 1, budget): single(free),
        ("certified accuracy, unlimited [%]", "ensemble", members, budget): soft(free, members),
    }
    gaps = {
        ("more samples [points]", "one model", 1, budget): curve(single(one)) - curve(single(fewer)),
        ("ensemble - one, unlimited [points]", "ensemble", members, budget): curve(soft(free, members))
        - curve(single(free)),
    }
    for k in map(int, sizes[1:]):
        lines["certified accuracy [%]", "ensemble", k, samples[k]] = soft(by_n[samples[k]], k)
        gaps["ensemble - one [points]", "ensemble", k, samples[k]] = curve(soft(by_n[samples[k]], k)) - curve(
            single(one)
        )
        if k in taken:
            difference = curve(soft(by_n[taken[k]], k)) - curve(single(one))
            gaps["ensemble - one, selection counted [points]", "ensemble", k, taken[k]] = difference
        won = np.maximum(soft(by_n[samples[k]], k)[:, 0], 0) - np.maximum(single(one), 0).mean(axis=1)
        half = stats.t.ppf(0.975, images - 1) * won.std(ddof=1) / np.sqrt(images) if images > 1 else np.nan
        base = np.maximum(single(one), 0).mean()
        acrs.append((sigma, experiment, k, samples[k], base, *(100 * (won.mean() + np.array([0, -half, half])) / base)))
    for key, radii in lines.items():
        rows += [(sigma, experiment, *key, r, v, np.nan, np.nan) for r, v in zip(grid, 100 * curve(radii).mean(axis=0))]
    for key, difference in gaps.items():
        rows += [(sigma, experiment, *key, *line) for line in zip(grid, *paired(difference))]
columns = ["sigma", "experiment", "metric", "classifier", "k", "n", "r", "value", "low", "high"]
results = pd.DataFrame(rows, columns=columns)
results.to_csv(table, index=False)

# %% [markdown]
# **Ensemble minus single model at equal evaluations**, in points of certified accuracy, at some radii $r / \sigma$; the
# last columns lie just below the ceilings of the ensembles and of the single model.

# %%
gains = results[results.metric == "ensemble - one [points]"]
shown = gains[gains.r.isin([*steps, *near.values()])].copy()
shown["entry"] = [f"{v:+.1f} ({low:+.1f}, {high:+.1f})" for v, low, high in zip(shown.value, shown.low, shown.high)]
shown.assign(r=shown.r.map("{:.3f}".format)).pivot(index=["experiment", "sigma", "k"], columns="r", values="entry")

# %% [markdown]
# **ACR over all images at equal evaluations**: gain of the ensemble over the mean single model, in per cent.

# %%
acrs = pd.DataFrame(acrs, columns=["sigma", "experiment", "k", "n", "ACR / sigma of one", "gain", "low", "high"])
acrs.round(2)

# %% [markdown]
# **The price of fewer samples** by the formula: the radius, in $\sigma$, that the expected number of votes certifies for
# an image whose true radius is $r$, by the $n$ of this run and by the paper's.

# %%
true = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
pairs = {("here", n): n for n in (samples[members], budget)}
pairs |= {("paper", n): n for n in (printed_n, members * printed_n)}
price = pd.DataFrame(
    {
        key: stats.norm.ppf(bounds.clopper_pearson(np.floor(stats.norm.cdf(true) * n), n, alpha)).clip(0)
        for key, n in pairs.items()
    },
    index=pd.Index(true, name="true r / sigma"),
)
price.round(3)

# %%
ks = sorted({int(round(k)) for k in np.linspace(2, members, min(4, members - 1))})
look = {k: {"color": f"C{i}", "ls": ["-", "--", "-.", ":"][i]} for i, k in enumerate(reversed(ks))}
fig = plt.figure(figsize=(max(3.9 * len(sigmas), 9), 1.1 + 5.2 * len(experiments)))
legend, *blocks = fig.subfigures(1 + len(experiments), 1, height_ratios=[1.1] + [5.2] * len(experiments))
for experiment, block in zip(experiments, blocks):
    block.suptitle(experiment, x=0.01, ha="left", weight="bold", fontsize=11)
    above, below = block.subplots(2, len(sigmas), sharex=True, sharey="row", squeeze=False)
    for sigma, top, bottom in zip(sigmas, above, below):
        part = results[(results.sigma == sigma) & (results.experiment == experiment)]
        drawn = {key: lines for key, lines in part.groupby(["metric", "classifier", "k"])}
        if not drawn:
            continue
        for name, style in (
            ("one model", {"color": "black"}),
            ("one model, few samples", {"color": "0.45", "ls": ":"}),
        ):
            line = drawn["certified accuracy [%]", name, 1]
            top.plot(line.r, line.value, **style)
        line = drawn["certified accuracy [%]", "ensemble", members]
        top.plot(line.r, line.value, **look[members])
        for k in ks:  # up to its ceiling; beyond, it certifies nothing
            line = drawn["ensemble - one [points]", "ensemble", k].query("r <= @ceilings[@k]")
            bottom.plot(line.r, line.value, **look[k])
            if k in (2, members):
                bottom.fill_between(line.r, line.low, line.high, color=look[k]["color"], alpha=0.15, lw=0)
        line = drawn["ensemble - one, unlimited [points]", "ensemble", members]
        bottom.plot(line.r, line.value, color="0.3", lw=1)
        bottom.axhline(0, color="0.4", lw=1)
        for k in (1, *ks):
            for ax in (top, bottom):
                ax.axvline(ceilings[k], color="0.6", lw=0.8, ls=":")
            side = "right" if k == members else "center"
            top.text(ceilings[k], 1.01, k, transform=top.get_xaxis_transform(), ha=side, fontsize=8, color="0.3")
        top.set(title=f"$\\sigma$ = {sigma:g}", ylim=(0, 101))
        bottom.set_xlabel(r"radius $r\,/\,\sigma$")
    above[0].set_ylabel("certified accuracy [%]")
    below[0].set_ylabel("ensemble minus one model\n[points]")
entries = [
    Line2D([], [], color="black", label=f"one model, n = {budget:,}"),
    Line2D([], [], color="0.45", ls=":", label=f"one model, n = {samples[members]:,}"),
    *(Line2D([], [], label=f"k = {k}, n = {samples[k]:,}", **look[k]) for k in reversed(ks)),
    Line2D([], [], color="0.3", lw=1, label=f"k = {members} minus one without sampling limits"),
]
title = (
    "Dotted: ceilings of ensembles of k (numbers on top), where differences end; bands: 95 %, fewest and most members"
)
legend.legend(handles=entries, loc="center", ncols=3, title=title)
fig.savefig(figure, metadata={"Software": None})


# %%
def counted(part):
    """How many intervals exclude zero, in words."""
    return f"{(part.low > 0).sum()} of {len(part)} intervals above zero, {(part.high < 0).sum()} below"


def span(values):
    """The smallest and the largest value, in words."""
    return " to ".join(dict.fromkeys((f"{values.min():+.1f}", f"{values.max():+.1f}")))


def at(metric, radii, sizes=sizes):
    """Rows of one metric at some radii."""
    return results[(results.metric == metric) & results.r.isin(radii) & results.k.isin(sizes)]


below = [*steps, near[members]]
equal, free = at("ensemble - one [points]", below), at("ensemble - one, unlimited [points]", below)
largest, more = at("ensemble - one [points]", below, [members]), at("more samples [points]", below)
beyond = at("ensemble - one [points]", [near[k] for k in range(1, members)], [members])
strict = at("ensemble - one, selection counted [points]", below)
won, lost = (equal.low > 0).sum(), (equal.high < 0).sum()
verdict = "Reproduced" if won == len(equal) else "Reproduced in part" if won > lost else "Not reproduced"
verdict = verdict if won or lost else "Not resolved"
barely = "Not reproduced" if (more.low > 0).any() else "Reproduced" if more.high.max() < 5 else "Not resolved"
ahead = "Reproduced" if (beyond.high < 0).any() else "Not resolved"
radii = f"{', '.join(f'{r:g}' for r in steps)} and {near[members]:.2f} sigma, just below the ceiling of k = {members}"
ours, papers = price.loc[1.0].diff().iloc[[1, 3]]
text = (
    f"**{verdict}:** more members beat more samples at equal evaluations. At {radii}, the ensembles differ from one model "
    f"by {span(equal.value)} points ({counted(equal)}), in ACR by {span(acrs.gain)} % ({counted(acrs)}). "
    f"**{barely}:** more samples barely help a single model. From n = {samples[members]:,} to {budget:,} it gains "
    f"{span(more.value)} points at these radii ({counted(more)}). **{ahead}:** very large radii need samples. Beyond its "
    f"ceiling of {ceilings[members]:.2f} sigma the ensemble of {members} certifies nothing, and one model is ahead by up "
    f"to {-beyond.value.min():.1f} points just below the larger ceilings. **Why.** Were samples free, {members} members "
    f"would gain {span(free.value)} points at the radii above ({counted(free)}; mean {free.value.mean():+.1f}, at equal "
    f"evaluations {largest.value.mean():+.1f}). The difference is the price of fewer samples: for an image whose true "
    f"radius is sigma, n = {budget:,} instead of {samples[members]:,} certifies {ours:.3f} sigma more, but the paper's "
    f"{members * printed_n:,} instead of {printed_n:,} only {papers:.3f} sigma."
)
if len(strict):
    text += (
        f" If the {n0} samples that select the class are in the budget too, ensembles get fewer still and lower ceilings, "
        f"and differ by {span(strict.value)} points ({counted(strict)})."
    )
text += f" Intervals are over {images} images, for these networks in this order of seeds."
Markdown(text)
