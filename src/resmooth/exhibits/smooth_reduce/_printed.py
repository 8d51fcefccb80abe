"""What the paper on Smooth-Reduce prints: ACRs beside what its certified accuracies allow, and curves divided by the norm L."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd

from resmooth.audit import checks, rows, samples
from resmooth.audit.claims import read_claims
from resmooth.audit.consistency import acr_estimates, acr_ranges, fitting
from resmooth.noise.lifts import operator_norm

CLAIMS = "claims/smooth_reduce.csv"
CIFAR, IMAGENET = "cifar10", "imagenet"
PATCHES = {CIFAR: 4, IMAGENET: 16}  # of the printed ACRs; for ImageNet only the rows of 16 fit at every level
BASE = "SmoothAdv (Salman et al., 2019)"


@functools.cache
def norm(dataset: str, k: int) -> float:
    """L of k patches with noise of their own, as the paper cuts them; on ImageNet the image is declared to be that of 256 pixels.

    That is the lenient choice: against an image of 224 pixels L is 1.15 times larger.
    """
    if dataset == IMAGENET:
        return math.sqrt(k)
    offsets = [(row, column) for row in (0, 4) for column in (0, 4)]
    return (
        operator_norm(32, 36, 32, offsets, "patch")
        if k == 4
        else math.sqrt(k) * operator_norm(32, 36, 32, [(0, 0)], "resized")
    )


def acrs(item: str, path: str = CLAIMS) -> pd.DataFrame:
    """The printed ACRs of a table, with the row of certified accuracies behind each, where one is printed.

    A row for each method, level and row that may be its: dataset, sigma, method, row ("" if none), printed, abstention. For both
    definitions the ACRs that the row allows (all_low, all_high, correct_low, correct_high) and the trapezoid rule's
    (all_estimate, correct_estimate); `fits`, the definitions under which the printed number is possible. The ceiling is that of
    the n that the table implies, where the stated one cannot be.
    """
    claims = read_claims(path)
    own = claims[claims["item"] == item]
    rates = own[own.metric == "abstention"].set_index(["sigma", "method"]).value
    found = []
    for claim in own[own.metric == "acr"].to_dict("records"):
        n, _ = samples.taken(claim, claims)
        about = {name: claim[name] for name in ("dataset", "sigma", "method")} | {"printed": float(claim["value"])}
        rate = rates.get((claim["sigma"], claim["method"]))
        about["abstention"] = math.nan if rate is None else float(rate)
        behind = rows.curves(claim, claims)
        for name, row in behind.items():
            ceiling = checks.radius_ceiling(claim["sigma"], n, samples.level(claim))
            ceiling = samples.largest_radius(row, ceiling)
            ranges, estimates = acr_ranges(row, ceiling), acr_estimates(row, ceiling)
            one = about | {"row": name, "fits": ", ".join(fitting(claim, ranges))}
            for definition, (low, high) in ranges.items():
                one |= {f"{definition}_low": low, f"{definition}_high": high}
                one[f"{definition}_estimate"] = estimates[definition]
            found.append(one)
        if not behind:
            found.append(about | {"row": "", "fits": ""})
    return pd.DataFrame(found)


def curves(item: str, path: str = CLAIMS) -> pd.DataFrame:
    """The printed certified accuracies of a table: dataset, sigma, method, radius, accuracy [%]; zeros beyond the ceiling too."""
    claims = read_claims(path)
    own = claims[(claims["item"] == item) & (claims.metric == "certified_accuracy")]
    methods = own.method.map(rows.spelled)
    found = own[["dataset", "sigma", "radius"]].assign(method=methods, accuracy=own.value.astype(float))
    return found.sort_values(["sigma", "method", "radius"], kind="stable", ignore_index=True)


def divided(curve: pd.DataFrame, lipschitz: float, grid: np.ndarray) -> np.ndarray:
    """Certified accuracies [%] at the radii `grid` that a printed curve implies for the image, its radii divided by L.

    Linear between printed radii, 0 beyond the last that is not 0.
    """
    return np.interp(grid * lipschitz, curve.radius, curve.accuracy, right=0.0)
