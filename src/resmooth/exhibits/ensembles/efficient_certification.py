r"""Certifying a pre-set radius with fewer network evaluations.

K-consensus: where the first K of k members agree on a noisy copy, that is the answer, and only elsewhere the others are
asked. Adaptive sampling (CertifyAdp): a radius fixed beforehand is certified or given up in stages of more and more samples.
Two rules that the paper does not have stand beside it: Clopper-Pearson on one growing sample with a union bound over the
looks, and a confidence sequence. All err with probability at most alpha for an image, and are compared with CERTIFY by the
full ensemble (the fixed rule).

SampleRF: samples of the fixed rule over those drawn, all images together. KCR: per cent of the samples that K members
decide. Evaluations: network calls of the fixed rule over those made; a sample costs k, with K-consensus K + (1 - KCR)(k - K)
on average. TimeRF: the same for seconds. Intervals resample the images; they have no width where all images stop at the
same number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.classifiers.names import aggregation_of
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.ensembles import _efficient_drawing
from resmooth.smoothing import bounds, sequential
from resmooth.smoothing.certificates import Certificates
from resmooth.stats.decisions import HOLDS, counted, every, some, span
from resmooth.stats.intervals import Estimate, bootstrap_percentile, image_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

RESAMPLES = 5000
SEED = 0
CLAIMED = 55  # times fewer samples, at most, in the source's abstract
CLAIMED_CEILING = 91  # what the paper's schedule could save at most: 100,100 / 1,100 samples
NEARLY = 0.95  # share of images decided alike from which on decisions are called nearly the same
METHODS = {  # name: (which classifier, rule)
    "consensus, all samples": ("consensus", "fixed"),
    "adaptive": ("soft", "adaptive"),
    "adaptive + consensus": ("consensus", "adaptive"),
    "union bound": ("soft", "union_bound"),
    "confidence sequence": ("soft", "confidence_sequence"),
}
BASELINE = ("soft", "fixed")
ALL_RADII = "images alike at every radius [%]"


def needs(run: Run) -> dict[str, list[str]] | None:
    """The decisions of all ensembles; None below two members."""
    if not (run.several and "decide" in run.config):
        return None
    return {"procedures": [run.paths.measured("procedures", *key) for key in _keys(run)]}


def compute(run: Run) -> Frames:
    """decisions: of each image; stages: their cost; results, overview: what each method does; alike: agreement at all radii."""
    parts = []
    for key in _keys(run):
        part = pd.read_parquet(run.paths.measured("procedures", *key))
        parts.append(part.assign(sigma=float(key[1]), experiment=key[0]))
    frame = pd.concat(parts).sort_values("idx", kind="stable", ignore_index=True)
    frame["aggregation"], frame["number"] = zip(*frame.classifier.map(aggregation_of))
    frame["r"] = (frame.radius / frame.sigma).round(6)
    frame["experiment"] = pd.Categorical(frame.experiment, [each.name for each in run.ensembles])
    results = results_of(runs_of(frame), _sizes(frame))
    return {
        "decisions": frame,
        "stages": stage_costs(frame, run.config["decide"]["n0"], run.config["decide"]["stages"]),
        "results": results,
        "alike": alike_at_every_radius(kinds_of(runs_of(frame))),
        "overview": summary(results),
    }


def _keys(run: Run) -> list[tuple[str, str]]:
    """(experiment, level) of all ensembles."""
    return [(each.name, sigma) for each in run.ensembles for sigma in each.sigmas]


def _sizes(frame: pd.DataFrame) -> tuple[int, int, int]:
    """(k members of the full ensemble, K that must agree or 0, samples of the fixed rule)."""
    asked = frame[frame.aggregation == "consensus"].number
    fixed = frame.samples[frame.rule == "fixed"].iloc[0]
    return int(frame[frame.aggregation == "soft"].number.iloc[0]), int(asked.max()) if len(asked) else 0, int(fixed)


def runs_of(frame: pd.DataFrame) -> dict[tuple, pd.DataFrame]:
    """(sigma, experiment, r, which classifier, rule) -> the decisions on all images; experiments in the order of the config."""
    by = ["experiment", "sigma", "r", "aggregation", "rule"]
    parts = frame.groupby(by, observed=True)
    return {(sigma, experiment, *rest): part.set_index("idx") for (experiment, sigma, *rest), part in parts}


def cases(runs: dict) -> list[tuple[float, str, float]]:
    """(sigma, experiment, r) of all decisions: experiments in the order of the config, then levels, then radii."""
    return list(dict.fromkeys(key[:3] for key in runs))


def methods(runs: dict) -> dict[str, tuple[str, str]]:
    """The METHODS that this run has: without K-consensus some are left out."""
    return {name: which for name, which in METHODS.items() if any(key[3:] == which for key in runs)}


def stage_costs(frame: pd.DataFrame, n0: int, stages: list[int]) -> pd.DataFrame:
    """Samples of an image up to and with each stage of CertifyAdp, and how many decisions fell there."""
    adaptive = frame[frame.rule == "adaptive"]
    numbers = range(1, len(stages) + 1)
    cost = np.cumsum([n0 + size for size in stages])
    return pd.DataFrame(
        {"stage": numbers, "samples": cost, "decisions": [(adaptive.stage == i).sum() for i in numbers]}
    )


def compared(ours: pd.Series, theirs: pd.Series) -> pd.Series:
    """How decisions on each image (class, or -1) compare with others: same, lost, gained, or another class."""
    words = np.select([ours == theirs, ours == -1, theirs == -1], ["same", "lost", "gained"], "other class")
    return pd.Series(words, index=ours.index)


def kinds_of(runs: dict) -> dict[tuple, pd.DataFrame]:
    """(sigma, experiment, method) -> each image (rows) at each radius (columns), compared with the fixed rule of all members."""
    found: dict[tuple, dict[float, pd.Series]] = {}
    for sigma, experiment, r in cases(runs):
        theirs = runs[sigma, experiment, r, *BASELINE].predict
        for method, which in methods(runs).items():
            ours = runs[sigma, experiment, r, *which].predict
            found.setdefault((sigma, experiment, method), {})[r] = compared(ours, theirs)
    return {key: pd.DataFrame(columns) for key, columns in found.items()}


def percent(count: int, trials: int) -> tuple[float, float, float]:
    """count of trials in per cent with its 95 % Clopper-Pearson interval."""
    return 100 * count / trials, *(100 * np.array(bounds.clopper_pearson(count, trials, 0.05, "both")))


def saved(samples: np.ndarray, fixed: int, weights: np.ndarray | None = None, level: float = 0.95) -> Estimate:
    """SampleRF: samples of the fixed rule over those drawn, all images together; percentile interval over resampled images.

    `weights` [B, images] of the resamples; without them the ends are nan for a single image, of which all resamples are alike.
    """
    if weights is None and len(samples) < 2:
        return Estimate(fixed / samples.mean(), np.nan, np.nan)
    if weights is None:
        weights = image_weights(len(samples), RESAMPLES, np.random.default_rng(SEED)) / len(samples)
    value = fixed * len(samples) / samples.sum()
    return bootstrap_percentile(value, fixed / (weights @ samples), level)


def results_of(runs: dict, sizes: tuple[int, int, int]) -> pd.DataFrame:
    """All measures of each method at each radius, one a line. `sizes` as of `_sizes`."""
    rows, images = [], len(next(iter(runs.values())))
    weights = image_weights(images, RESAMPLES, np.random.default_rng(SEED)) / images
    for sigma, experiment, r in cases(runs):
        baseline = runs[sigma, experiment, r, *BASELINE]
        for method, which in methods(runs).items():
            own = runs[sigma, experiment, r, *which]
            for line in measures(own, baseline, which, sizes, weights):
                rows.append((sigma, experiment, r, method, *line))
    return pd.DataFrame(rows, columns=["sigma", "experiment", "r", "method", "metric", "value", "low", "high"])


def measures(
    own: pd.DataFrame, baseline: pd.DataFrame, which: tuple[str, str], sizes: tuple[int, int, int], weights: np.ndarray
) -> Iterator[tuple[str, float, float, float]]:
    """Yield (metric, value, low, high) of one method at one radius. `sizes` as of `_sizes`, `weights` [B, images]."""
    (k, asked, fixed), (aggregation, rule) = sizes, which
    value, low, high = saved(own.samples.to_numpy(), fixed, weights)
    agreed = own.agreed.iloc[0]
    calls = k if aggregation == "soft" else asked + (1 - agreed) * (k - asked)
    yield "SampleRF", value, low, high
    yield "evaluations", value * k / calls, low * k / calls, high * k / calls
    yield "TimeRF", baseline.seconds.iloc[0] / own.seconds.iloc[0], np.nan, np.nan
    if aggregation != "soft":
        yield "KCR [%]", 100 * agreed, np.nan, np.nan
    kinds = compared(own.predict, baseline.predict)
    yield "agreement [%]", *percent((kinds == "same").sum(), len(own))
    for name in ("lost", "gained", "other class"):
        yield f"{name} [images]", (kinds == name).sum(), np.nan, np.nan
    if rule == "adaptive":
        columns = {name: own[name].to_numpy() for name in ("predict", "samples", "stage")}
        decisions = Certificates(**columns)
        for number, shares in enumerate(sequential.stage_shares(decisions), start=1):
            for name, share in zip(("certified", "abstained"), shares):
                yield f"{name} at stage {number} [%]", 100 * share, np.nan, np.nan


def alike_at_every_radius(compared: dict) -> pd.DataFrame:
    """Images decided alike at all radii. Decisions of one image hang together, images do not: the interval counts images."""
    rows = [
        (*case, ALL_RADII, *percent((kinds == "same").all(axis=1).sum(), len(kinds)))
        for case, kinds in compared.items()
    ]
    return pd.DataFrame(rows, columns=["sigma", "experiment", "method", "metric", "value", "low", "high"])


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    return pd.concat([frames["results"], frames["alike"]], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The table of docs/replication.md: what each method saves over CERTIFY, and how it decides, all networks and radii."""
    rows, differ = [], [f"{name} [images]" for name in ("lost", "gained", "other class")]
    for method in table.method.unique():
        by = dict(iter(table[table.method == method].groupby("metric").value))
        row = {"method": method}
        row |= {name: span(by[name], ".1f") for name in ("SampleRF", "evaluations", "KCR [%]") if name in by}
        row |= {"decided alike [%]": f"{by['agreement [%]'].mean():.1f}"} | {
            name: int(by[name].sum()) for name in differ
        }
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame, stages = frames["decisions"], frames["stages"]
    k, asked, fixed = _sizes(frame)
    levels, radii = (", ".join(f"{x:g}" for x in sorted(frame[name].unique())) for name in ("sigma", "r"))
    costs = ", ".join(f"{row.samples:,} by stage {row.stage}" for row in stages.itertuples())
    consensus = f"K = {asked}{' (a single model)' * (asked == 1)}." if asked else "This run leaves K-consensus out."
    return (
        f"**Here.** Soft ensembles of k = {k} ({', '.join(frame.experiment.cat.categories)}), sigma = {levels}, radii "
        f"{radii} sigma, {frame.idx.nunique()} images. The fixed rule (CERTIFY) draws {fixed:,} samples of an image; "
        f"CertifyAdp draws {costs}. So it saves at most a factor of {fixed / stages.samples.iloc[0]:.1f}, and an "
        f"image of stage {stages.stage.iloc[-1]} costs {stages.samples.iloc[-1] / fixed:.2f} times the fixed rule. "
        f"{consensus}"
    )


