"""Ensembles: the base classifier averages k networks that differ in their random seed (Horvath et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resmooth.storage.names import classifier_names

Classifier = Callable[[Tensor], Tensor]  # images [B, C, H, W] -> scores [B, K]


class Ensemble(nn.Module):
    r"""The soft ensemble :math:`\bar f(x) = \frac1k \sum_{l=1}^k f^l(x)` of k networks seeing the same noisy image.

    `models`: k callables, images [B, C, H, W] -> scores [B, K], which must leave the images as they are, for all see the same
    ones; their order decides what the prefixes are.

    One pass of the members also gives the votes of every other classifier made from them. `names` lists them in the order of
    `votes`: "member-i" is member i alone (from 1), and, for the first j members, "soft-j" the mean of their scores,
    "softmax-j" the mean of their softmax probabilities, "vote-j" their majority; ties of a majority go to the class with the
    larger mean softmax probability, so that each is a fixed, deterministic classifier, as the certificate requires.
    """

    def __init__(self, models: Iterable[Classifier]) -> None:
        super().__init__()
        self.models = list(models)
        if not self.models:
            raise ValueError("an ensemble needs at least one model")
        self.registered = nn.ModuleList(model for model in self.models if isinstance(model, nn.Module))

    @property
    def names(self) -> list[str]:
        return classifier_names(len(self.models))

    def with_models(self, models: Iterable[Classifier]) -> Ensemble:
        """The same ensemble of other models."""
        return Ensemble(models)

    def forward(self, images: Tensor) -> Tensor:
        """Scores [B, K] of the soft ensemble of all members."""
        return self.member_scores(images).mean(dim=0)

    def member_scores(self, images: Tensor) -> Tensor:
        """Scores [k, B, K] of the members, in float32."""
        return torch.stack([model(images).float() for model in self.models])

    def votes(self, images: Tensor) -> Tensor:
        """Classes [len(names), B] that each classifier of `names` gives to `images` [B, C, H, W], from one pass.

        If a member's score of a noisy image is not a number, all classifiers give it the class K, which counting refuses.
        """
        scores = self.member_scores(images)
        members = scores.argmax(dim=2)
        probabilities = scores.softmax(dim=2).cumsum(dim=0)
        # A mean probability is at most 1, so half of it decides ties between whole votes and nothing else.
        sizes = torch.arange(1, len(scores) + 1, device=scores.device).view(-1, 1, 1)
        ballots = F.one_hot(members, scores.shape[2]).cumsum(dim=0) + probabilities / (2 * sizes)
        soft = scores.cumsum(dim=0)
        classes = torch.cat([members, soft.argmax(dim=2), probabilities.argmax(dim=2), ballots.argmax(dim=2)])
        return mark_invalid(classes, scores)


def mark_invalid(classes: Tensor, scores: Tensor) -> Tensor:
    """`classes` [V, B] with K, one beyond the last class, for copies with a score in [k, B, K] that is not a number."""
    return classes.masked_fill_(scores.isnan().any(dim=2).any(dim=0), scores.shape[2])
