"""What noises/samplers says of the claims: the law of the radius, the recipes to the letter, the ball, the recipe as meant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises._samplers_numbers import DRAWS, DRAWS_OF_DENSITY, K_SHOWN, SAME, Z_95
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate


def band(distance: float, draws: int = DRAWS) -> Estimate:
    """A distance between a sample's and a law's distribution function, with the 95 % band of Kolmogorov for the true one."""
    half = Z_95 / np.sqrt(draws)
    return Estimate(distance, max(0.0, distance - half), min(1.0, distance + half))


def findings(frames: Frames) -> list[Finding]:
    """The law of the radius, the three recipes to the letter, and the ball; then the recipe as meant."""
    right, wrong = frames["right"], frames["wrong"]
    return [
        _law(frames["density"]),
        _no_sign(wrong),
        _radius_to_the_letter("Exp1", "multiplied by z instead of r", wrong),
        _radius_to_the_letter("Exp2", "without the factor r", wrong),
        _ball(wrong, frames["sweep"]),
        _directions(right),
    ]


def _law(density: pd.DataFrame) -> Finding:
    """Whether the norm of points drawn from the density follows r = z^(1/k)."""
    worst = density.loc[density.ks.idxmax()]
    estimate = band(worst.ks, DRAWS_OF_DENSITY)
    smallest = min(1, len(density) * density.p_value.min())
    reason = (
        f"Points drawn from the {len(density)} densities (p = inf, 1, 2; k = "
        f"{', '.join(f'{k:g}' for k in density.k.unique())}) in the plane by rejection, {DRAWS_OF_DENSITY:,} each, without any "
        f"recipe: the law of their norm is at most {worst.ks:.3f} from that of z^(1/k) ({worst.noise}, k = {worst.k:g}; the "
        f"smallest p-value times {len(density)} is {smallest:.2f})."
    )
    verdict = decide(estimate, "below", than=SAME)
    return Finding("noises-radius_law", verdict, reason, *estimate, "distance of Kolmogorov and Smirnov")


def _no_sign(wrong: pd.DataFrame) -> Finding:
    """ExpInf: the share of draws whose largest coordinate is positive."""
    signs = _rows(wrong, "as printed", "ExpInf", "sign of the largest")
    worst = signs.loc[(signs.measured - 0.5).abs().idxmax()]
    low, high = clopper_pearson(round(worst.measured * DRAWS), DRAWS, 0.05, side="both")
    estimate = Estimate(worst.measured, float(low), float(high))
    reason = (
        f"Without a random sign the largest coordinate is positive in {worst.measured:.0%} of {DRAWS:,} draws (d = "
        f"{worst.d:,.0f}, k = {K_SHOWN}), where a symmetric density has 50 %. With the sign the recipe is right."
    )
    verdict = decide(estimate, "equal", than=0.5, within=SAME)
    return Finding("noises-sampler_expinf", verdict, reason, *estimate, "share of positive largest coordinates")


def _radius_to_the_letter(name: str, words: str, wrong: pd.DataFrame) -> Finding:
    """Exp1 and Exp2: the radius by the text's own words against its law."""
    radii = _rows(wrong, "as printed", name, "radius")
    worst = radii.loc[radii.ks.idxmax()]
    estimate, far = band(worst.ks), radii.loc[radii.d.idxmax()]
    reason = (
        f"To the letter, {words}, the radius is up to {worst.ks:.2f} from its law (d = {worst.d:,.0f}, k = {K_SHOWN}, "
        f"{DRAWS:,} draws): at d = {far.d:,.0f} the mean length is {far.measured:.4g} instead of {far.exact:.4g} times lambda."
    )
    verdict = decide(estimate, "below", than=SAME)
    return Finding(f"noises-sampler_{name.lower()}", verdict, reason, *estimate, "distance of Kolmogorov and Smirnov")


def _ball(wrong: pd.DataFrame, sweep: pd.DataFrame) -> Finding:
    """The ball for the sphere: the worst dimension that was drawn."""
    radii = pd.concat([_rows(wrong, "ball", name, "radius") for name in ("Exp1", "Exp2")])
    worst = radii.loc[radii.ks.idxmax()]
    estimate, exact = band(worst.ks), sweep[sweep.recipe.str.endswith("ball")].set_index("d").ks
    unseen = [d for d in sorted(radii.d.unique()) if (radii[radii.d == d].p_value > 0.05).all()]
    reason = (
        f"With points of the whole ball the radius is {worst.ks:.2f} from its law at d = {worst.d:,.0f} ({worst.noise}, "
        f"{DRAWS:,} draws). It is a matter of dimension: the exact distance falls from {exact.max():.2f} at d = "
        f"{exact.idxmax()} to {exact.iloc[-1]:.3f} at d = {exact.index[-1]:,}, and these draws cannot tell ball from sphere at "
        f"d = {', '.join(f'{d:,}' for d in unseen) or 'none of these'}."
    )
    verdict = decide(estimate, "below", than=SAME)
    return Finding("noises-ball_for_sphere", verdict, reason, *estimate, "distance of Kolmogorov and Smirnov")


def _rows(wrong: pd.DataFrame, recipe: str, noise: str, test: str) -> pd.DataFrame:
    return wrong[(wrong.recipe == recipe) & (wrong.noise == noise) & (wrong.test == test)]


def _directions(right: pd.DataFrame) -> Finding:
    """All tests of the recipe as it is meant."""
    smallest = right.p_value.min()
    return observation(
        f"As meant, the recipes draw the densities: of {len(right)} tests of radius, direction, sign and independence the "
        f"smallest p-value is {smallest:.4f}; times {len(right)}, for having looked at as many, it is "
        f"{min(1, len(right) * smallest):.2f}. The public code of that date takes the root and the sign; this package's own "
        "samplers are tested in the same way."
    )
