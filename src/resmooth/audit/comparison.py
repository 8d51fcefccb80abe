"""Compare a printed number with this run's, if the run repeats the source's experiment, with intervals on both sides.

Otherwise (`resmooth.audit.setting`) the verdict is "not comparable", and the reason names what differs.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from resmooth.audit import checks
from resmooth.audit.claims import ACCURACIES, MEASURED
from resmooth.audit.setting import differences, matching, members
from resmooth.stats.intervals import Estimate
from resmooth.storage.names import aggregation_of

if TYPE_CHECKING:
    from resmooth.plan import Experiment, Run

# A number holds if the interval leaves no larger difference: points of a share of the images, or a share of the printed ACR.
POINTS, SHARE = 5.0, 0.1
Z = 1.96  # standard errors on either side of a 95 % interval


def compare(claim: Mapping, run: "Run") -> dict:
    """The columns run_value, run_low, run_high, run_unit, run_verdict, run_reason and run_evidence of one printed number.

    `claim`: a row of AUDIT_COLUMNS with a metric of MEASURED; its `standard_error`, where not nan, is that of the
    printed number. FileNotFoundError, one line, if certificates that decide it are not there.
    """
    case = matching(claim, run)
    if case is None:
        return {
            "run_verdict": "not comparable",
            "run_reason": f"Another experiment: {', '.join(differences(claim, run))}.",
        }
    paths = certificates(claim, run)
    frames = [frame for _, frame in run.read_certificates(paths).groupby("classifier", sort=False)]
    norm = 1 if claim["metric"].endswith("_l1") else 2
    if any((frame["norm"] != norm).any() for frame in frames):
        return {"run_verdict": "not comparable", "run_reason": f"This run's certificates are not radii in l{norm}."}
    return _verdict(claim, frames, case.experiment) | {"run_evidence": " ".join(paths)}


def certificates(claim: Mapping, run: "Run") -> list[str]:
    """The files of certificates that decide a printed number; empty where it is not comparable."""
    case, size = matching(claim, run), members(claim)
    if case is None:
        return []
    kinds = [(name, *aggregation_of(name)) for name in case.experiment.classifiers]
    wanted = [
        name for name, kind, number in kinds if (kind == "member" if size == 1 else (kind, number) == ("soft", size))
    ]
    return [run.paths.certificates(*case.key, name) for name in wanted]


def needed(claims: pd.DataFrame, run: "Run") -> list[str]:
    """The files of certificates that decide all printed numbers among `claims` (from `read_claims`), each once."""
    numbers = claims[claims["metric"].isin(MEASURED)]
    return list(dict.fromkeys(path for claim in numbers.to_dict("records") for path in certificates(claim, run)))


def _verdict(claim: Mapping, frames: list[pd.DataFrame], experiment: "Experiment") -> dict:
    """Value and interval of this run, and what the difference to the printed number says."""
    whole = unit_of_shares(claim)
    measured = [checks.measure(frame, claim["metric"], claim["radius"], claim["acr_definition"]) for frame in frames]
    values = np.array([value for value, *_ in measured])
    ours = _run_interval(measured)
    apart = difference(claim, values, np.mean([error for _, error, *_ in measured]), len(frames[0]))
    margin = POINTS * whole / 100 if whole else SHARE * float(claim["printed"])
    verdict = decide(apart, margin)
    networks = "1 network (no chance of training is in the interval)" if len(values) == 1 else f"{len(values)} networks"
    made = f"{experiment.architecture} by {experiment.recipe}, {networks}, {len(frames[0]):,} images"
    columns = {
        "run_value": ours.value,
        "run_low": ours.low,
        "run_high": ours.high,
        "run_unit": "%" if whole == 100 else "",
    }
    return columns | {"run_verdict": verdict, "run_reason": f"{made}: {_outcome(claim, ours, apart, margin, verdict)}"}


def _outcome(claim: Mapping, ours: Estimate, apart: Estimate, margin: float, verdict: str) -> str:
    """A sentence on the difference, and on what its interval allows to be said."""
    digits, percent, points = (1, " %", " points") if claim["metric"] in ACCURACIES else (3, "", "")
    ends = {
        "holds": f"so no difference of {margin:.{digits}f}{points} is left",
        "fails": "so they differ",
        "not resolved": f"which holds zero and more than {margin:.{digits}f}{points}",
    }
    interval = f"[{apart.low:+.{digits}f}, {apart.high:+.{digits}f}]"
    return (
        f"{ours.value:.{digits}f}{percent}; less the printed {claim['printed']} that is {apart.value:+.{digits}f}{points}"
        f" {interval}, {ends[verdict]}."
    )


def _run_interval(measured: list[tuple]) -> Estimate:
    """This run's value with its 95 % interval: over the images, and over the networks where there are several."""
    if len(measured) == 1:
        value, _, low, high = measured[0]
        return Estimate(value, low, high)
    values = np.array([value for value, *_ in measured])
    error = np.mean([error for _, error, *_ in measured])
    half = math.hypot(Z * error, _student(values) * values.std(ddof=1) / math.sqrt(len(values)))
    return Estimate(values.mean(), values.mean() - half, values.mean() + half)


def difference(claim: Mapping, values: np.ndarray, error: float | np.floating, images: int) -> Estimate:
    """This run's mean less the printed number, with its 95 % interval.

    `values`: of each network; `error`: standard error of one of them over the `images`. In the interval: the images on both
    sides, as independent samples (wider than needed, as they are the same images); that the printed number is one training among
    others, as far as several networks show it; and half a unit of its last digit. Shares of the images count one success and one
    failure more on each side (Agresti and Caffo 2000), so that 0 and 100 % have an interval too. An ACR without a
    log is taken to have this run's error.
    """
    printed, mean = float(claim["printed"]), values.mean()
    if whole := unit_of_shares(claim):
        shares = [(share / whole * images + 1) / (images + 2) for share in (mean, printed)]
        middle = whole * (shares[0] - shares[1])
        error = whole * math.sqrt(sum(share * (1 - share) for share in shares) / (images + 2))
    else:
        theirs = claim["standard_error"]
        middle, error = mean - printed, math.hypot(error, error if math.isnan(theirs) else theirs)
    trainings = 0.0
    if len(values) > 1:
        trainings = _student(values) * values.std(ddof=1) * math.sqrt(1 + 1 / len(values))
    half = math.hypot(Z * error, trainings) + 0.5 * 10.0 ** -claim["printed_digits"]
    return Estimate(mean - printed, middle - half, middle + half)


def unit_of_shares(claim: Mapping) -> int:
    """What all images are in the unit of a share of them: 100 for a certified accuracy, 1 for an abstention; 0 for an ACR."""
    return 100 if claim["metric"] in ACCURACIES else 1 if claim["metric"] == "abstention" else 0


def decide(apart: Estimate, margin: float) -> str:
    """fails: the interval of the difference excludes zero; holds: it lies within the margin; else not resolved."""
    if apart.sign():
        return "fails"
    return "holds" if -margin <= apart.low and apart.high <= margin else "not resolved"


def _student(values: np.ndarray) -> float:
    return float(special.stdtrit(len(values) - 1, 0.975))
