import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats

import resmooth as rs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(dim, k, **parameters):
    """The two noises that retain k of the pixels: on average, and exactly."""
    mask = rs.noise.make("mask", dim, p=k * parameters.get("channels", 1) / dim, **parameters)
    return mask, rs.noise.make("ablation", dim, k=k, **parameters)


@pytest.mark.parametrize(
    ("dim", "k", "count", "union", "independent", "fixed"),
    [
        (784, 45, 1, 0.05739796, 0.05739796, 0.05739796),
        (784, 45, 2, 0.11479592, 0.11150139, 0.11157049),
        (784, 45, 4, 0.22959184, 0.21057022, 0.21093916),
        (784, 45, 8, 0.45918367, 0.37680063, 0.37816342),
        (784, 45, 16, 0.91836735, 0.61162255, 0.61527501),
        (3072, 75, 4, 0.09765625, 0.09413782, 0.09418213),
        (3072, 75, 8, 0.19531250, 0.17941372, 0.17960117),
        (3072, 75, 16, 0.39062500, 0.32663815, 0.32729832),
        (1024, 75, 4, 0.29296875, 0.26232507, 0.26266740),
        (1024, 75, 8, 0.58593750, 0.45583570, 0.45701635),
        (64, 8, 2, 0.25, 0.234375, 0.23611111),
        (64, 8, 4, 0.5, 0.41381836, 0.42193284),
        (64, 8, 8, 1, 0.65639108, 0.67906891),
    ],
)
def test_changed_against_reference_values(dim, k, count, union, independent, fixed):
    mask, ablation = pair(dim, k)
    assert count * mask.p == count * ablation.p == pytest.approx(union, abs=5e-9)
    assert mask.changed(count) == pytest.approx(independent, abs=5e-9)
    assert ablation.changed(count) == pytest.approx(fixed, abs=5e-9)
    assert ablation.changed(count) == pytest.approx(1 - math.comb(dim - count, k) / math.comb(dim, k), abs=1e-14)


@pytest.mark.parametrize(
    ("dim", "k", "union", "independent", "fixed"),
    [
        (784, 45, (1, 4, 6, 8, 8), (1, 4, 8, 11, 11), (1, 4, 8, 11, 11)),
        (3072, 75, (4, 10, 16, 20, 20, 20), (4, 11, 20, 27, 27, 28), (4, 11, 20, 27, 27, 27)),
        (64, 8, (0, 1, 3, 3, 3, 3), (0, 2, 3, 5, 5, 5), (0, 2, 3, 4, 4, 5)),
        (1024, 75, (1, 3, 5, 6, 6), (1, 3, 6, 8, 9), (1, 3, 6, 8, 9)),
    ],
)
def test_radius_against_reference_values(dim, k, union, independent, fixed):
    mask, ablation = pair(dim, k)
    p = np.array([0.6, 0.75, 0.9, 0.99, 0.999, 0.9999][: len(union)])
    for radii, reference in [
        (mask.radius(p, 0), independent),
        (ablation.radius(p, 0), fixed),
        (mask.union_radius(p), union),
        (ablation.union_radius(p), union),
    ]:
        assert radii.dtype == float and radii.tolist() == list(reference)


def test_on_the_boundary_the_strict_inequality_fails():
    for noise in pair(64, 8):
        assert noise.union_radius(0.75) == 1
        assert noise.union_radius(0.7500001) == 2
    mask = rs.noise.make("mask", 8, p=0.125)
    assert mask.changed(2) == 0.234375  # exact in binary, so that p below lies on the boundary
    assert mask.radius(0.734375, 0) == 1 and mask.radius(0.734376, 0) == 2
    half = rs.noise.make("ablation", 4, k=2)
    assert half.radius([0, 0.3, 0.5, 0.75, 1], 0).tolist() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["mask", "ablation"])
