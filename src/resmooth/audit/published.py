"""Published evidence, which needs no run: the authors' logs, and exact formulas. Each claim gets a verdict and a reason."""

import math
from functools import cache as cache_results
from pathlib import Path

import pandas as pd

from resmooth.audit import checks
from resmooth.audit.claims import ACCURACIES, ANSWER_COLUMNS, DETAILS
from resmooth.audit.exact import evaluated, sentence
from resmooth.audit.logs import CACHE, read_log

AUDIT_COLUMNS = [
    *"id source item dataset method sigma metric radius printed printed_digits ours standard_error ci_low ci_high".split(),
    *"full_log_value verdict caveat reason images log address sha256".split(),
    *DETAILS,
]
VERDICTS = {
    "reproduced": "the re-derived value rounds to the printed one (for a formula: the exact value to what the formula gives)",
    "rounding": "equal when truncated instead of rounded, or within one unit of the last printed digit",
    "differs": "further away than that",
    "not derivable": "no published log of it is known",
    "unchecked": "its log could not be fetched: no connection, and no mirror given",
}
A_STATEMENT = "A statement: no published log answers it by itself; see what this run says."


def audit_claims(
    claims: pd.DataFrame, logs_table: pd.DataFrame, cache: str | Path = CACHE, mirror: str | Path | None = None
) -> pd.DataFrame:
    """Compare every claim with the log or formula that answers it. Returns a DataFrame of AUDIT_COLUMNS, a row for each claim.

    `claims`: from `read_claims`; `logs_table`: from `read_logs_table`; `cache`, `mirror`: see `fetch`. A log that cannot be had
    for lack of a connection leaves its claims "unchecked"; all other trouble with a log raises one line. A statement has no
    verdict here, and a reason that says so.
    """
    entries = {entry["file"]: entry for entry in logs_table.to_dict("records")}
    tables = claims.groupby(["source", *ANSWER_COLUMNS[:4]], dropna=False).ngroup()

    @cache_results
    def read(file):
        if file not in entries:
            raise ValueError(f"{file}: claims are to be checked with this log, but the table of logs does not list it")
        try:
            return read_log(entries[file], cache, mirror)
        except ConnectionError:
            return None

    rows = []
    for claim, table in zip(claims.to_dict("records"), tables, strict=True):
        if claim["metric"] == "statement":
            result = {"verdict": "", "reason": A_STATEMENT}
        elif claim["metric"] == "formula":
            result = evaluated(claim)
        elif not claim["log"]:
            result = _not_derivable(claim, claims[tables == table])
        elif (frame := read(claim["log"])) is None:
            result = {"verdict": "unchecked", "reason": _not_at_hand(claim["log"])}
        else:
            result = _compared(claim, frame, read(claim["full_log"]) if claim["full_log"] else None)
        evidence = {name: entries.get(claim["log"], {}).get(name, "") for name in ("address", "sha256")}
        rows.append(claim | {"printed": claim["value"], "caveat": ""} | evidence | result)
    return pd.DataFrame(rows).reindex(columns=AUDIT_COLUMNS).astype({"images": "Int64"})


def _compared(claim, frame, full):
    """The columns that a log decides: our value with its error and interval, verdict and reason."""
    ours, error, low, high = _measure(claim, frame)
    verdict = checks.verdict(float(claim["value"]), claim["printed_digits"], ours)
    sentences = [
        _comparison(claim, frame, ours, error, verdict),
        *_ceiling_and_alpha(claim, frame),
        *_truncated(claim, frame, full),
        *_other_denominator(claim, frame),
        *sentence(claim["remark"]),
        *sentence(claim["note"]),
    ]
    interval = {"standard_error": error, "ci_low": low, "ci_high": high}
    if full is not None and len(full) > len(frame):
        interval["full_log_value"] = _measure(claim, full)[0]
    caveat = "; ".join(_caveats(claim, frame, full))
    result = {"ours": ours, **interval, "images": len(frame), "verdict": verdict, "caveat": caveat}
    return result | {"reason": " ".join(sentences)}


def _caveats(claim, frame, full):
    """In a few words, what keeps a log from being the experiment that the source describes."""
    if _has_ceiling(claim):
        made_at = checks.fitted_alpha(frame, claim["sigma"], claim["n"])
        if not (math.isnan(made_at) or made_at == claim["alpha"] or _beyond_ceiling(claim, made_at)):
            yield f"made at alpha = {made_at:g}"
    if full is not None and len(full) > len(frame):
        yield f"{len(frame)} of {len(full)} images"


def _measure(claim, frame):
    return checks.measure(frame, claim["metric"], claim["radius"], claim["acr_definition"])


def _comparison(claim, frame, ours, error, verdict):
    printed, digits = claim["value"], claim["printed_digits"]
    got = f"{ours:.{digits + 2}f}"  # one digit beyond what decides the rounding
    if claim["metric"] in ACCURACIES:
        got = f"{ours:.{digits + 1}f} % ({round(ours * len(frame) / 100)} of {len(frame)} images)"
    if verdict == "reproduced":
        return f"{got} {'equals' if abs(ours - float(printed)) < 1e-9 else 'rounds to'} the printed {printed}."
    if checks.truncates(float(printed), digits, ours):
        return f"Printed {printed} is {got} truncated; rounded it is {ours:.{digits}f}."
    if verdict == "rounding":
        return f"Printed {printed} is within one unit of the last digit of {got}."
    away = f", {abs(ours - float(printed)) / error:.1f} standard errors away" if error > 0 else ""
    return f"The log gives {got}, not the printed {printed}{away}."


