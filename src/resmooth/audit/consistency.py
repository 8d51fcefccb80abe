"""What the printed numbers of a source say of one another, where no log decides: sentences for the reason of a claim.

Certified accuracies bound the ACR of the same experiment under both definitions; the number of samples bounds every radius;
abstentions are among the images that are not certified at radius 0. So a number may contradict its neighbours, or the text.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from resmooth.audit import checks, rows, samples

IMAGES = {"all": "all images", "correct": "correct images"}
NOTHING = "No row of certified accuracies is printed for it{}: nothing bounds it."


def remarks(claim: Mapping, claims: pd.DataFrame) -> Iterator[rows.Remark]:
    """All that the other numbers of its source, and the ceiling, say of a printed number. `claims`: from `read_claims`."""
    if math.isnan(claim["sigma"]):
        yield _envelope(rows.of_method(claim, claims))
    elif claim["metric"] == "acr":
        yield from of_acr(claim, claims)
        yield from mixed_definitions(claim, claims)
    elif claim["metric"] == "abstention":
        yield from _abstention(claim, claims)
    elif claim["metric"] == "certified_accuracy" and not math.isnan(claim["n"]):
        yield from samples.of_radius(claim, claims)


# --- the average certified radius


def acr_ranges(row: pd.DataFrame, ceiling: float) -> dict[str, tuple[float, float]]:
    """definition -> (lower, upper): the ACRs that a printed row of certified accuracies allows, rounded or truncated.

    `row`: claims by ascending radius; `ceiling`: no radius is larger (`samples.largest_radius`). "correct" is there if the row
    begins with a certified accuracy above 0 at radius 0. ValueError for a row that increases.
    """
    radii, printed, unit = rows.shares(row)
    low, high = np.clip(printed - unit / 2, 0, None), np.minimum(printed + unit, 1)
    high = np.where(radii <= ceiling, high, 0)
    ranges = {"all": _bounds(low, high, radii, ceiling)}
    if radii[0] == 0 and low[0] > 0:
        ranges["correct"] = _bounds(low / high[0], np.minimum(high / low[0], 1), radii, ceiling)
    return ranges


def _bounds(low, high, radii, ceiling):
    return checks.acr_bounds(low, radii, ceiling)[0], checks.acr_bounds(high, radii, ceiling)[1]


def fitting(claim: Mapping, ranges: Mapping[str, tuple[float, float]]) -> list[str]:
    """The definitions under which the printed ACR lies within what its row allows, half a unit of its last digit included."""
    half, value = 0.5 * 10.0 ** -claim["printed_digits"], float(claim["value"])
    return [name for name, (low, high) in ranges.items() if low - half <= value <= high + half]


def of_acr(claim: Mapping, claims: pd.DataFrame) -> Iterator[rows.Remark]:
    """The ACR beside the certified accuracies of its row, or of the several rows that may be its."""
    found, where = rows.curves(claim, claims), rows.where(claim)
    if not found:
        yield rows.Remark(NOTHING.format(where), "no row to check it by")
    elif not math.isnan(claim["n"]):
        try:
            yield (_of_one_row if len(found) == 1 else _of_several_rows)(claim, claims, where)
        except ValueError as error:
            text = f"The certified accuracies printed in its row contradict each other: {error}."
            yield rows.Remark(text, "beside a row that cannot be")


def _of_one_row(claim: Mapping, claims: pd.DataFrame, where: str) -> rows.Remark:
    row = next(iter(rows.curves(claim, claims).values()))
    n, taken = samples.taken(claim, claims)
    ceiling = samples.largest_radius(row, checks.radius_ceiling(claim["sigma"], n, samples.level(claim)))
    ranges = acr_ranges(row, ceiling)
    fits = fitting(claim, ranges)
    allowed = " and of ".join(f"{low:.3f} to {high:.3f} over {IMAGES[name]}" for name, (low, high) in ranges.items())
    text = (
        f"The certified accuracies of its row{where} allow an ACR of {allowed}{taken}; the printed {claim['value']} is "
    )
    if not fits:
        return rows.Remark(f"{text}outside {'both' if len(ranges) == 2 else 'of it'}.", "fits no definition of the ACR")
    if len(fits) == 1:
        other = "" if claim["acr_definition"] in fits else f"divides by {IMAGES[fits[0]]}"
        return rows.Remark(f"{text}possible only over {IMAGES[fits[0]]}.", other)
    estimates = acr_estimates(row, ceiling)
    nearer = min(estimates, key=lambda name: abs(estimates[name] - float(claim["value"])))
    numbers = " and ".join(f"{value:.3f}" for value in estimates.values())
    return rows.Remark(f"{text}possible over both, and nearer to {IMAGES[nearer]}: the trapezoid rule gives {numbers}.")


def acr_estimates(row: pd.DataFrame, ceiling: float) -> dict[str, float]:
    """definition -> the ACR that the trapezoid rule gives for a row that begins at radius 0."""
    radii, printed, _ = rows.shares(row)
    area = checks.trapezoid(printed, radii, ceiling)
    return {"all": area, "correct": area / printed[0]}


def _of_several_rows(claim: Mapping, claims: pd.DataFrame, where: str) -> rows.Remark:
    n, taken = samples.taken(claim, claims)
    by_level = {sigma: rows_that_fit(claim, claims, sigma, n) for sigma in rows.of_method(claim, claims)["sigma"]}
    here = by_level[claim["sigma"]]
    parts = []
    for name, fits in here.items():
        shown = [f"{method} ({low:.3f} to {high:.3f})" for method, (low, high) in fits.items()]
        parts.append(f"over {IMAGES[name]} {', '.join(shown) or 'none'}")
    own = claim["acr_definition"]
    always = [method for method in here[own] if all(method in fits[own] for fits in by_level.values())]
    count = len(rows.curves(claim, claims))
    text = (
        f"Of {count} rows that may be its{where}, these allow the printed {claim['value']}{taken}: {'; '.join(parts)}."
    )
    everywhere = f"At every sigma of its table, over {IMAGES[own]}: {', '.join(always) or 'none'}."
    return rows.Remark(f"{text} {everywhere}", "" if here[own] else "fits no row")


def rows_that_fit(
    claim: Mapping, claims: pd.DataFrame, sigma: float, n: float
) -> dict[str, dict[str, tuple[float, float]]]:
    """definition -> method -> range of ACRs: the rows at `sigma` that allow the ACR printed there for the claim's method."""
    own = rows.of_method(claim, claims)
    there = own[own["sigma"] == sigma].to_dict("records")[0]
    fits: dict[str, dict] = {name: {} for name in IMAGES}
    for method, row in rows.curves(claim, claims, sigma).items():
        ranges = acr_ranges(row, samples.largest_radius(row, checks.radius_ceiling(sigma, n, samples.level(claim))))
        for name in fitting(there, ranges):
            fits[name][method] = ranges[name]
    return fits


