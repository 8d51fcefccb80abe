"""How many samples stand behind printed numbers: the ceiling of the stated n, and the n that a whole table implies."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from resmooth.audit import checks, rows

USUAL_ALPHA = 0.001  # of Cohen et al. 2019 and of the logs that followed; taken where a source states none


def level(claim: Mapping) -> float:
    """The alpha that the source states, or the usual one."""
    return USUAL_ALPHA if math.isnan(claim["alpha"]) else claim["alpha"]


def implied_samples(table: pd.DataFrame, n: float, alpha: float) -> tuple[int, int] | None:
    """(least, most) samples with which a printed table of certified accuracies can be: all its rows and levels together.

    Least: its largest radius with more than 0 % is certifiable. Most: the smallest radius where every row of a level is 0 is not,
    the ceiling being what ends them all at once. Rows beyond the ceiling of the stated `n` are left out: theirs is not the noise
    of one sigma. None if nothing is left, or if no n is allowed.
    """
    values = table.assign(value=table["value"].astype(float)).pivot_table(
        values="value", index=["sigma", "method"], columns="radius"
    )
    radii, sigmas = values.columns.to_numpy(dtype=float), values.index.get_level_values("sigma").to_numpy(dtype=float)
    largest = np.where(values.to_numpy() > 0, radii, 0).max(axis=1, initial=0)
    own = largest <= sigmas * checks.radius_ceiling(1.0, n, alpha)
    if not own.any():
        return None
    least = max(
        checks.samples_for(radius, sigma, alpha) for radius, sigma in zip(largest[own], sigmas[own], strict=True)
    )
    most = []
    for sigma in np.unique(sigmas[own]):
        beyond = radii[radii > largest[own & (sigmas == sigma)].max()]
        most += [checks.samples_for(beyond.min(), sigma, alpha) - 1] if len(beyond) else []
    return (least, min(most)) if most and least <= min(most) else None


def round_samples(least: int, most: int) -> int | None:
    """The one power of ten from `least` to `most`; None if there is none, or several."""
    powers = [10**k for k in range(1, 10) if least <= 10**k <= most]
    return powers[0] if len(powers) == 1 else None


def taken(claim: Mapping, claims: pd.DataFrame) -> tuple[float, str]:
    """The n to take for a claim's ceiling, and a clause that says where it is not the stated one, or alpha is not stated."""
    clauses, n = [], claim["n"]
    implied = implied_samples(rows.table(claim, claims), n, level(claim))
    if implied and not implied[0] <= n <= implied[1] and (power := round_samples(*implied)):
        n = power
        clauses.append(f"at n = {n:,}, which {rows.detailed(claim)} implies instead of the stated {claim['n']:,.0f}")
    if math.isnan(claim["alpha"]):
        clauses.append(f"at alpha = {USUAL_ALPHA:g}, as none is stated")
    return n, f" ({', '.join(clauses)})" if clauses else ""


def of_radius(claim: Mapping, claims: pd.DataFrame) -> Iterator[rows.Remark]:
    """A certified accuracy beside the ceiling of the stated n, and of the n that its table implies."""
    beyond = beyond_ceiling(claim, level(claim))
    if beyond and float(claim["value"]) > 0:
        least = claim["radius"] / checks.radius_ceiling(1.0, claim["n"], level(claim))
        yield rows.Remark(
            f"{beyond[0]} This radius needs a sigma of {least:.3f} or more.", "beyond the ceiling of its n"
        )
    elif beyond:
        yield rows.Remark(beyond[0])
    elif float(claim["value"]) == 0:
        yield from _fall(claim, claims)


def _fall(claim: Mapping, claims: pd.DataFrame) -> Iterator[rows.Remark]:
    """A printed 0 that the stated n does not force, in a table whose rows all end where a smaller n would end them."""
    table, alpha, sigma = rows.table(claim, claims), level(claim), claim["sigma"]
    implied = implied_samples(table, claim["n"], alpha)
    if implied is None or claim["n"] <= implied[1]:
        return
    at_level = table[table["sigma"] == sigma].assign(value=table["value"].astype(float))
    last = at_level["radius"][at_level["value"] > 0].max()
    values = at_level["value"][at_level["radius"] == last]
    power = round_samples(*implied)
    stated = checks.radius_ceiling(sigma, claim["n"], alpha)
    fits = f" n = {power:,} certifies at most {checks.radius_ceiling(sigma, power, alpha):.3f}." if power else ""
    yield rows.Remark(
        f"All {len(values)} rows at this sigma fall from {values.min():g} to {values.max():g} % at radius {last:g} to 0 at the"
        f" next one, but the stated {claim['n']:,.0f} samples certify up to {stated:.3f} at"
        f" alpha = {alpha:g}. The ceiling of n = {implied[0]:,} to {implied[1]:,} ends every row there.{fits}",
        "not made with the stated n",
    )


def beyond_ceiling(claim: Mapping, alpha: float) -> list[str]:
    """A list with one sentence if the claim's n samples at `alpha` cannot certify its radius, else an empty one."""
    ceiling = checks.radius_ceiling(claim["sigma"], claim["n"], alpha)
    if claim["metric"] != "certified_accuracy" or claim["radius"] <= ceiling:
        return []
    zero = float(claim["value"]) == 0
    meaning = "The printed 0 is what the ceiling forces" if zero else "More than 0 is impossible"
    return [f"{meaning}: {claim['n']:.0f} samples at alpha = {alpha:g} certify at most {ceiling:.3f}."]


def largest_radius(row: pd.DataFrame, ceiling: float) -> float:
    """`ceiling`; for a row with more than 0 % beyond it, which it cannot bound, the first radius where the row is 0."""
    radii, printed, _ = rows.shares(row)
    largest = radii[printed > 0].max(initial=0)
    return ceiling if largest <= ceiling else float(radii[radii > largest].min(initial=math.inf))
