"""Certified radius against ensemble size.

Soft ensembles of the first k = 1..K seeds, at every noise level, on the same images under the same noise: the average certified
radius (ACR, over all images) and the certified accuracy at radius sigma. Differences are paired over the images; networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames
from resmooth.stats.decisions import OPEN, counted, every, in_words, span
from resmooth.stats.intervals import Estimate, paired_mean, relative_gain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from resmooth.plan import Run

SMALL = 3  # so many small networks against a large one
PRINTED = (5, 21)  # per cent gained by 3 to 10 members over the best one, in the paper's abstract
CLAIMS = ("beats_mean_member", "beats_best_member", "gain_range", "gain_grows", "small_beat_large")
ACR, ACCURACY = "ACR", "certified accuracy at sigma [%]"
ADDS = {ACR: "certified", ACCURACY: "beyond_sigma"}  # metric -> what an image adds to it


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of the members and of their soft ensembles."""
    return {"certificates": run.certificates(run.ensembles, ("member", "soft"))} if run.normal else None


def compute(run: Run) -> Frames:
    """images: what each image adds to each metric, by classifier; against_k, gains, versus: see the functions below."""
    frame = run.read_certificates(cast("dict[str, list[str]]", needs(run))["certificates"])
    frame["certified"] = frame.radius * frame.correct
    frame["beyond_sigma"] = 100.0 * ((frame.correct == 1) & (frame.radius >= frame.sigma))
    return {
        "images": frame,
        "against_k": against_size(frame),
        "gains": gain_of_the_largest(frame),
        "versus": small_against_large(frame),
    }


def wide(frame: pd.DataFrame, column: str, sigma: float, experiment: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`column` of one experiment, image by image: (members, soft ensembles), each a table [images, 1..K]."""
    part = frame[(frame.sigma == sigma) & (frame.experiment == experiment)]
    table = part.pivot(index="idx", columns=["aggregation", "number"], values=column).astype(float)
    return table["member"], table["soft"]


def cases(frame: pd.DataFrame) -> list[tuple[float, str]]:
    """(sigma, experiment) of all there are: levels ascending, experiments in the order of the config."""
    return [(sigma, name) for sigma in sorted(frame.sigma.unique()) for name in frame.experiment.unique()]


def against_size(frame: pd.DataFrame) -> pd.DataFrame:
    """Each metric of the soft ensemble of k, beside the mean and the best member; interval of its gain over the mean member.

    The best member is picked on the very images that are reported: its value is too high by selection, a gain over it too low.
    """
    rows = []
    for metric, column in ADDS.items():
        for sigma, experiment in cases(frame):
            members, soft = wide(frame, column, sigma, experiment)
            mean, best = members.mean(axis=1), members.mean().idxmax()
            for k in soft:
                row = {"metric": metric, "sigma": sigma, "experiment": experiment, "k": k, "value": soft[k].mean()}
                row |= {"mean_member": mean.mean(), "best_member": members[best].mean(), "best_member_number": best}
                _, low, high = paired_mean(soft[k] - mean)
                rows.append(row | {"gain_low": low, "gain_high": high})
    return pd.DataFrame(rows)


def gain_of_the_largest(frame: pd.DataFrame) -> pd.DataFrame:
    """Gain in ACR of the ensemble of all members over the mean and over the best of them, in per cent."""
    rows = []
    for sigma, experiment in cases(frame):
        members, soft = wide(frame, "certified", sigma, experiment)
        largest = soft.columns.max()
        for baseline, single in (
            ("mean member", members.mean(axis=1)),
            ("best member", members[members.mean().idxmax()]),
        ):
            value, low, high = relative_gain(soft[largest], single).times(100)
            row = {"metric": "gain of the largest ensemble [%]", "sigma": sigma, "experiment": experiment}
            rows.append(row | {"k": largest, "baseline": baseline, "value": value, "low": low, "high": high})
    return pd.DataFrame(rows)


def small_against_large(frame: pd.DataFrame) -> pd.DataFrame:
    """Soft ensembles of the first architecture less the mean single model of the last, in per cent of that.

    k = 1 stands for the mean single small one. No row where there is one architecture only.
    """
    small, large = frame.experiment.iloc[[0, -1]]
    rows = []
    for sigma in sorted(frame.sigma.unique()) if small != large else ():
        single, soft = wide(frame, "certified", sigma, small)
        one = wide(frame, "certified", sigma, large)[0].mean(axis=1)
        for k in soft:
            several = soft[k] if k > 1 else single.mean(axis=1)
            value, low, high = (100 * part / one.mean() for part in paired_mean(several - one))
            row = {"metric": "small ensemble minus one large [%]", "sigma": sigma, "experiment": small, "k": k}
            rows.append(row | {"baseline": f"mean single {large}", "value": value, "low": low, "high": high})
    return pd.DataFrame(rows)


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    parts = [frames[name] for name in ("against_k", "gains", "versus")]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The table of docs/replication.md."""
    acr = table[(table.metric == ACR) & (table.k == table.k.max())].set_index(["sigma", "experiment"])
    shown = acr[["mean_member", "best_member", "value"]].rename(columns={"value": "ensemble"}).round(3).astype(str)
    gains = table[table.baseline.isin(["mean member", "best member"])]
    for baseline, part in gains.groupby("baseline", sort=False):
        words = [in_words(Estimate(row.value, row.low, row.high)) for row in part.itertuples()]
        shown[f"gain over the {baseline} [%]"] = pd.Series(words, part.set_index(["sigma", "experiment"]).index)
    return shown.reset_index()


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame = frames["images"]
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(frame.sigma.unique()))
    return (
        f"**Here.** {', '.join(frame.experiment.unique())} at sigma = {levels}, soft ensembles of the first k = "
        f"1..{frame.members.max()} seeds, {frame.idx.nunique()} images, n = {frame.n.max():,}, alpha = "
        f"{frame.alpha.max():g}. ACR is over all images, in units of the [0, 1] image. Data, networks and image size "
        "are not the source's: gains can be compared, ACRs cannot."
    )