def test_radius_is_never_above_the_exact_one_and_below_it_only_by_rounding(name):
    rng = np.random.default_rng(0)
    for _ in range(40):
        dim = int(rng.integers(2, 120))
        k = int(rng.integers(1, dim))
        noise = rs.noise.make(name, dim, **({"k": k} if name == "ablation" else {"p": k / dim}))
        untouched, exact = Fraction(1), []
        for i in range(dim):
            untouched *= Fraction(max(dim - k - i, 0), dim - i) if name == "ablation" else 1 - Fraction(k / dim)
            exact.append(untouched)
        edges = [float(Fraction(3, 2) - value) for value in exact if value > Fraction(1, 2)]
        near = [math.nextafter(edge, side) for edge in edges for side in (0, 2)]
        probabilities = np.clip([*rng.uniform(0.5, 1, 20), *edges, *near, 0.5, 1.0], 0, 1)
        radii = noise.radius(probabilities, 0)
        for p, radius in zip(probabilities, radii):
            certified = sum(value > Fraction(3, 2) - Fraction(p) for value in exact)
            loosely = sum(value > Fraction(3, 2) - Fraction(p) + Fraction(1, 10**12) for value in exact)
            assert loosely <= radius <= certified


def test_order_of_the_certificates():
    rng = np.random.default_rng(1)
    for _ in range(30):
        dim = int(rng.integers(2, 2000))
        mask, ablation = pair(dim, int(rng.integers(1, dim)))
        count = np.arange(dim + 1)
        assert np.all(mask.changed(count) <= ablation.changed(count) + 1e-13)
        assert np.all(ablation.changed(count) <= count * mask.p + 1e-13)
        assert mask.changed(1) == pytest.approx(mask.p) and ablation.changed(1) == pytest.approx(mask.p)
        assert ablation.changed(dim) == 1 and mask.changed(0) == ablation.changed(0) == 0
        p = np.linspace(0.5, 1, 40)
        radii = mask.radius(p, 0), ablation.radius(p, 0), mask.union_radius(p)
        assert np.all(radii[2] <= radii[1]) and np.all(radii[1] <= radii[0])
        assert np.all(radii[0] <= math.log(1 / 2) / math.log1p(-mask.p))
        assert all(np.all(np.diff(radius) >= 0) for radius in radii)


def test_radius_keeps_shapes_and_stops_at_the_number_of_pixels():
    mask = rs.noise.make("mask", 12, p=1e-4, channels=3)
    assert mask.pixels == 4 and mask.radius(1.0) == mask.union_radius(1.0) == 4
    radius = mask.radius(np.full((2, 3), 0.9), norm=0)
    assert radius.shape == (2, 3) and radius.dtype == float and isinstance(mask.radius(0.9, norm=0), float)


@pytest.mark.parametrize("noise", [*pair(192, 8, channels=3), *pair(64, 8)])
def test_the_threshold_is_the_least_probability_that_certifies(noise):
    for count in (1, 2, 4):
        p = noise.threshold(count, 0)
        assert p == pytest.approx(0.5 + noise.changed(count), abs=1e-13)
        assert noise.radius(p, 0) == count and noise.radius(p - 1e-12, 0) == count - 1
        assert noise.threshold(count - 0.5, 0) == p
    assert noise.threshold(60, 0) == 1


def test_how_many_pixels_stay():
    mask, ablation = pair(192, 8, channels=3)
    kept = mask.retained(40_000, generator())
    assert kept.shape == (40_000, 64) and kept.dtype == torch.bool
    observed = np.bincount(kept.sum(1).numpy(), minlength=65)
    expected = 40_000 * stats.binom.pmf(np.arange(65), 64, 1 / 8)
    common = expected > 10
    observed, expected = ([*values[common], values[~common].sum()] for values in (observed, expected))
    assert stats.chisquare(observed, expected).pvalue > 1e-4
    assert stats.chisquare(kept.sum(0).numpy()).pvalue > 1e-4
    for k in (1, 8, 31, 32, 33, 63):
        assert (rs.noise.make("ablation", 64, k=k).retained(500, generator()).sum(1) == k).all()
    assert ablation.retained(3, generator()).shape == (3, 64)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_ablation_chooses_every_set_of_pixels_alike(k):
    kept = rs.noise.make("ablation", 6, k=k).retained(60_000, generator(k))
    observed = Counter(map(tuple, kept.int().tolist()))
    assert len(observed) == math.comb(6, k)
    assert stats.chisquare(list(observed.values())).pvalue > 1e-4


