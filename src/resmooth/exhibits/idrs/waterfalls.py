"""The waterfalls of certified accuracy.

Certified accuracy against the radius, one curve for each constant sigma, up to the ceiling sigma Phi^-1(alpha^(1/n)) that n
samples allow; and the share of the images that stand at it, by which the curve drops there at once. This run's first network, and
the logs of Cohen et al. 2019. Images are a random sample, the networks fixed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from resmooth.audit.checks import radius_ceiling
from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _levels
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.decisions import every, in_words
from resmooth.stats.intervals import Estimate, paired_bounded, paired_shares
from resmooth.stats.metrics import certified_accuracy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike
    from pandas.api.typing import DataFrameGroupBy

    from resmooth.plan import Run

POINTS = 161  # of a curve
TAIL = 0.1  # the last tenth of the radii, up to the ceiling
NEAR = 0.99  # of the ceiling: a log without votes; the next radius is 2 % lower


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs."""
    return _levels.needs(run)


def compute(run: Run) -> Frames:
    """images: what each log or table says of each image; ceilings, curves: see the functions below."""
    parts = []
    for source, series in _levels.own(run).items():
        parts += [
            at_ceiling(frame, source, s, int(frame.n.max()), float(frame.alpha.max())) for s, frame in series.items()
        ]
    for source, series in _levels.published(run, _levels.COHEN).items():
        made = _levels.alphas(series)
        parts += [at_ceiling(log, source, s, _levels.N, made.alpha[s], bool(made.told[s])) for s, log in series.items()]
    images = pd.concat(parts, ignore_index=True)
    ceilings = heights(images)
    return {"images": images, "ceilings": ceilings, "curves": curves(images, ceilings)}


def at_ceiling(frame: pd.DataFrame, source: str, sigma: float, n: int, alpha: float, told: bool = True) -> pd.DataFrame:
    """The images of one table, with the `ceiling` of n samples at alpha, and whether each stands there: all votes for one class.

    A log does not print votes: there, a radius above `NEAR` of the ceiling. `counted`: its radius, rounding at the ceiling
    undone. `told`: whether alpha is known.
    """
    ceiling = radius_ceiling(sigma, n, alpha)
    top = frame.n_top == frame.n if "n_top" in frame else frame.radius > NEAR * ceiling
    images = frame[["idx", "radius"]].assign(correct=frame.correct.astype(bool), top=top)
    about = {"source": source, "sigma": sigma, "n": n, "alpha": alpha, "told": told, "ceiling": ceiling}
    return images.assign(counted=images.radius.mask(top, ceiling), **about)


def cases(images: pd.DataFrame) -> DataFrameGroupBy:
    """((source, sigma, n, alpha, told, ceiling), its images) of all there are, in their order."""
    return images.groupby(["source", "sigma", "n", "alpha", "told", "ceiling"], sort=False)


def heights(images: pd.DataFrame) -> pd.DataFrame:
    """How far each curve drops at its ceiling: images that are correct with all votes, in % of all (Clopper-Pearson interval).

    `of correct`: the same in % of the correct ones. `largest`: the largest radius of a correct image.
    """
    rows = []
    for (source, sigma, n, alpha, told, ceiling), part in cases(images):
        held, correct = int((part.top & part.correct).sum()), part.correct
        row = {"source": source, "sigma": sigma, "images": len(part), "n": n, "alpha": alpha, "told": told}
        row |= {"ceiling": ceiling, "largest": part.radius[correct].max() if correct.any() else 0.0}
        row |= {"value": 100 * (held / len(part))} | ends(held, len(part))
        rows.append(row | {"of correct": 100 * held / correct.sum() if correct.any() else math.nan})
    return pd.DataFrame(rows)


