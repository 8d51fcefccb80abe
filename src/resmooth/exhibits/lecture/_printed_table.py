"""The lecture's printed table beside the authors' own logs: its numbers, its ranking, and a summary in words."""

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, observation
from resmooth.stats.intervals import unpaired

MARKS = {"reproduced": "", "rounding": " ~", "differs": " ≠", "not derivable": " –", "unchecked": " ?"}


def published(path: str) -> pd.DataFrame:
    """The numbers of the printed table, each beside what a published log says of it; `value` as a number."""
    claims = pd.read_csv(path, dtype={"printed": str, "reason": str})
    own = (claims.source == "lecture") & (claims.item == "sigma_table")
    claims = claims[own & claims.metric.isin(["acr", "certified_accuracy"])].reset_index(drop=True)
    return claims.assign(value=claims.printed.astype(float))


def printed(claims: pd.DataFrame) -> pd.DataFrame:
    """The printed table, its entries as printed -> from the log (one digit more) with the verdict's mark."""
    digits = claims.printed_digits.astype(int) + 1
    ours = ["" if np.isnan(x) else f" → {x:.{d}f}" for x, d in zip(claims.ours, digits)]
    entry = claims.printed + ours + claims.verdict.map(lambda verdict: MARKS.get(verdict, f" {verdict}"))
    column = ["ACR" if np.isnan(r) else f"r = {r:g}" for r in claims.radius]
    rows = claims.assign(entry=entry, column=column).set_index(["sigma", "method"])
    wide = rows.pivot(columns="column", values="entry").loc[
        list(dict.fromkeys(rows.index)), list(dict.fromkeys(column))
    ]
    return wide.rename_axis(columns=None).reset_index()


def ranking(claims: pd.DataFrame) -> pd.DataFrame:
    """Each ACR against the best printed one of its sigma, the difference in its standard errors.

    The claims know no single images, so that rows count as independent samples; rows on the same images (Gaussian, Consistency)
    could be compared more sharply from their logs. A row without a log has the median standard error of the others at its sigma,
    and a truncated log stands for the full one. `low`, `high`: 95 % interval of what is used, where a log is.
    """
    acrs = claims[claims.metric == "acr"].set_index(["sigma", "method"])
    found = acrs[["value", "ours", "standard_error", "images"]].rename(columns={"value": "printed"})
    found["full_log"] = acrs.full_log_value
    found["used"] = found.full_log.fillna(found.ours).fillna(found.printed)
    error = found.standard_error.fillna(found.groupby("sigma").standard_error.transform("median"))
    best = found.groupby("sigma").printed.idxmax()
    top = [best[sigma] for sigma, _ in found.index]
    found["best"] = found.printed.loc[top].to_numpy()
    found["best_minus_it"] = found.best - found.used
    found["its_error"] = np.hypot(error, error.loc[top].to_numpy()).where(found.index != pd.Index(top))
    found["in_errors"] = found.best_minus_it / found.its_error
    _, found["difference_low"], found["difference_high"] = unpaired(
        found.best, error.loc[top].to_numpy(), found.used, error
    )
    return found.reset_index()


def said(claims: pd.DataFrame, rows: pd.DataFrame) -> list[Finding]:
    """What the logs say of the `claims` and their ranking, `rows`; the audit has each number as a row of its own."""
    derived, verdicts = claims[claims.ours.notna()], claims.verdict.value_counts()
    if derived.empty:
        return [observation(f"No log is at hand: all {len(claims)} printed numbers are unchecked or not derivable.")]
    off = ", ".join(derived.method[derived.verdict != "reproduced"].unique()) or "none"
    compared = rows[rows.in_errors.notna()]
    within = ((compared.difference_low < 0) & (compared.difference_high > 0)).sum()
    errors = rows.groupby("sigma").standard_error.median()
    size = " and ".join(f"{error:.3f} (sigma {sigma:g})" for sigma, error in errors.items())
    open_ones = len(claims) - len(derived)
    rest = f" The {open_ones} numbers without a log are not reproduced." if open_ones else ""
    found = [
        observation(
            f"{verdicts.get('reproduced', 0)} of the {len(derived)} numbers that a log answers round to the printed ones; "
            f"{verdicts.get('rounding', 0)} are off by their rounding alone and {verdicts.get('differs', 0)} differ (both kinds: "
            f"{off}).{rest}"
        ),
        observation(
            f"The printed ranking is not resolved: {within} of {len(compared)} ACRs lie within the 95 % interval of their "
            f"difference to the best printed one of their sigma. One ACR has a standard error of about {size}."
        ),
    ]
    for row in rows[(rows.best_minus_it < 0) & rows.full_log.notna()].itertuples():
        text = f"At sigma {row.sigma:g} the full log of {row.method} gives {row.full_log:.3f}"
        found.append(observation(f"{text}, above the printed best {row.best:.3f}."))
    return found