def findings(frames: Frames) -> list[Finding]:
    """What adaptive sampling and K-consensus save, and whether they decide alike."""
    frame, results = frames["decisions"], frames["results"]
    sizes, runs = _sizes(frame), runs_of(frame)
    drawn = {method: samples_of(runs, which) for method, which in methods(runs).items()}
    agreed = {method: agreement(kinds_of(runs), method) for method in drawn}
    by = dict(iter(results.groupby(["metric", "method"])))
    found = [
        _adaptive(drawn["adaptive"], by["SampleRF", "adaptive"], sizes),
        _printed(drawn["adaptive"], by["SampleRF", "adaptive"], frames["stages"], sizes),
        _alike("ensembles-adaptive_decides_alike", agreed["adaptive"]),
    ]
    if sizes[1]:
        found += [
            _consensus(by, sizes),
            _alike("ensembles-consensus_decides_alike", agreed["consensus, all samples"]),
            _both(by["evaluations", "adaptive + consensus"].value, agreed["adaptive + consensus"][0]),
        ]
    return [
        *found,
        _no_free_lunch(drawn["adaptive"], sizes),
        _time(results),
        _beyond(drawn, agreed),
        _differences(frame),
    ]


def samples_of(runs: dict, which: tuple[str, str]) -> dict[tuple, np.ndarray]:
    """(sigma, experiment, r) -> samples that a method drew for each image."""
    return {case: runs[*case, *which].samples.to_numpy() for case in cases(runs)}


