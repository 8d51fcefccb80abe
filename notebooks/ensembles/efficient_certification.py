# %% [markdown]
# # Certifying a pre-set radius with fewer network evaluations
# **Source.** Paper on smoothed ensembles (arXiv 2106.06946) and its code. *K-consensus*: where the first $K$ of $k$
# members agree on a noisy copy, that is the answer, and only elsewhere the others are asked. *Adaptive sampling*
# (CertifyAdp): certify or give up a radius $r$ fixed beforehand in stages of more and more samples. The abstract
# claims up to 55 times fewer samples; the tables behind it are not on record here. The paper's stages, 1,000, 10,000
# and 125,000 samples against a fixed 100,000, cannot save more than a factor of 100,100 / 1,100 = 91.

# %% tags=["parameters"]
procedures: list = []
resamples: int = 5000
seed: int = 0
claimed_factor: float = 55
claimed_ceiling: float = 91
figure: str = "efficient_certification.png"
table: str = "efficient_certification.csv"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.lines import Line2D

from resmooth import bounds
from resmooth.smoothing import sequential

plt.style.use("notebooks/resmooth.mplstyle")
rng = np.random.default_rng(seed)
frames = []
for path in map(Path, procedures):
    about = {"sigma": float(path.parent.name.split("=")[1]), "experiment": path.parent.parent.name}
    frames.append(pd.read_parquet(path).assign(**about))
frame = pd.concat(frames).sort_values("idx", kind="stable")
frame["r"] = (frame.radius / frame.sigma).round(6)
sigmas, radii = sorted(frame.sigma.unique()), sorted(frame.r.unique())
experiments = sorted(frame.experiment.unique(), key=lambda name: (len(name), name))  # resnet8 before resnet20
sizes = dict(name.split("-") for name in frame.classifier.unique())  # classifiers soft-k and consensus-K
full, consensus = f"soft-{sizes['soft']}", f"consensus-{sizes.get('consensus', 0)}"
k, some = int(sizes["soft"]), int(sizes.get("consensus", 0))
images, fixed = frame.idx.nunique(), int(frame.samples[frame.rule == "fixed"].iloc[0])
stage_cost = frame[frame.rule == "adaptive"].groupby("stage").samples.first()  # up to and with each stage, n0 included
ceiling = fixed / stage_cost.iloc[0]
run = Path(procedures[0]).parents[4].name

steps = ", ".join(f"{cost:,} at stage {stage}" for stage, cost in stage_cost.items())
Markdown(
    f"**Here.** The run `{run}`: soft ensembles of k = {k} ({', '.join(experiments)}), sigma = "
    f"{', '.join(f'{s:g}' for s in sigmas)}, radii {', '.join(f'{r:g}' for r in radii)} sigma, {images} images. The "
    f"fixed rule (CERTIFY) draws {fixed:,} samples of an image; CertifyAdp has drawn {steps}. So it saves at most a "
    f"factor of {ceiling:.1f}, and an image of stage {stage_cost.index[-1]} costs {stage_cost.iloc[-1] / fixed:.2f} "
    f"times the fixed rule. "
    + (f"K = {some}" + " (a single model)" * (some == 1) + "." if some else "This run leaves K-consensus out.")
)

# %% [markdown]
# **Factors.** *SampleRF*: samples of the fixed rule over those drawn, all images together. *KCR*: per cent of the
# samples that $K$ members decide. *Evaluations*: network calls of the fixed rule with the full ensemble over those made;
# a sample costs $k$, with K-consensus $K + (1 - \mathrm{KCR})(k - K)$ on average. *TimeRF*: the same for seconds.
# Intervals (95 %) resample the images; where all images stop at the same number of samples they have no width, and are
# too narrow where few images decide the mean.
#
# **Agreement.** Same class certified, or both abstain, as the fixed rule with the full ensemble; Clopper-Pearson, 95 %.
# Both see the same noise, so that luck makes them differ less than two runs of one rule on fresh noise.
#
# Two rules that the paper does not have stand beside CertifyAdp: Clopper-Pearson on one growing sample with a union
# bound over the looks, and a confidence sequence. All hold at the same error probability $\alpha$ for an image.

# %%
METHODS = {  # name: (classifier, rule, colour, marker)
    "consensus, all samples": (consensus, "fixed", "C1", "s"),
    "adaptive": (full, "adaptive", "C0", "o"),
    "adaptive + consensus": (consensus, "adaptive", "C2", "D"),
    "union bound": (full, "union_bound", "C3", "^"),
    "confidence sequence": (full, "confidence_sequence", "C6", "v"),
}
METHODS = {name: about for name, about in METHODS.items() if about[0] in set(frame.classifier)}
weights = rng.multinomial(images, np.full(images, 1 / images), size=resamples) / images
runs = {key: part.set_index("idx") for key, part in frame.groupby(["sigma", "experiment", "r", "classifier", "rule"])}


