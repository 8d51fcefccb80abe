import numpy as np
import pandas as pd
import pytest
import torch
from helpers import assert_one_line_error
from scipy import stats
from torch import nn

import resmooth as rs
from resmooth import ddrs
from resmooth.measure import ascent
from resmooth.smoothing.streams import ANALYSIS, generator

GENERATOR = torch.Generator().manual_seed(3)
WEIGHTS = torch.randn(16, 3, generator=GENERATOR)
IMAGES = torch.rand(7, 1, 4, 4, generator=GENERATOR)
NORMAL = rs.noise.make("normal", dim=16, sigma=0.25)


def linear(images):
    return images.flatten(1) @ WEIGHTS.to(images.dtype)


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(32, 3))


def test_the_gradient_is_that_of_finite_differences():
    x, noise = IMAGES.double(), torch.randn(7, 20, 1, 4, 4, generator=GENERATOR, dtype=torch.float64)
    sigma = torch.linspace(0.05, 1, 7, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(ddrs.radius_estimate(linear, x, sigma, noise).sum(), sigma)
    with torch.no_grad():
        above, below = (ddrs.radius_estimate(linear, x, sigma + step, noise) for step in (1e-5, -1e-5))
    np.testing.assert_allclose(gradient, (above - below) / 2e-5, rtol=1e-7, atol=1e-8)
    assert gradient.abs().min() > 1e-3 and (gradient < 0).any()


def test_the_ascent_where_the_radius_has_a_closed_form():
    r"""Softmax scores :math:`\Phi(w x + b)` and the rest: their mean under noise is :math:`\Phi(m / \sqrt{1 + \sigma^2 |w|^2})`.

    So R = sigma m / sqrt(1 + sigma^2 |w|^2), and its derivative is m / (1 + sigma^2 |w|^2)^(3/2).
    """
    w, bias, repetitions, rate = torch.tensor([1.0, -2.0, 0.5, 1.5]), 0.4, 8, 0.2

    def probit(images):
        margins = images.flatten(1) @ w + bias
        return torch.stack([torch.special.log_ndtr(margins), torch.special.log_ndtr(-margins)], dim=1)

    x = torch.full((1, 1, 2, 2), 0.5)
    margin, square, expected = float((0.5 * w).sum()) + bias, float((w**2).sum()), 0.25
    for _ in range(5):
        expected += rate * margin / (1 + expected**2 * square) ** 1.5
    found = ddrs.optimise_sigma(probit, x.expand(repetitions, -1, -1, -1), 0.25, 5, rate, 20_000)
    error = found.std(ddof=1) / np.sqrt(repetitions)
    assert error < 1e-3 and abs(found.mean() - expected) < 5 * error and expected > 0.45


def test_saturated_probabilities_let_sigma_grow_by_a_constant():
    """p1 > .98 and p2 < .02 at every step: the gap between the clipped quantiles is all that is left of the gradient."""
    for clip in (ddrs.CLIP, (0.001, 0.999)):
        found = ddrs.optimise_sigma(lambda images: 100 + 1000 * linear(images), IMAGES[:1], 1e-3, 9, 1e-4, 4, clip)
        assert found[0] == pytest.approx(1e-3 + 9 * 1e-4 * stats.norm.ppf(clip[1]), rel=1e-12)


def test_a_step_below_zero_is_left_out():
    """Every step by hand, where less noise is better: class 0 is a ball around the image."""

    def ball(images):
        margin = 20 * (1.5 - (images - 0.5).flatten(1).square().sum(dim=1))
        return torch.stack([margin, torch.zeros_like(margin)], dim=1)

    x, sigma, rate = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0.25], dtype=torch.float64), 0.05
    source, left_out = generator(0, 0, ANALYSIS, "cpu"), 0
    for step in range(10):
        assert ddrs.optimise_sigma(ball, x, 0.25, step, rate, 64)[0] == sigma.item() > 0
        noise, sigma = torch.randn((1, 64, 1, 4, 4), generator=source), sigma.requires_grad_()
        (gradient,) = torch.autograd.grad(ddrs.radius_estimate(ball, x, sigma, noise).sum(), sigma)
        following = (sigma + rate * gradient).detach()
        left_out += following.item() <= 0
        sigma = following if following > 0 else sigma.detach()
    assert 0 < left_out < 5