def curves(images: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy [%] at radii up to the ceiling, with the Clopper-Pearson interval at each."""
    parts = []
    for ((source, sigma, *_), part), ceiling in zip(cases(images), ceilings.ceiling):
        radii = np.linspace(0, ceiling, POINTS)
        certified = np.rint(len(part) * certified_accuracy({"correct": part.correct, "radius": part.counted}, radii))
        about = {
            "part": "curve",
            "source": source,
            "sigma": sigma,
            "radius": radii,
            "value": 100 * certified / len(part),
        }
        parts.append(pd.DataFrame(about | ends(certified, len(part))))
    return pd.concat(parts, ignore_index=True)


def ends(count: ArrayLike, images: int) -> dict:
    """The Clopper-Pearson interval of a count, or of an array of counts, of `images`, in per cent."""
    low, high = clopper_pearson(count, images, 0.05, side="both")
    return {"low": 100 * low, "high": 100 * high}


def table(frames: Frames) -> pd.DataFrame:
    """Curves, then ceilings."""
    return pd.concat([frames["curves"], frames["ceilings"].assign(part="ceiling")], ignore_index=True)


def beyond(images: pd.DataFrame, source: str) -> dict[tuple[float, float], Estimate]:
    """(sigma, the next larger) -> what that certifies more at the smaller one's ceiling, in points, on the same images.

    Only where the smaller one's curve drops there.
    """
    parts = {sigma: part for (name, sigma, *_), part in cases(images) if name == source}
    found = {}
    for (sigma, one), (larger, other) in zip(parts.items(), list(parts.items())[1:]):
        both = one.merge(other, on="idx", suffixes=("", "_next"))
        held = (both.counted >= both.ceiling) & both.correct
        if (one.top & one.correct).any() and len(both):
            more = (both.counted_next >= both.ceiling) & both.correct_next
            found[sigma, larger] = paired_shares(more, held).times(100)
    return found


def here(frames: Frames) -> str:
    """The run, and the logs beside it."""
    own, *others = frames["ceilings"].groupby("source", sort=False)
    name, first = own
    text = f"{name.capitalize()}, one network for each sigma, {first.images.max()} images, n = {first.n.max():,}, "
    text += f"alpha = {first.alpha.max():g}"
    if others:
        text += f"; and {sum(len(part) for _, part in others)} logs that Cohen et al. published, with n = {_levels.N:,}"
    text += (
        ". Each network is certified with the noise that it was trained with. Radii are in units of the [0, 1] image; "
    )
    return text + "abstentions count as errors." + _levels.absent(frames["ceilings"].source.unique())


def findings(frames: Frames) -> list[Finding]:
    """The ceiling and the fall before it on this run; what each source shows; what sets the ceiling."""
    images, ceilings = frames["images"], frames["ceilings"]
    own, *others = ceilings.source.unique()
    mine = {sigma: part for (source, sigma, *_), part in cases(images) if source == own}
    found = [_ends_at_ceiling(mine), _falls_at_its_end(mine)]
    found += [observation(_seen(images, ceilings, source)) for source in (own, *others)]
    found += [observation(text) for text in (_levels_of_logs(ceilings, own), _what_sets_it(ceilings)) if text]
    return [
        *found,
        observation(
            "Not resolved: how robust the images at a ceiling are beyond it, since such a certificate cannot say; and whether "
            "another training run would drop as far, since one network stands for each sigma. The slides' picture itself was not "
            "available: its data and levels are not compared."
        ),
    ]


def _ends_at_ceiling(mine: dict[float, pd.DataFrame]) -> Finding:
    """No radius beyond the ceiling, at any level of this run: a count, not an estimate."""
    most = max((part.radius / part.ceiling).max() for part in mine.values())
    certified = sum((part.radius > 0).sum() for part in mine.values())
    beyond_it = sum((part.radius > part.ceiling * (1 + 1e-9)).sum() for part in mine.values())
    reason = (
        f"Of {certified:,} radii at {len(mine)} level{'s' * (len(mine) > 1)} {beyond_it or 'none'} lie beyond sigma "
        f"Phi^-1(alpha^(1/n)); the largest is {most:.3f} of it. Counted, without an interval: all images, not a sample of them."
    )
    if not certified:
        return Finding("idrs-waterfall_ceiling", "not resolved", "Nothing is certified at any level of this run.")
    return Finding(
        "idrs-waterfall_ceiling", "fails" if beyond_it else "holds", reason, most, most, most, "of the ceiling"
    )


def _falls_at_its_end(mine: dict[float, pd.DataFrame]) -> Finding:
    """Whether a curve loses more in the last tenth of the radii than the tenth that a straight line would lose there."""
    late = {
        sigma: (part.correct & (part.counted >= (1 - TAIL) * part.ceiling)) - TAIL * part.correct
        for sigma, part in mine.items()
    }
    decided = every(late, "above", paired_bounded)
    lost = [
        f"{100 * (each + TAIL * mine[sigma].correct).mean():.0f} of {100 * mine[sigma].correct.mean():.0f} %"
        for sigma, each in late.items()
    ]
    reason = (
        f"Certified accuracy lost in the last tenth of the radii, at sigma {', '.join(f'{s:g}' for s in mine)}: "
        f"{', '.join(lost)} ({len(next(iter(mine.values())))} images); more than a tenth of the whole is asked, and sigma "
        f"{decided.case:g} decides."
    )
    return Finding("idrs-waterfall_drop", decided.verdict, reason, *decided.estimate.times(100), "points above a tenth")


def _seen(images: pd.DataFrame, ceilings: pd.DataFrame, source: str) -> str:
    """What happens at each ceiling of one source, and what the next larger sigma certifies there, in words."""
    ends = []
    for row in ceilings[ceilings.source == source].itertuples():
        if row.value > 0:
            fall = f"{row.value:.0f} % ({row.low:.0f} to {row.high:.0f} %)"
            ends.append(f"at sigma {row.sigma:g} from {fall} to 0 at r = {row.ceiling:.3f}")
        else:
            last = f"the largest radius is {row.largest:.3f}" if row.largest else "none is certified at all"
            none = f"no image is at the ceiling of {row.ceiling:.3f} (at most {row.high:.1f} %)"
            ends.append(f"at sigma {row.sigma:g} {none}, and {last}")
    text = f"{source[0].upper() + source[1:]}: the curve falls {'; '.join(ends)}."
    places = ceilings[ceilings.source == source].set_index("sigma").ceiling
    more = [
        f"sigma {larger:g} {in_words(gain, unit=' points')} at r = {places[smaller]:.3f}"
        for (smaller, larger), gain in beyond(images, source).items()
    ]
    return text + (f" The next larger sigma against it there, on the same images: {'; '.join(more)}." if more else "")


def _levels_of_logs(ceilings: pd.DataFrame, own: str) -> str:
    """Logs made at another alpha than the paper states, in words; "" if there is none."""
    odd = ceilings[ceilings.told & (ceilings.source != own) & (ceilings.alpha != _levels.ALPHA)]
    if odd.empty:
        return ""
    places = [f"{source} at sigma {', '.join(f'{s:g}' for s in part.sigma)}" for source, part in odd.groupby("source")]
    text = f"Found in the logs: the paper states alpha = {_levels.ALPHA:g}; made at "
    text += f"{', '.join(f'{a:g}' for a in sorted(odd.alpha.unique()))}, with higher ceilings: {'; '.join(places)}."
    untold = [f"{row.source} at sigma {row.sigma:g}" for row in ceilings[~ceilings.told].itertuples()]
    return text + (f" Not told by its log: {'; '.join(untold)}." if untold else "")


def _what_sets_it(ceilings: pd.DataFrame) -> str:
    """The ceiling in units of sigma, and how many samples twice as high a one would take; how many curves reach theirs."""
    n, alpha = int(ceilings.n.max()), ceilings.alpha.min()
    z = radius_ceiling(1, n, alpha)
    more = math.log(alpha) / special.log_ndtr(2 * z)
    fallen = (ceilings.value > 0).sum()
    text = (
        f"What sets the ceiling is n and alpha, not the network: {z:.2f} sigma at n = {n:,} and alpha = {alpha:g}. Twice as "
        f"high a ceiling would take n = {more:.0e} samples for each image. Curves that drop to 0 at their ceiling: {fallen} of "
        f"{len(ceilings)}."
    )
    ended = len(ceilings) - fallen
    return text + (f" Curves that end before it, no image having all votes for its class: {ended}." if ended else "")


def draw(frames: Frames) -> Figure:
    """A panel of curves for each source, and one with the heights of the drops."""
    import matplotlib.pyplot as plt

    ceilings = frames["ceilings"]
    sources, levels = list(ceilings.source.unique()), sorted(ceilings.sigma.unique())
    looks = {s: {"color": f"C{i % 7}", "ls": style.LINES[i // 7 % 4]} for i, s in enumerate(levels)}
    rows = math.ceil((len(sources) + 1) / 2)
    figure, axes = plt.subplots(rows, 2, figsize=(11.5, 4.4 * rows))
    *panels, drop = axes.flat[: len(sources) + 1]
    for source, axis in zip(sources, panels):
        _draw_curves(axis, ceilings[ceilings.source == source], frames["curves"], looks)
        axis.set(title=source if source == sources[0] else f"{source}: logs of Cohen et al.", ylim=(0, 102))
    _draw_heights(drop, ceilings, sources, levels)
    for axis in axes.flat[len(sources) + 1 :]:
        axis.set_axis_off()
    return figure


def _draw_curves(axis: Axes, ceilings: pd.DataFrame, curves: pd.DataFrame, looks: dict) -> None:
    """The curves of one source, each to its ceiling."""
    for row in ceilings.itertuples():
        part, look = curves[(curves.source == row.source) & (curves.sigma == row.sigma)], looks[row.sigma]
        name = f"$\\sigma$ = {row.sigma:g}: {row.ceiling:.2f}"
        axis.plot([*part.radius, row.ceiling], [*part.value, 0], label=name, **look)
        axis.fill_between(part.radius, part.low, part.high, color=look["color"], alpha=0.13, lw=0)
        axis.axvline(row.ceiling, color=look["color"], ls=":", lw=1)
        if row.value > 0:
            axis.plot(row.ceiling, row.value, "o", ms=5, color=look["color"])
    axis.set_xlim(0, 1.04 * ceilings.ceiling.max())
    axis.set_xlabel("radius r [units of the [0, 1] image]")
    axis.set_ylabel("certified accuracy at r [%]")
    box = {"frameon": True, "edgecolor": "none", "framealpha": 1, "borderaxespad": 0}
    axis.legend(title="ceiling (dotted)", alignment="left", loc="upper right", bbox_to_anchor=(0.95, 1), **box)


def _draw_heights(axis: Axes, ceilings: pd.DataFrame, sources: list[str], levels: list[float]) -> None:
    """Images at the ceiling, against the level."""
    for i, source in enumerate(sources):
        part = ceilings[ceilings.source == source]
        x = np.array([levels.index(s) for s in part.sigma]) + 0.16 * (i - (len(sources) - 1) / 2)
        look: dict[str, Any] = {
            "fmt": "os^"[i % 3],
            "ms": 5.5,
            "lw": 1.3,
            "capsize": 2,
            "color": ("0.1", "0.45", "0.65")[i % 3],
        }
        axis.errorbar(x, part.value, style.whiskers(part.value, part.low, part.high), label=source, **look)
    axis.set_xticks(range(len(levels)), [f"{s:g}" for s in levels])
    axis.set(title="Height of the drop at the ceiling", xlabel="$\\sigma$", ylabel="images at the ceiling [% of all]")
    axis.set(xlim=(-0.5, len(levels) - 0.5), ylim=(-2, max(10, 1.25 * ceilings.high.max())))
    axis.legend(loc="upper right")
