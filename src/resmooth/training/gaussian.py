"""Gaussian augmentation (Cohen et al. 2019, section 3.3): train on noisy images, as the smoothed classifier sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resmooth.training.batches import Draw


def objective(model: nn.Module, images: Tensor, labels: Tensor, draw: Draw, epoch: int) -> tuple[Tensor, Tensor]:
    r"""Mean over the batch of :math:`\mathrm{CE}(f(x + \delta), y)`, one draw of the noise for each image, not clipped.

    images [B, C, H, W] in [0, 1]; labels [B]; `draw(images)` returns noise of the same shape; `epoch` from 0 (not used).
    Returns (loss: scalar tensor, scores [B, K] of the noisy images).
    """
    scores = model(images + draw(images))
    return F.cross_entropy(scores, labels), scores