def test_sigma_depends_on_the_image_and_its_number_alone():
    network = small_network()
    found = ddrs.optimise_sigma(network, IMAGES, 0.3, 20, 0.05, 3, seed=5)
    assert found.dtype == np.float64 and len(set(found)) == 7 and np.all(found != 0.3)
    assert np.array_equal(found, ddrs.optimise_sigma(network, IMAGES, 0.3, 20, 0.05, 3, seed=5))
    order = [4, 0, 6, 1]
    assert np.array_equal(
        found[order], ddrs.optimise_sigma(network, IMAGES[order], 0.3, 20, 0.05, 3, seed=5, index=order)
    )
    assert np.all(found != ddrs.optimise_sigma(network, IMAGES, 0.3, 20, 0.05, 3, seed=6))
    assert np.all(found != ddrs.optimise_sigma(network, IMAGES, 0.3, 20, 0.05, 3, seed=5, index=range(1, 8)))


def test_one_pass_or_several_make_no_difference(monkeypatch):
    network = small_network()
    found = ddrs.optimise_sigma(network, IMAGES, 0.3, 10, 0.05, 3)
    monkeypatch.setattr(ascent, "_images_to_a_pass", lambda numbers, samples, device: 2)
    done = []
    again = ddrs.optimise_sigma(network, IMAGES, 0.3, 10, 0.05, 3, report=lambda *progress: done.append(progress))
    np.testing.assert_allclose(again, found, rtol=1e-5)
    assert done[-1] == (7, 7) and done == sorted(done) and len(done) == 40


def test_the_network_is_left_as_it_was():
    network = small_network().train()
    weights = [weight.clone() for weight in network.state_dict().values()]
    ddrs.optimise_sigma(network, IMAGES, 0.3, 3, 0.05, 3)
    assert all(module.training for module in network.modules())
    assert all(weight.grad is None and weight.requires_grad for weight in network.parameters())
    assert all(torch.equal(before, now) for before, now in zip(weights, network.state_dict().values()))


def test_without_an_ascent_the_claims_are_the_certificates_of_one_sigma():
    smoothed = rs.Smoothed(linear, NORMAL, 3)
    index = [3, 1, 4, 15, 9, 2, 6]
    sigma = ddrs.optimise_sigma(linear, IMAGES, 0.25, iterations=0, index=index)
    claims = ddrs.claimed_radii(smoothed, IMAGES, sigma, 20, 500, 0.01, 7, index)
    certificates = smoothed.certify(IMAGES, 20, 500, 0.01, 7, index)
    assert (certificates.predict >= 0).any()
    for name in ("predict", "p_lower", "counts", "counts0"):
        assert np.array_equal(getattr(claims, name), getattr(certificates, name))
    assert np.array_equal(claims.claimed_radius, certificates.radius)


def test_every_image_is_claimed_at_its_own_sigma():
    sigma = np.linspace(0.05, 0.6, 7)
    claims = ddrs.claimed_radii(rs.Smoothed(linear, NORMAL, 3), IMAGES, sigma, 20, 500, 0.01)
    for position, level in enumerate(sigma):
        own = rs.Smoothed(linear, rs.noise.make("normal", dim=16, sigma=level), 3)
        certificate = own.certify(IMAGES[[position]], 20, 500, 0.01, index=[position])
        assert np.array_equal(claims.counts[position], certificate.counts[0])
        assert claims.claimed_radius[position] == certificate.radius[0]


