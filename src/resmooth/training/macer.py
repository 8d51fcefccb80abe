"""MACER: maximising the certified radius, without an attack (Zhai et al. 2020, algorithm 1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from resmooth.training.copies import log_mean_probability, repeat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resmooth.training.batches import Draw

OPTIONS = {
    "noises": "noisy copies of an image",
    "lbd": "weight of the radius",
    "gamma": "radii up to it count",
    "beta": "inverse temperature of its softmax",
    "deferred": "epochs before the radius counts",
}


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    draw: Draw,
    epoch: int,
    noises: int = 16,
    lbd: float = 12.0,
    gamma: float = 8.0,
    beta: float = 16.0,
    deferred: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Mean over the images of

    .. math:: -\log(\bar p_y + 10^{-10}) + \lambda\, \frac{\sigma}{2}\, (\gamma - \xi)\; 1[\hat c = y,\ |\xi| \le \gamma]

    where :math:`\bar p` is the mean softmax over m = `noises` draws, and :math:`\xi = \Phi^{-1}(q_1) - \Phi^{-1}(q_2)`, in
    units of sigma, compares the two largest entries of the mean softmax of `beta` times the scores; :math:`\hat c` is the
    larger. Images classified wrongly, with infinite or with large enough :math:`\xi` get no second term. lbd:
    :math:`\lambda`, which is 0 in the first `deferred` epochs. Arguments and result as in objectives.py.
    """
    copies = repeat(images, noises)
    scores = model(copies + draw(copies)).float()
    mean = log_mean_probability(scores, noises).exp()
    classification = F.nll_loss(torch.log(mean + 1e-10), labels)
    if epoch < deferred:
        return classification, scores
    sharpened = log_mean_probability(beta * scores, noises).exp()
    top, classes = sharpened.topk(2, dim=1)
    top = top[classes[:, 0] == labels]
    with torch.no_grad():
        within = radius_in_sigmas(top).abs() <= gamma  # false for an infinite or undefined radius
    hinge = gamma - radius_in_sigmas(top[within])
    return classification + lbd * draw.sigma / 2 * hinge.sum() / len(images), scores


def radius_in_sigmas(top: Tensor) -> Tensor:
    r""":math:`\Phi^{-1}(q_1) - \Phi^{-1}(q_2)` for rows (q_1, q_2) [B, 2]: twice the radius of Cohen et al. 2019, in sigma."""
    quantiles = math.sqrt(2) * torch.erfinv(2 * top - 1)
    return quantiles[:, 0] - quantiles[:, 1]