def kind(sigma, experiment, r, method):
    """How each image's decision compares with the fixed rule of the full ensemble."""
    ours, theirs = (runs[sigma, experiment, r, *which].predict for which in (METHODS[method][:2], (full, "fixed")))
    words = np.select([ours == theirs, ours == -1, theirs == -1], ["same", "lost", "gained"], "other class")
    return pd.Series(words, index=ours.index)


def interval(count, trials):
    """count of trials in per cent with its 95 % Clopper-Pearson interval."""
    return 100 * count / trials, *(100 * np.array(bounds.clopper_pearson(count, trials, 0.05, "both")))


def measures(sigma, experiment, r, method):
    """Yield (metric, value, low, high) of one method at one radius."""
    classifier, rule = METHODS[method][:2]
    part, baseline = runs[sigma, experiment, r, classifier, rule], runs[sigma, experiment, r, full, "fixed"]
    decisions = sequential.Decisions(*(part[name].to_numpy() for name in ("predict", "samples", "stage")))
    factor = sequential.sample_reduction_factor(decisions, n=fixed, n0=0)
    low, high = np.percentile(fixed / (weights @ decisions.samples), [2.5, 97.5])
    agreed = part.agreed.iloc[0]
    calls = k if classifier == full else some + (1 - agreed) * (k - some)
    yield "SampleRF", factor, low, high
    yield "evaluations", factor * k / calls, low * k / calls, high * k / calls
    yield "TimeRF", baseline.seconds.iloc[0] / part.seconds.iloc[0], np.nan, np.nan
    if classifier != full:
        yield "KCR [%]", 100 * agreed, np.nan, np.nan
    kinds = kind(sigma, experiment, r, method)
    yield "agreement [%]", *interval((kinds == "same").sum(), images)
    for name in ("lost", "gained", "other class"):
        yield f"{name} [images]", (kinds == name).sum(), np.nan, np.nan
    if rule == "adaptive":
        for number, shares in enumerate(sequential.stage_shares(decisions), start=1):
            for name, share in zip(("certified", "abstained"), shares):
                yield f"{name} at stage {number} [%]", 100 * share, np.nan, np.nan


cases = [
    (sigma, experiment)
    for experiment in experiments
    for sigma in sigmas
    if (sigma, experiment, radii[0], full, "fixed") in runs
]
rows = [
    (*case, r, method, *line)
    for case in cases
    for r in radii
    for method in METHODS
    for line in measures(*case, r, method)
]
results = pd.DataFrame(rows, columns=["sigma", "experiment", "r", "method", "metric", "value", "low", "high"])
wide = results.pivot_table(index=["experiment", "sigma", "r", "method"], columns="metric", values="value", sort=False)
wide[[name for name in wide if "stage" not in name]].round(2)

# %% [markdown]
# **Images decided alike at every radius.** Decisions of one image at several radii hang together; images do not. So
# the interval over all radii counts images.

# %%
alike = []
for sigma, experiment in cases:
    for method in METHODS:
        kinds = pd.concat([kind(sigma, experiment, r, method) for r in radii], axis=1)
        share = interval((kinds == "same").all(axis=1).sum(), images)
        alike.append((sigma, experiment, method, "images alike at every radius [%]", *share))
alike = pd.DataFrame(alike, columns=["sigma", "experiment", "method", "metric", "value", "low", "high"])
pd.concat([results, alike], ignore_index=True).to_csv(table, index=False)
alike.pivot_table(index=["experiment", "method"], columns="sigma", values="value", sort=False)

# %%
places, names = np.arange(len(radii)), [f"{r:g}" for r in radii]
heights = [1.05] + [2.9] * len(experiments) + [2.3] * bool(some) + [2.6, 2.4]
fig = plt.figure(figsize=(max(3.9 * len(sigmas), 9), sum(heights)))
paper = f"paper: up to {claimed_factor:g} (ceiling {claimed_ceiling:g})"
legend, *blocks = fig.subfigures(len(heights), 1, height_ratios=heights)
blocks = iter(blocks)


def panels(title, label):
    """The next row of the figure: a panel for each sigma, radii side by side."""
    block = next(blocks)
    block.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=11)
    axes = block.subplots(1, len(sigmas), sharey=True, squeeze=False)[0]
    for sigma, ax in zip(sigmas, axes):
        ax.set(title=f"$\\sigma$ = {sigma:g}", xlim=(-0.5, len(radii) - 0.5), xlabel=r"radius $r\,/\,\sigma$")
        ax.set_xticks(places, names)
        ax.grid(axis="x", visible=False)
    axes[0].set_ylabel(label)
    return axes