# Why they are no certificates: 3072 dimensions, an adversary at distance .1 whose sigma is .9 of ours.
DIM, SHAPE, DISTANCE, RATIO, P_B = 3072, (3, 32, 32), 0.1, 0.9, 1e-3


@pytest.mark.parametrize("sigma0", [0.25, 0.5])
def test_a_claim_covers_a_point_where_the_other_class_is_all_but_certain(sigma0):
    claim = rs.noise.make("normal", dim=DIM, sigma=sigma0).radius(1 - P_B, 2)
    assert claim > 7 * DISTANCE
    assert rs.idrs.xi(DISTANCE, sigma0, RATIO * sigma0, DIM, 1 - P_B) == pytest.approx(0.99999992, abs=5e-9)
    assert RATIO < rs.idrs.ratio_threshold(1e-13, DIM)[0]


def test_the_naive_rule_is_refuted_by_sampling():
    """The worst case itself: class 1 is the ball that holds 1e-3 of the noise around x0, and almost all of it around x1."""
    sigma0, direction = 0.5, torch.full(SHAPE, DIM**-0.5)
    x0 = torch.full(SHAPE, 0.5)
    x1 = x0 + DISTANCE * direction
    offset = DISTANCE / (1 - RATIO**2)  # of the ball's centre, beyond x1
    radius = sigma0 * stats.ncx2.ppf(P_B, DIM, (offset / sigma0) ** 2) ** 0.5

    def ball(images):
        inside = (images - x0 - offset * direction).flatten(1).norm(dim=1) < radius
        return torch.stack([~inside, inside], dim=1).float()

    def sigma(x):
        return sigma0 if ((x - x0) * direction).sum() < DISTANCE / 2 else RATIO * sigma0

    def deployed(x):
        return rs.Smoothed(ball, rs.noise.make("normal", dim=DIM, sigma=sigma(x)), 2)

    claims = ddrs.claimed_radii(deployed(x0), x0[None], [sigma(x0)], 100, 3000, 0.001)
    assert claims.predict[0] == 0 and claims.claimed_radius[0] > 12 * DISTANCE
    assert deployed(x0).predict(x0[None], n=500)[0] == 0
    assert deployed(x1).predict(x1[None], n=500)[0] == 1
    assert deployed(x1).counts(x1[None], 500, seed=1).tolist() == [[0, 500]]
    assert deployed(x0).predict(x1[None], n=500)[0] == 0  # one sigma for both points, of which the claim does speak


class Bowl:
    """Class 1 near the middle of grey: |x - grey|^2 below `level`, softly. Under noise |x - grey|^2 + dim sigma^2 decides."""

    dim, shape, sigma0 = 768, (3, 16, 16), 0.25
    direction = torch.full(shape, dim**-0.5)
    x0, x1 = 0.5 + 2.5 * direction, 0.5 + 2.0 * direction
    level = dim * sigma0**2 + (2.5**2 + 2.0**2) / 2

    def __call__(self, images):
        margin = 4 * (self.level - (images - 0.5).flatten(1).square().sum(dim=1))
        return torch.stack([torch.zeros_like(margin), margin], dim=1)

    def sigma(self, x, seed=0):
        return ddrs.optimise_sigma(self, x[None], self.sigma0, 12, 1e-3, 64, seed=seed)

    def claim(self, x):
        smoothed = rs.Smoothed(self, rs.noise.make("normal", dim=self.dim, sigma=self.sigma0), 2)
        claims = ddrs.claimed_radii(smoothed, x[None], self.sigma(x), 100, 2000, 0.001)
        return claims.predict[0], claims.claimed_radius[0]

    def deployed(self, x):
        """The answer of data-dependent smoothing to a new image."""
        noise = rs.noise.make("normal", dim=self.dim, sigma=self.sigma(x)[0])
        return rs.Smoothed(self, noise, 2).predict(x[None], n=500)[0]


