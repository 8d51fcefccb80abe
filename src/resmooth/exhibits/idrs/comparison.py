"""Input-dependent smoothing against one constant level.

For each base level sigma_b the same images under randomized smoothing (RS) at sigma_b and at the mean level of sigma(x), and
under input-dependent smoothing (IDRS) by a network trained at that mean level and by one trained with noise of level sigma(x).
DDRS (Alfarra et al. 2020) beside them: its radii are claims, its certified radius is 0. Differences are paired over the images,
networks fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _levels, _sigma
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats import spread
from resmooth.stats.decisions import OPEN, counted, every, some
from resmooth.stats.intervals import Estimate, paired_mean, paired_shares
from resmooth.stats.metrics import certified_accuracy, class_spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from resmooth.noise.idrs import InputDependent
    from resmooth.plan import Run

NAMES = {
    "constant": "RS, base level",
    "mean": "RS, mean level",
    "idrs_mean": "IDRS, network of the mean level",
    "idrs": "IDRS, network of variable noise",
}
OURS, THEIRS = ("idrs", "idrs_mean"), ("constant", "mean")
COLORS = dict(zip(NAMES, ("0.45", "C0", "C4", "C1")))
LINES = dict(zip(NAMES, ("-", "-", "--", "-")))
CLAIMED = "DDRS: claimed, not certified"
SHARES = (0.25, 0.5, 1.0, 1.5)  # radii at which accuracies are compared, in units of sigma_b
DRAWS = 2000  # of the bootstrap, and of labels shuffled


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of the four methods and the claims of DDRS at each base level, and the images; None without IDRS."""
    if not run.idrs:
        return None
    ddrs = [run.paths.measured("ddrs", run.idrs["constant"], base) for base in _sigma.bases(run)]
    return {role: _sigma.certificates(run, role) for role in NAMES} | {"ddrs": ddrs, "images": [_sigma.images(run)]}


def compute(run: Run) -> Frames:
    """images, claims: what each method and DDRS say of each image; summary, differences, curves: see the functions below."""
    law, files = _sigma.law(run, _sigma.read(run, "idrs")), cast("dict[str, list[str]]", needs(run))
    images = pd.concat([with_ceilings(_sigma.read(run, role), role, law) for role in NAMES], ignore_index=True)
    pixels = np.load(_sigma.images(run))["images"] / 255
    claims = pd.concat(
        [
            claimed(pd.read_csv(path, sep="\t").sort_values("idx"), float(base), pixels, law)
            for base, path in zip(_sigma.bases(run), files["ddrs"])
        ],
        ignore_index=True,
    )
    check_paired(images, claims)
    summary, differences = summarised(images, claims), paired(images)
    return {
        "images": images,
        "claims": claims,
        "summary": summary,
        "overview": overview(summary),
        "differences": differences,
        "paired": in_brackets(differences),
        "curves": curves(images, claims),
    }


def with_ceilings(frame: pd.DataFrame, role: str, law: InputDependent) -> pd.DataFrame:
    """The certificates of one role; `counted`: the radius, 0 where wrong; `ceiling`: the radius if all n votes agreed."""
    from resmooth import noise
    from resmooth.smoothing.idrs import certified_radius

    p = clopper_pearson(frame.n, frame.n, frame.alpha.iloc[0])
    if role in OURS:
        ceiling = certified_radius(p, frame.sigma, law.rate, law.dim)
    else:
        ceiling = [noise.make("normal", dim=law.dim, sigma=s).radius(q, norm=2) for s, q in zip(frame.sigma, p)]
    radii = np.where(frame.correct == 1, frame.radius, 0.0)
    return frame.assign(role=role, counted=radii, ceiling=np.asarray(ceiling, dtype=float))


def claimed(frame: pd.DataFrame, base: float, pixels: np.ndarray, law: InputDependent) -> pd.DataFrame:
    """The claims of DDRS from one base level.

    design    the r of sigma(x) in this run
    rate      steepest slope of log sigma between two images: no function through these levels is semi-elastic with less
    at_best   the certified radius at that rate, which falls as the rate grows: no such function certifies more
    """
    from resmooth.smoothing.idrs import certified_radius

    steepest = _sigma.slopes(frame.sigma.to_numpy(), pixels[frame.idx])
    rate = steepest.max() if len(steepest) else 0.0
    best = certified_radius(frame.p_lower.to_numpy(), frame.sigma.to_numpy(), rate, law.dim)
    return frame.assign(base=base, rate=rate, design=law.rate, at_best=best)


