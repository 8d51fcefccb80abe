"""Several noisy copies of each image in a row, and statistics of the scores over an image's copies."""

import math

from torch import Tensor
from torch.nn import functional as F


def repeat(values: Tensor, noises: int) -> Tensor:
    """Each image, label or target `noises` times in a row: [B, ...] -> [B * noises, ...]."""
    return values if noises == 1 else values.repeat_interleave(noises, dim=0)


def log_mean_probability(scores: Tensor, noises: int) -> Tensor:
    r""":math:`\log \bar p`, the logarithm of the mean softmax probability over an image's copies: [B * noises, K] -> [B, K]."""
    return F.log_softmax(scores.float(), dim=1).unflatten(0, (-1, noises)).logsumexp(dim=1) - math.log(noises)


def kl_divergence(targets: Tensor, scores: Tensor) -> Tensor:
    r""":math:`\mathrm{KL}(q \,\|\, \mathrm{softmax}(s))` in nats, for each row of `targets` q and `scores` s [B, K]: [B]."""
    return F.kl_div(F.log_softmax(scores.float(), dim=1), targets, reduction="none").sum(dim=1)
