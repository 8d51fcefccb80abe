r"""Masking: certificates against a few changed pixels.

The union bound R p of the source, beside the exact probability that a mask keeps one of R changed pixels,
:math:`1 - (1 - p)^R`, and that of masks of a fixed size (Levine and Feizi 2020: exactly k of d pixels stay),
:math:`1 - {d - R \choose k} / {d \choose k}`; then what they certify for the masked networks of a run, if it has any. A pixel is
one position with all its channels; a radius is a whole number of pixels and holds for changes of any size in them. Intervals of
95 % over images; networks fixed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth import noise
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises._radii import share
from resmooth.smoothing import bounds
from resmooth.stats.decisions import FAILS, HOLDS, OPEN, counted, decide, in_words, some, span
from resmooth.stats.intervals import Estimate, from_error, paired_mean, paired_shares
from resmooth.theory.masks import FIXED, IID, UNION, changed, energies, limit, masks, radii

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.noise.mask import Mask
    from resmooth.plan import Run

CASES = ((784, 45), (3072, 75), (1024, 75), (64, 8))  # d pixels, of which k stay
MEASURED = (64, 8)  # the case whose masks are drawn
DRAWS, SEED, WITHIN = 20_000, 0, 0.01
TABLE_P = (0.6, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0)
TABLE_R = (1, 2, 4, 8, 16)
ACCURACY, DIFFERENCE = "certified accuracy [%]", "fixed minus independent [points]"


def needs(run: Run) -> dict[str, list[str]]:
    """The certificates of the first network of every case whose noise certifies changed pixels (l0), if any."""
    cases = [case for case in run.cases if not case.experiment.role and 0 in noise.NOISES[case.experiment.family].norms]
    return {"certificates": [run.paths.certificates(*case.key, "member-1") for case in cases]}


def compute(run: Run) -> Frames:
    """deltas, shown, reach, radii, moments, strict: theory; networks, accuracies, images, differences: those of the run."""
    paths = needs(run)["certificates"]
    frame = run.read_certificates(paths) if paths else pd.DataFrame(columns=["experiment", "sigma", "idx"])
    images = certified(frame)
    deltas = probabilities()
    return {
        "deltas": deltas,
        "shown": shown(deltas),
        "reach": reach(),
        "radii": table_of_radii(),
        "moments": moments(),
        "strict": strict_and_whole(),
        "images": images,
        "networks": networks(images),
        "accuracies": accuracies(images),
        "differences": differences(images),
    }


def probabilities() -> pd.DataFrame:
    """The most that a class probability can differ between images that differ in R pixels, by each bound."""
    parts = []
    for d, k in CASES:
        count = np.arange(min(d, math.ceil(1.1 * d / k)) + 1)
        about = {"part": "delta", "dim": d, "k": k}
        for bound, values in changed(d, k, count).items():
            parts.append(pd.DataFrame(about | {"bound": bound, "pixels": count, "value": values}))
    return pd.concat(parts, ignore_index=True)


def shown(deltas: pd.DataFrame) -> pd.DataFrame:
    """A few of these probabilities side by side."""
    few = deltas[deltas.pixels.isin(TABLE_R)]
    return few.pivot_table(index=["dim", "k", "pixels"], columns="bound", values="value", sort=False).reset_index()


def reach() -> pd.DataFrame:
    """Certified pixels against p_A."""
    tails, parts = np.geomspace(1e-4, 0.5, 801)[::-1], []
    for d, k in CASES:
        for bound, values in radii(d, k, 1 - tails).items():
            about = {"part": "radius", "dim": d, "k": k, "bound": bound}
            parts.append(pd.DataFrame(about | {"p_a": 1 - tails, "value": values}))
    return pd.concat(parts, ignore_index=True)


def table_of_radii() -> pd.DataFrame:
    """union / independent / fixed at some p_A, and the limit."""
    rows = []
    for d, k in CASES:
        values = {f"p_A = {p:g}": " / ".join(f"{value:.0f}" for value in radii(d, k, p).values()) for p in TABLE_P}
        rows.append(
            {"d": d, "k": k, "p = k/d": round(k / d, 5), **values, "log(1/2) / log(1-p)": round(limit(d, k), 2)}
        )
    return pd.DataFrame(rows)


def strict_and_whole() -> pd.DataFrame:
    """Where p_A = 1/2 + R p exactly, what is certified; and what not rounding down would add on average."""
    d, k = MEASURED
    p_a = np.linspace(0.5, 1, 100_001)
    lift = np.mean((p_a - 0.5) * d / k - masks(d, k)[0].union_radius(p_a))
    row = {
        "d": d,
        "k": k,
        "p_A": 0.75,
        "(p_A - 1/2) / p": (0.75 - 0.5) * d / k,
        "union radius": radii(d, k, 0.75)[UNION],
    }
    return pd.DataFrame([row | {"added by not rounding down": lift}])


def moments() -> pd.DataFrame:
    r""":math:`E|\epsilon|_2^2 = (1 - p) |x|_2^2` against the mean over drawn masks, for an image of random pixels."""
    d, k = MEASURED
    generator = np.random.default_rng(SEED)
    image = generator.random(d)
    expected, rows = (1 - k / d) * (image**2).sum(), []
    for name, squares in energies(image, k, DRAWS, generator).items():
        error = squares.std(ddof=1) / math.sqrt(DRAWS)
        rows.append((name, expected, squares.mean(), error, (squares.mean() - expected) / error))
    return pd.DataFrame(rows, columns=["mask", "(1 - p) |x|^2", "mean of |eps|^2", "standard error", "z"])


def certified(frame: pd.DataFrame) -> pd.DataFrame:
    """With columns family, name, pixels, p, kept, native, answered, and the radius that counts by each bound, -1 where
    none does.

    native   "fixed" for masks of a fixed size, else "iid": the exact bound of the noise itself
    fixed    of independent masks what the same p_A would certify under masks of k = p d pixels (nan where there are none)

    ValueError if the radii of the files do not follow from their p_lower.
    """
    parts = []
    for (experiment, sigma), part in frame.groupby(["experiment", "sigma"], sort=False):
        law = cast("Mask", noise.from_label(part.noise.iloc[0], int(part["dim"].iloc[0]), sigma))
        native, kept = (FIXED, law.k) if hasattr(law, "k") else (IID, round(law.p * law.pixels))
        answered, p_lower = ((part.predict >= 0) & (part.correct == 1)).to_numpy(), part.p_lower.to_numpy()
        values = {UNION: law.union_radius(p_lower), native: law.radius(p_lower)}
        if native == IID and 0 < kept < law.pixels:
            values[FIXED] = masks(law.pixels, kept)[1].radius(p_lower)
        values = {bound: np.where(answered, each, -1) for bound, each in values.items()}
        if not (values[native] == np.where(answered, part.radius, -1)).all():
            raise ValueError(
                f"{experiment} at level {sigma:g}: its radii do not follow from its p_lower; certify again"
            )
        name = " ".join(word for word in law.label.split() if not word.startswith("channels"))
        about = {"family": law.name, "name": name, "pixels": law.pixels, "p": law.p, "kept": kept, "native": native}
        nothing = dict.fromkeys((UNION, IID, FIXED), np.nan)
        parts.append(part.assign(**about | nothing | values | {"answered": answered, "exact": values[native]}))
    return pd.concat(parts, ignore_index=True) if parts else frame


def cases(images: pd.DataFrame) -> list:
    """((experiment, level), rows, noise) of the networks, in the order of the config."""
    if images.empty:
        return []
    groups = images.groupby(["experiment", "sigma"], sort=False)
    return [
        (case, part, noise.from_label(part.noise.iloc[0], int(part["dim"].iloc[0]), case[1])) for case, part in groups
    ]


def accuracies(images: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy at each number of pixels by each bound, with its Clopper-Pearson interval, in %."""
    rows = []
    for (experiment, sigma), part, law in cases(images):
        first = part.iloc[0]
        used = [UNION, first.native] + [FIXED] * (first.native == IID and bool(part[FIXED].notna().all()))
        for bound in used:
            for r in range(int(law.radius(1.0)) + 2):
                about = (experiment, law.name, sigma, first.kept, law.pixels, bound, r)
                rows.append((*about, *share(part[bound].to_numpy() >= r)))
    columns = ["experiment", "noise", "sigma", "kept", "pixels_of_image", "bound", "pixels", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def networks(images: pd.DataFrame) -> pd.DataFrame:
    """What the networks certify by both bounds; what their masks and their number of samples allow at all."""
    rows = []
    for (experiment, sigma), part, law in cases(images):
        most = bounds.clopper_pearson(part.n.max(), part.n.max(), part.alpha.max()) - law.slack
        answered, union, exact = part.answered, part[UNION], part.exact
        row = {"experiment": experiment, "noise": law.name, "level": sigma, "pixels": law.pixels}
        row |= {"kept (p d or k)": part.kept.iloc[0], "images": len(part), "correct": answered.sum()}
        row |= {"abstain": (part.predict < 0).sum(), "largest R": law.radius(1.0), "largest R with n": law.radius(most)}
        row |= {"n": part.n.max(), "largest p_A": part.p_lower[answered].max() if answered.any() else 0.0}
        row |= {"p_A for one pixel": 0.5 + law.changed(1), "mean R, union": union.clip(lower=0).mean()}
        row |= {"mean R, exact": exact.clip(lower=0).mean()}
        row |= {"mean R, not rounded down": ((part.p_lower - 0.5) / law.p).where(answered, 0).mean()}
        row |= {"gain": (exact > union).sum()}
        rows.append(row | {"fixed size would lose": (part[FIXED] < exact).sum()})
    return pd.DataFrame(rows)


def differences(images: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy of masks of fixed size less that of independent ones, each by its own exact bound, in points."""
    rows = []
    for sigma, part in images.groupby("sigma") if len(images) else ():
        wide = part.drop_duplicates(["family", "idx"]).pivot(index="idx", columns="family", values="exact").dropna()
        if {"mask", "ablation"} <= set(wide):
            for r in range(int(wide[["mask", "ablation"]].to_numpy().max()) + 1):
                shares = paired_shares(wide["ablation"].to_numpy() >= r, wide["mask"].to_numpy() >= r)
                rows.append((sigma, r, *shares.times(100)))
    return pd.DataFrame(rows, columns=["sigma", "pixels", "value", "low", "high"])


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    parts = [frames["deltas"], frames["reach"], frames["accuracies"].assign(part=ACCURACY)]
    parts.append(frames["differences"].assign(part=DIFFERENCE))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Of each masked network the share classified and certified against one pixel, by both bounds."""
    part = table[table.part == ACCURACY]
    rows = []
    for (experiment, sigma), each in part.groupby(["experiment", "sigma"], sort=False) if len(part) else ():
        native = IID if each.noise.iloc[0] == "mask" else FIXED
        row = {
            "experiment": experiment,
            "level": sigma,
            "kept": f"{each.kept.iloc[0]:.0f} of {each.pixels_of_image.iloc[0]:.0f}",
        }
        for r in (0, 1):
            for bound in (UNION, native):
                at = each[(each.bound == bound) & (each.pixels == r)].iloc[0]
                row[f"R = {r}, {'union' if bound == UNION else 'exact'} [%]"] = in_words(
                    at[["value", "low", "high"]], ".0f"
                )
        rows.append(row)
    return pd.DataFrame(rows)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    part = frames["images"]
    text = f"**Here.** Theory for {', '.join(f'{k} of {d}' for d, k in CASES)} pixels; "
    if part.empty:
        return text + "this run has no masked network."
    kinds = ", ".join(f"{name} at level {span(rows.sigma, 'g')}" for name, rows in part.groupby("name", sort=False))
    return text + (
        f"then the masked networks of this run: {kinds}; {part.idx.nunique()} images, n = {part.n.max():,}, alpha = "
        f"{part.alpha.max():g}. Level is the share of masked pixels, 1 - p. The source prints no certified accuracy "
        "to compare with."
    )


def findings(frames: Frames) -> list[Finding]:
    """The union bound, its condition, the energy of the noise, and that masking certifies anything; then the rest."""
    found = [_union(frames["deltas"]), _condition(frames), _energy(frames["moments"]), _certifies(frames["images"])]
    return found + [observation(text) for text in (_loose(frames), *_limits(frames["networks"]), *_sizes(frames))]


def _union(deltas: pd.DataFrame) -> Finding:
    """Exact: an interval of no width."""
    wide = deltas.pivot(index=["dim", "k", "pixels"], columns="bound", values="value")
    excess = round((wide[IID] - wide[UNION]).max(), 12)
    ratio = (wide[IID] / wide[UNION]).min()
    reason = (
        f"The exact probability that a mask keeps one of R changed pixels is at most the union bound R p in "
        f"{len(wide)} cases of d, k and R; it is down to {100 * ratio:.0f} % of it, with equality at R = 1."
    )
    if excess > 0:
        reason = f"The exact probability exceeds the union bound R p by {excess:.3g} in one of {len(wide)} cases."
    return Finding(
        "noises-mask_union_bound",
        FAILS if excess > 0 else HOLDS,
        reason,
        *Estimate(*[excess] * 3),
        "probability, exact less R p",
    )


def _condition(frames: Frames) -> Finding:
    """What p_A > 1/2 + R p certifies is certified by the exact probability too: in theory, and for every image of the run."""
    wide = frames["reach"].pivot(index=["dim", "k", "p_a"], columns="bound", values="value")
    excess, images = (wide[UNION] - wide[IID]).max(), frames["images"]
    where = f"{len(wide):,} pairs of a mask and a p_A"
    if len(images):
        excess, where = (
            max(excess, (images[UNION] - images.exact).max()),
            f"{where} and {len(images)} certificates of this run",
        )
    word = "never certifies more" if excess <= 0 else f"certifies up to {excess:.0f} pixels more"
    reason = f"The union bound {word} than the exact probability, in {where}."
    return Finding(
        "noises-mask_condition",
        HOLDS if excess <= 0 else FAILS,
        reason,
        *Estimate(*[excess] * 3),
        "pixels, union less exact",
    )


def _energy(moments: pd.DataFrame) -> Finding:
    row = moments.iloc[0]
    ratio = from_error(row["mean of |eps|^2"] / row["(1 - p) |x|^2"], row["standard error"] / row["(1 - p) |x|^2"])
    verdict = decide(ratio, "equal", than=1, within=WITHIN)
    reason = (
        f"Over {DRAWS:,} masks the mean of |eps|^2 is {in_words(ratio, '.4f')} of (1 - p) |x|^2, equal within "
        f"{100 * WITHIN:g} % by its interval, and for masks of a fixed size the same (z = {moments.z.iloc[1]:+.1f})."
    )
    if verdict != HOLDS:
        reason = f"Over {DRAWS:,} masks the mean of |eps|^2 is {in_words(ratio, '.4f')} of (1 - p) |x|^2."
    return Finding("noises-mask_energy", verdict, reason, *ratio, "of (1 - p) |x|^2")


def _certifies(images: pd.DataFrame) -> Finding:
    """Whether some masked network is certified by the union bound against one changed pixel, on more images than none."""
    claim = "noises-mask_robust"
    if images.empty:
        return Finding(claim, OPEN, "This run has no masked network.")
    hits = {case: (part[UNION].to_numpy() >= 1,) for case, part, _ in cases(images)}
    decided = some(hits, "above", share)
    name = images[(images.experiment == decided.case[0]) & (images.sigma == decided.case[1])].name.iloc[0]
    black = [100 * np.mean(hits[case][0]) for case, part, law in cases(images) if law.fill == 0]
    reason = (
        f"By the union bound {in_words(decided.estimate, '.0f', ' %')} of {len(hits[decided.case][0])} images are "
        f"certified against the change of any one pixel ({name}, level {decided.case[1]:g}; of {len(hits)} "
        f"network{'s' * (len(hits) > 1)} the best)."
    )
    if black:
        reason += f" With masked pixels set to 0, as the source has it, it is {span(black, '.0f', ' %')}."
    return Finding(claim, decided.verdict, reason, *decided.estimate, "% of images")


def _loose(frames: Frames) -> str:
    """How loose the union bound is, in theory and here; fixed size against independent in theory."""
    at_one = {case: radii(*case, 1.0) for case in CASES}
    apart = sum(each[IID] != each[FIXED] for each in at_one.values())
    pairs = ", ".join(
        f"{each[UNION]:.0f} instead of {each[IID]:.0f} pixels (d = {d}, k = {k})" for (d, k), each in at_one.items()
    )
    text = (
        f"With p_A = 1 the union bound certifies {pairs}. Masks of a fixed size certify as much as independent ones in "
        f"{len(CASES) - apart} of these {len(CASES)} cases and less in {apart}."
    )
    networks, images = frames["networks"], frames["images"]
    if len(networks):
        gains = [paired_mean(part.exact.clip(lower=0) - part[UNION].clip(lower=0)) for _, part, _ in cases(images)]
        text += (
            f" In this run the exact bound certifies more pixels for {networks.gain.sum()} of "
            f"{networks.correct.sum()} correct answers, over {len(networks)} network{'s' * (len(networks) > 1)} "
            f"({span([gain.value for gain in gains], '+.2f')} pixels on average; {counted(gains)})."
        )
    return text


def _limits(networks: pd.DataFrame) -> list[str]:
    """What the networks certify, and why some certify nothing."""
    if networks.empty:
        return []
    best = networks.loc[networks["mean R, exact"].idxmax()]
    found = [
        "No image is certified against the change of a single pixel, by either bound: the networks show clean accuracy alone."
    ]
    if best["mean R, exact"] > 0:
        found = [
            f"The largest mean radius over all images is {best['mean R, exact']:.2f} pixels ({best.experiment}, "
            f"level {best.level:g})."
        ]
    found += _more_masking(networks)
    hopeless, possible = (networks[part] for part in (networks["largest R"] == 0, networks["largest R"] > 0))
    if len(hopeless):
        found.append(
            f"At level {_levels(hopeless)} no classifier is certified, since a pixel is kept with probability 1/2 "
            f"or more; the radius that is not rounded down, {hopeless['mean R, not rounded down'].max():.2f} pixels "
            "on average there, certifies nothing."
        )
    if len(possible) and best["mean R, exact"] == 0:
        wanted = ", ".join(f"{p:.3f}" for p in sorted(set(possible["p_A for one pixel"])))
        found.append(
            f"At level {_levels(possible)} one pixel needs p_A above {wanted}, and the largest lower bound on the "
            f"p_A of a correct answer is {possible['largest p_A'].max():.3f}: so few pixels of such an image do not "
            "tell its class."
        )
    return found


def _more_masking(networks: pd.DataFrame) -> list[str]:
    """What more masking does to the share that is classified and to the radius, in means over the networks of a level."""
    right = (100 * networks.correct / networks.images).groupby(networks.level).mean()
    pixels = networks.groupby("level")["mean R, exact"].mean()
    if len(right) < 2:
        return []
    each = [f"{right[level]:.0f} % right and {pixels[level]:.2f} pixels at level {level:g}" for level in right.index]
    return [f"More masking leaves less to see, and lets the same p_A certify more pixels: {'; '.join(each)} (means)."]


def _levels(networks: pd.DataFrame) -> str:
    return ", ".join(f"{level:g}" for level in sorted(set(networks.level)))


def _sizes(frames: Frames) -> list[str]:
    """Masks of a fixed size against independent ones, both trained."""
    found = frames["differences"]
    if found.empty:
        return []
    apart = found[(found.low > 0) | (found.high < 0)]
    values = f"; {span(apart.value, '+.0f', ' points')}" if len(apart) else ""
    return [
        f"Fixed against independent size at one level: {len(apart)} of {len(found)} differences in certified "
        f"accuracy exclude zero (95 %, paired, one network each{values})."
    ]


def draw(frames: Frames) -> Figure:
    """Theory above: what can move, and the radius against p_A; below a panel for each network."""
    from resmooth.exhibits.noises._masking_drawing import figure_of

    return figure_of(frames)
