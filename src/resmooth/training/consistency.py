"""Consistency regularisation (Jeong & Shin 2020, section 3), alone or on the adversarial images of SmoothAdv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn import functional as F

from resmooth.training.attacks import attack_smoothed
from resmooth.training.copies import kl_divergence, log_mean_probability, repeat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resmooth.training.batches import Draw

OPTIONS = {
    "noises": "noisy copies of an image",
    "lbd": "weight of their agreement",
    "eta": "weight of the entropy of their mean",
    "attack": "with one, on the adversarial images of SmoothAdv",
}


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    draw: Draw,
    epoch: int,
    noises: int = 2,
    lbd: float = 10.0,
    eta: float = 0.5,
    attack: dict[str, Any] | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Mean over the images of

    .. math:: \frac1m \sum_i \mathrm{CE}(f(x + \delta_i), y) + \lambda\, \frac1m \sum_i \mathrm{KL}(\bar p \,\|\, p_i)
              + \eta\, H(\bar p)

    with m = `noises` draws :math:`\delta_i`, :math:`p_i = \mathrm{softmax} f(x + \delta_i)` and their mean :math:`\bar p`.
    Nothing is detached. lbd: :math:`\lambda`. attack: options of `attacks.attack_smoothed`; x is then the adversarial image
    that it finds under the same draws (Consistency + SmoothAdv). Arguments and result as in objectives.py.
    """
    noise = draw(repeat(images, noises))
    if attack:
        images = attack_smoothed(model, images, labels, noise, epoch, **attack)
    scores = model(repeat(images, noises) + noise).float()
    log_mean = log_mean_probability(scores, noises)
    mean = log_mean.exp()
    divergence = kl_divergence(repeat(mean, noises), scores).mean()
    entropy = -(mean * log_mean).sum(dim=1).mean()
    return F.cross_entropy(scores, repeat(labels, noises)) + lbd * divergence + eta * entropy, scores