@pytest.mark.parametrize("k", [8, 60])
def test_ablation_retains_each_pixel_and_each_pair_alike(k):
    trials, d = 40_000, 64
    kept = rs.noise.make("ablation", d, k=k).retained(trials, generator(k)).double()
    for together, share in [
        (kept.mean(0), k / d),
        (((kept.T @ kept) / trials)[np.triu_indices(d, 1)], k * (k - 1) / (d * (d - 1))),
    ]:
        error = (together.numpy() - share) / math.sqrt(share * (1 - share) / trials)
        assert np.abs(error).max() < 5.5  # some 2000 correlated normal numbers: 1e-4 by the union bound
        if len(error) == d:  # their sum is fixed, which leaves a chi-square variable of d - 1 degrees of freedom
            assert 1e-4 < stats.chi2.sf(np.sum(error**2) * (d - 1) / d, d - 1) < 1 - 1e-4
        else:
            assert 0.75 < np.mean(error**2) < 1.25  # over seeds it varies by 0.07, as with sorted words


def test_mask_retains_pixels_independently():
    kept = rs.noise.make("mask", 4, p=0.3).retained(60_000, generator())
    observed = Counter(map(tuple, kept.int().tolist()))
    sets = list(itertools.product((0, 1), repeat=4))
    expected = [60_000 * 0.3 ** sum(s) * 0.7 ** (4 - sum(s)) for s in sets]
    assert stats.chisquare([observed[s] for s in sets], expected).pvalue > 1e-4


def test_never_more_is_retained_than_certified():
    noise = rs.noise.make("mask", 1_000_000, p=2.0**-33)
    assert not noise.retained(10, generator()).any()  # p is rounded down to a multiple of 2^-32
    assert rs.noise.make("mask", 1_000_000, p=math.nextafter(1, 0)).retained(10, generator()).float().mean() > 0.99999


@pytest.mark.parametrize("noise", pair(192, 20, channels=3))
def test_the_channels_of_a_pixel_share_its_mask(noise):
    image = torch.rand(3, 8, 8, generator=generator(1)) + 0.1
    noisy = noise.noisy(image, 300, generator())
    kept = noise.retained(300, generator()).view(300, 1, 8, 8)
    assert noisy.shape == (300, 3, 8, 8) and noisy.dtype == image.dtype
    assert torch.equal(noisy, torch.where(kept, image, 0))
    assert noise.noisy(image.double(), 2).dtype == torch.float64


@pytest.mark.parametrize("noise", pair(192, 20))
def test_with_one_channel_each_coordinate_is_a_pixel(noise):
    for shape in [(3, 8, 8), (192,), (1, 192)]:
        image = torch.rand(shape, generator=generator(1)) + 0.1
        noisy = noise.noisy(image, 300, generator())
        assert torch.equal(noisy, torch.where(noise.retained(300, generator()).view(300, *shape), image, 0))
    alike = (noisy.view(300, 3, 64) > 0).float()
    assert (alike[:, 0] != alike[:, 1]).any()


@pytest.mark.parametrize("noise", [*pair(192, 20, channels=3), *pair(192, 20)])
def test_perturbation_is_what_noisy_adds(noise):
    image = torch.rand(3, 8, 8, generator=generator(1)) - 0.3
    images = image.expand(50, 3, 8, 8).clone()
    added = noise.perturbation(images, generator())
    assert torch.equal(images, image.expand(50, 3, 8, 8)) and added.shape == images.shape
    assert torch.equal(images + added, noise.noisy(image, 50, generator()))
    share = (added != 0).float().mean().item()
    assert share == pytest.approx(noise.mean_abs, abs=0.03) and noise.mean_abs == noise.mean_square == 1 - noise.p
    several = torch.rand(4, 3, 8, 8, generator=generator(2)) + 0.1
    noisy = several + noise.perturbation(several, generator())
    assert ((noisy == 0) | (noisy == several)).all() and (noisy == 0).any()


def test_levels_and_labels():
    mask = rs.noise.make("mask", 192, sigma=0.9, channels=3)
    assert mask.p == pytest.approx(0.1) and mask.scale == mask.sigma == 0.9 and mask.pixels == 64
    assert mask.label == "mask channels=3" and mask.slack == 0
    ablation = rs.noise.make("ablation", 3072, sigma=0.9, channels=3)
    assert ablation.k == 102 and ablation.p == 102 / 1024 and ablation.sigma == 0.9
    assert rs.noise.make("ablation", 3072, k=75, channels=3).sigma == 1 - 75 / 1024
    assert 0 < ablation.slack < 1e-12
    for noise in [mask, ablation, *pair(3072, 75, channels=3), *pair(784, 45), *pair(50, 49)]:
        name, parameters = rs.noise.parse(noise.label)
        again = rs.noise.make(name, noise.dim, sigma=noise.sigma, **parameters)
        p = np.linspace(0.5, 1, 101)
        assert type(again) is type(noise) and again.channels == noise.channels and again.sigma == noise.sigma
        assert again.p == pytest.approx(noise.p, abs=1e-16) and np.array_equal(again.radius(p, 0), noise.radius(p, 0))


