"""What the soundness tests share: how often to repeat, when a frequency refutes alpha, and classifiers whose truth is known."""

import os
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize, stats
from torch.nn import functional as F

SHAPE, DIM = (1, 2, 2), 4
GREY = (
    128 / 255
)  # every pixel of the image that is certified, again and again: an 8-bit number, as exact arithmetic asks
DIAGONAL, FIRST_PIXEL = (0.5, 0.5, 0.5, 0.5), (1.0, 0.0, 0.0, 0.0)  # unit vectors


def repetitions(long, short):
    """Number of repetitions: `long` under `make soundness` (RESMOOTH_SOUNDNESS=long), else `short`."""
    return long if os.environ.get("RESMOOTH_SOUNDNESS") == "long" else short


def cases(short, *more):
    """Cases of a parametrised test: `short`, and under `make soundness` those of `more` too."""
    return [*short, *repetitions(long=more, short=())]


def assert_rate(violations, repetitions, alpha):
    """Fail if so many violations would occur with probability below 1e-6 were their true rate alpha."""
    p_value = stats.binom.sf(violations - 1, repetitions, alpha)
    assert p_value >= 1e-6, f"{violations} violations in {repetitions} repetitions; alpha = {alpha} (P = {p_value:.1e})"


def assert_exact_rate(violations, repetitions, alpha):
    """As `assert_rate`, and fail also if there are too few: for procedures, or worst cases, that err exactly this often."""
    assert_rate(violations, repetitions, alpha)
    p_value = stats.binom.cdf(violations, repetitions, alpha)
    assert p_value >= 1e-6, (
        f"only {violations} violations in {repetitions} repetitions; alpha = {alpha} (P = {p_value:.1e})"
    )


def false_certificates(predict, radius, probabilities, sigma):
    """bool [N]: the class is none of g's majority, or the radius exceeds the one that its exact probability certifies.

    Stricter than comparing with the true radius, which is never smaller. `probabilities` [K] of the classes; -1 abstains.
    """
    p = np.append(probabilities, 1.0)[predict]  # the last is an abstention's
    return (predict != -1) & ((p < 0.5) | (radius > sigma * stats.norm.ppf(p)))


def votes_of(probabilities, seed=0):
    """draw(rows, size, purpose) -> counts for images whose class probabilities [N, K] are known, one multinomial a call."""
    generator = np.random.default_rng(seed)
    return lambda rows, size, purpose: generator.multinomial(size, probabilities[rows])


def grey_images(number):
    """The grey image `number` times: as many repetitions, since each index has its own noise."""
    return torch.full((number, *SHAPE), GREY)


@dataclass(frozen=True)
class Region:
    """The base classifier of a region: class 1 inside, 0 outside. The grey image lies `distance` from the region's centre.

    kind        "linear": half-space, d < size; "slab": |d| < size; "ball": |z| < size, for d the component of z along `direction`
                and z the noisy image as seen from the centre
    """

    kind: str
    size: float
    distance: float
    sigma: float
    direction: tuple = DIAGONAL

    def __call__(self, images):
        inside = self.inside(images.flatten(1) - GREY, images.new_tensor(self.direction))
        return torch.stack([~inside, inside], dim=1).float()

    def inside(self, offsets, direction):
        """bool [B] for offsets [B, 4] from the grey image; torch or numpy."""
        points = offsets + self.distance * direction
        if self.kind == "ball":
            return (points**2).sum(-1) < self.size**2
        along = (points * direction).sum(-1)
        return along < self.size if self.kind == "linear" else abs(along) < self.size

    def inside_at(self, distance):
        """Exact probability of class 1 for an image at that distance from the centre; it falls as the distance grows."""
        if self.kind == "ball":
            return stats.ncx2.cdf((self.size / self.sigma) ** 2, DIM, (distance / self.sigma) ** 2)
        above = stats.norm.sf((-self.size - distance) / self.sigma) if self.kind == "slab" else 1.0
        return above - stats.norm.sf((self.size - distance) / self.sigma)

    @property
    def probabilities(self):
        """Exact probabilities of the two classes under noise."""
        inside = self.inside_at(self.distance)
        return np.array([1 - inside, inside])

    @property
    def true_radius(self):
        """How far the smoothed class is constant: to the distance from the centre at which it changes, if it does."""
        nearest = self.size if self.kind == "linear" else 0.0
        if self.inside_at(nearest) < 0.5:  # noise leaves so small a slab or ball from everywhere
            return np.inf
        boundary = optimize.brentq(lambda distance: self.inside_at(distance) - 0.5, nearest, nearest + 100 * self.sigma)
        return abs(boundary - self.distance)


class Cells:
    """The base classifier that cuts the space into parallel cells with these `probabilities` [K] under noise around grey."""

    def __init__(self, probabilities, sigma):
        self.probabilities = np.array(probabilities)
        self.edges = torch.from_numpy(sigma * stats.norm.ppf(self.probabilities.cumsum()[:-1]))

    def __call__(self, images):
        along = (images - GREY).flatten(1).double().sum(dim=1) / 2
        return F.one_hot(torch.bucketize(along, self.edges), len(self.probabilities)).float()


class Member:
    """A classifier of three classes, linear in the first two pixels: scores `weights` [3, 2] (pixels - grey) + `offsets` [3].

    No matrix product, whose rounding depends on the size of the batch.
    """

    def __init__(self, weights, offsets):
        self.weights, self.offsets = torch.tensor(weights), torch.tensor(offsets)

    def __call__(self, images):
        first, second = (images.flatten(1)[:, :2] - GREY).T[:, :, None]
        return first * self.weights[:, 0] + second * self.weights[:, 1] + self.offsets

    def probabilities(self, sigma):
        """Exact probabilities of the classes: integrals of the normal distribution over quadrants."""
        result = []
        for top in range(3):
            others = [other for other in range(3) if other != top]
            slopes = sigma * (self.weights[others] - self.weights[top]).double().numpy()
            gaps = (self.offsets[top] - self.offsets[others]).double().numpy()
            result.append(stats.multivariate_normal.cdf(gaps, cov=slopes @ slopes.T))
        return np.array(result)


def probabilities_by_quadrature(vote, sigma, num_classes, points=1200):
    """Class probabilities [V, K] of V classifiers that read the first two pixels alone, right to about 1e-4.

    `vote`: images -> classes [V, B]. The points are quantiles of the noise, hence equally likely.
    """
    quantiles = torch.from_numpy(stats.norm.ppf((np.arange(points) + 0.5) / points) * sigma)
    plane, counts = torch.cartesian_prod(quantiles, quantiles).float(), 0
    for part in plane.split(100_000):
        classes = vote(F.pad(part, (0, 2)).view(-1, *SHAPE) + GREY)
        counts = counts + F.one_hot(classes, num_classes).sum(dim=1)
    return counts.numpy() / len(plane)