def check_paired(images: pd.DataFrame, claims: pd.DataFrame) -> None:
    """ValueError unless all methods have the same images with the same labels, in the same order."""
    parts = [part for _, part in images.groupby(["base", "role"])] + [part for _, part in claims.groupby("base")]
    for part in parts:
        if not np.array_equal(part[["idx", "label"]], parts[0][["idx", "label"]]):
            raise ValueError("the methods were certified on different images; certify all of them on the same ones")


def of(images: pd.DataFrame, base: float, role: str) -> pd.DataFrame:
    """The certificates of one method at one base level."""
    return images[(images.base == base) & (images.role == role)]


def summarised(images: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """A row for each base level and method.

    ceiling, highest ceiling   lowest and highest over the images
    ACR                        over all images, with its t interval
    spread                     standard deviation over the classes of their clean accuracy, abstentions counted as errors
    by chance                  what the few images of a class alone make of it, on average (their labels shuffled)
    """
    rows = []
    for base in images.base.unique():
        for role, name in NAMES.items():
            frame = of(images, base, role)
            estimate = paired_mean(frame.counted)
            row = {"sigma_b": base, "method": name} | _clean(frame) | {"ACR": estimate.value}
            row |= {"low": estimate.low, "high": estimate.high}
            row |= {f"{s:g} sigma_b [%]": 100 * certified_accuracy(frame, s * base) for s in SHARES}
            row |= {"ceiling": frame.ceiling.min(), "highest ceiling": frame.ceiling.max()}
            rows.append(row | {"largest radius": frame.counted.max()} | _unequal(frame))
        frame = claims[claims.base == base]
        row = {"sigma_b": base, "method": CLAIMED} | _clean(frame) | {"ACR": 0.0, "low": 0.0, "high": 0.0}
        row |= {f"{s:g} sigma_b [%]": 0.0 for s in SHARES} | {"largest radius": 0.0} | _unequal(frame)
        rows.append(row | {"mean claim": (frame.claimed_radius * frame.correct).mean()})
    return pd.DataFrame(rows).assign(part="summary")


def _clean(frame: pd.DataFrame) -> dict:
    clean = 100 * frame.correct.mean()
    return {"mean level": frame.sigma.mean(), "clean [%]": clean, "abstains": (frame.predict < 0).sum()}


def _unequal(frame: pd.DataFrame) -> dict:
    sizes = frame.groupby("label").size().to_numpy()
    shuffled = spread.by_chance(sizes, int(frame.correct.sum()), DRAWS, np.random.default_rng(0))
    chance = spread.observed(shuffled).mean() if len(sizes) > 1 else math.nan
    return {"spread": class_spread(frame), "by chance": chance}


def overview(summary: pd.DataFrame) -> pd.DataFrame:
    """`summary` for reading, intervals in brackets."""
    acr = [f"{row.ACR:.4f} ({row.low:.4f} to {row.high:.4f})" for row in summary.itertuples()]
    return summary.assign(ACR=acr).drop(columns=["low", "high", "abstains", "largest radius", "part"])


def variance_difference(one: pd.DataFrame, other: pd.DataFrame, level: float = 0.95) -> Estimate:
    """Variance over the classes of their true accuracies, chance taken out: the first less the second, in squared points.

    The same draws every time.
    """
    correct, generator = (one.correct == 1, other.correct == 1), np.random.default_rng(0)
    return spread.variance_difference(*correct, one.label, DRAWS, generator, level).times(1e4)


def paired(images: pd.DataFrame) -> pd.DataFrame:
    """Differences of IDRS less RS on the same images, for either network and either level, with intervals.

    ACR; clean accuracy and that at SHARES, in points; variance over the classes (bootstrap of the images within each class).
    """
    rows = []
    for base in images.base.unique():
        for role in OURS:
            for against in THEIRS:
                one, other = of(images, base, role), of(images, base, against)
                about = {"sigma_b": base, "method": NAMES[role], "against": NAMES[against]}
                rows += [about | {"metric": m} | each._asdict() for m, each in _metrics(one, other, base).items()]
    return pd.DataFrame(rows).assign(part="difference")


def _metrics(one: pd.DataFrame, other: pd.DataFrame, base: float) -> dict[str, Estimate]:
    """All differences of two methods."""
    found = {"ACR": paired_mean(one.counted.to_numpy() - other.counted.to_numpy())}
    found["clean [points]"] = paired_shares(one.correct == 1, other.correct == 1).times(100)
    for s in SHARES:
        reached = [(frame.correct == 1) & (frame.radius >= s * base) for frame in (one, other)]
        if reached[0].any() or reached[1].any():
            found[f"at {s:g} sigma_b [points]"] = paired_shares(*reached).times(100)
    return found | {"variance over classes [squared points]": variance_difference(one, other)}


def in_brackets(differences: pd.DataFrame) -> pd.DataFrame:
    """`differences` for reading: a row for each pair of methods, a column for each metric."""
    cells = [f"{row.value:+.3g} ({row.low:+.3g} to {row.high:+.3g})" for row in differences.itertuples()]
    index = ["sigma_b", "method", "against"]
    shown = differences.assign(cell=cells).pivot(index=index, columns="metric", values="cell")
    return shown[differences.metric.unique()].rename_axis(columns=None).reset_index()


def curves(images: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy [%] against the radius. Of DDRS it is 0; what it claims is in the column `claimed`."""
    parts = []
    for base in images.base.unique():
        claim = claims[claims.base == base].assign(radius=claims.claimed_radius)
        reach = max(images[images.base == base].counted.max(), claim.radius.max(), base / 10)
        radii = np.linspace(0, 1.05 * reach, 400)
        about = {"sigma_b": base, "method": CLAIMED, "radius": radii, "value": 0.0}
        parts.append(pd.DataFrame(about | {"claimed": 100 * certified_accuracy(claim, radii)}))
        for role, name in NAMES.items():
            value = 100 * certified_accuracy(of(images, base, role), radii)
            parts.append(pd.DataFrame({"sigma_b": base, "method": name, "radius": radii, "value": value}))
    return pd.concat(parts).assign(part="curve")


def table(frames: Frames) -> pd.DataFrame:
    """Summary, differences, curves."""
    return pd.concat([frames[name] for name in ("summary", "differences", "curves")], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """ACR of all methods at each base level, and of IDRS less RS at the mean level with its interval: one row each."""
    rows = []
    for base in table[table.part == "summary"].sigma_b.unique():
        part = table[(table.sigma_b == base) & (table.part == "summary")].set_index("method").ACR
        row = {"sigma_b": f"{base:g}", NAMES["constant"]: f"{part[NAMES['constant']]:.3f}"}
        row[NAMES["mean"]] = f"{part[NAMES['mean']]:.3f}"
        for role in ("idrs_mean", "idrs"):
            chosen = (table.part == "difference") & (table.sigma_b == base) & (table.metric == "ACR")
            chosen &= (table.method == NAMES[role]) & (table.against == NAMES["mean"])
            less = table[chosen].iloc[0]
            row[NAMES[role]] = f"{part[NAMES[role]]:.3f}"
            row[f"{NAMES[role]}: less RS, mean level"] = f"{less['value']:+.3f} [{less.low:+.3f}, {less.high:+.3f}]"
        rows.append(row)
    return pd.DataFrame(rows)


def here(frames: Frames) -> str:
    """Images, noise and samples."""
    images = frames["images"]
    one = images[images.role == "idrs"].iloc[0]
    return (
        f"{images.idx.nunique()} test images of {images.label.nunique()} classes, {one.dim:g} dimensions; "
        f"`{one.noise}`; n0 = {one.n0:g}, n = {one.n:,g}, alpha = {one.alpha:g}. One network for each row: seeds are "
        "in no interval."
    )


def findings(frames: Frames) -> list[Finding]:
    """What sigma(x) does to the three problems of a constant sigma, and whether it pays; ceilings; DDRS."""
    images, claims = frames["images"], frames["claims"]
    about = f"{images.idx.nunique()} images, paired; one network for each row"
    pairs = {
        (base, role): (of(images, base, role), of(images, base, "mean"))
        for base in images.base.unique()
        for role in ("idrs_mean", "idrs")
    }
    found = [_ceilings(images), _beyond(pairs, about), *_tradeoff(pairs, about), _fairness(pairs, about)]
    found.append(_needs_care(claims))
    less = frames["differences"]
    less = less[(less.method == NAMES["idrs"]) & (less.against == NAMES["constant"]) & (less.metric == "ACR")]
    more = "; ".join(
        f"sigma_b = {row.sigma_b:g} {said(Estimate(row.value, row.low, row.high))}" for row in less.itertuples()
    )
    found.append(
        observation(
            "Against RS at the base level, which has less noise, the ACR of IDRS (trained with variable noise) "
            f"differs by: {more} ({about}). What of this is due to more noise alone, the comparison at the mean level "
            "takes out."
        )
    )
    return [
        *found,
        *(observation(_ceiling_in_words(images, base)) for base in images.base.unique()),
        *_ddrs_in_words(claims),
    ]


def said(estimate: Estimate, unit: str = "", form: str = "+.3g") -> str:
    """A difference with its interval, and whether it is resolved, in words."""
    value, low, high = estimate
    if np.isnan(low):
        return f"{value:{form}}{unit} (no interval)" if np.isfinite(value) else "no value"
    resolved = "resolved" if estimate.sign() else "not resolved"
    return f"{value:{form}}{unit} ({low:{form}} to {high:{form}}, {resolved})"


def _cases_in_words(cases: dict, interval: Callable[..., Estimate], unit: str = "", form: str = "+.3g") -> str:
    """The estimate of each case, first by the network of the mean level, then by that of variable noise."""
    parts = []
    for role in ("idrs_mean", "idrs"):
        each = [
            f"{said(interval(*data), unit, form)} at sigma_b = {base:g}"
            for (base, r), data in cases.items()
            if r == role
        ]
        parts.append(f"by the {NAMES[role].removeprefix('IDRS, ')} {', '.join(each)}")
    return "; ".join(parts)


def _acr(one: pd.DataFrame, other: pd.DataFrame, level: float = 0.95) -> Estimate:
    """ACR of the first less that of the second."""
    return paired_mean(one.counted.to_numpy() - other.counted.to_numpy(), level)


def _accuracy(one: pd.DataFrame, other: pd.DataFrame, level: float = 0.95) -> Estimate:
    """Clean accuracy of the first less that of the second, in points."""
    return paired_shares(one.correct == 1, other.correct == 1, level).times(100)


def _tradeoff(pairs: dict, about: str) -> list[Finding]:
    """Both ends of the trade-off against constant noise of the same mean level, in every case; and ACR in some case."""
    radius, accuracy = every(pairs, "above", _acr), every(pairs, "above", _accuracy)
    reason = f"ACR of IDRS less RS at the mean level of sigma(x): {_cases_in_words(pairs, _acr)} ({about})."
    found = [Finding("idrs-eases_tradeoff_radius", radius.verdict, reason, *radius.estimate, "ACR")]
    values = _cases_in_words(pairs, _accuracy, " points")
    reason = f"Clean accuracy of IDRS less RS at the mean level: {values} ({about})."
    found.append(Finding("idrs-eases_tradeoff_accuracy", accuracy.verdict, reason, *accuracy.estimate, "points"))
    verdict, case, estimate = some(pairs, "above", _acr)
    if verdict == OPEN:  # the case that keeps it open, not the one that comes nearest to holding
        case = max(pairs, key=lambda each: _acr(*pairs[each]).high)
        estimate = _acr(*pairs[case])
    each = [_acr(*pair) for pair in pairs.values()]
    reason = (
        f"ACR of IDRS less RS at the mean level, base levels by networks: {counted(each)}. It is decided by sigma_b = "
        f"{case[0]:g} and the {NAMES[case[1]].removeprefix('IDRS, ')}: {said(estimate)} ({about})."
    )
    return [*found, Finding("idrs-can_be_useful", verdict, reason, *estimate, "ACR")]


def _fairness(pairs: dict, about: str) -> Finding:
    """Whether classes differ less under sigma(x)."""
    decided = every(pairs, "below", variance_difference)
    reason = (
        "Variance over the classes of their true clean accuracies, in squared points, IDRS less RS at the mean level: "
        f"{_cases_in_words(pairs, variance_difference, form='+.0f')} ({about}; bootstrap within the classes)."
    )
    return Finding("idrs-eases_unfairness", decided.verdict, reason, *decided.estimate, "squared points")


def _ceilings(images: pd.DataFrame) -> Finding:
    """Whether the ceiling differs between images, at every base level. Computed, no estimate."""
    claim, mine = "idrs-no_single_ceiling", images[images.role == "idrs"]
    if mine.idx.nunique() < 2:
        return Finding(claim, "not resolved", "One image only: its ceiling cannot differ from another's.")
    ends = mine.groupby("base").ceiling.agg(["min", "max"])
    least = (ends["max"] / ends["min"]).min()
    values = "; ".join(f"{low:.3f} to {high:.3f} at sigma_b = {base:g}" for base, low, high in ends.itertuples())
    reason = (
        f"The radius for all votes runs over the {mine.idx.nunique()} images from {values}; under a constant sigma it "
        "is one number. Computed from the levels, no estimate."
    )
    return Finding(claim, "holds" if least > 1 + 1e-9 else "fails", reason, least, least, least, "highest / lowest")


def _beyond(pairs: dict, about: str) -> Finding:
    """Whether images are certified beyond the one ceiling of RS at the mean level, which certifies none there, in every case."""
    beyond, at = {}, {}
    for case, (one, other) in pairs.items():
        ceiling = other.ceiling.max()
        beyond[case] = one.counted > ceiling * (1 + 1e-9)
        at[case] = 100 * (other.counted >= ceiling * (1 - 1e-9)).mean()
    decided = every(beyond, "above", _levels.share)
    values = "; ".join(
        f"{100 * each.mean():.0f} % at sigma_b = {base:g} by the {NAMES[role].removeprefix('IDRS, ')} (RS has "
        f"{at[base, role]:.0f} % at its ceiling)"
        for (base, role), each in beyond.items()
    )
    reason = (
        f"Images that IDRS certifies beyond the ceiling of RS at the mean level, where RS has none: {values} ({about})."
    )
    return Finding("idrs-eases_waterfalls", decided.verdict, reason, *decided.estimate, "% of images")


def _needs_care(claims: pd.DataFrame) -> Finding:
    """Whether the levels of DDRS, from some base level, change faster than the design's r allows: counted, no estimate.

    They may also do so between the images, which no sample of images shows: so the claim cannot fail here.
    """
    steepest = (claims.groupby("base").rate.first() / claims.groupby("base").design.first()).max()
    values = "; ".join(
        f"from {base:g} by up to {part.rate.iloc[0]:.3g}, so that of a mean claim of "
        f"{(part.claimed_radius * part.correct).mean():.4f} any semi-elastic sigma(x) through these levels certifies "
        f"at most {(part.at_best * part.correct).mean():.4f}"
        for base, part in claims.groupby("base")
    )
    reason = (
        f"DDRS changes log sigma per unit of distance between {claims.idx.nunique()} images {values}; the design's r "
        f"is {claims.design.iloc[0]:g}. Nothing bounds its levels between the images: what is certified is 0."
    )
    if not np.isfinite(steepest):
        return Finding("idrs-needs_care", "not resolved", reason)
    return Finding(
        "idrs-needs_care", "holds" if steepest > 1 else "not resolved", reason, *Estimate(*[steepest] * 3), "of r"
    )


def _ceiling_in_words(images: pd.DataFrame, base: float) -> str:
    """The ceilings of IDRS at one base level beside that of RS at the mean level, and how many images reach theirs."""
    plain, mine = of(images, base, "mean").ceiling.max(), of(images, base, "idrs")
    votes = 100 * (mine.n_top == mine.n).mean()
    return (
        f"Ceiling at sigma_b = {base:g}: {mine.ceiling.min():.3f} to {mine.ceiling.max():.3f} over the images, "
        f"against {plain:.3f} for RS at the mean level: no longer one drop for all images; {votes:.0f} % of the "
        "images reach theirs."
    )


def _ddrs_in_words(claims: pd.DataFrame) -> list[Finding]:
    """Levels and claims of DDRS from each base level."""
    found = []
    for base, part in claims.groupby("base", sort=False):
        changed = int((part.memory_claimed_radius != part.claimed_radius).sum())
        found.append(
            observation(
                f"DDRS from {base:g}: levels {part.sigma.min():.3f} to {part.sigma.max():.3f}, mean claim "
                f"{(part.claimed_radius * part.correct).mean():.4f}; certified: 0. The memory rule changes {changed} "
                f"of {len(part)} claims; it only compares the images that happened to come before."
            )
        )
    return found


def draw(frames: Frames) -> Figure:
    """Above, certified accuracy against the radius; below, ACR less that of RS, and the class-wise spread."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11.5, 7.2))
    above, below = figure.subfigures(2, 1, height_ratios=(4, 3.2), squeeze=False).flat
    _draw_curves(above, frames["curves"])
    gain, uneven = below.subplots(1, 2)
    _draw_gains(gain, frames["differences"])
    _draw_spread(uneven, frames["summary"])
    levels = frames["summary"].sigma_b.unique()
    for axis in (gain, uneven):
        axis.set_xticks(range(len(levels)), [f"{base:g}" for base in levels])
        axis.set(xlabel="$\\sigma_b$", xlim=(-0.5, len(levels) - 0.5))
    return figure


def _draw_curves(figure: SubFigure, curves: pd.DataFrame) -> None:
    """A panel for each base level."""
    levels = curves.sigma_b.unique()
    panels = np.atleast_1d(figure.subplots(1, len(levels), sharey=True))
    for base, axis in zip(levels, panels):
        part = {name: line for name, line in curves[curves.sigma_b == base].groupby("method")}
        axis.plot(part[CLAIMED].radius, part[CLAIMED].claimed, color="0.7", ls=":", lw=1.6, label=CLAIMED)
        for role, name in NAMES.items():
            axis.plot(part[name].radius, part[name].value, color=COLORS[role], ls=LINES[role], label=name)
        end = part[CLAIMED].radius.max()
        axis.set(title=f"$\\sigma_b$ = {base:g}", xlabel="$l_2$ radius", ylim=(0, 102), xlim=(0, end))
    panels[0].set_ylabel("certified accuracy [%]")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)


def _draw_gains(axis: Axes, differences: pd.DataFrame) -> None:
    """ACR of either network under sigma(x), less that of RS at either level."""
    acr = differences[differences.metric == "ACR"].set_index(["sigma_b", "method", "against"])
    bars: dict[str, Any] = {}
    for i, base in enumerate(differences.sigma_b.unique()):
        for j, (role, against) in enumerate((r, a) for r in OURS for a in THEIRS):
            row, open_ = acr.loc[(base, NAMES[role], NAMES[against])], against == "constant"
            look: dict[str, Any] = {"color": COLORS[role], "fmt": "s" if open_ else "o", "ms": 4.5, "lw": 1.4}
            look |= {"mfc": "white" if open_ else COLORS[role]}
            arms = np.reshape(style.whiskers(row["value"], row.low, row.high), (2, 1))
            bar = axis.errorbar(i + (j - 1.5) / 6, row["value"], arms, **look)
            label = f"{NAMES[role].replace(', network', ' (network')}) less {NAMES[against].replace(',', ' at')}"
            bars.setdefault(label, bar)
    axis.axhline(0, color="0.3", lw=1)
    axis.set(title="ACR: IDRS less RS, 95 % intervals", ylabel="difference")
    axis.legend(bars.values(), bars, fontsize=8, loc="best")


def _draw_spread(axis: Axes, summary: pd.DataFrame) -> None:
    """Class-wise spread of each method, and what chance makes of it."""
    for i, (_, part) in enumerate(summary.groupby("sigma_b", sort=False)):
        part = part.set_index("method")
        for j, (role, name) in enumerate(NAMES.items()):
            x, chance = i + (j - 1.5) / 6, part["by chance"][name]
            axis.bar(x, part.spread[name], 0.14, color=COLORS[role])
            mark = axis.plot(x + np.array([-0.07, 0.07]), [chance, chance], color="k", lw=1.4)[0]
    axis.set(title="Class-wise accuracy: standard deviation over the classes", ylabel="fraction")
    axis.legend([mark], ["by chance alone"], fontsize=8, loc="upper left")
