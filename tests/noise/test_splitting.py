import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

import resmooth as rs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def dssn(dim, passes, **parameters):
    return rs.noise.make("dssn", dim, scale=passes / 510, **parameters)


def eight_bit(*shape, seed=0):
    return torch.randint(0, 256, shape, generator=generator(seed)).float() / 255


def cells(x, cut, width):
    """The middles of the parts in [0, 1] of the cells of `x`, by looking for the cuts on both sides; float64 arrays."""
    cuts = cut[..., None] + width * np.arange(-math.ceil(1 / width) - 2, math.ceil(1 / width) + 2)
    below = np.where(cuts <= x[..., None], cuts, -np.inf).max(-1)
    above = np.where(cuts > x[..., None], cuts, np.inf).min(-1)
    return (np.maximum(below, 0) + np.minimum(above, 1)) / 2


# SSN


@pytest.mark.parametrize("scale", [0.05, 0.3, 0.5, 0.8, 3.0])
def test_ssn_separates_two_values_in_proportion_to_their_distance(scale):
    trials, noise = 100_000, rs.noise.make("ssn", 1, scale=scale)
    for x, other in [(0.2, 0.25), (0.0, 0.7), (1.0, 0.4), (0.37, 0.371), (0.0, 1.0)]:
        one, two = (noise.noisy(torch.tensor([value]), trials, generator(7)) for value in (x, other))  # the same cuts
        apart = (one != two).double().mean().item()
        expected = min(1, abs(x - other) / (2 * scale))
        assert abs(apart - expected) <= 4.5 * math.sqrt(expected * (1 - expected) / trials)


@pytest.mark.parametrize("scale", [0.05, 0.3, 0.5, 0.8, 3.0])
def test_ssn_gives_the_middle_of_a_random_cell(scale):
    trials, noise = 20_000, rs.noise.make("ssn", 3, scale=scale)
    x = np.array([0.0, 0.37, 1.0])
    rng = np.random.default_rng(1)
    split = noise.noisy(torch.from_numpy(x).float(), trials, generator()).double().numpy()
    expected = cells(np.broadcast_to(x, (trials, 3)), rng.uniform(0, 2 * scale, (trials, 3)), 2 * scale)
    assert split.min() >= 0 and split.max() <= 1 and np.abs(split - x).max() <= scale + 1e-6
    for i in range(3):
        assert stats.ks_2samp(split[:, i], expected[:, i]).pvalue > 1e-4
    assert abs(np.corrcoef(split.T)[0, 1]) < 5 / math.sqrt(trials)


def test_ssn_with_one_cut_at_most():
    """For lambda >= 1/2 the authors' form, (1[x > s] + min(s, 1)) / 2."""
    noise = rs.noise.make("ssn", 1, sigma=1.0)
    cut = torch.rand((1000, 1), generator=generator()).double() * 2 * math.sqrt(3)
    for x in (0.1, 0.5, 0.9):
        split = noise.noisy(torch.tensor([x]), 1000, generator()).double()
        torch.testing.assert_close(split, ((x > cut).double() + cut.clamp(max=1)) / 2, rtol=0, atol=1e-6)


def test_ssn_does_not_depend_on_how_values_lie_at_the_ends():
    noise = rs.noise.make("ssn", 4, scale=0.2)
    for value in (0.0, 0.2, 0.4, 1.0):
        exact = noise.noisy(torch.full((4,), value), 5000, generator())
        near = noise.noisy(torch.full((4,), np.nextafter(np.float32(value), np.float32(0.5)).item()), 5000, generator())
        assert (exact != near).float().mean() < 1e-3
        assert exact.isfinite().all() and exact.min() >= 0 and exact.max() <= 1


def test_ssn_radius_and_level():
    noise = rs.noise.make("ssn", 3072, sigma=0.5)
    scale = 0.5 * math.sqrt(3)
    assert noise.scale == pytest.approx(scale) and noise.mean_square == pytest.approx(0.25) and noise.label == "ssn"
    assert noise.mean_abs == pytest.approx(scale / 2) and rs.noise.make("ssn", 3, sigma=0.5, match=1).scale == 1
    p = np.array([0.3, 0.5, 0.6, 0.9, 0.999, 1.0])
    expected = 2 * scale * np.maximum(p - 0.5, 0)
    np.testing.assert_allclose(noise.radius(p, 1), expected, rtol=1e-12)
    np.testing.assert_allclose(noise.radius(p, 2), expected / math.sqrt(3072), rtol=1e-12)
    assert noise.threshold(0.3, 1) == pytest.approx(0.5 + 0.3 / (2 * scale))


