"""What fig11 calls images and patches, and fig12 clips and sub-videos: they share their code."""

from __future__ import annotations

from typing import NamedTuple

from resmooth.exhibits.smooth_reduce._methods import PLACES, PLACES_IN_CLIPS


class Words(NamedTuple):
    """whole, part, parts: of the data; of, short: parts for k; noise: what one noise is; places: of the noise; claim: prefix.

    shown: images or clips whose histograms are drawn, those of each in one row if there are several.
    """

    whole: str
    part: str
    parts: str
    of: str
    short: str
    noise: str
    places: dict[str, str]
    claim: str
    shown: int

    def on(self, space: str) -> str:
        """Where the noise is: "noise on each patch"."""
        return f"noise on {self.places[space]}"


IMAGES = Words(
    *(
        "image",
        "patch",
        "patches",
        "{} patches",
        "{}",
        "one, which resizing smooths",
        PLACES,
        "smooth_reduce-margin_",
        1,
    )
)
CLIPS = Words(
    *("clip", "sub-video", "sub-videos", "sub-videos of {} frames", "{} frames", "one", PLACES_IN_CLIPS),
    *("smooth_reduce-videos_margin_", 2),
)