def findings(frames: Frames) -> list[Finding]:
    """Gains over the mean and the best member, their size and growth, and small networks against a large one."""
    frame = frames["images"]
    if frame.members.max() < 2:
        return [
            Finding(f"ensembles-{claim}", OPEN, "This run has one network of a kind, and no ensemble.")
            for claim in CLAIMS
        ]
    images = f"{frame.idx.nunique()} images, networks fixed"
    radii = {case: wide(frame, "certified", *case) for case in cases(frame)}
    if any((table.mean() <= 0).any() for pair in radii.values() for table in pair):
        reason = f"Some network or ensemble certifies none of {images}: a gain over it in per cent has no meaning."
        return [Finding(f"ensembles-{claim}", OPEN, reason) for claim in CLAIMS]
    largest = frame.members.max()
    soft = {case: ensembles[largest] for case, (_, ensembles) in radii.items()}
    mean = {case: (soft[case], members.mean(axis=1)) for case, (members, _) in radii.items()}
    best = {case: (soft[case], members[members.mean().idxmax()]) for case, (members, _) in radii.items()}
    picked = " The best member is picked on these very images, so that gains over it are underestimates."
    return [
        _gain("mean", mean, largest, images),
        _gain("best", best, largest, images, picked),
        _size_of_the_gain(best, largest, images),
        _growth(radii, largest, images),
        _small_ones(frame, images),
    ]


def _gain(baseline: str, pairs: dict, largest: int, images: str, note: str = "") -> Finding:
    """The largest ensemble against its mean or best member, in every case."""
    decided = every(pairs, "above", relative_gain)
    own = [relative_gain(*pair).times(100) for pair in pairs.values()]
    sigma, experiment = decided.case
    reason = (
        f"The ensemble of {largest} gains {span([each.value for each in own], unit=' %')} in ACR over its {baseline} "
        f"member ({counted(own)}; {images}); weakest for {experiment} at sigma {sigma:g}.{note}"
    )
    estimate = decided.estimate.times(100)
    return Finding(f"ensembles-beats_{baseline}_member", decided.verdict, reason, *estimate, "% of ACR")


