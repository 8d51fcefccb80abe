"""The ascent of data-dependent smoothing (DDRS, Alfarra et al. 2020): the sigma that maximises an estimate of the radius."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from resmooth.measure.driver import Measurement
from resmooth.measure.subject import Subject
from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.engine import groups_of
from resmooth.smoothing.streams import ANALYSIS, generator, whole

CLIP = (0.02, 0.98)  # of the published test-time script


def ascent(
    subject: Subject,
    network: Callable,
    sigma0: float,
    iterations: int = 100,
    learning_rate: float = 1e-4,
    samples: int = 1,
) -> Measurement:
    """The sigma of each image of the subject by `optimise_sigma` on `network`: one row with columns idx and sigma."""
    _check_ascent(sigma0, iterations, learning_rate, CLIP)
    settings: dict[str, Any] = {"iterations": iterations, "learning_rate": learning_rate, "samples": whole(samples)}

    def measure(group):
        indices = [subject.indices[position] for position in group]
        found = optimise_sigma(network, subject.images[group], sigma0, **settings, seed=subject.seed, index=indices)
        return [{"idx": index, "sigma": sigma} for index, sigma in zip(indices, found)]

    positions = range(len(subject.indices))
    return Measurement(
        name="sigma",
        columns=["idx", "sigma"],
        identity=subject.identity(sigma0=sigma0, **settings),
        indices=subject.indices,
        groups=groups_of(positions, _images_to_a_pass(subject.images[0].numel(), samples, _device(network))),
        measure=measure,
    )


def optimise_sigma(
    classifier: Callable,
    x: torch.Tensor,
    sigma0: float,
    iterations: int = 100,
    learning_rate: float = 1e-4,
    samples: int = 1,
    clip: tuple[float, float] = CLIP,
    seed: int = 0,
    index: Sequence[int] | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    r"""The sigma of each image, float64 [N]: `iterations` steps :math:`\sigma \leftarrow \sigma + \eta \, d\hat R / d\sigma`.

    classifier     images [B, C, H, W] -> scores [B, K], differentiable: the network itself, not one rewritten for inference
    x              images [N, C, H, W]: floats in [0, 1]
    sigma0         where the ascent starts
    learning_rate  eta; the defaults are those of the published test-time script
    samples        fresh noise vectors to a step
    clip           limits of the two probabilities in R (`radius_estimate`)
    index          N global image numbers (default 0..N-1); with `seed` they choose each image's noise, which is independent of
                   that of `claimed_radii`. Order, neighbours and shards change nothing (rounding aside on a GPU, and
                   for networks whose scores depend on their place in a batch)

    The published ascent has no constraint. Where p1 and p2 are both clipped it adds eta times a constant (2.05) at every step,
    whatever the noise does, and it may lead below 0: a step that would, is left out here. Labels are not used, weights get no
    gradients. ValueError for settings out of range, or scores without a gradient or whose gradient is not a number.
    """
    x, samples = torch.as_tensor(x), whole(samples)
    index = range(len(x)) if index is None else list(index)
    if len(index) != len(x):
        raise ValueError(f"{len(x)} images but {len(index)} indices")
    _check_ascent(sigma0, iterations, learning_rate, clip)
    device, found = _device(classifier), []
    size = _images_to_a_pass(x[0].numel() if len(x) else 1, samples, device)
    for group in groups_of(range(len(x)), size):
        rows = [*group, *[group[-1]] * (size - len(group))]  # passes of one size: another could round differently
        images, numbers = x[rows].to(device, torch.float32), [index[row] for row in rows]
        sources = [generator(seed, number, ANALYSIS, device) for number in numbers]
        sigma = torch.full((size,), float(sigma0), dtype=torch.float64, device=device)
        for step in range(iterations):
            noise = torch.stack([_standard_normal((samples, *x.shape[1:]), source) for source in sources])
            following = sigma + learning_rate * _gradient(classifier, images, sigma, noise, clip, numbers)
            sigma = torch.where(following > 0, following, sigma)
            report(group[0] + (step + 1) * len(group) // iterations, len(x))
        found.append(sigma[: len(group)].cpu().numpy())
    return np.concatenate(found) if found else np.zeros(0)


def radius_estimate(
    classifier: Callable, x: torch.Tensor, sigma: torch.Tensor, noise: torch.Tensor, clip: tuple[float, float] = CLIP
) -> torch.Tensor:
    r""":math:`\hat R = \frac\sigma2 (\Phi^{-1}(p_1) - \Phi^{-1}(p_2))` of each image [N]; Alfarra et al. 2020, objective.

    p1 >= p2 are the two largest entries of the mean softmax output over noisy copies :math:`x + \sigma \epsilon`, both clipped.
    x [N, C, H, W]; sigma [N], in which it is differentiable; noise [N, S, C, H, W]: standard normal.
    """
    copies = x[:, None] + sigma.to(x.dtype).view(-1, 1, 1, 1, 1) * noise
    scores = classifier(copies.flatten(0, 1))
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2 or len(scores) != len(copies.flatten(0, 1)):
        raise ValueError("the classifier must return a tensor of scores [images, classes]")
    if scores.shape[1] < 2:
        raise ValueError("the radius needs a runner-up, but the classifier has one class")
    if sigma.requires_grad and not scores.requires_grad:
        raise ValueError("the scores have no gradient; give the network itself, not one rewritten for inference")
    p = scores.double().softmax(dim=1).unflatten(0, copies.shape[:2]).mean(dim=1)
    quantiles = torch.special.ndtri(p.topk(2, dim=1).values.clamp(*clip))
    return sigma / 2 * (quantiles[:, 0] - quantiles[:, 1])


def _check_ascent(sigma0, iterations, learning_rate, clip):
    """ValueError unless these settings of `optimise_sigma` make sense."""
    if not hasattr(iterations, "__index__") or iterations < 0:
        raise ValueError(f"iterations must be a whole number of at least 0, got {iterations!r}")
    for name, value in (("sigma0", sigma0), ("the learning rate", learning_rate)):
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"{name} must be a positive number, got {value}")
    if not 0 < clip[0] < clip[1] < 1:
        raise ValueError(f"clip must be two ascending numbers between 0 and 1, got {clip}")


def _gradient(classifier, images, sigma, noise, clip, index):
    """Derivative of each image's radius estimate by its sigma [B]. ValueError, one line, if it has none or is not a number."""
    sigma = sigma.clone().requires_grad_()
    with torch.enable_grad(), evaluation_mode(classifier):
        estimates = radius_estimate(classifier, images, sigma, noise, clip)
        (gradient,) = torch.autograd.grad(estimates.sum(), sigma)
    broken = ~gradient.isfinite()
    if broken.any():
        number = index[int(broken.nonzero()[0])]
        raise ValueError(f"image {number}: the gradient of its radius estimate is not a number; check the scores")
    return gradient


def _standard_normal(shape, source):
    return torch.randn(shape, generator=source, device=source.device)


def _device(classifier):
    """Where the classifier's parameters are, or the CPU."""
    parameters = classifier.parameters() if isinstance(classifier, nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), torch.device("cpu"))


def _images_to_a_pass(numbers, samples, device):
    """Images to a forward and backward pass: so many that their noisy copies hold about what a CPU or a GPU takes well."""
    copies = min(128, 2**18 // numbers) if device.type == "cpu" else min(512, 2**21 // numbers)
    return max(1, copies // samples)
