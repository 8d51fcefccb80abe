"""Procedures compared on the same noise: every noisy copy is evaluated once, however many of them ask for it."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from resmooth.classifiers.consensus import Consensus
from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.engine import Vote
from resmooth.smoothing.progress import Bar
from resmooth.smoothing.sequential import Draw
from resmooth.smoothing.smoothed import Smoothed
from resmooth.smoothing.streams import Stream


@dataclass
class Copies:
    """The noisy copies of one image for one purpose that were evaluated so far: their classes, whether the first members of a
    K-consensus agreed on them, and the seconds that each took (a batch's time, shared equally)."""

    stream: Stream
    classes: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    agreed: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))


class Cost(NamedTuple):
    """What a procedure cost: noisy copies, of which K members agreed on `agreed`, and seconds."""

    copies: int
    agreed: int
    seconds: float


class Replay(Smoothed):
    """A `Smoothed` that keeps the classes of all noisy copies it evaluates, of as many images as one group holds.

    Every procedure begins with the first copy of each image, so that `certify` and `certify_at` return what a plain `Smoothed`
    returns. `smoothed`: says noise, batch size and device; `classifier`: its networks are used as they are.
    """

    def __init__(self, smoothed: Smoothed, classifier: object) -> None:
        fitting = {"batch_size": smoothed.batch_size, "device": smoothed.device}
        super().__init__(classifier, smoothed.noise, smoothed.num_classes, precision="as given", **fitting)  # type: ignore[arg-type]
        self._kept: dict[tuple[int, int, int], Copies] = {}
        self._asked, self._worked = Cost(0, 0, 0.0), 0.0

    def cost(self) -> tuple[Cost, float]:
        """(what all copies cost that were asked for, each as often as it was asked for; seconds of evaluating them once)."""
        return self._asked, self._worked

    def _draws(self, images: list[torch.Tensor], seed: int, index: list[int], bar: Bar, finished: int) -> Draw:
        seen: Counter[tuple[int, int]] = Counter()  # (row, purpose) -> copies that this procedure has drawn

        def draw(rows: np.ndarray, size: int, purpose: int) -> np.ndarray:
            wanted = []
            for row in rows.tolist():
                start = seen[row, purpose]
                seen[row, purpose] += int(size)
                wanted.append((self._copies(images[row], seed, index[row], purpose), start, start + int(size)))
            return self._count(wanted)

        return draw

    def _counts(
        self,
        x: torch.Tensor,  # type: ignore[override]
        sizes: dict[int, int],
        seed: int,
        index: Sequence[int],  # type: ignore[override]
        progress: bool | None,
        levels: np.ndarray | None = None,
    ) -> dict[int, torch.Tensor]:
        self.build(x.shape[1:])
        found = {}
        for purpose, size in sizes.items():
            wanted = [(self._copies(image, seed, number, purpose), 0, size) for image, number in zip(x, index)]
            found[purpose] = torch.from_numpy(self._count(wanted))
        return found

    def _copies(self, image: torch.Tensor, seed: int, index: int, purpose: int) -> Copies:
        key = seed, index, purpose
        if key not in self._kept:
            self._kept[key] = Copies(self.stream(image, seed, index, purpose))
        return self._kept[key]

    def _count(self, wanted: list[tuple[Copies, int, int]]) -> np.ndarray:
        """Counts int64 [len(wanted), num_classes] of the copies from `start` to `stop` of each; those missing are evaluated."""
        self._evaluate(
            [(copies, stop - len(copies.classes)) for copies, _, stop in wanted if stop > len(copies.classes)]
        )
        counts = np.zeros((len(wanted), self.num_classes), dtype=np.int64)
        total, agreed, seconds = self._asked
        for row, (copies, start, stop) in enumerate(wanted):
            counts[row] = np.bincount(copies.classes[start:stop], minlength=self.num_classes)
            total, agreed = total + stop - start, agreed + int(copies.agreed[start:stop].sum())
            seconds += copies.seconds[start:stop].sum()
        self._asked = Cost(total, agreed, float(seconds))
        return counts

    def _evaluate(self, missing: list[tuple[Copies, int]]) -> None:
        """Evaluate so many more copies of each. ValueError if a score is not a number."""
        if not missing:
            return
        start, parts = time.perf_counter(), []
        with torch.inference_mode(), evaluation_mode(self.classifier):
            for votes, which in self.evaluate(
                _with_agreement(self), [(copies.stream, size) for copies, size in missing]
            ):
                parts.append(torch.cat([votes, which[None]]).cpu())
        classes, agreed, which = torch.cat(parts, dim=1).numpy()
        passed = time.perf_counter() - start
        self._worked += passed
        for position, (copies, size) in enumerate(missing):
            own = classes[which == position]
            if (own == self.num_classes).any():
                bad = int((own == self.num_classes).sum())
                raise ValueError(
                    f"image {copies.stream.index}: a score is not a number for {bad} of {size} noisy copies"
                )
            copies.classes = np.concatenate([copies.classes, own])
            copies.agreed = np.concatenate([copies.agreed, agreed[which == position].astype(bool)])
            copies.seconds = np.concatenate([copies.seconds, np.full(size, passed / len(which))])


def _with_agreement(smoothed: Smoothed) -> Vote:
    """noisy images [B, C, H, W] -> int64 [2, B]: their classes, and 1 where the first members of a K-consensus agreed."""

    def votes(images: torch.Tensor) -> torch.Tensor:
        classes = smoothed.vote(images)
        agreed = torch.ones_like(classes)
        if isinstance(smoothed.classifier, Consensus):
            agreed[:, smoothed.classifier.divided] = 0
        return torch.cat([classes, agreed])

    return votes