def test_the_published_ascent_breaks_its_own_claim_and_the_memory_mends_it_only_for_what_it_has_seen():
    bowl = Bowl()
    x0, x1, distance = bowl.x0, bowl.x1, 0.5
    (class0, radius0), (class1, radius1) = bowl.claim(x0), bowl.claim(x1)
    assert bowl.sigma(x1)[0] < bowl.sigma0 < bowl.sigma(x0)[0]
    assert (class0, class1) == (0, 1) and radius0 > 1.1 * distance
    assert (bowl.deployed(x0), bowl.deployed(x1)) == (0, 1)  # x1 lies inside the ball that is claimed to be of class 0

    memory = ddrs.Memory()
    assert memory.answer(x0, class0, radius0) == (0, radius0)
    assert bowl.deployed(x1) == 1  # unseen, hence still answered otherwise
    assert memory.answer(x1, class1, radius1) == (0, pytest.approx(radius0 - distance, rel=1e-5))

    other_order = ddrs.Memory()  # whoever asks first decides
    assert other_order.answer(x1, class1, radius1) == (1, radius1)
    assert radius1 > distance and other_order.answer(x0, class0, radius0) == (
        1,
        pytest.approx(radius1 - distance, rel=1e-5),
    )


def remembered(*claims):
    memory = ddrs.Memory()
    return [memory.answer(np.atleast_1d(point), *claim) for point, *claim in claims]


def test_the_memory_rule_on_a_line():
    first = (0.0, 0, 1.0)
    cases = [
        ((3.0, 1, 1.0), (1, 1.0)),  # apart
        ((1.5, 0, 1.0), (0, 1.0)),  # overlap within a class is none
        ((1.5, 1, 1.0), (1, 0.5)),  # overlap: as far as the other ball
        ((0.75, 1, 2.0), (0, 0.25)),  # inside: the other class, as far as its surface
        ((0.75, 0, 2.0), (0, 2.0)),  # inside its own class
        ((1.0, 1, 2.0), (1, 0.0)),  # on the surface
        ((1.5, -1, 0.0), (-1, 0.0)),  # abstains, outside
        ((0.5, -1, 0.0), (0, 0.5)),  # abstains inside a ball: answered by the memory
        ((0.0, 1, 5.0), (0, 1.0)),  # asked before
    ]
    for second, expected in cases:
        assert remembered(first, second) == [(0, 1.0), expected]
    assert remembered((0.0, -1, 0.0), (0.5, 2, 3.0)) == [(-1, 0.0), (2, 0.5)]  # a ball ends where CERTIFY abstained
    assert remembered((0.0, -1, 0.0), (0.0, 2, 3.0)) == [(-1, 0.0), (-1, 0.0)]


def test_the_memory_rule_where_several_balls_overlap():
    nearest = remembered((0.0, 0, 1.0), (4.0, 1, 1.0), (2.25, 2, 3.0))
    assert nearest[2] == (2, 0.75)  # 1.25 to the first ball, 0.75 to the second
    deepest = remembered((0.0, 0, 1.0), (0.5, 0, 2.0), (0.25, 1, 3.0))
    assert deepest[2] == (0, 1.75)  # 0.75 inside the first, 1.75 inside the second
    free = remembered((0.0, 0, 1.0), (1.5, 1, 5.0), (1.25, 0, 5.0))  # cut to .5 by the first; then holds the third
    assert free[1:] == [(1, 0.5), (1, 0.25)]


def test_what_the_memory_answers_depends_on_the_order():
    one, other = (0.0, 0, 1.0), (0.5, 1, 1.0)
    assert remembered(one, other) == [(0, 1.0), (0, 0.5)]
    assert remembered(other, one) == [(1, 1.0), (1, 0.5)]


