r"""Does averaging networks reduce the variance of the margin as the formula says?

The margin of a mean of k networks over noise has the variance :math:`\sigma^2(k) = \frac{1 + \zeta (k - 1)}{k} \sigma^2(1)`.
zeta is the mean covariance of two members over the mean variance of one (`resmooth.theory.variance`). With zeta from the same
draws the formula, averaged over all subsets of k members, is an identity; so zeta is taken from one half of the draws and
compared with the other half, and with the ensembles that exist: the first k = 1..K seeds. Variances are relative to the mean
one of a member.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.stats.decisions import OPEN, every, span
from resmooth.stats.intervals import Estimate, bootstrap_percentile, image_weights
from resmooth.theory.variance import correlation, ensemble_variance, variance_ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Experiment, Run

RESAMPLES = 2000
SEED = 0
WITHIN = 0.05  # the formula is taken to hold where it errs by less, in units of the variance of one member
SMALL = 0.5  # zeta below it is called small; the source prints no value
MEASURED, SUBSETS, FORMULA = "measured", "all subsets", "model"


def needs(run: Run) -> dict[str, list[str]] | None:
    """The margins of all ensembles; None below two members: one has no correlation."""
    if not (run.several and "margins" in run.config):
        return None
    return {"margins": [run.paths.measured("margins", *key) for key in _keys(run)]}


def compute(run: Run) -> Frames:
    """covariances: of the margins at each image; ratios, zetas: the formula and what was measured, with intervals."""
    frame = pd.concat(
        [
            pd.read_parquet(run.paths.measured("margins", *key)).assign(sigma=float(key[1]), experiment=key[0])
            for key in _keys(run)
        ],
        ignore_index=True,
    )
    generator, ratios, zetas = np.random.default_rng(SEED), [], []
    for case in cases(frame):
        first, second = halves(frame, *case)
        weights = image_weights(len(first), RESAMPLES, generator) / len(first)
        about = dict(zip(("sigma", "experiment"), case))
        ratios.append(pd.concat([pooled(first, second, weights), each_image(first, second)]).assign(**about))
        zetas.append(about | zeta_of(first, weights))
    columns = ["sigma", "experiment", "series", "k", "value", "low", "high"]
    return {
        "covariances": frame[["sigma", "experiment", "idx", "half", "draws", "covariance"]],
        "ratios": pd.concat(ratios, ignore_index=True)[columns],
        "zetas": pd.DataFrame(zetas),
    }


def _keys(run: Run) -> list[tuple[str, str]]:
    """(experiment, level): levels ascending, experiments in the order of the config."""
    levels = sorted(cast("Experiment", run.first).sigmas, key=float)
    return [(each.name, sigma) for sigma in levels for each in run.ensembles]


def cases(frame: pd.DataFrame) -> list[tuple[float, str]]:
    """(sigma, experiment) in the order of the frame."""
    return list(frame[["sigma", "experiment"]].drop_duplicates().itertuples(index=False, name=None))


def halves(frame: pd.DataFrame, sigma: float, experiment: str) -> tuple[np.ndarray, np.ndarray]:
    """Margin covariances of the members at each image, from the two halves of the draws: two arrays [images, K, K]."""
    part = frame[(frame.sigma == sigma) & (frame.experiment == experiment)].sort_values("idx")
    flat = [np.stack(list(half)) for _, half in part.groupby("half").covariance]
    first, second = (half.reshape(len(half), round(half.shape[1] ** 0.5), -1) for half in flat)
    return first, second


def formula(covariance: np.ndarray) -> np.ndarray:
    """The formula with the zeta of covariances [..., K, K], for k = 1..K: [..., K]. Of mean covariances: all subsets' mean."""
    return variance_ratio(correlation(covariance)[..., None], np.arange(1, covariance.shape[-1] + 1))