def _size_of_the_gain(pairs: dict, largest: int, images: str) -> Finding:
    """Whether the gains over the best member lie within the printed range, in every case."""
    low, high = PRINTED
    within = {"than": (low + high) / 200, "within": (high - low) / 200}
    decided = every(pairs, "equal", relative_gain, **within)
    own = [relative_gain(*pair).times(100) for pair in pairs.values()]
    inside = sum(each.low >= low and each.high <= high for each in own)
    level = 1 - 0.05 / len(pairs)  # of Bonferroni
    strict = [relative_gain(ensemble, single, level).times(100) for ensemble, single in pairs.values()]
    outside = sum(each.high < low or each.low > high for each in strict)
    sigma, experiment = decided.case
    reason = (
        f"Of {len(own)} gains of {largest} members over the best one {inside or 'no'} intervals lie within {low} to "
        f"{high} %, {outside or 'none'} outside at the level for {len(own)} at once ({images}; other data and networks than the "
        f"source's). The verdict's case: {experiment} at sigma {sigma:g}."
    )
    return Finding("ensembles-gain_range", decided.verdict, reason, *decided.estimate.times(100), "% of ACR")


def _growth(radii: dict, largest: int, images: str) -> Finding:
    """The gain of all members over their mean, less that of the first half of them over theirs, in every case.

    So the luck of which seeds come first cancels. In per cent of the mean member's ACR, that taken as fixed.
    """
    half, more = largest // 2, {}
    for case, (members, soft) in radii.items():
        every_member, first = members.mean(axis=1), members.loc[:, :half].mean(axis=1)
        more[case] = 100 * ((soft[largest] - every_member) - (soft[half] - first)) / every_member.mean()
    decided, own = every(more, "above"), [paired_mean(each) for each in more.values()]
    steps = np.array([np.diff(soft.mean()) for _, soft in radii.values()])
    sigma, experiment = decided.case
    reason = (
        f"The gain of {largest} members over their mean exceeds that of the first {half} over theirs by "
        f"{span([each.value for each in own], unit=' %')} of the ACR ({counted(own)}; {images}); least for {experiment} at "
        f"sigma {sigma:g}. Added in the order of the seeds, {(steps > 0).sum()} of {steps.size} further members raise the ACR "
        f"itself."
    )
    return Finding("ensembles-gain_grows", decided.verdict, reason, *decided.estimate, "% of ACR")


def _small_ones(frame: pd.DataFrame, images: str) -> Finding:
    """Three small networks against the mean single large one."""
    claim, versus = "ensembles-small_beat_large", small_against_large(frame)
    if versus.empty:
        return Finding(claim, OPEN, "This run has one architecture, and no larger one to compare with.")
    size = min(SMALL, frame.members.max())
    small, large = versus.experiment.iloc[0], versus.baseline.iloc[0].removeprefix("mean single ")
    pairs = {}
    for sigma in sorted(frame.sigma.unique()):
        soft, one = (
            wide(frame, "certified", sigma, small)[1][size],
            wide(frame, "certified", sigma, large)[0].mean(axis=1),
        )
        pairs[sigma] = (soft, one)
    decided = every(pairs, "above", relative_gain)
    alone = versus[versus.k == 1]
    reason = (
        f"{size} of {small} against the mean single {large}: {span(versus[versus.k == size].value, unit=' %')} in ACR "
        f"({images}); a single {small} differs from it by {span(alone.value, unit=' %')} already."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate.times(100), "% of ACR")


def draw(frames: Frames) -> Figure:
    """Above, both metrics against k for each level; below, the gains as a forest, and small networks against a large one."""
    import matplotlib.pyplot as plt

    against_k, gains, versus = frames["against_k"], frames["gains"], frames["versus"]
    sigmas = sorted(against_k.sigma.unique())
    figure = plt.figure(figsize=(max(3.9 * len(sigmas), 9), 10))
    above, below = cast("list[SubFigure]", figure.subfigures(2, 1, height_ratios=(2, 1)))
    _draw_curves(above, against_k)
    gain_axis, *others = below.subplots(1, 1 + bool(len(versus)), squeeze=False)[0]
    _draw_gains(gain_axis, gains)
    for axis in others:
        _draw_versus(axis, versus)
    return figure


