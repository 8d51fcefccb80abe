"""Stability training, of Li et al. 2019 (options as in jh-jeong/smoothing-consistency) and of Yang et al. 2020 (as in rs4a)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

from resmooth.training.copies import kl_divergence, repeat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resmooth.training.batches import Draw

OPTIONS = {
    "lbd": "weight of the agreement between clean and noisy image",
    "reference": "clean, or noisy: two noisy images, as in rs4a",
}


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    draw: Draw,
    epoch: int,
    lbd: float = 2.0,
    reference: str = "clean",
) -> tuple[Tensor, Tensor]:
    r"""Mean of :math:`\mathrm{CE}(f(x), y) + \lambda\, H(\mathrm{softmax} f(x), \mathrm{softmax} f(x + \delta))`.

    The first term sees the clean image; H(p, q) = -sum p log q, and the gradient flows through its target p too (Li et al.
    2019, section 4.2). With `reference` "noisy" both images are noisy, by two draws, the first term sees the first of them,
    and the second is :math:`\mathrm{KL}(p \,\|\, q)` (Yang et al. 2020). Arguments and result as in objectives.py; scores
    [B, K], or [B * 2, K], are those of the noisy images. lbd: :math:`\lambda`.
    """
    if reference == "noisy":
        copies = repeat(images, 2)
        scores = model(copies + draw(copies)).float()
        first, second = scores[::2], scores[1::2]
        stability = kl_divergence(first.softmax(dim=1), second).mean()
        return F.cross_entropy(first, labels) + lbd * stability, scores
    clean, noisy = model(images).float(), model(images + draw(images)).float()
    stability = -(clean.softmax(dim=1) * F.log_softmax(noisy, dim=1)).sum(dim=1).mean()
    return F.cross_entropy(clean, labels) + lbd * stability, noisy
