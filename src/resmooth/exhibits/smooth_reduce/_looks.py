"""Colours, lines and markers of Smooth-Reduce: one colour for each place of the noise, as published thin and dotted."""

from __future__ import annotations

from typing import Any

from resmooth.exhibits.smooth_reduce._methods import PUBLISHED

SPACES: dict[str, dict[str, Any]] = {
    "image": {"color": "C2", "ls": "-", "marker": "s", "label": "noise on the image"},
    "resized": {"color": "C0", "ls": "--", "marker": "o", "label": "on the resized image"},
    "patch": {"color": "C1", "ls": "-.", "marker": "^", "label": "on the patches"},
}
ONE: dict[str, Any] = {"color": "black", "ls": "-", "marker": "D"}
THIN: dict[str, Any] = {"ls": ":", "lw": 1.1, "mfc": "white"}  # of the radius as published
LARGEST: dict[str, Any] = {"marker": "v", "ls": (0, (6, 1))}  # of the larger number of patches in one space


def look(space: str, kind: str, largest: bool = False) -> dict[str, Any]:
    """How a classifier over patches is drawn, without its label; `largest`: with the larger number of patches of its space."""
    own = {key: value for key, value in SPACES[space].items() if key != "label"}
    return own | (LARGEST if largest else {}) | (THIN if kind == PUBLISHED else {})