def measured(covariance: np.ndarray) -> np.ndarray:
    """Variance of the mean margin of the first k members over the mean variance of a member: [..., K]."""
    sizes = np.arange(1, covariance.shape[-1] + 1)
    mean_variance = np.trace(covariance, axis1=-2, axis2=-1) / len(sizes)
    return np.stack([ensemble_variance(covariance, k) for k in sizes], axis=-1) / mean_variance[..., None]


def quantities(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """Formula from half 1; measured and mean over all subsets from half 2; what these exceed the formula by. Each [..., K]."""
    values = {FORMULA: formula(first), MEASURED: measured(second), SUBSETS: formula(second)}
    return values | {f"{name} - {FORMULA}": values[name] - values[FORMULA] for name in (MEASURED, SUBSETS)}


def pooled(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """`quantities` of covariances averaged over the images, with percentile intervals over resamples of images [B, images].

    Images with large margins weigh more. All quantities see the same resamples, so that differences are paired.
    """
    value = quantities(first.mean(0), second.mean(0))
    replicates = quantities(*(np.tensordot(weights, half, axes=1) for half in (first, second)))
    parts = []
    for series in value:
        estimate = bootstrap_percentile(value[series], replicates[series])
        k = np.arange(1, len(estimate.value) + 1)
        parts.append(pd.DataFrame({"series": f"pooled: {series}", "k": k, **estimate._asdict()}))
    return pd.concat(parts)


def each_image(first: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    """The formula with the zeta of each image, and its error there: median and the range of the middle 80 % of the images."""
    parts, values = [], quantities(first, second)
    for series in (FORMULA, f"{MEASURED} - {FORMULA}"):
        low, middle, high = np.percentile(values[series], [10, 50, 90], axis=0)
        k = np.arange(1, len(middle) + 1)
        parts.append(
            pd.DataFrame({"series": f"per image: {series}", "k": k, "value": middle, "low": low, "high": high})
        )
    return pd.concat(parts)


def zeta_of(first: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """zeta, pooled with its interval and over the images; the largest over the smallest variance of a member (pooled)."""
    zeta = bootstrap_percentile(correlation(first.mean(0)), correlation(np.tensordot(weights, first, axes=1)))
    low, middle, high = np.percentile(correlation(first), [10, 50, 90])
    variances = np.diag(first.mean(0))
    about = {"zeta": zeta.value, "low": zeta.low, "high": zeta.high, "10 %": low, "median": middle, "90 %": high}
    return about | {"largest / smallest variance": variances.max() / variances.min()}


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    return frames["ratios"]


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame, ratios = frames["covariances"], frames["ratios"]
    levels = ", ".join(f"{sigma:g}" for sigma in frame.sigma.unique())
    return (
        f"**Here.** {', '.join(frame.experiment.unique())} at sigma = {levels}, {ratios.k.max()} seeds each, "
        f"{frame.idx.nunique()} images, margins over 2 x {frame.draws.min():,} noise draws that all members share."
    )


def bootstrapped(
    statistic: Callable[..., np.ndarray], first: np.ndarray, second: np.ndarray, level: float = 0.95
) -> Estimate:
    """A number statistic(mean covariance of half 1, of half 2) with its percentile interval over resamples of the images.

    `statistic` maps [..., K, K] twice to [...]. nan ends for a single image, of which all resamples are alike.
    """
    value = statistic(first.mean(0), second.mean(0))
    if len(first) < 2:
        return Estimate(value, np.nan, np.nan)
    weights = image_weights(len(first), RESAMPLES, np.random.default_rng(SEED)) / len(first)
    replicates = statistic(*(np.tensordot(weights, half, axes=1) for half in (first, second)))
    return bootstrap_percentile(value, replicates, level)


def findings(frames: Frames) -> list[Finding]:
    """The formula for the ensembles that exist, the size of zeta, and the fall of the variance."""
    frame, ratios, zetas = (frames[name] for name in ("covariances", "ratios", "zetas"))
    data = {case: halves(frame, *case) for case in cases(frame)}
    images = f"{frame.idx.nunique()} images, networks fixed"
    return [
        _formula(data, ratios, zetas, images),
        _small(data, zetas, images),
        _falls(data, images),
        _identity(ratios),
        observation(
            "This zeta is the paper's zeta_p, the correlation over the noise. Its zeta_c, over the draw of the "
            "training seeds at a fixed image, is zero by construction for independent seeds and cannot be estimated "
            "at one image."
        ),
    ]


def _formula(data: dict, ratios: pd.DataFrame, zetas: pd.DataFrame, images: str) -> Finding:
    """The first k seeds against the formula. k = 1 and k = K are left out: there it is an identity but for the draws."""
    claim, unit = "ensembles-variance_formula", "of the variance of one member"
    members = ratios.k.max()
    if members < 3:
        reason = "With two members the formula is an identity but for the noise draws; this run has no more."
        return Finding(claim, OPEN, reason)

    def error(k):
        return lambda first, second: measured(second)[..., k - 1] - formula(first)[..., k - 1]

    tried = {(case, k): (error(k), *own) for case, own in data.items() for k in range(2, members)}
    decided = every(tried, "equal", bootstrapped, within=WITHIN)
    (sigma, experiment), k = decided.case
    gaps = ratios[(ratios.series == f"pooled: {MEASURED} - {FORMULA}") & (ratios.k > 1) & (ratios.k < members)]
    off = ((gaps.low > 0) | (gaps.high < 0)).sum()
    reason = (
        f"For the ensembles of the first 2 to {members - 1} seeds the formula, with zeta from other noise draws, errs "
        f"by up to {gaps.value.abs().max():.3f} (allowed here: {WITHIN:g}); {off} of {len(gaps)} intervals exclude "
        f"zero ({images}). Members do not have equal variances: largest over smallest up to "
        f"{zetas['largest / smallest variance'].max():.2f}. Decided by k = {k} of {experiment} at sigma {sigma:g}."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate, unit)


def _small(data: dict, zetas: pd.DataFrame, images: str) -> Finding:
    """zeta against `SMALL`, in every case."""
    tried = {case: (lambda first, second: correlation(first), *own) for case, own in data.items()}
    decided = every(tried, "below", bootstrapped, than=SMALL)
    reason = (
        f"Pooled over the images zeta is {span(zetas.zeta, '.2f')} (intervals within {zetas.low.min():.2f} to "
        f"{zetas.high.max():.2f}; {images}), where small is taken to mean below {SMALL:g}; by the formula no number "
        f"of members gets below {100 * zetas.zeta.min():.0f} % of the variance of one."
    )
    return Finding("ensembles-small_zeta", decided.verdict, reason, *decided.estimate, "correlation")


def _falls(data: dict, images: str) -> Finding:
    """The variance of the largest ensemble over the mean one of its members."""
    members = len(next(iter(data.values()))[0][0])
    tried = {case: (lambda first, second: measured(second)[..., -1], *own) for case, own in data.items()}
    decided = every(tried, "below", bootstrapped, than=1)
    sigma, experiment = decided.case
    kept = [100 * measured(second.mean(0))[-1] for _, second in data.values()]
    steps = np.array([np.diff(measured(second.mean(0))) for _, second in data.values()])
    reason = (
        f"{members} members keep {span(kept, '.0f', ' %')} of the variance of one ({images}); most in {experiment} at "
        f"sigma {sigma:g}. Added in the order of the seeds, {(steps > 0).sum()} of {steps.size} further members raise "
        "it."
    )
    return Finding(
        "ensembles-variance_falls", decided.verdict, reason, *decided.estimate, "of the variance of one member"
    )


def _identity(ratios: pd.DataFrame) -> Finding:
    """Fresh draws, all subsets: nothing but the finite number of draws can fail here."""
    members = ratios.k.max()
    subsets = ratios[(ratios.series == f"pooled: {SUBSETS} - {FORMULA}") & (ratios.k > 1)]
    alone = ratios[(ratios.series == f"per image: {MEASURED} - {FORMULA}") & (ratios.k == members)]
    return observation(
        "On fresh draws the formula predicts the variance averaged over all subsets to within "
        f"{subsets.value.abs().max():.3f} of the variance of one member (pooled); at single images the middle 80 % of "
        f"the errors at k = {members} lie within {max(-alone.low.min(), alone.high.max()):.3f}. That much is an "
        "identity but for the draws."
    )


def draw(frames: Frames) -> Figure:
    """Above, the ratio against k for each level; below, measured minus formula."""
    import matplotlib.pyplot as plt

    ratios = frames["ratios"]
    sigmas, names = sorted(ratios.sigma.unique()), list(ratios.experiment.unique())
    shape: dict = {"sharex": True, "sharey": "row", "squeeze": False}
    figure, panels = plt.subplots(2, len(sigmas), figsize=(max(3.9 * len(sigmas), 9), 7.6), **shape)
    fine = np.linspace(1, ratios.k.max(), 100)
    for sigma, (ratio, error) in zip(sigmas, panels.T):
        for i, name in enumerate(names):
            part = ratios[(ratios.sigma == sigma) & (ratios.experiment == name)]
            if len(part):
                series = {key: lines for key, lines in part.groupby("series")}
                _draw_case(ratio, error, series, name, i, (i - (len(names) - 1) / 2) * 0.12)
        ratio.plot(fine, 1 / fine, color="0.4", lw=1, ls=":", label=r"uncorrelated ($\zeta$ = 0)")
        error.axhline(0, color="0.4", lw=1)
        top = max(1.5, 1.08 * ratios.high.max())
        ratio.set(title=f"$\\sigma$ = {sigma:g}", ylim=(0, top), xticks=np.arange(1, ratios.k.max() + 1))
        error.set_xlabel("members k")
    panels[0][0].set_ylabel(r"variance ratio $\sigma^2(k)\,/\,\sigma^2(1)$")
    panels[1][0].set_ylabel("measured minus formula")
    panels[0][0].legend(loc="upper right", fontsize=8)
    kinds = [plt.Line2D([], [], color="0.3", marker="o", ls="none", ms=5, mfc=fill) for fill in ("0.3", "white")]
    panels[1][0].legend(kinds, ["the first k seeds", "mean over all subsets of k"], loc="upper right", fontsize=8)
    note = "bands: formula with the zeta of each image, middle 80 % of images; bars: 95 %, resampling images"
    figure.suptitle(f"Lines: formula, pooled zeta of half 1; {note}", x=0.01, ha="left", fontsize=10)
    return figure


def _draw_case(ratio: Axes, error: Axes, series: dict[str, pd.DataFrame], name: str, i: int, shift: float) -> None:
    """One experiment at one level, in its two panels."""
    look: dict = {"ls": "none", "ms": 5, "lw": 1.2, "color": f"C{i % 7}", "marker": style.MARKERS[i % 4]}
    line, spread, dots = (series[key] for key in ("pooled: model", "per image: model", "pooled: measured"))
    ratio.fill_between(spread.k, spread.low, spread.high, color=look["color"], alpha=0.13, lw=0)
    ratio.plot(line.k, line.value, style.LINES[i % 4], color=look["color"], label=f"formula, {name}")
    arms = style.whiskers(dots.value, dots.low, dots.high)
    ratio.errorbar(dots.k + shift, dots.value, arms, label=f"measured, {name}", **look)
    for key, fill, aside in ((MEASURED, look["color"], 0), (SUBSETS, "white", 0.06)):
        gap = series[f"pooled: {key} - {FORMULA}"]
        arms = style.whiskers(gap.value, gap.low, gap.high)
        error.errorbar(gap.k + shift + aside, gap.value, arms, mfc=fill, **look)
