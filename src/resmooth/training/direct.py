"""The loss of the soft smoothed classifier itself, by Monte Carlo ("direct" in Yang et al. 2020; `noises`, "Loss Estimators")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

from resmooth.training.copies import log_mean_probability, repeat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resmooth.training.batches import Draw

OPTIONS = {
    "noises": "noisy copies whose mean probability enters the loss",
}


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    draw: Draw,
    epoch: int,
    noises: int = 16,
) -> tuple[Tensor, Tensor]:
    r"""Mean over the images of :math:`-\log \frac1m \sum_i \mathrm{softmax} f(x + \delta_i)_y`, m = `noises` draws.

    It estimates :math:`-\log E\, \mathrm{softmax} f(x + \delta)_y`, too high by about 1/m (`resmooth.theory.loss_bias`); m = 1 is
    Gaussian augmentation. Arguments and result as in objectives.py; scores are those of all draws.
    """
    copies = repeat(images, noises)
    scores = model(copies + draw(copies)).float()
    return F.nll_loss(log_mean_probability(scores, noises), labels), scores
