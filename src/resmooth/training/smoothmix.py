"""SmoothMix: training on mixtures of images with their adversarial images (Jeong et al. 2021, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

from resmooth.training.attacks import unbounded_attack
from resmooth.training.copies import kl_divergence, log_mean_probability, repeat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resmooth.training.batches import Draw

OPTIONS = {
    "noises": "noisy copies of an image",
    "steps": "steps of the attack",
    "alpha": "length of a step",
    "eta": "weight of the mixtures",
    "warmup": "epochs in which it grows",
    "mix_step": "1: the clean image is the one-step adversary",
    "max_norm": "bound of the attack, if any",
}


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    draw: Draw,
    epoch: int,
    noises: int = 2,
    steps: int = 4,
    alpha: float = 1.0,
    eta: float = 5.0,
    warmup: int = 10,
    mix_step: int = 0,
    max_norm: float | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Mean over the images of

    .. math:: \frac1m \sum_i \mathrm{CE}(f(x_0 + \delta_i), y) + \eta_t\, 1[\arg\max \bar p(x_0) = y]\, \frac1m \sum_i
              \mathrm{KL}(y_{mix} \,\|\, \mathrm{softmax} f(x_{mix} + \delta_i))

    with m = `noises` draws, :math:`x_{mix} = (1 - w) x_0 + w x_T`, :math:`y_{mix} = (1 - w) \bar p(x_0) + w / C`, w uniform
    on [0, 1/2], and :math:`\eta_t = \eta \min(1, (t + 1) / warmup)` in epoch t. x_T is found by `steps` steps of length
    `alpha` that raise :math:`-\log \bar p_y`, at most `max_norm` (if given) from x. x_0 is x, or with mix_step = 1 the image
    after the first step, at most :math:`\alpha \min(1, (t + 1) / warmup)` from x. The gradient flows through :math:`y_{mix}`
    too. Arguments and result as in objectives.py; scores are those of :math:`x_0 + \delta_i`.
    """
    warm = min(1.0, (epoch + 1) / warmup)
    noise = draw(repeat(images, noises))
    start, end = unbounded_attack(
        model, images, labels, noise, steps, alpha, mix_step, alpha * mix_step * warm, max_norm
    )
    scores = model(repeat(start, noises) + noise).float()
    log_mean = log_mean_probability(scores, noises)
    weight = draw.uniform(images) / 2
    pixel_weight = weight.view(-1, 1, 1, 1)
    mixed = (1 - pixel_weight) * start + pixel_weight * end
    targets = (1 - weight[:, None]) * log_mean.exp() + weight[:, None] / scores.shape[1]
    divergence = kl_divergence(repeat(targets, noises), model(repeat(mixed, noises) + noise))
    correct = repeat(log_mean.argmax(dim=1) == labels, noises)
    loss = F.cross_entropy(scores, repeat(labels, noises)) + eta * warm * (divergence * correct).mean()
    return loss, scores
