"""The numbers of table3 and table4: printed certified accuracies, what they imply once divided by L, and those of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.audit import rows, samples
from resmooth.audit.claims import read_claims
from resmooth.exhibits.smooth_reduce import _methods, _printed
from resmooth.exhibits.smooth_reduce._acr_table import AcrTable, labelled
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PUBLISHED

if TYPE_CHECKING:
    from resmooth.exhibits.base import Frames
    from resmooth.plan import Run

OURS = ("Smooth-", "MACER-Smooth-")  # names of the paper's methods in these tables begin so
STEPS = {3.0: 0.5, 0.8: 0.25, 0.0: 0.1}  # largest radius of a run, at least -> step of the radii that its table lists


@dataclass(frozen=True)
class AccuracyTable:
    """One of the paper's two tables of certified accuracies; `acrs` is that of the ACRs, which compares the same methods."""

    item: str
    acrs: AcrTable

    def needs(self, run: Run) -> dict[str, list[str]] | None:
        """The claims and the certificates of the table of ACRs."""
        files = self.acrs.needs(run)
        return files and {role: files[role] for role in ("claims", "certificates")}

    def compute(self, run: Run) -> Frames:
        """printed, samples: see the functions below; ours: certified accuracies of this run at a grid of radii, in per cent."""
        frame = _methods.read(run, cast("dict[str, list[str]]", self.needs(run))["certificates"])
        frame = self.acrs.shown(frame)
        about = {"run": run.name, "images": frame.idx.nunique(), "n": int(frame.n.max()), "alpha": frame.alpha.max()}
        return {
            "setting": pd.DataFrame([about | {"dataset": self.acrs.dataset}]),
            "printed": printed(self.item, self.acrs.dataset),
            "samples": stated_samples(self.item),
            "ours": at_radii(frame),
        }


def printed(item: str, dataset: str) -> pd.DataFrame:
    """The printed accuracies [%], and of the paper's methods those that they imply for the image, their radii divided by L.

    sigma, method, k (0 of other methods), lipschitz, radius, accuracy, divided (equal to accuracy for the others).
    """
    parts = []
    for (_, method), part in _printed.curves(item).groupby(["sigma", "method"], sort=False):
        k = patches_of(method, dataset)
        norm = _printed.norm(dataset, k) if k else 1.0
        implied = _printed.divided(part, norm, part.radius.to_numpy()) if k else part.accuracy
        parts.append(part.assign(k=k, lipschitz=norm, divided=implied))
    return pd.concat(parts, ignore_index=True)


def patches_of(method: str, dataset: str) -> int:
    """How many patches a printed method reduces: 8 of "Smooth-Max-8 (PGD)"; 0 if it is not one of the paper."""
    if not method.startswith(OURS):
        return 0
    number = method.partition(" (")[0].rpartition("-")[2]
    return int(number) if number.isdecimal() else _printed.PATCHES[dataset]


def stated_samples(item: str) -> pd.DataFrame:
    """The n that the paper states for the table, and the least and most samples that the table allows (nan: it bounds none)."""
    claims = read_claims(_printed.CLAIMS)
    claim = claims[(claims["item"] == item) & (claims.metric == "certified_accuracy")].iloc[0]
    found = samples.implied_samples(rows.table(claim, claims), claim["n"], samples.level(claim))
    least, most = found or (np.nan, np.nan)
    return pd.DataFrame([{"stated": claim["n"], "least": least, "most": most, "alpha": samples.level(claim)}])


def at_radii(frame: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy [%] of each classifier at the radii of the table, certified and, where L > 1, as published."""
    parts = []
    for _, level in frame.groupby("sigma"):
        largest = level.published.max()
        step = next(step for least, step in STEPS.items() if largest >= least)
        grid = np.arange(0, largest + step, step)
        for case, part in level.groupby(_methods.CASE, sort=False):
            for kind in (CERTIFIED, PUBLISHED) if part.lipschitz.iloc[0] > 1 else (CERTIFIED,):
                about = dict(zip(_methods.CASE, case)) | {"kind": kind, "lipschitz": part.lipschitz.iloc[0]}
                parts.append(_methods.accuracies(part, grid, kind).assign(**about))
    return labelled(pd.concat(parts, ignore_index=True))


def here(frames: Frames) -> str:
    """What this run shows in place of the paper's experiment."""
    about, ours = frames["setting"].iloc[0], frames["ours"]
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(ours.sigma.unique()))
    return (
        "**Here.** First the printed certified accuracies, and what they imply for the image: the same curve, its radii divided "
        f"by L, linear between printed radii. Then the run `{about.run}` at sigma = {levels}: {about.images} images, n = "
        f"{about.n:,}, alpha = {about.alpha:g}, at radii of its own, in units of the [0, 1] image."
    )


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn; column `part` says which."""
    return pd.concat([frames[name].assign(part=name) for name in ("printed", "samples", "ours")], ignore_index=True)
