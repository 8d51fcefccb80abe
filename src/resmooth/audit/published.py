"""Published evidence, which needs no run: the authors' logs, and exact formulas. Each claim gets a verdict and a reason."""

import math
from functools import cache as cache_results
from pathlib import Path

import pandas as pd

from resmooth.audit import checks, consistency, rows, samples
from resmooth.audit.claims import ACCURACIES, DETAILS
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

    @cache_results
    def read(file):
        if file not in entries:
            raise ValueError(f"{file}: claims are to be checked with this log, but the table of logs does not list it")
        try:
            return read_log(entries[file], cache, mirror)
        except ConnectionError:
            return None

    results = []
    for claim in claims.to_dict("records"):
        if claim["metric"] == "statement":
            result = {"verdict": "", "reason": A_STATEMENT}
        elif claim["metric"] == "formula":
            result = evaluated(claim)
        elif not claim["log"]:
            result = _not_derivable(claim, claims, read(claim["other_log"]) if claim["other_log"] else None)
        elif (frame := read(claim["log"])) is None:
            result = {"verdict": "unchecked", "reason": _not_at_hand(claim["log"])}
        else:
            result = _compared(claim, claims, frame, read(claim["full_log"]) if claim["full_log"] else None)
        evidence = {name: entries.get(claim["log"], {}).get(name, "") for name in ("address", "sha256")}
        results.append(claim | {"printed": claim["value"], "caveat": ""} | evidence | result)
    return pd.DataFrame(results).reindex(columns=AUDIT_COLUMNS).astype({"images": "Int64"})


def _compared(claim, claims, frame, full):
    """The columns that a log decides: our value with its error and interval, verdict and reason."""
    ours, error, low, high = _measure(claim, frame)
    verdict = checks.verdict(float(claim["value"]), claim["printed_digits"], ours)
    sentences = [
        _comparison(claim, frame, ours, error, verdict),
        *_ceiling_and_alpha(claim, frame),
        *_truncated(claim, frame, full),
        *_other_denominator(claim, frame),
        *_neighbours(claim, claims),
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
        if not (math.isnan(made_at) or made_at == claim["alpha"] or samples.beyond_ceiling(claim, made_at)):
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
    elif claim["metric"] == "abstention":
        got += f" ({round(ours * len(frame))} of {len(frame)} images)"
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
    beyond = samples.beyond_ceiling(claim, stated if math.isnan(made_at) else made_at)
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


def _neighbours(claim, claims):
    """Sentences on an ACR beside its row of certified accuracies, if one is printed, and beside the other ACRs."""
    if claim["metric"] == "acr":
        if rows.curves(claim, claims):
            yield from (remark.text for remark in consistency.of_acr(claim, claims))
        yield from (remark.text for remark in consistency.mixed_definitions(claim, claims))


def _shown(claim, value):
    """A value in the unit printed: ACRs and abstentions with the printed decimals, percentages with one more."""
    digits = claim["printed_digits"]
    return f"{value:.{digits + 1}f} %" if claim["metric"] in ACCURACIES else f"{value:.{digits}f}"


def _not_at_hand(file):
    return (
        "Its log is not at hand: no connection to download it. Run again with a connection, or let RESMOOTH_MIRROR name"
        f" a folder that holds published_logs/{file}."
    )


def _not_derivable(claim, claims, other):
    """Verdict and reason for a claim without a log: what the other `claims`, the ceiling, and the `other` log say of it."""
    remarks = list(consistency.remarks(claim, claims))
    sentences = [
        *(sentence(claim["remark"]) or ["No published log is known for it."]),
        *(remark.text for remark in remarks),
        *_elsewhere(claim, other),
        *sentence(claim["note"]),
    ]
    caveat = "; ".join(remark.caveat for remark in remarks if remark.caveat)
    return {"verdict": "not derivable", "caveat": caveat, "reason": " ".join(sentences)}


def _elsewhere(claim, other):
    """A sentence on the same number of another network trained by the same method; `other`: its log, or None."""
    if other is not None:
        value, _, low, high = (_shown(claim, each) for each in _measure(claim, other))
        yield f"Another network by the same method has {value} [{low}, {high}] ({claim['other_log']})."