def test_bad_requests_are_refused_in_one_line():
    make, image = rs.noise.make, torch.rand(3, 8, 8)
    mask, ablation = pair(192, 8, channels=3)
    for noise in (mask, ablation):
        for norm in (1, 2, math.inf):
            with pytest.raises(NotImplementedError, match=f"l{norm}.*{noise.name}"):
                noise.radius(0.9, norm)
        with pytest.raises(NotImplementedError, match="depends on the image"):
            noise.sample((2, 3, 8, 8))
    for call in [
        lambda: make("mask", 192),
        lambda: make("mask", 192, p=0.1, sigma=0.9),
        lambda: make("mask", 192, p=0.0),
        lambda: make("mask", 192, p=1.0),
        lambda: make("mask", 192, sigma=float("nan")),
        lambda: make("mask", 192, sigma=1.5),
        lambda: make("mask", 192, p=0.1, channels=5),
        lambda: make("mask", 192, p=0.1, channels=0),
        lambda: make("mask", 0, p=0.1),
        lambda: make("ablation", 192),
        lambda: make("ablation", 192, k=3, sigma=0.5),
        lambda: make("ablation", 192, k=0),
        lambda: make("ablation", 192, k=192),
        lambda: make("ablation", 192, k=2.5),
        lambda: make("ablation", 192, k=64, channels=3),
        lambda: make("ablation", 192, sigma=0.999),
        lambda: make("ablation", 192, sigma=0.001),
        lambda: make("ablation", 192, sigma=float("nan")),
        lambda: make("ablation", 192, sigma=-1),
        lambda: mask.radius(1.5, 0),
        lambda: mask.radius(float("nan"), 0),
        lambda: mask.union_radius(-0.1),
        lambda: mask.changed(65),
        lambda: mask.changed(1.5),
        lambda: mask.changed(-1),
        lambda: mask.noisy(torch.rand(3, 8, 9), 2),
        lambda: mask.noisy(torch.rand(8, 8, 3), 2),
        lambda: ablation.perturbation(torch.rand(2, 6, 4, 8)),
        lambda: mask.perturbation(image),
    ]:
        with pytest.raises(ValueError) as caught:
            call()
        assert "\n" not in str(caught.value)


# Soundness. Images of `d` pixels with values 0 (which masked pixels have too), 1 and 2, all of them; base classifiers are tables
# of a class for each image. Class probabilities are sums over all masks.


def masks_and_weights(noise):
    """Every mask, bool [M, d], and its probability as a fraction of the last number: (masks, weights [M], total)."""
    d = noise.pixels
    masks = np.array(list(itertools.product((False, True), repeat=d)))
    kept = masks.sum(1)
    if noise.name == "ablation":
        weights = (kept == noise.k).astype(np.int64)
    else:
        share = Fraction(noise.p)
        weights = np.array(
            [share.numerator**n * (share.denominator - share.numerator) ** (d - n) for n in kept.tolist()]
        )
    return masks, weights, int(weights.sum())


def all_images(d, values=3):
    return np.array(list(itertools.product(range(values), repeat=d)))


def smoothed(noise, images, tables):
    """Weight of each class for each image, int64 [T, images, classes], and the total, under classifiers `tables` [T, images]."""
    masks, weights, total = masks_and_weights(noise)
    place = 3 ** np.arange(noise.pixels)[::-1]
    votes = np.zeros((*tables.shape, tables.max() + 1), dtype=np.int64)
    for mask, weight in zip(masks, weights):
        seen = tables[:, (images * mask) @ place]
        for name in range(votes.shape[2]):
            votes[:, :, name] += weight * (seen == name)
    return votes, total


def tables_of(images, rng, count=20):
    """Random base classifiers: a class by lot, or class 0 unless a pixel of a random set has value 2, or unless many have."""
    lots = [rng.random(len(images)) < rng.uniform(0, 0.4) for _ in range(count)]
    watch = [(images[:, rng.random(images.shape[1]) < 0.7] == 2).any(1) for _ in range(count)]
    many = [(images == 2).sum(1) + (images == 1).sum(1) * rng.uniform(-1, 1) > rng.uniform(0, 2) for _ in range(count)]
    unlike = [lots[i] ^ many[i] for i in range(count)]
    tables = np.array([*lots, *watch, *many, *unlike]).astype(int)
    return np.where(rng.random(tables.shape) < 0.2, 2 * tables, tables)  # a third class