@pytest.mark.parametrize("name", ["ssn", "dssn"])
def test_perturbation_is_what_noisy_adds(name):
    noise = rs.noise.make(name, 192, sigma=0.25)
    image = eight_bit(3, 8, 8)
    images = image.expand(40, 3, 8, 8).clone()
    added, noisy = noise.perturbation(images, generator()), noise.noisy(image, 40, generator())
    assert torch.equal(images, image.expand(40, 3, 8, 8)) and noisy.shape == added.shape == (40, 3, 8, 8)
    assert noisy.dtype == image.dtype and len(noisy.unique(dim=0)) > 30
    torch.testing.assert_close(images + added, noisy, rtol=0, atol=1e-6)
    several = eight_bit(5, 3, 8, 8, seed=1)
    moved = several + noise.perturbation(several, generator())
    assert (moved - several).abs().max() <= noise.scale + 1e-6 and moved.min() > -1e-6 and moved.max() < 1 + 1e-6


# DSSN


@pytest.mark.parametrize(("sigma", "passes"), [(0.25, 220), (0.5, 441), (1.0, 883), (3.5, 3091)])
def test_dssn_levels_and_largest_radii_against_reference_values(sigma, passes):
    noise = rs.noise.make("dssn", 3072, sigma=sigma)
    assert noise.passes == passes and noise.sigma == sigma
    largest = {220: 0.4314, 441: 0.8627, 883: 1.7294, 3091: 6.0588}[passes]
    radius = noise.radius_from_counts([[passes, 0], [0, passes]], 1)
    assert radius[0] == (passes // 2) / 255 == pytest.approx(largest, abs=5e-5)
    assert radius[1] == ((passes - 1) // 2) / 255 and (radius[1] < radius[0]) == (passes % 2 == 0)


def test_dssn_levels_do_not_depend_on_how_the_scale_was_rounded():
    for passes in range(1, 1200):
        noise = dssn(2, passes, template=3)
        again = rs.noise.make("dssn", 2, sigma=noise.sigma, **rs.noise.parse(noise.label)[1])
        assert noise.passes == again.passes == passes and again.template == 3
    assert rs.noise.make("dssn", 2, sigma=0.5, match=1).passes == 510


@pytest.mark.parametrize("passes", [1, 2, 7, 220, 441])
def test_a_step_of_one_value_alters_one_pass(passes):
    noise = dssn(255, passes)
    values = torch.arange(255).float()
    before, after = (noise.copies(image / 255, 0, passes) for image in (values, values + 1))
    assert ((before != after).sum(0) == 1).all()


@pytest.mark.parametrize("passes", [1, 3, 40, 220, 256, 883])
def test_copies_are_the_cells_of_the_template(passes):
    noise = dssn(300, passes, template=5)
    image = eight_bit(300)
    middles = noise.copies(image, 0, passes).double().numpy()
    cuts = (np.arange(passes) + 0.5) / 255
    expected = cells(np.repeat(image.double().numpy()[:, None], passes, 1), np.tile(cuts, (300, 1)), passes / 255)
    np.testing.assert_allclose(np.sort(middles, 0), np.sort(expected.T, 0), rtol=0, atol=1e-6)
    if passes > 1:  # every coordinate moves on by the same offset, from a start of its own
        follows = np.array(
            [[np.abs(np.roll(expected[i], -t) - middles[:, i]).max() for t in range(passes)] for i in range(9)]
        )
        assert (follows.min(1) < 1e-6).all()


def test_copies_do_not_depend_on_how_they_are_sliced():
    noise = rs.noise.make("dssn", 192, sigma=0.25)
    image = eight_bit(3, 8, 8)
    whole = noise.copies(image, 0, noise.passes)
    assert whole.shape == (220, 3, 8, 8) and whole.dtype == torch.float32
    for size in (1, 7, 128, 219):
        sliced = [noise.copies(image, start, min(size, 220 - start)) for start in range(0, 220, size)]
        assert torch.equal(torch.cat(sliced), whole)
    assert torch.equal(noise.copies(image.double(), 0, 220), whole.double())
    rows = {row.numpy().tobytes() for row in whole}
    assert len(rows) == 220 and {row.numpy().tobytes() for row in noise.noisy(image, 3000, generator())} == rows
    pixels = (image * 255).round().to(torch.uint8).numpy()
    for other in (torch.from_numpy(pixels / np.float32(255)), torch.from_numpy(pixels).float() * (1 / 255)):
        assert torch.equal(noise.copies(other, 0, 220), whole)  # however k / 255 was rounded


def test_noisy_copies_are_the_passes_alike():
    noise = dssn(3, 20)
    image = eight_bit(3)
    number = {row.numpy().tobytes(): m for m, row in enumerate(noise.copies(image, 0, 20))}
    assert len(number) == 20
    drawn = [number[row.numpy().tobytes()] for row in noise.noisy(image, 20_000, generator())]
    assert stats.chisquare(np.bincount(drawn, minlength=20)).pvalue > 1e-4


def test_the_template_is_part_of_the_model():
    image = eight_bit(3, 8, 8)
    torch.manual_seed(1)
    one = rs.noise.make("dssn", 192, sigma=0.25).copies(image, 0, 3)
    torch.manual_seed(2)
    np.random.seed(2)
    assert torch.equal(rs.noise.make("dssn", 192, sigma=0.25, template=0).copies(image, 0, 3), one)
    assert not torch.equal(rs.noise.make("dssn", 192, sigma=0.25, template=1).copies(image, 0, 3), one)
    assert rs.noise.make("dssn", 192, sigma=0.25).label == "dssn template=0"
    copy = (dssn(8, 220, template=7).copies(torch.zeros(8), 0, 1) * 1020).round().int()
    assert copy.tolist() == [[275, 395, 341, 99, 133, 385, 3, 361]]


def test_templates_are_uniform():
    noise = dssn(60_000, 10)
    first = (noise.copies(torch.zeros(60_000), 0, 1) * 1020).round().int()
    assert sorted(first.unique().tolist()) == list(range(1, 20, 2))  # the cell [0, s), s = (t + 1/2) / 255
    assert stats.chisquare(np.unique(first.numpy(), return_counts=True)[1]).pvalue > 1e-4


def test_radius_from_counts():
    noise = dssn(16, 10)
    counts = np.array(
        [[10, 0, 0], [0, 10, 0], [4, 3, 3], [3, 4, 3], [3, 3, 4], [5, 5, 0], [0, 5, 5], [7, 2, 1], [1, 2, 7]]
    )
    quanta = [5, 4, 0, 0, 0, 0, 0, 2, 2]
    radius = noise.radius_from_counts(counts)
    assert radius.dtype == np.float64 and radius.tolist() == [value / 255 for value in quanta]
    assert noise.radius_from_counts(counts.astype(np.uint32)).tolist() == radius.tolist()
    assert noise.radius_from_counts(counts, 2).tolist() == (radius / 4).tolist()
    assert noise.radius_from_counts(counts, math.inf).tolist() == (radius / 16).tolist()
    assert noise.radius_from_counts([[10]]).tolist() == [math.inf]
    assert noise.radius_from_counts(np.zeros((0, 3), int)).shape == (0,)


# Soundness of DSSN: all images with values in a small window, classified by tables over what the passes show.


def shown(noise, images):
    """What the passes show of `images` [N, d] of whole values: whole steps of 1/1020, int64 [N, passes, d]."""
    copies = [noise.copies(torch.from_numpy(image).float() / 255, 0, noise.passes) for image in images]
    return (torch.stack(copies) * 1020).round().long().numpy()


def counts_of(steps, classify):
    """Class counts over all passes, int64 [N, K], of images that are `shown` so; `classify`: [N, d] steps -> [N] classes."""
    votes = classify(steps.reshape(-1, steps.shape[2])).reshape(steps.shape[:2])
    return np.stack([(votes == name).sum(1) for name in range(3)], axis=1)


def window(dim, first, values):
    return np.array(list(itertools.product(range(first, first + values), repeat=dim)))


def hashed(seed, likely, share):
    """A base classifier without any order: class `likely` for a share of what it can see, others for the rest."""

    def classify(steps):
        words = np.random.default_rng(seed).integers(1, 2**31, steps.shape[1], dtype=np.uint64)
        mixed = (steps.astype(np.uint64) @ words + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(31)
        u = (mixed * np.uint64(0xD6E8FEB86659FD93) >> np.uint64(32)).astype(float) / 2**32
        return np.where(u < share, likely, (likely + 1 + (u > (1 + share) / 2)) % 3)

    return classify


def only_as(noise, clean, answer, other):
    """The base classifier that certificates fear most: `answer` for what the passes show of one image, `other` for all else."""
    copies = noise.copies(torch.from_numpy(clean).float() / 255, 0, noise.passes)
    known = {tuple(row) for row in (copies * 1020).round().long().tolist()}
    return lambda steps: np.array([answer if tuple(row) in known else other for row in steps.tolist()])


@pytest.mark.parametrize(
    ("passes", "dim", "first", "values"),
    [(5, 2, 0, 16), (8, 2, 240, 16), (12, 3, 100, 7), (30, 2, 0, 16), (300, 1, 0, 256), (4, 3, 7, 7)],
)
def test_no_8_bit_change_within_the_radius_changes_the_class(passes, dim, first, values):
    noise = dssn(dim, passes, template=passes)
    images = window(dim, first, values)
    steps = shown(noise, images)
    distance = np.abs(images[:, None] - images).sum(2)
    classifiers = [hashed(seed, seed % 3, share) for seed in range(3) for share in (0.4, 0.6, 0.9, 0.97)]
    classifiers += [only_as(noise, images[0], answer, other) for answer, other in itertools.permutations(range(3), 2)]
    checked = beyond = 0
    for classify in classifiers:
        counts = counts_of(steps, classify)
        top, quanta = counts.argmax(1), noise.radius_from_counts(counts, 1) * 255
        within = (distance > 0) & (distance <= quanta[:, None] + 1e-9)
        changes = top[:, None] != top
        assert not (within & changes).any()
        checked += within.sum()
        beyond += (changes & (distance == np.rint(quanta)[:, None] + 1)).sum()
    assert checked > 1000 and beyond > 10


@pytest.mark.parametrize(("answer", "other"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("passes", [5, 6])
def test_the_certificate_of_dssn_is_attained(passes, answer, other):
    """In one coordinate, where L steps meet every cut, the class changes one step beyond the radius."""
    noise = dssn(1, passes)
    clean = np.array([100])
    classify = only_as(noise, clean, answer, other)
    quanta = noise.radius_from_counts(counts_of(shown(noise, clean[None]), classify))[0] * 255
    assert quanta == pytest.approx(passes // 2 if answer == 0 else (passes - 1) // 2)
    steps = np.arange(1, passes + 1)
    tops = counts_of(shown(noise, clean + steps[:, None]), classify).argmax(1)
    assert steps[tops != answer].min() == round(quanta) + 1


def test_bad_requests_are_refused_in_one_line():
    make, image = rs.noise.make, eight_bit(3, 8, 8)
    noise, ssn = make("dssn", 192, sigma=0.25), make("ssn", 192, sigma=0.25)
    for call in [
        lambda: noise.radius(0.9, 1),
        lambda: noise.threshold(0.1, 1),
        lambda: noise.radius_from_counts([[220, 0]], 0),
        lambda: ssn.radius(0.9, 0),
        lambda: noise.sample((2, 3, 8, 8)),
        lambda: ssn.sample((2, 3, 8, 8)),
    ]:
        with pytest.raises(NotImplementedError) as caught:
            call()
        assert "\n" not in str(caught.value) and "ssn" in str(caught.value)
    for call in [
        lambda: make("dssn", 192, scale=0.5 / 510),
        lambda: make("dssn", 192, scale=1e4),
        lambda: make("dssn", 192, sigma=0.25, template=-1),
        lambda: make("dssn", 192, sigma=0.25, template=0.5),
        lambda: make("dssn", 192),
        lambda: make("ssn", 192, sigma=0.0),
        lambda: noise.copies(image, 200, 21),
        lambda: noise.copies(image, -1, 2),
        lambda: noise.copies(image + 0.001, 0, 2),
        lambda: noise.copies(image + 1, 0, 2),
        lambda: noise.copies(image * float("nan"), 0, 2),
        lambda: noise.copies(image[:, :7], 0, 2),
        lambda: noise.noisy(image * 0.5, 2),
        lambda: noise.perturbation(image),
        lambda: ssn.noisy(image[:2], 2),
        lambda: ssn.perturbation(image),
        lambda: noise.radius_from_counts([[219, 0]]),
        lambda: noise.radius_from_counts([[221, -1]]),
        lambda: noise.radius_from_counts([[220, 0], [110, 111]]),
    ]:
        with pytest.raises(ValueError) as caught:
            call()
        assert "\n" not in str(caught.value)