def drawn(metric, sigma, experiment, method):
    """Rows of one metric, in the order of the radii."""
    return results.query("metric == @metric and sigma == @sigma and experiment == @experiment and method == @method")


for experiment in experiments:
    axes = panels(f"{experiment}: savings over the fixed rule with all {k} members", "reduction factor")
    for sigma, ax in zip(sigmas, axes):
        for i, (method, (*_, color, marker)) in enumerate(METHODS.items()):
            x = places + (i - (len(METHODS) - 1) / 2) * 0.16
            calls, time, samples = (
                drawn(metric, sigma, experiment, method) for metric in ("evaluations", "TimeRF", "SampleRF")
            )
            if calls.empty:
                continue
            spread = [calls.value - calls.low, calls.high - calls.value]
            ax.errorbar(x, calls.value, spread, ls="none", color=color, marker=marker, ms=5.5, lw=1.2)
            ax.plot(x, time.value, "x", color=color, ms=5, mew=1.2)
            if method == "adaptive + consensus":
                ax.plot(x, samples.value, marker, color=color, mfc="none", ms=5.5)
        ax.axhline(1, color="0.4", lw=1)
        ax.axhline(ceiling, color="C0", lw=1.2, ls=":")
        ax.plot(len(radii) - 0.5, claimed_factor, "<", color="black", ms=8, clip_on=False, zorder=3)
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
entries = [
    Line2D([], [], color=color, marker=marker, ls="none", ms=5.5, label=name)
    for name, (*_, color, marker) in METHODS.items()
]
if some:
    label = "adaptive + consensus, samples"
    entries.append(Line2D([], [], color="C2", marker="D", mfc="none", ls="none", ms=5.5, label=label))
entries += [
    Line2D([], [], color="0.3", marker="x", ls="none", ms=5, mew=1.2, label="time (one measurement)"),
    Line2D([], [], color="C0", lw=1.2, ls=":", label=f"ceiling of the samples of 'adaptive': {ceiling:.1f}"),
    Line2D([], [], color="black", marker="<", ls="none", ms=8, label=paper),
]
legend.legend(handles=entries, loc="center", ncols=3, title="Filled marks: network evaluations; bars: 95 %")

if some:
    axes = panels(f"KCR: samples on which the first {some} of {k} members agree", "KCR [%]")
    for sigma, ax in zip(sigmas, axes):
        for i, experiment in enumerate(experiments):
            part, whole = (
                drawn("KCR [%]", sigma, experiment, method)
                for method in ("adaptive + consensus", "consensus, all samples")
            )
            color, marker, ls = f"C{i}", "os^D"[i % 4], ["-", "--", "-.", ":"][i % 4]
            ax.plot(places, part.value, marker, color=color, ms=5.5, label=f"{experiment}, adaptive")
            ax.plot(places, whole.value, ls, color=color, lw=1.2, label=f"{experiment}, all samples")
    axes[0].legend(loc="lower left", fontsize=8)

title = "Stage at which 'adaptive' decides, full ensemble"
if len(experiments) > 1:
    title += f" (bars from left to right: {', '.join(experiments)})"
axes = panels(title, "images [%]")
stages = list(stage_cost.index)
shades = dict(zip(stages, np.linspace(1, 0.35, len(stages))))
order = [("certified", number) for number in stages] + [("abstained", number) for number in reversed(stages)]
fill = {"certified": {"color": "C0"}, "abstained": {"color": "C4", "hatch": "///"}}
wide_bar = 0.8 / len(experiments)
for sigma, ax in zip(sigmas, axes):
    for i, experiment in enumerate(experiments):
        x, bottom = places + (i - (len(experiments) - 1) / 2) * wide_bar, np.zeros(len(radii))
        for what, number in order:
            share = drawn(f"{what} at stage {number} [%]", sigma, experiment, "adaptive").set_index("r").value
            share = share.reindex(radii).fillna(0).to_numpy()
            ax.bar(x, share, 0.94 * wide_bar, bottom, alpha=shades[number], ec="white", lw=0.8, **fill[what])
            bottom += share
    ax.set_ylim(0, 100)
    ax.grid(visible=False)
