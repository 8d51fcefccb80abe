"""The training methods by name: the modules of this package that define an objective, which is a function

    objective(model, images, labels, draw, epoch, **options) -> (loss, scores)

of images [B, C, H, W] in [0, 1], their labels [B], `draw` (batches.Draw: `draw(images)` is noise of the same shape,
`draw.uniform(images)` a number in [0, 1) for each image, `draw.sigma` the noise level) and the epoch (from 0). `loss` is a
mean over the images (a scalar tensor), so that images of several networks can share a batch; `scores` [B * m, K] are those of
the m noisy copies of each image.
"""

from collections.abc import Callable
from importlib import import_module

from torch import Tensor

from resmooth.training.methods import methods

OBJECTIVES: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    name: import_module(f"resmooth.training.{name}").objective for name in methods()
}