def test_answers_inside_a_ball_have_its_class_and_balls_of_two_classes_never_meet():
    random = np.random.default_rng(0)
    points, classes = random.uniform(size=(300, 2)), random.integers(-1, 3, 300)
    radii = np.where(classes < 0, 0, random.exponential(0.1, 300))
    memory = ddrs.Memory()
    answers = [memory.answer(*claim) for claim in zip(points, classes, radii)]
    classes_now, radii_now = (np.array(values) for values in zip(*answers))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    differ = classes_now[:, None] != classes_now
    assert np.all(distances[differ] >= (radii_now[:, None] + radii_now)[differ] - 1e-12)
    assert 20 < (classes_now != classes).sum() < 280 and (radii_now > radii).any() and (radii_now < radii).any()
    assert [memory.answer(*claim) for claim in zip(points, classes[::-1], radii)] == answers  # asked again


def test_the_table_certifies_nothing():
    claims = ddrs.claimed_radii(rs.Smoothed(linear, NORMAL, 3), IMAGES, np.full(7, 0.02), 20, 500, 0.01)
    labels = claims.predict.copy()
    labels[0] += 1
    frame = ddrs.claims_frame(claims, IMAGES, labels, [3, 1, 4, 15, 9, 2, 6])
    assert list(frame.columns) == ddrs.COLUMNS and frame.idx.tolist() == [3, 1, 4, 15, 9, 2, 6]
    assert (frame.claimed_radius > 0).all() and frame.correct.tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert (frame.certified_radius == 0).all() and set(frame.guarantee) == {ddrs.GUARANTEE}
    assert np.array_equal(frame.n_top, claims.counts.max(axis=1)) and (frame.n == 500).all() and (frame.n0 == 20).all()
    answers = [ddrs.Memory().answer(*claim) for claim in zip(IMAGES, claims.predict, claims.claimed_radius)]
    assert frame.memory_predict.tolist() == [answer[0] for answer in answers]
    with pytest.raises(KeyError, match="radius"):
        rs.metrics.acr(frame, "all")
    with pytest.raises(ValueError, match="7 claims for 7 images with 2 labels"):
        ddrs.claims_frame(claims, IMAGES, [0, 1])


def test_the_table_puts_the_images_through_one_memory():
    """Two equal claims on close images of two classes: the second is answered by the first."""
    x = torch.tensor([0.2, 0.25, 0.9]).view(3, 1, 1, 1)
    counts = np.array([[900, 100], [100, 900], [100, 900]])
    claims = ddrs.Claims(
        np.array([0, 1, 1]), np.array([0.1, 0.1, 0.1]), np.full(3, 0.8), np.full(3, 0.1), counts, counts, 0.1
    )
    frame = ddrs.claims_frame(claims, x, [0, 1, 1])
    assert frame.correct.tolist() == [1, 1, 1] and frame.memory_correct.tolist() == [1, 0, 1]
    assert frame.memory_predict.tolist() == [0, 0, 1]
    np.testing.assert_allclose(frame.memory_claimed_radius, [0.1, 0.05, 0.1], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sigma0": 0.0}, "sigma0 must be a positive number"),
        ({"learning_rate": float("nan")}, "learning rate must be a positive"),
        ({"iterations": -1}, "iterations must be a whole number"),
        ({"samples": 0}, "at least 1"),
        ({"clip": (0.98, 0.02)}, "ascending"),
        ({"index": [1, 2]}, "7 images but 2 indices"),
        ({"classifier": lambda images: linear(images).detach()}, "no gradient"),
        ({"classifier": lambda images: linear(images)[:, :1]}, "one class"),
        ({"classifier": lambda images: images.sum()}, r"\[images, classes\]"),
        ({"classifier": lambda images: linear(images) / 0, "index": range(10, 17)}, "image 10: .* not a number"),
    ],
)
def test_settings_out_of_range_are_refused(change, words):
    settings = {"classifier": linear, "x": IMAGES, "sigma0": 0.25, "iterations": 2} | change
    with pytest.raises(ValueError, match=words):
        ddrs.optimise_sigma(**settings)


