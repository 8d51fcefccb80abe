"""Smooth-Reduce: classifiers that reduce the scores of several parts of an image or clip to one vector (arXiv 2205.06154)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from resmooth.classifiers.ensemble import mark_invalid

Parts = Mapping[
    str, tuple[str, Sequence[int]]
]  # name of a classifier -> (a name in REDUCTIONS, positions of its parts)

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {  # name: scores of k parts [k, B, K] -> scores [B, K]
    "max": lambda scores: scores.softmax(dim=2).amax(dim=0),
    "mean": lambda scores: scores.mean(dim=0),
    "max_logits": lambda scores: scores.amax(dim=0),
    "mean_softmax": lambda scores: scores.softmax(dim=2).mean(dim=0),
}
OF_SOFTMAX = ("max", "mean_softmax")  # those that reduce softmax scores
UNSOUND = {  # parameter and value: why it is refused
    "layout 'content'": "patches chosen by what a noisy image shows depend on its noise",
    "redraw 'call'": "a certificate would hold for the patches of its own call alone, which no later prediction uses",
}


class Reducing(nn.Module):
    """What all such classifiers share: the votes and the scores of all their reductions, from one pass over all parts.

    names   of the classifiers of one pass, in the order of `votes`
    """

    names: list[str]

    def part_scores(self, images: Tensor) -> Tensor:
        """Scores [k, B, K] of all parts of noisy copies, in float32."""
        raise NotImplementedError

    def parts_of(self, images: Tensor) -> Parts:
        """What each classifier of `names` reduces, of noisy copies such as these."""
        raise NotImplementedError

    def votes(self, images: Tensor) -> Tensor:
        """Classes [len(names), B] that each classifier of `names` gives to noisy copies, from one pass over all parts."""
        scores = self.part_scores(images)
        found = [REDUCTIONS[kind](scores[list(which)]).argmax(dim=1) for kind, which in self.parts_of(images).values()]
        return mark_invalid(torch.stack(found), scores)

    def probabilities(self, images: Tensor) -> Tensor:
        """Scores in [0, 1] [len(names), B, K] of each classifier of `names`, from one pass over all parts.

        Reduced softmax scores as they are (the largest of several need not sum to 1), reduced scores after a softmax.
        """
        scores, found = self.part_scores(images), []
        for kind, which in self.parts_of(images).values():
            reduced = REDUCTIONS[kind](scores[list(which)])
            found.append(reduced if kind in OF_SOFTMAX else reduced.softmax(dim=1))
        return torch.stack(found)


def check_choice(parameter: str, value: str, known: Sequence[str]) -> None:
    """ValueError unless `value` is one of `known`; with the reason, if it would give no certificate."""
    if reason := UNSOUND.get(f"{parameter} {value!r}"):
        raise ValueError(f"{parameter} {value!r} gives no certificate: {reason}")
    if value not in known:
        raise ValueError(f"{parameter} must be one of {', '.join(known)}, got {value!r}")