def _ceiling_and_alpha(claim, frame):
    """Whether the ceiling decides the number; else at which alpha the log was made, and what the stated one gives."""
    if not _has_ceiling(claim):
        return
    stated, made_at = claim["alpha"], checks.fitted_alpha(frame, claim["sigma"], claim["n"])
    beyond = _beyond_ceiling(claim, stated if math.isnan(made_at) else made_at)
    if beyond:
        yield from beyond
    elif math.isnan(made_at):
        yield "The largest radii of the log do not tell at which alpha it was made."
    elif made_at == stated:
        yield f"The largest radii fit the stated alpha = {stated:g}."
    elif made_at < stated:
        yield f"Made at alpha = {made_at:g}, not the stated {stated:g}; abstentions hide what {stated:g} would give."
    else:
        again = _measure(claim, checks.at_alpha(frame, claim["sigma"], claim["n"], made_at, stated))[0]
        name = "the ACR" if claim["metric"] == "acr" else "it"
        was = f"Made at alpha = {made_at:g}, not the stated {stated:g}"
        yield f"{was}: re-derived at {stated:g} {name} is {_shown(claim, again)}."


def _has_ceiling(claim):
    """Whether Gaussian noise of one known sigma, n samples and an alpha limit the claim's l2 radius."""
    known = not any(math.isnan(claim[name]) for name in ("sigma", "n", "alpha"))
    return known and claim["metric"] in ("acr", "certified_accuracy")


def _beyond_ceiling(claim, alpha):
    """A list with one sentence if n samples at `alpha` cannot certify the claim's radius, else an empty one."""
    ceiling = checks.radius_ceiling(claim["sigma"], claim["n"], alpha)
    if claim["metric"] != "certified_accuracy" or claim["radius"] <= ceiling:
        return []
    zero = float(claim["value"]) == 0
    meaning = "The printed 0 is what the ceiling forces" if zero else "More than 0 is impossible"
    return [f"{meaning}: {claim['n']:.0f} samples at alpha = {alpha:g} certify at most {ceiling:.3f}."]


def _truncated(claim, frame, full):
    if full is not None and len(full) > len(frame):
        value = _shown(claim, _measure(claim, full)[0])
        yield f"The log has {len(frame)} of {len(full)} images; the full log of the same model gives {value}."
    elif claim["full_log"] and full is None:
        yield "The full log of the same model is not at hand (no connection)."


def _other_denominator(claim, frame):
    if claim["metric"] == "acr":
        other = {"all": "correct", "correct": "all"}[claim["acr_definition"]]
        value = checks.measure(frame, "acr", math.nan, other)[0]
        yield f"Divided by {other} images instead of {claim['acr_definition']} it would be {_shown(claim, value)}."


def _shown(claim, value):
    """A value in the unit printed: ACRs with the printed decimals, percentages with one more."""
    digits = claim["printed_digits"]
    return f"{value:.{digits}f}" if claim["metric"] == "acr" else f"{value:.{digits + 1}f} %"


def _not_at_hand(file):
    return (
        "Its log is not at hand: no connection to download it. Run again with a connection, or let RESMOOTH_MIRROR name"
        f" a folder that holds published_logs/{file}."
    )


def _not_derivable(claim, row):
    """Verdict and reason for a claim without a log: what the other numbers of its `row`, and the ceiling, say of it."""
    sentences = sentence(claim["remark"]) or ["No published log is known for it."]
    if _has_ceiling(claim):
        sentences += _allowed(claim, row) if claim["metric"] == "acr" else _beyond_ceiling(claim, claim["alpha"])
    if math.isnan(claim["sigma"]):
        sentences += _envelope(row[row.metric == claim["metric"]].sort_values("radius"))
    sentences += sentence(claim["note"])
    return {"verdict": "not derivable", "reason": " ".join(sentences)}


def _envelope(row):
    """One sentence on a `row` of certified accuracies, each at its own best sigma: whether they can be so."""
    falls = row.value.astype(float).is_monotonic_decreasing
    course = "never increase" if falls else "increase somewhere, as no certified accuracies can,"
    return [f"The {len(row)} numbers of its row, each at its best sigma, {course} with the radius."]


def _allowed(claim, row):
    """The ACR that the certified accuracies printed in the same row allow, whether they were rounded or truncated."""
    row = row[row.metric == "certified_accuracy"].sort_values("radius")
    over, ceiling = claim["acr_definition"], checks.radius_ceiling(claim["sigma"], claim["n"], claim["alpha"])
    if row.empty or (over == "correct" and not (row.radius.iloc[0] == 0 and float(row.value.iloc[0]) > 0)):
        return
    printed, unit = row.value.astype(float) / 100, 10.0**-row.printed_digits / 100
    possible = (row.radius <= ceiling).to_numpy()
    highest = (printed + unit).clip(upper=1).where(possible, 0.0)
    try:
        lower = checks.acr_bounds((printed - unit / 2).clip(lower=0), row.radius, ceiling)[0]
        upper = checks.acr_bounds(highest, row.radius, ceiling)[1]
    except ValueError as error:
        yield f"The certified accuracies printed in its row contradict each other: {error}."
        return
    if over == "correct":
        lower, upper = lower / highest.iloc[0], upper / (printed.iloc[0] - unit.iloc[0] / 2)
    inside = lower <= float(claim["value"]) <= upper
    yield (
        f"The certified accuracies printed in its row allow an ACR over {over} images of {lower:.3f} to {upper:.3f};"
        f" the printed {claim['value']} is {'inside' if inside else 'outside'}."
    )
