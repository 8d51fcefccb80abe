"""Three reasons for ABSTAIN, each provoked and remedied.

The votes of one network in their order are cut into disjoint groups, so that CERTIFY can be repeated with few and with many
samples n0 for the guess and n for the bound; exact probabilities stand beside the measured rates. For the second reason the
network trained at the lowest level of noise is certified at the highest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.lecture import _votes
from resmooth.exhibits.lecture._abstain_drawing import draw
from resmooth.exhibits.lecture._abstain_findings import findings
from resmooth.exhibits.lecture._abstain_numbers import (
    Certifier,
    by_setting,
    exact,
    few_steps,
    measured,
    per_image,
    repetitions,
)

if TYPE_CHECKING:
    from resmooth.plan import Case, Run

__all__ = ["compute", "draw", "findings", "here", "needs", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """Counts of the first network at the highest level; where there are several, also of the one trained at the lowest."""
    case, found = _votes.noisiest(run), _votes.needs(run)
    if case is None or found is None:
        return None
    lowest = min(case.experiment.sigmas, key=float)
    mismatch = [run.paths.mismatch(case.experiment.name, lowest, case.sigma)] if lowest != case.sigma else []
    return found | {"mismatch": mismatch}


def compute(run: Run) -> Frames:
    """setting: one row on what was done; images, rates, exact, reasons: see their functions; shares: of the image shown."""
    from resmooth import noise

    paths, about = cast("dict[str, list[str]]", needs(run)), _votes.settings(run)
    votes = _votes.read(paths["counts"], about["classifier"])
    level = {name: votes.facts[name] for name in ("dim", "sigma", "arithmetic")}
    certifier = Certifier(noise.make(votes.facts["noise"], **level), about["alpha"])
    other = _votes.read(paths["mismatch"], about["classifier"]) if paths["mismatch"] else None
    about |= {"n": votes.n, "step": votes.step, "n_half": votes.step * (votes.steps.shape[1] - votes.half)}
    sigmas = cast("Case", _votes.noisiest(run)).experiment.sigmas
    about |= {"trained": float(min(sigmas, key=float)), "mismatch": other is not None}
    repeated = repetitions(votes, certifier)
    images = per_image(votes, other, certifier, about)
    for name, (few, many) in {"n0": (1, votes.half), "n": (few_steps(votes), votes.steps.shape[1])}.items():
        images[f"few_{name}"], images[f"many_{name}"] = (repeated[name, k].mean(axis=1) for k in (few, many))
    row = int(images.chosen.to_numpy().argmax())
    about |= {"image": f"image {images.idx[row]}", "few": few_steps(votes) * votes.step}
    shares = votes.whole[row] / votes.n
    certified = certifier.certifies(votes.steps[row, votes.half :].sum(axis=0), about["n_half"])
    return {
        "setting": pd.DataFrame([about | {"half_certifies": certified[shares.argmax()]}]),
        "images": images,
        "rates": measured(repeated, row, about),
        "exact": exact(shares, ~certified, votes.whole[row].max(), about),
        "reasons": by_setting(votes, other, certifier, about),
        "shares": pd.DataFrame({"class": np.arange(len(shares)), "share": shares}),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, as one long frame."""
    rates, lines, images = frames["rates"], frames["exact"], frames["images"]
    parts = [rates[rates.panel == "n0"], lines[lines.panel == "n0, exact"]]
    parts += [rates[rates.panel == "n"], lines[lines.panel == "n, exact"]]
    if "state" in images:
        points = {"series": "abstains: " + images.state, "x": images.share_other, "value": images.share}
        parts.append(pd.DataFrame({"panel": "training"} | points))
    long = frames["reasons"].set_index("setting").stack().rename_axis(["setting", "series"]).rename("value")
    return pd.concat([*parts, long.reset_index().assign(panel="reasons")], ignore_index=True)


def here(frames: Frames) -> str:
    """What this run shows."""
    about, images = frames["setting"].iloc[0], frames["images"]
    chosen = images[images.chosen].iloc[0]
    shares = ", ".join(f"{p:.3f}" for p in frames["shares"].share.sort_values(ascending=False)[:3])
    if about.mismatch:
        second = f"For the second reason the same network trained at sigma = {about.trained:g}, under the same noise."
        beside = f"; trained at sigma = {about.trained:g}: {chosen.share_other:.3f}"
    else:
        second = (
            "The run has one level of noise: no network was trained at another, and the second reason is not drawn."
        )
        beside = ""
    return (
        f"**Here.** `{about.classifier}` of {about.experiment} in the run `{about.run}`: {len(images)} images under sigma = "
        f"{about.sigma:g}, n0 = {about.n0}, n = {about.n:,}, alpha = {about.alpha:g}, Clopper-Pearson bound; votes kept every "
        f"{about.step}. {second} The image shown is number {chosen.idx} (label {chosen.label}), with vote shares {shares}{beside}"
        + ("." if chosen.candidate else ". No image meets the condition; the nearest share was taken.")
    )