def _overall(drawn: dict[tuple, np.ndarray]) -> float:
    """Mean samples of an image, all networks, radii and images together."""
    return np.concatenate(list(drawn.values())).mean()


def _adaptive(drawn: dict[tuple, np.ndarray], factors: pd.DataFrame, sizes: tuple[int, int, int]) -> Finding:
    """SampleRF of CertifyAdp at every radius of every ensemble."""
    decided = every(drawn, "above", _factor(sizes[2]), than=1)
    sigma, experiment, r = decided.case
    own = [Estimate(*row) for row in factors[["value", "low", "high"]].itertuples(index=False)]
    reason = (
        f"SampleRF is {span(factors.value, '.1f')} ({counted(own, 1)}; {len(drawn[decided.case])} images), "
        f"{sizes[2] / _overall(drawn):.1f} over everything; least at r = {r:g} sigma, {experiment}, sigma {sigma:g}."
    )
    return Finding("ensembles-adaptive_saves", decided.verdict, reason, *decided.estimate, "times fewer samples")


def _factor(fixed: int) -> Callable[..., Estimate]:
    """SampleRF as an interval function of `every`."""
    return lambda samples, level: saved(samples, fixed, level=level)


def _printed(drawn: dict, factors: pd.DataFrame, stages: pd.DataFrame, sizes: tuple[int, int, int]) -> Finding:
    """The abstract's factor: another schedule has another ceiling, and then it can be neither reached nor missed."""
    ceiling, largest = sizes[2] / stages.samples.iloc[0], factors.loc[factors.value.idxmax()]
    words = (
        f"The largest factor is {largest.value:.1f}, {100 * largest.value / ceiling:.0f} % of the {ceiling:.1f} that "
        f"this run's schedule allows; the source's {CLAIMED} is {100 * CLAIMED / CLAIMED_CEILING:.0f} % of its "
        f"{CLAIMED_CEILING}"
    )
    claim, unit, value = "ensembles-adaptive_55_fold", "times fewer samples", (largest.value, largest.low, largest.high)
    if ceiling < CLAIMED:
        reason = f"{words}. How many images the first stage decides depends on data, radius and schedule."
        return Finding(claim, "not comparable", reason, *value, unit)
    decided = some(drawn, "above", _factor(sizes[2]), than=CLAIMED)
    return Finding(claim, decided.verdict, f"{words} ({len(drawn[decided.case])} images).", *decided.estimate, unit)