def _draw_curves(figure: SubFigure, against_k: pd.DataFrame) -> None:
    """Rows: metrics; columns: levels."""
    sigmas, members = sorted(against_k.sigma.unique()), against_k.k.max()
    looks = style.looks(against_k.experiment.unique())
    panels = figure.subplots(2, len(sigmas), sharex=True, squeeze=False)
    labels = {ACR: "ACR [units of the [0, 1] image]", ACCURACY: r"certified accuracy at $r = \sigma$ [%]"}
    for (metric, label), axes in zip(labels.items(), panels):
        for sigma, axis in zip(sigmas, axes):
            part = against_k[(against_k.metric == metric) & (against_k.sigma == sigma)]
            for experiment, look in looks.items():
                _draw_curve(axis, part[part.experiment == experiment], look, experiment, 100 if metric != ACR else None)
            axis.set(xlim=(0.8, members + 0.5), xticks=range(1, members + 1))
        axes[0].set_ylabel(label)
    for sigma, top, bottom in zip(sigmas, *panels):
        top.set_title(f"$\\sigma$ = {sigma:g}")
        bottom.set_xlabel("members k")
    panels[0][0].legend(loc="lower right")
    legend = "level lines: mean member; rings: best member; bands: 95 %, paired with the mean member"
    figure.suptitle(f"Soft ensembles of k members ({legend})", x=0.01, ha="left", fontsize=10)


def _draw_curve(axis: Axes, part: pd.DataFrame, look: dict, label: str, most: float | None) -> None:
    """One experiment: its curve, the band of its gain, the level of its mean member, a ring at its best one."""
    colour = look["color"]
    axis.plot(part.k, part.value, ms=5, label=label, **look)
    low, high = (part.mean_member + part[end] for end in ("gain_low", "gain_high"))
    axis.fill_between(part.k, low, high.clip(upper=most), color=colour, alpha=0.15, lw=0)
    axis.axhline(part.mean_member.iloc[0], color=colour, lw=1, ls=look["ls"])
    ring = {"color": colour, "mfc": "none", "ms": 7, "clip_on": False}
    axis.plot(part.k.max() + 0.35, part.best_member.iloc[0], look["marker"], **ring)


def _draw_gains(axis: Axes, gains: pd.DataFrame) -> None:
    """The gain of the largest ensemble in every case, over the mean (filled) and the best member (open)."""
    named = [f"{row.experiment}, {row.sigma:g}" for row in gains.drop_duplicates(["sigma", "experiment"]).itertuples()]
    axis.axvspan(*PRINTED, color="0.88", lw=0, label="paper, 3 to 10 members")
    for (baseline, part), (shift, fill) in zip(
        gains.groupby("baseline", sort=False), ((-0.17, "black"), (0.17, "white"))
    ):
        arms = style.whiskers(part.value, part.low, part.high)
        look: dict = {"fmt": "o", "color": "black", "mfc": fill, "ms": 5, "lw": 1.2}
        axis.errorbar(part.value, np.arange(len(part)) + shift, xerr=arms, label=f"over the {baseline}", **look)
    axis.axvline(0, color="0.4", lw=1)
    axis.set_yticks(range(len(named)), named)
    axis.set(ylim=(len(named) - 0.5, -0.7 - 0.45 * len(named)), xlabel="gain in ACR [%], paired 95 % interval")
    axis.set_title(f"The ensemble of {gains.k.max()} against one of its members")
    axis.legend(loc="upper left", fontsize=8, frameon=True, edgecolor="none", framealpha=1)


def _draw_versus(axis: Axes, versus: pd.DataFrame) -> None:
    """Ensembles of small networks less one large network, against k."""
    lines = list(versus.groupby(["experiment", "sigma"], sort=False))
    for i, ((name, sigma), part) in enumerate(lines):
        x, arms = part.k + (i - (len(lines) - 1) / 2) * 0.12, style.whiskers(part.value, part.low, part.high)
        look: dict = {"fmt": "os^Dv"[i % 5], "color": f"C{(i + 2) % 7}", "ms": 5, "lw": 1.2}
        axis.errorbar(x, part.value, arms, label=f"{name}, {sigma:g}", **look)
    axis.axhline(0, color="0.4", lw=1)
    axis.set(xlabel="small members k", ylabel="difference in ACR [%]", xticks=range(1, versus.k.max() + 1))
    axis.set_title(f"k small ones minus {versus.baseline.iloc[0].replace('mean single', 'one')}")
    bottom, top = axis.get_ylim()
    axis.set_ylim(bottom - 0.08 * (len(lines) + 1) * (top - bottom), top)
    axis.legend(loc="lower right", fontsize=8)
