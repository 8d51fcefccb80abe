"""K-consensus: ask the whole ensemble only where its first members disagree (Horvath et al. 2022, section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from resmooth.classifiers.ensemble import Classifier


class Consensus(nn.Module):
    """A classifier that first asks the first `size` of k members. If they agree, it answers so; else it asks the soft ensemble.

    `models`: k callables, images [B, C, H, W] -> scores [B, K], as for `Ensemble`; 1 <= size < k. This is a fixed classifier, so
    certifying it is sound. It differs from the full ensemble where the first members agree and are outvoted. So far, `agreed`
    of `asked` noisy images needed only the first `size` members (a `Smoothed` counts in its own copy, `smoothed.classifier`).
    """

    def __init__(self, models: Iterable[Classifier], size: int) -> None:
        super().__init__()
        self.models, self.size = list(models), size
        check_size(size, len(self.models))
        self.registered = nn.ModuleList(model for model in self.models if isinstance(model, nn.Module))
        self.asked = self.agreed = 0

    def with_models(self, models: Iterable[Classifier]) -> Consensus:
        """The same classifier of other models."""
        return Consensus(models, self.size)

    def forward(self, images: Tensor) -> Tensor:
        """Scores [B, K]: the sum over the first `size` members where they agree (its largest is theirs), else over all."""
        first = torch.stack([model(images).float() for model in self.models[: self.size]])
        scores, divided = first.sum(dim=0), (~alike(first)).nonzero()[:, 0]
        self.asked, self.agreed = self.asked + len(images), self.agreed + len(images) - len(divided)
        if len(divided):
            rest = images[divided]
            scores[divided] += torch.stack([model(rest).float() for model in self.models[self.size :]]).sum(dim=0)
        return scores


def check_size(size: int, members: int) -> None:
    """ValueError unless the first `size` of so many members can be asked before the others."""
    if not 1 <= size < members:
        raise ValueError(f"consensus needs at least 1 and fewer than all {members} members, got {size}")


def alike(scores: Tensor) -> Tensor:
    """For which noisy images members agree by their scores [members, B, K]: bool [B]."""
    classes = scores.argmax(dim=2)
    return (classes == classes[0]).all(dim=0)