def agreement(compared: dict, method: str) -> tuple[str, int, int]:
    """How often a method decides like the fixed rule of all members: in words; images alike in everything, and all images."""
    kinds = pd.concat([own for (*_, name), own in compared.items() if name == method], axis=1)
    counts = dict(zip(*np.unique(kinds.to_numpy().astype(str), return_counts=True)))
    others = ", ".join(f"{counts[name]} {name}" for name in ("lost", "gained", "other class") if name in counts)
    whole = int((kinds == "same").all(axis=1).sum())
    same = f"{counts.get('same', 0)} of {kinds.size} decisions ({others or 'no difference'})"
    return f"{same} and in every one on {whole} of {len(kinds)} images", whole, len(kinds)


def _alike(claim: str, agreed: tuple[str, int, int]) -> Finding:
    """Share of the images that a method decides like the fixed rule at every radius, by every ensemble."""
    words, whole, images = agreed
    decided = every({claim: (whole, images)}, "above", _share, than=NEARLY)
    reason = (
        f"It agrees with the fixed rule of the full ensemble in {words}; nearly the same is taken to mean more than "
        f"{100 * NEARLY:.0f} % of the images, and {images} images leave a wide interval."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate.times(100), "% of images")


def _share(count: int, trials: int, level: float) -> Estimate:
    """A share with its Clopper-Pearson interval."""
    return Estimate(count / trials, *bounds.clopper_pearson(count, trials, 1 - level, side="both"))


