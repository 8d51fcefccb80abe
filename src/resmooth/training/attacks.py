"""Attacks on the smoothed classifier during its training (Salman et al. 2019, section 2.2).

All attacks raise :math:`J(x') = -\\log \\frac1m \\sum_i \\mathrm{softmax} f(x' + \\delta_i)_y` under fixed draws of the
noise, with the network in evaluation mode, so that batch norm neither sees nor learns from the attacked images. Perturbations
are in units of the [0, 1] image, and the images stay within [0, 1].
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resmooth.models.mode import evaluation_mode
from resmooth.training.copies import log_mean_probability, repeat


def attack_smoothed(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    noise: Tensor,
    epoch: int,
    epsilon: float,
    steps: int,
    method: str = "pgd",
    warmup: int = 1,
) -> Tensor:
    """Adversarial images [B, C, H, W] at most `epsilon` (l2) from `images` [B, C, H, W].

    noise   [B * m, C, H, W], m draws for each image in a row   steps   gradient steps
    method  a name in ATTACKS                                   warmup  epochs in which the bound grows linearly to `epsilon`
    """
    bound = min(epsilon, (epoch + 1) * epsilon / warmup)
    with evaluation_mode(model):
        return ATTACKS[method](model, images, labels, noise, bound, steps)


def pgd(model: nn.Module, images: Tensor, labels: Tensor, noise: Tensor, bound: float, steps: int) -> Tensor:
    """Projected gradient ascent: from the image itself, `steps` normalised steps of length 2 * bound / steps."""
    attacked = images
    for _ in range(steps):
        direction, _ = ascent(model, attacked, labels, noise)
        attacked = project(attacked + 2 * bound / steps * direction, images, bound)
    return attacked


def ddn(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    noise: Tensor,
    bound: float,
    steps: int,
    gamma: float = 0.05,
) -> Tensor:
    """Decoupled direction and norm (Rony et al. 2019): the smallest perturbation met that changes the answer, at most `bound`.

    The norm starts at `bound` and shrinks or grows by the factor 1 -/+ gamma when the majority of the noisy copies is
    misclassified or not; step lengths fall to 0.01 as a cosine. An image for which no perturbation was found stays as
    it is. Unlike the authors' code this does not round the perturbed images to 8 bits, which could leave the ball.
    """
    farthest = length(torch.maximum(images, 1 - images))
    norm = torch.full_like(farthest, bound)
    best, best_norm = torch.zeros_like(images), farthest
    attacked = images
    for step in range(steps):
        direction, scores = ascent(model, attacked, labels, noise)
        delta = attacked - images
        fooled = scores.argmax(dim=1).unflatten(0, (len(images), -1)).mode(dim=1).values != labels
        better = fooled & (length(delta) < best_norm)
        best_norm = torch.where(better, length(delta), best_norm)
        best = torch.where(_columns(better), delta, best)
        step_length = 0.01 + 0.99 * (1 + math.cos(math.pi * (step + 1) / steps)) / 2
        delta = delta + step_length * direction
        norm = torch.minimum(norm * torch.where(fooled, 1 - gamma, 1 + gamma), farthest)
        attacked = (images + delta * _columns(norm / length(delta).clamp(min=1e-12))).clamp(0, 1)
    return project(images + best, images, bound)


ATTACKS = {"pgd": pgd, "ddn": ddn}


def unbounded_attack(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    noise: Tensor,
    steps: int,
    alpha: float,
    early_step: int,
    early_bound: float,
    bound: float | None = None,
) -> tuple[Tensor, Tensor]:
    """SmoothMix's attack: `steps` normalised steps of length `alpha`, held in [0, 1] and, if given, within `bound` of the images.

    Returns (the images after `early_step` steps, projected to `early_bound`; those after all steps), each [B, C, H, W].
    """
    path = [images]
    with evaluation_mode(model):
        for _ in range(steps):
            direction, _ = ascent(model, path[-1], labels, noise)
            path.append(project(path[-1] + alpha * direction, images, math.inf if bound is None else bound))
    return project(path[early_step], images, early_bound), path[-1]


def ascent(model: nn.Module, attacked: Tensor, labels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """(Direction of steepest ascent of J, of length 1 for each image [B, C, H, W]; scores [B * m, K] of the noisy copies).

    Where the gradient vanishes, the direction of the image's first noise.
    """
    noises = len(noise) // len(attacked)
    attacked = attacked.detach().requires_grad_()
    scores = model(repeat(attacked, noises) + noise)
    objective = F.nll_loss(log_mean_probability(scores, noises), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(objective, attacked)
    gradient = torch.where(_columns(length(gradient) > 0), gradient, noise[::noises])
    return gradient / _columns(length(gradient)), scores.detach()


def project(attacked: Tensor, images: Tensor, bound: float) -> Tensor:
    """The nearest images in [0, 1], then those at most `bound` (l2) from `images` on the way there."""
    delta = attacked.clamp(0, 1) - images
    if math.isfinite(bound):
        delta = delta.renorm(2, 0, bound)
    return (images + delta).clamp(0, 1)


def length(values: Tensor) -> Tensor:
    """l2 norm of each image [B, C, H, W]: [B]."""
    return values.flatten(1).norm(dim=1)


def _columns(values):
    """[B] -> [B, 1, 1, 1], to go with images."""
    return values.view(-1, 1, 1, 1)
