"""The numbers of smooth_reduce/fig1: ACRs of networks and of Smooth-Mean over them, and their ratios, printed and of a run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce import _printed as printed
from resmooth.exhibits.smooth_reduce._methods import CASE, CERTIFIED, COLUMNS, Case
from resmooth.exhibits.smooth_reduce._ratios import change_of_gain, ratio_over_correct
from resmooth.stats.intervals import Estimate, relative_gain

ALL, CORRECT = "all images", "correct images"
PRINTED, DIVIDED = "as printed", "all images, / L"
PAIRS = {  # in the paper's Table 1: the network, and Smooth-Mean over it
    "SmoothAdv": (printed.BASE, "Smooth-Mean (Ours)"),
    "MACER": ("MACER (Zhai et al., 2020)", "Smooth-Mean Macer (Ours)"),
}
Pairs = dict[Case, tuple[np.ndarray, np.ndarray]]


def as_printed() -> pd.DataFrame:
    """Table 1 by pair, sigma and definition: ACR of the network (`one`) and of Smooth-Mean (`reduced`), and their ratio `value`.

    "as printed"; the trapezoid rule's ACRs over all and over the correct images, from the certified accuracies of both rows; and
    that over all images with the radii of Smooth-Mean divided by L.
    """
    table = printed.acrs("table1").set_index(["method", "sigma"])
    lipschitz, rows = printed.norm(printed.CIFAR, printed.PATCHES[printed.CIFAR]), []
    for pair, (one, reduced) in PAIRS.items():
        for sigma in sorted(table.loc[one].index):
            below, above = table.loc[(one, sigma)], table.loc[(reduced, sigma)]
            values = {
                PRINTED: (below.printed, above.printed),
                ALL: (below.all_estimate, above.all_estimate),
                CORRECT: (below.correct_estimate, above.correct_estimate),
                DIVIDED: (below.all_estimate, above.all_estimate / lipschitz),
            }
            for definition, (under, over) in values.items():
                row = {"pair": pair, "sigma": sigma, "definition": definition, "one": under, "reduced": over}
                rows.append(row | {"value": over / under, "fits_one": below.fits, "fits_reduced": above.fits})
    return pd.DataFrame(rows)


def kinds(frame: pd.DataFrame) -> Iterator[tuple[str, Pairs]]:
    """(kind, the pairs of Smooth-Mean and its one network): certified, and as published where L > 1."""
    lifted = set(frame.experiment[frame.lipschitz > 1])
    for kind, column in COLUMNS.items():
        found = methods.beside_one(frame, column)
        yield kind, {case: pair for case, pair in found.items() if kind == CERTIFIED or case.experiment in lifted}


def ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """ACR of Smooth-Mean / ACR of its network, in every case, by `kind` and `definition`, with 95 % intervals."""
    right, rows = methods.beside_one(frame, "correct"), []
    for kind, pairs in kinds(frame):
        for case, pair in pairs.items():
            over_all = Estimate(*(1 + part for part in relative_gain(*pair)))
            for definition, estimate in ((ALL, over_all), (CORRECT, ratio_over_correct(*pair, *right[case]))):
                rows.append(case._asdict() | {"kind": kind, "definition": definition} | estimate._asdict())
    return pd.DataFrame(rows, columns=[*CASE, "kind", "definition", "value", "low", "high"])


def between_levels(pairs: Pairs) -> dict[Case, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """The pair at the largest and the one at the smallest level, of all that have both; by the case of the largest."""
    alike: dict[Case, list[Case]] = {}
    for case in sorted(pairs, key=lambda each: each.sigma):
        alike.setdefault(case._replace(sigma=0.0), []).append(case)
    ends = [(found[0], found[-1]) for found in alike.values() if len(found) > 1]
    return {late: (*pairs[late], *pairs[early]) for early, late in ends}


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    """By how much the relative gain changes from the smallest to the largest level [fraction], by `kind`, with 95 % intervals."""
    rows = [
        case._asdict() | {"kind": kind} | change_of_gain(*four)._asdict()
        for kind, pairs in kinds(frame)
        for case, four in between_levels(pairs).items()
    ]
    return pd.DataFrame(rows, columns=[*CASE, "kind", "value", "low", "high"])