labels = [f"{what}, stage {number}" for what, number in order]
swatches = [plt.Rectangle((0, 0), 1, 1, alpha=shades[number], ec="white", **fill[what]) for what, number in order]
axes[-1].legend(swatches[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)

block = next(blocks)
block.suptitle(
    "Decisions like those of the fixed rule with the full ensemble", x=0.01, ha="left", weight="bold", fontsize=11
)
axes = block.subplots(1, len(sigmas), sharex=True, sharey=True, squeeze=False)[0]
for sigma, ax in zip(sigmas, axes):
    for i, experiment in enumerate(experiments):
        part = alike[(alike.sigma == sigma) & (alike.experiment == experiment)]
        y = np.arange(len(part)) + (i - (len(experiments) - 1) / 2) * 0.3
        spread = [part.value - part.low, part.high - part.value]
        ax.errorbar(
            part.value, y, xerr=spread, ls="none", color=f"C{i}", marker="os^D"[i % 4], ms=5, lw=1.2, label=experiment
        )
    ax.set(title=f"$\\sigma$ = {sigma:g}", xlabel="images alike at every radius [%]")
    ax.set_yticks(range(len(METHODS)), METHODS)
axes[0].invert_yaxis()
axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
fig.savefig(figure, metadata={"Software": None})

# %%
decisions = {method: [kind(*case, r, method) for case in cases for r in radii] for method in METHODS}
total = len(cases) * len(radii) * images


def span(values, form=".1f"):
    """The smallest and the largest value, in words."""
    return " to ".join(dict.fromkeys((f"{values.min():{form}}", f"{values.max():{form}}")))


def overall(method):
    """Samples of the fixed rule over those of a method, all networks, radii and images together."""
    return fixed * total / sum(runs[*case, r, *METHODS[method][:2]].samples.sum() for case in cases for r in radii)


def agreement(method):
    """How often a method decides like the fixed rule of the full ensemble, in words."""
    counts = pd.concat(decisions[method]).value_counts()
    same = int(counts.get("same", 0))
    others = ", ".join(f"{counts[name]} {name}" for name in ("lost", "gained", "other class") if name in counts)
    whole = (pd.concat(decisions[method], axis=1) == "same").all(axis=1).sum()
    low, high = interval(whole, images)[1:]
    return (
        f"{same} of {total} decisions ({others or 'no difference'}) and in every one on {whole} of {images} images "
        f"(95 % interval {low:.0f} to {high:.0f} %)"
    )


def verdict(part):
    """What the intervals say of "this factor exceeds 1"."""
    above = (part.low > 1).mean()
    if above:
        return "Reproduced" if above == 1 else "Reproduced in part"
    return "Not reproduced" if (part.high < 1).any() else "Not resolved"


by = {key: part for key, part in results.groupby(["metric", "method"])}
saved = by["SampleRF", "adaptive"]
late = sum((runs[*case, r, full, "adaptive"].samples > fixed).sum() for case in cases for r in radii)
sentences = [
    f"**{verdict(saved)}:** adaptive sampling needs fewer samples: SampleRF {span(saved.value)}, "
    f"{(saved.low > 1).sum()} of {len(saved)} intervals above 1, {overall('adaptive'):.1f} over everything. "
    f"It agrees in {agreement('adaptive')}. **Not comparable:** the paper's {claimed_factor:g}. That is "
    f"{100 * claimed_factor / claimed_ceiling:.0f} % of its ceiling, our largest {100 * saved.value.max() / ceiling:.0f} % "
    f"of ours; how many images the first stage decides depends on data, radius and schedule. It is no free lunch: {late} of "
    f"{total} decisions cost more than the fixed rule, whose one set of samples moreover serves every radius; for all "
    f"{len(radii)} radii asked in turn the factor is {overall('adaptive') / len(radii):.1f}."
]
if some:
    kcr, calls = by["KCR [%]", "consensus, all samples"].value, by["evaluations", "consensus, all samples"]
    sentences.append(
        f"**{verdict(calls)}:** {some}-consensus saves evaluations: KCR {span(kcr)} %, a factor of {span(calls.value)} of "
        f"at most {k / some:.1f}. It is another classifier, but agrees in {agreement('consensus, all samples')}. With "
        f"adaptive sampling the factor is {span(by['evaluations', 'adaptive + consensus'].value)}, and it agrees in "
        f"{agreement('adaptive + consensus')}."
    )
time = results[results.metric == "TimeRF"].value.to_numpy() / results[results.metric == "evaluations"].value.to_numpy()
sentences.append(
    f"**{'Reproduced' if abs(np.log(time)).max() < np.log(1.25) else 'Not resolved'}:** the time saved. TimeRF is "
    f"{span(time, '.2f')} times the factor of evaluations: seconds were measured once, on cores that other jobs may have "
    f"shared, and small batches are slow."
)
beyond = (
    f"a {method} draws 1/{overall(method) / overall('adaptive'):.1f} of the samples of CertifyAdp and agrees in "
    f"{agreement(method)}"
    for method in ("union bound", "confidence sequence")
)
sentences.append(f"Beyond the paper: {'; '.join(beyond)}.")
sentences.append(
    f"Where rules differ none need be wrong: each errs with probability at most alpha, but near the threshold one certifies "
    f"what another cannot. {images} images leave wide intervals, which do not cover the choice of networks."
)
Markdown(" ".join(sentences))