@pytest.mark.parametrize(
    "noise",
    [
        rs.noise.make("mask", 6, p=1 / 8),
        rs.noise.make("mask", 5, p=1 / 4),
        rs.noise.make("ablation", 6, k=1),
        rs.noise.make("ablation", 6, k=2),
        rs.noise.make("ablation", 5, k=1),
    ],
    ids=lambda noise: f"{noise.name}-{noise.pixels}-{noise.p:.3f}",
)
def test_no_change_within_the_radius_changes_the_class(noise):
    images = all_images(noise.pixels)
    votes, total = smoothed(noise, images, tables_of(images, np.random.default_rng(0)))
    distance = (images[:, None] != images).sum(2)
    top = votes.argmax(2)
    radius = noise.radius(votes.max(2) / total, 0).astype(int)
    majority = 2 * votes > total
    certified = Counter()
    for t in range(len(votes)):
        for size in range(1, noise.pixels + 1):
            clean, other = np.nonzero((radius[t] >= size)[:, None] & (distance == size))
            certified[size] += len(clean)
            assert majority[t, other, top[t, clean]].all()
    assert certified[1] > 5_000 and certified[int(noise.radius(1.0, 0))] > 500


@pytest.mark.parametrize(("d", "k"), [(8, 1), (8, 2), (8, 3), (7, 1)])
def test_the_certificate_of_ablation_is_tight(d, k):
    """The base classifier says B where it sees one of R changed pixels and for b of the other masks: no larger radius holds."""
    noise = rs.noise.make("ablation", d, k=k)
    masks, weights, total = masks_and_weights(noise)
    masks = masks[weights == 1]
    tight = 0
    for size in range(1, d + 1):
        sees = masks[:, :size].any(1)
        assert noise.changed(size) == pytest.approx(sees.mean(), abs=1e-14)
        for b in range(int((~sees).sum()) + 1):
            p_clean = 1 - b / total
            keeps = 2 * (total - b - int(sees.sum())) > total  # class A, at the changed image
            if abs(p_clean - sees.mean() - 0.5) > 1e-12:
                assert keeps == (noise.radius(p_clean, 0) >= size)
            elif not keeps:
                assert noise.radius(p_clean, 0) < size
            tight += not keeps and noise.radius(p_clean, 0) == size - 1 > 0
    assert tight


def test_the_certificate_of_mask_is_tight_where_p_is_1():
    noise = rs.noise.make("mask", 8, p=1 / 8)
    masks, weights, total = masks_and_weights(noise)
    for size in range(1, 9):
        left = int(weights[~masks[:, :size].any(1)].sum())
        assert (2 * left > total) == (noise.radius(1.0, 0) >= size)
    assert noise.radius(1.0, 0) == 5


@pytest.mark.parametrize("noise", pair(192, 20, channels=3, fill=-1))
def test_a_fill_of_its_own_marks_the_masked_pixels(noise):
    assert "fill=-1" in noise.label
    images = torch.rand(40, 3, 8, 8, generator=generator(1))
    images[:, :, :4] = 0  # black pixels stay apart from masked ones
    copies = noise.noisy(images[0], 400, generator(2))
    masked = (copies == -1).all(dim=1)
    assert torch.equal(masked, (copies == -1).any(dim=1))
    assert torch.equal(copies.where(~masked[:, None], images[0]), images[0].expand_as(copies))
    assert masked.float().mean() == pytest.approx(1 - noise.p, abs=0.01)
    noisy = images + noise.perturbation(images, generator(3))
    filled = (noisy + 1).abs() < 1e-6
    assert torch.equal(noisy.where(~filled, images), images)
    assert filled.float().mean() == pytest.approx(1 - noise.p, abs=0.03)
    plain = next(other for other in pair(192, 20, channels=3) if type(other) is type(noise))
    assert noise.radius(0.9, norm=0) == plain.radius(0.9, norm=0) > 0


@pytest.mark.parametrize("fill", ["black", math.inf, math.nan, None])
def test_a_fill_that_is_no_number_is_refused(fill):
    with pytest.raises(ValueError, match="with a number"):
        rs.noise.make("mask", 192, p=0.1, fill=fill)