def test_claims_that_make_no_sense_are_refused():
    smoothed = rs.Smoothed(linear, NORMAL, 3)
    with pytest.raises(ValueError, match="7 images need as many sigmas"):
        ddrs.claimed_radii(smoothed, IMAGES, [0.1, 0.2], 5, 10)
    with pytest.raises(ValueError, match="no images"):
        ddrs.claimed_radii(smoothed, IMAGES[:0], [], 5, 10)
    for label in ("laplace", "normal arithmetic=exact"):
        with pytest.raises(ValueError, match=f"not of {label}"):
            ddrs.claimed_radii(rs.Smoothed(linear, rs.noise.from_label(label, 16, 0.25), 3), IMAGES, [0.1] * 7, 5, 10)
    memory = ddrs.Memory()
    memory.answer(np.zeros(3), 0, 1.0)
    with pytest.raises(ValueError, match="2 numbers among points of 3"):
        memory.answer(np.zeros(2), 0, 1.0)
    for point, radius in ((np.zeros(3), -1.0), (np.zeros(3), float("nan")), (np.full(3, np.nan), 1.0)):
        with pytest.raises(ValueError, match="finite point and a radius"):
            memory.answer(point, 0, radius)


def test_from_the_command_line(command, digits_folder, checkpoints, test_split, tmp_path):
    from resmooth.classifiers.checkpoint import load_model

    out = tmp_path / "tables" / "ddrs.tsv"
    ascent, sizes = ("--iterations", 5, "--learning-rate", 0.01, "--samples", 4), ("--n0", 20, "--n", 300, "--seed", 2)
    shared = (digits_folder / "test.npz", 4, 30, "--sigma", 0.25, "--step", 4, *ascent, *sizes, "--threads", 1)
    done = command("ddrs", *shared, "--members", checkpoints[1], "--out", out)
    assert done.returncode == 0, done.stderr
    assert "ddrs sigma" in done.stderr and "7 of 7 images" in done.stderr
    frame = pd.read_csv(out, sep="\t")
    assert list(frame.columns) == ddrs.COLUMNS and frame.idx.tolist() == list(range(4, 30, 4))
    assert frame.label.tolist() == test_split.labels[4:30:4].tolist()
    assert (frame.certified_radius == 0).all() and set(frame.guarantee) == {ddrs.GUARANTEE}

    network, index = load_model(checkpoints[1])[0], frame.idx.tolist()
    images = test_split.tensor(index)
    sigma = ddrs.optimise_sigma(network, images, 0.25, 5, 0.01, 4, seed=2, index=index)
    np.testing.assert_array_equal(frame.sigma, sigma)
    smoothed = rs.Smoothed(rs.Ensemble([network]), rs.noise.make("normal", dim=64, sigma=0.25), 10)
    claims = ddrs.claimed_radii(smoothed, images, sigma, 20, 300, 0.001, 2, index)
    np.testing.assert_allclose(
        frame.claimed_radius, claims.claimed_radius, rtol=1e-15
    )  # scipy's: by the length of arrays
    assert frame.sigma.nunique() == 7 and (frame.claimed_radius > 0).any()
    with pytest.raises(ValueError, match="column radius is missing"):
        rs.storage.read_certificates(out)

    members = [word for path in checkpoints[:2] for word in ("--members", path)]
    assert_one_line_error(command("ddrs", *shared, *members, "--out", tmp_path / "two.tsv"), "one network, got 2")
    named = command("ddrs", *shared, *members[:2], "--out", tmp_path / "one.parquet")
    assert_one_line_error(named, "one.parquet: name a file that ends in .tsv")
    noise = command("ddrs", *shared, *members[:2], "--noise", "laplace", "--out", tmp_path / "laplace.tsv")
    assert_one_line_error(noise, "radii of normal noise, not of laplace")
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]