def _consensus(by: dict, sizes: tuple[int, int, int]) -> Finding:
    """Network calls of K-consensus with the samples of the fixed rule."""
    k, asked, _ = sizes
    factors, shares = by["evaluations", "consensus, all samples"], by["KCR [%]", "consensus, all samples"].value
    least = factors.loc[factors.value.idxmin()]
    verdict = HOLDS if least.low > 1 else "fails" if least.high < 1 else "not resolved"
    reason = (
        f"The first {asked} of {k} members agree on {span(shares, '.1f', ' %')} of the samples, which saves a factor "
        f"of {span(factors.value, '.1f')} of at most {k / asked:.1f}. The share counts all samples of all images, so "
        "that it has no interval."
    )
    return Finding("ensembles-consensus_saves", verdict, reason, least.value, unit="times fewer evaluations")


def _both(factors: pd.Series, agreed: str) -> Finding:
    """Adaptive sampling and K-consensus together."""
    return observation(
        f"Adaptive sampling with K-consensus saves a factor of {span(factors, '.1f')} of the evaluations and agrees "
        f"with the fixed rule of the full ensemble in {agreed}. K-consensus is another classifier than the full "
        "ensemble: its certificates are sound for itself."
    )


def _no_free_lunch(drawn: dict[tuple, np.ndarray], sizes: tuple[int, int, int]) -> Finding:
    """Where the stages cost more than they save."""
    late, total = sum((samples > sizes[2]).sum() for samples in drawn.values()), sum(map(len, drawn.values()))
    radii = len({r for *_, r in drawn})
    return observation(
        f"Adaptive sampling is no free lunch: {late} of {total} decisions cost more than the fixed rule, whose one "
        f"set of samples moreover serves every radius; for all {radii} radii asked in turn the factor is "
        f"{sizes[2] / _overall(drawn) / radii:.1f}."
    )


def _time(results: pd.DataFrame) -> Finding:
    """TimeRF over the factor of evaluations."""
    seconds, calls = (results[results.metric == metric].value.to_numpy() for metric in ("TimeRF", "evaluations"))
    return observation(
        f"TimeRF is {span(seconds / calls, '.2f')} times the factor of evaluations: seconds were measured once, on "
        "cores that other jobs may have shared, and small batches are slow."
    )


def _beyond(drawn: dict, agreed: dict) -> Finding:
    """The two rules that the paper does not have."""
    own = _overall(drawn["adaptive"])
    rules = "; ".join(
        f"the rule '{method}' draws 1/{own / _overall(drawn[method]):.1f} of the samples of CertifyAdp and agrees in "
        f"{agreed[method][0]}"
        for method in ("union bound", "confidence sequence")
    )
    return observation(f"Beyond the paper: {rules}.")


def _differences(frame: pd.DataFrame) -> Finding:
    """What a difference means."""
    return observation(
        "Where rules differ none need be wrong: each errs with probability at most alpha, but near the threshold one "
        "certifies what another cannot. All see the same noise, so that luck makes them differ less than two runs of "
        f"one rule on fresh noise. {frame.idx.nunique()} images leave wide intervals, which do not cover the choice "
        "of networks."
    )


def draw(frames: Frames) -> Figure:
    """Factors saved, KCR, stages and agreement: see `_efficient_drawing`."""
    frame, stages = frames["decisions"], frames["stages"]
    k, asked, fixed = _sizes(frame)
    facts = {"k": k, "asked": asked, "ceiling": fixed / stages.samples.iloc[0]}
    facts |= {"paper": (CLAIMED, CLAIMED_CEILING), "stages": list(stages.stage[stages.decisions > 0])}
    return _efficient_drawing.figure(frames["results"], frames["alike"], list(methods(runs_of(frame))), facts)
