"""Procedures compared on the same noise: every member sees every noisy copy once, however many procedures ask for it."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from resmooth import storage
from resmooth.classifiers.consensus import alike
from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.progress import Bar
from resmooth.smoothing.sequential import Draw
from resmooth.smoothing.smoothed import Smoothed
from resmooth.smoothing.streams import Stream


@dataclass
class Copies:
    """The noisy copies of one image for one purpose that were evaluated so far.

    classes int64 [V, n] by each of V classifiers; agreed bool [n]: whether the first members of a K-consensus agreed; seconds
    [V, n]: what the members that a classifier asks took, a batch's time shared equally among its copies.
    """

    stream: Stream
    classes: np.ndarray
    agreed: np.ndarray
    seconds: np.ndarray


class Cost(NamedTuple):
    """What a procedure cost: noisy copies, of which its first members decided `agreed`, and seconds."""

    copies: int
    agreed: int
    seconds: float


class Evaluations:
    """The classes that classifiers made of the same members give to noisy copies, of as many images as one group holds.

    smoothed    the soft ensemble of all members, smoothed
    consensus   K: the classifier that asks the other members only where the first K disagree (`Consensus`); 0: leave it out

    `names` has the classifiers in the order of the rows: "soft-k", "consensus-K". `worked`: seconds of all evaluations so far.
    """

    def __init__(self, smoothed: Smoothed, consensus: int = 0) -> None:
        self.smoothed, self.consensus, self.models = smoothed, consensus, smoothed.classifier.models
        self.names = [storage.classifier_name("soft", len(self.models))]
        if consensus:
            self.names.append(storage.classifier_name("consensus", consensus))
        self.worked = self._others = 0.0
        self._kept: dict[tuple[int, int, int], Copies] = {}

    def copies(self, image: torch.Tensor, seed: int, index: int, purpose: int) -> Copies:
        """The copies of one image [C, H, W] for one purpose."""
        key = seed, index, purpose
        if key not in self._kept:
            stream, none = self.smoothed.stream(image, seed, index, purpose), (len(self.names), 0)
            self._kept[key] = Copies(stream, np.zeros(none, np.int64), np.zeros(0, bool), np.zeros(none))
        return self._kept[key]

    def extend(self, missing: list[tuple[Copies, int]]) -> None:
        """Evaluate so many more copies of each. ValueError if a score is not a number."""
        if not missing:
            return
        start, self._others, parts = time.perf_counter(), 0.0, []
        with torch.inference_mode(), evaluation_mode(self.smoothed.classifier):
            streams = [(copies.stream, size) for copies, size in missing]
            for votes, which in self.smoothed.evaluate(self._votes, streams):
                parts.append(torch.cat([votes, which[None]]).cpu())
        rows = torch.cat(parts, dim=1).numpy()
        classes, agreed, which = rows[:-2], rows[-2].astype(bool), rows[-1]
        passed = time.perf_counter() - start
        self.worked += passed
        spared = np.stack([np.zeros_like(agreed), agreed][: len(classes)])  # copies that did not need the other members
        seconds = (passed - self._others * spared) / len(which)
        for position, (copies, size) in enumerate(missing):
            own = which == position
            bad = int((classes[:, own] == self.smoothed.num_classes).any(axis=0).sum())
            if bad:
                raise ValueError(
                    f"image {copies.stream.index}: a score is not a number for {bad} of {size} noisy copies"
                )
            copies.classes = np.concatenate([copies.classes, classes[:, own]], axis=1)
            copies.agreed = np.concatenate([copies.agreed, agreed[own]])
            copies.seconds = np.concatenate([copies.seconds, seconds[:, own]], axis=1)

    def _votes(self, images: torch.Tensor) -> torch.Tensor:
        """int64 [V + 1, B] for noisy images [B, C, H, W]: their classes, then 1 where the first members agreed."""
        first = [model(images).float() for model in self.models[: self.consensus]]
        start = self._now()
        scores = torch.stack(first + [model(images).float() for model in self.models[self.consensus :]])
        self._others += self._now() - start
        soft = self.smoothed.classes(scores.mean(dim=0), len(images))
        if not self.consensus:
            return torch.cat([soft, torch.zeros_like(soft)])
        asked, others = scores[: self.consensus], scores[self.consensus :]
        agreed = alike(asked)
        total = asked.sum(dim=0) + others.sum(dim=0).masked_fill(agreed[:, None], 0)
        return torch.cat([soft, self.smoothed.classes(total, len(images)), agreed[None].long()])

    def _now(self):
        """Seconds on a clock, when the device has done all that it was asked to."""
        if self.smoothed.device.type == "cuda":
            torch.cuda.synchronize(self.smoothed.device)
        return time.perf_counter()


class Replay(Smoothed):
    """A `Smoothed` of one classifier of `evaluations`, the one of that `name`, which evaluates no copy twice.

    Every procedure begins with the first copy of each image, so that `certify` and `certify_at` return what a plain `Smoothed`
    returns.
    """

    def __init__(self, evaluations: Evaluations, name: str) -> None:
        plain = evaluations.smoothed
        fitting = {"batch_size": plain.batch_size, "device": plain.device}
        super().__init__(plain.classifier, plain.noise, plain.num_classes, precision="as given", **fitting)  # type: ignore[arg-type]
        self.evaluations, self.row = evaluations, evaluations.names.index(name)
        self.asked = Cost(0, 0, 0.0)  # all copies that were asked for, each as often as it was

    def _draws(self, images: list[torch.Tensor], seed: int, index: list[int], bar: Bar, finished: int) -> Draw:
        seen: Counter[tuple[int, int]] = Counter()  # (row, purpose) -> copies that this procedure has drawn

        def draw(rows: np.ndarray, size: int, purpose: int) -> np.ndarray:
            wanted = []
            for row in rows.tolist():
                start = seen[row, purpose]
                seen[row, purpose] += int(size)
                copies = self.evaluations.copies(images[row], seed, index[row], purpose)
                wanted.append((copies, start, start + int(size)))
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
        found = {}
        for purpose, size in sizes.items():
            copies = [self.evaluations.copies(image, seed, number, purpose) for image, number in zip(x, index)]
            found[purpose] = torch.from_numpy(self._count([(each, 0, size) for each in copies]))
        return found

    def _count(self, wanted: list[tuple[Copies, int, int]]) -> np.ndarray:
        """Counts int64 [len(wanted), num_classes] of the copies from `start` to `stop` of each; those missing are evaluated."""
        reach = [(copies, stop - copies.classes.shape[1]) for copies, _, stop in wanted]
        self.evaluations.extend([(copies, size) for copies, size in reach if size > 0])
        counts = np.zeros((len(wanted), self.num_classes), dtype=np.int64)
        total, agreed, seconds = self.asked
        for position, (copies, start, stop) in enumerate(wanted):
            counts[position] = np.bincount(copies.classes[self.row, start:stop], minlength=self.num_classes)
            decided = copies.agreed[start:stop] if self.row else np.ones(stop - start)  # the full ensemble asks all
            total, agreed = total + stop - start, agreed + int(decided.sum())
            seconds += copies.seconds[self.row, start:stop].sum()
        self.asked = Cost(total, agreed, float(seconds))
        return counts
