"""SmoothAdv: adversarial training of the smoothed classifier (Salman et al. 2019, section 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn import functional as F

from resmooth.training.attacks import attack_smoothed
from resmooth.training.copies import repeat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resmooth.training.batches import Draw

OPTIONS = {
    "attack": "epsilon and steps (required), method pgd or ddn, warmup: epochs in which the bound grows to epsilon",
    "noises": "noisy copies of an image",
    "train_on_all": "learn from all noisy copies, not from the first alone",
}


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    draw: Draw,
    epoch: int,
    attack: dict[str, Any],
    noises: int = 1,
    train_on_all: bool = True,
) -> tuple[Tensor, Tensor]:
    r"""Mean of :math:`\frac1m \sum_i \mathrm{CE}(f(x' + \delta_i), y)`, where the adversarial image x' maximises

    .. math:: -\log \frac1m \sum_i \mathrm{softmax} f(x' + \delta_i)_y \quad\text{subject to}\quad |x' - x|_2 \le \epsilon

    under the same m = `noises` draws :math:`\delta_i`. attack: options of `attacks.attack_smoothed`.
    train_on_all: learn from all draws (the authors' --train-multi-noise) or from the first alone. Arguments and result as in
    objectives.py.
    """
    noise = draw(repeat(images, noises))
    images = attack_smoothed(model, images, labels, noise, epoch, **attack)
    if not train_on_all:
        noise, noises = noise[::noises], 1
    scores = model(repeat(images, noises) + noise).float()
    return F.cross_entropy(scores, repeat(labels, noises)), scores
