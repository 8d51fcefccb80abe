"""What ensembles/efficient_certification says of the claims: what the methods save, and whether they decide alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.ensembles._efficient_numbers import cases, kinds_of, methods, runs_of, saved, sizes_of
from resmooth.smoothing import bounds
from resmooth.stats.decisions import HOLDS, counted, every, some, span
from resmooth.stats.intervals import Estimate

CLAIMED = 55  # times fewer samples, at most, in the source's abstract
CLAIMED_CEILING = 91  # what the paper's schedule could save at most: 100,100 / 1,100 samples
NEARLY = 0.95  # share of images decided alike from which on decisions are called nearly the same


def findings(frames: Frames) -> list[Finding]:
    """What adaptive sampling and K-consensus save, and whether they decide alike."""
    frame, results = frames["decisions"], frames["results"]
    sizes, runs = sizes_of(frame), runs_of(frame)
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
        f"TimeRF is {span(seconds / calls, '.2f')} times the factor of evaluations: each copy was evaluated once, on "
        "cores that other jobs may have shared; a procedure is charged what the members that it asks took then, and its own work."
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
