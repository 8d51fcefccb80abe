"""PREDICT1 and PREDICT2: how often they abstain, how often they are wrong.

Exact sums for textbook cases, then the votes of one network in their order: the first half plays the samples of PREDICT, in
disjoint groups; the second half says what g and its probabilities are, so that no vote does both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.lecture import _votes
from resmooth.exhibits.lecture._inference_drawing import draw
from resmooth.exhibits.lecture._inference_findings import findings
from resmooth.exhibits.lecture._inference_numbers import (
    POINTS,
    by_image,
    clearest_without_majority,
    exact_abstention,
    exact_errors,
    expected,
    measured,
    per_image,
    repetitions,
    wrong_answers,
)
from resmooth.exhibits.lecture._votes import needs

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "table"]


def compute(run: Run) -> Frames:
    """setting: one row on what was done; abstention, errors: exact; expected, measured, wrong, by_n, images: of the run."""
    about = _votes.settings(run)
    votes = _votes.read(cast("dict[str, list[str]]", needs(run))["counts"], about["classifier"])
    ours, rest = votes.steps[:, : votes.half], votes.steps[:, votes.half :].sum(axis=1)
    about |= {"n": votes.half * votes.step, "n_rest": int(rest[0].sum()), "step": votes.step}
    images = per_image(votes, ours.sum(axis=1), rest, about)
    images = images.assign(chosen=clearest_without_majority(images))
    shown = {"all images": np.ones(len(images), dtype=bool)}
    shown |= {f"image {idx}": (images.idx == idx).to_numpy() for idx in images.idx[images.chosen]}
    repeated = repetitions(ours, about["alpha"])
    simulated = expected(rest / about["n_rest"], shown, votes, about["alpha"])
    wrong, answered = wrong_answers(ours, images, votes.step, about["alpha"])
    return {
        "setting": pd.DataFrame([about]),
        "images": images.assign(**answered),
        "by_n": by_image(repeated, images.idx, votes.step),
        "abstention": exact_abstention(about["alpha"]),
        "errors": exact_errors(),
        "expected": simulated,
        "measured": measured(repeated, shown, votes.step, simulated),
        "wrong": wrong,
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, as one long frame."""
    names = {"answered_by": "series", "idx": "image", "p_a": "x", "p_b": "value"}
    who = frames["images"].rename(columns=names)
    who = who[["series", "image", "x", "value", "answer", "top_of_rest", "label", "settled", "minority"]]
    parts = [frames[name] for name in ("abstention", "errors", "expected", "measured", "wrong")]
    parts.append(who.assign(panel="who answers"))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def here(frames: Frames) -> str:
    """What this run shows."""
    about, images = frames["setting"].iloc[0], frames["images"]
    return (
        f"**Here.** Exact sums for {len(POINTS)} textbook cases, then `{about.classifier}` of {about.experiment} in the run "
        f"`{about.run}`: {len(images)} images under sigma = {about.sigma:g}, {about.n:,} votes for PREDICT and "
        f"{about.n_rest:,} for what is true, alpha = {about.alpha:g}. On {images.minority.sum()} images no class has a "
        "probability above 1/2 (95 % upper bounds for all classes together)."
    )