def mixed_definitions(claim: Mapping, claims: pd.DataFrame) -> Iterator[rows.Remark]:
    """Whether the ACRs that a reader compares with this one divide by other images."""
    others = rows.column(claim, claims)
    unlike = others[others["acr_definition"] != claim["acr_definition"]]
    if len(unlike):
        mine, theirs = (IMAGES[name] for name in (claim["acr_definition"], unlike["acr_definition"].iloc[0]))
        names = f" ({', '.join(unlike['method'])})" if len(unlike) <= 3 else ""
        yield rows.Remark(
            f"It divides by {mine}, {len(unlike)} of the other {len(others) - 1} ACRs beside it by {theirs}{names}: those cannot"
            " be compared with it.",
            "beside ACRs of the other definition",
        )


# --- abstentions, and rows at their best sigma


def _abstention(claim: Mapping, claims: pd.DataFrame) -> Iterator[rows.Remark]:
    """An abstention beside what its row leaves uncertified at radius 0: abstentions and wrong predictions together."""
    found = [row for row in rows.curves(claim, claims).values() if row["radius"].iloc[0] == 0]
    where = rows.where(claim)
    if not found:
        yield rows.Remark(NOTHING.format(where), "no row to check it by")
        return
    left = [uncertified(row) for row in found]
    off = [float(claim["value"]) - each for each in left]
    rounding = [0.5 * (10.0 ** -claim["printed_digits"] + rows.shares(row)[2][0]) + 1e-9 for row in found]
    amount = f"{min(left):.3f}" if len(found) == 1 else f"{min(left):.3f} to {max(left):.3f}"
    who = f"its row{where} leaves" if len(found) == 1 else f"the {len(found)} rows that may be its{where} leave"
    text = f"At radius 0 {who} {amount} of the images, abstentions and wrong predictions together"
    if all(abs(each) <= most for each, most in zip(off, rounding, strict=True)):
        equal = f"{text}: to the printed digits that is {claim['value']}, so wrong predictions are among it."
        yield rows.Remark(equal, "wrong predictions count as abstentions")
    elif any(each <= most for each, most in zip(off, rounding, strict=True)):
        yield rows.Remark(f"{text}: the printed {claim['value']} is possible.")
    else:
        yield rows.Remark(f"{text}: fewer than the printed {claim['value']}.", "more than its row leaves")


def uncertified(row: pd.DataFrame) -> float:
    """Share of the images that a row beginning at radius 0 leaves uncertified there."""
    return 1 - rows.shares(row)[1][0]


def _envelope(row: pd.DataFrame) -> rows.Remark:
    """One sentence on a `row` of certified accuracies, each at its own best sigma: whether they can be so."""
    falls = row.sort_values("radius")["value"].astype(float).is_monotonic_decreasing
    course = "never increase" if falls else "increase somewhere, as no certified accuracies can,"
    return rows.Remark(f"The {len(row)} numbers of its row, each at its best sigma, {course} with the radius.")
