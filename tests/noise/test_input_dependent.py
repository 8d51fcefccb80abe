import numpy as np
import pytest
import torch
from scipy import stats

import resmooth as rs
from resmooth.measure.votes import sample_images
from resmooth.noise import from_label, parse
from resmooth.smoothing import certify, idrs

GENERATOR = torch.Generator().manual_seed(0)
REFERENCE = torch.rand(200, 1, 8, 8, generator=GENERATOR)
IMAGES = torch.rand(6, 1, 8, 8, generator=GENERATOR)
WEIGHTS = torch.randn(64, 10, generator=GENERATOR)


def noise(**parameters):
    return rs.noise.make("idrs", dim=64, **({"sigma": 0.5, "rate": 0.1, "k": 5, "m": 2.0} | parameters)).on(REFERENCE)


def linear(images):
    return images.flatten(1) @ WEIGHTS


def test_levels_follow_the_formula_of_the_slides():
    distances = (IMAGES.flatten(1).double()[:, None] - REFERENCE.flatten(1).double()).norm(dim=2).sort(dim=1).values
    expected = 0.5 * np.exp(0.1 * (distances[:, :5].mean(dim=1).numpy() - 2.0))
    np.testing.assert_allclose(noise().levels(IMAGES), expected, rtol=1e-12)
    assert (noise(rate=0.0).levels(IMAGES) == 0.5).all()


def test_semi_elasticity_on_real_images(train_split, test_split):
    law = rs.noise.make("idrs", dim=64, sigma=0.25, rate=0.3).on(train_split.images.transpose(0, 3, 1, 2))
    images = test_split.tensor()
    logs, flat = np.log(law.levels(images)), images.flatten(1).double()
    slopes = np.abs(logs[:, None] - logs) / (torch.cdist(flat, flat).numpy() + 1e-300)
    assert 0.1 < slopes.max() / 0.3 <= 1


def test_label_names_everything_but_the_level_and_the_references():
    assert noise().label == "idrs rate=0.1 k=5 m=2.0"
    assert parse("idrs rate=0.1 k=5 m=2") == ("idrs", {"rate": 0.1, "k": 5, "m": 2})
    again = from_label(noise().label, 64, 0.5)
    assert (again.rate, again.k, again.m, again.sigma) == (0.1, 5, 2.0, 0.5)
    assert noise(rate=np.float32(0.5), k=np.int64(5), m=2).label == "idrs rate=0.5 k=5 m=2.0"


def test_copies_are_those_of_normal_noise_at_the_level_of_the_image():
    level = noise().levels(IMAGES[:1])[0]
    copies = noise().noisy(IMAGES[0], 50, torch.Generator().manual_seed(3))
    plain = rs.noise.make("normal", dim=64, sigma=level)
    assert torch.equal(copies, plain.noisy(IMAGES[0], 50, torch.Generator().manual_seed(3)))


def test_perturbations_have_each_its_own_level():
    images = IMAGES[:2].repeat_interleave(2000, dim=0)
    levels = torch.tensor([0.3, 0.9]).repeat_interleave(2000)
    drawn = noise().perturbation(images, torch.Generator().manual_seed(0), levels)
    for part, level in zip(drawn.split(2000), (0.3, 0.9)):
        assert stats.kstest(part.flatten()[::7].numpy(), stats.norm(scale=level).cdf).pvalue > 1e-3
    own = noise().perturbation(IMAGES, torch.Generator().manual_seed(0))
    unit = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(own, unit * torch.from_numpy(noise().levels(IMAGES)).float().view(-1, 1, 1, 1))


def test_certify_samples_and_certifies_each_image_at_its_level():
    smoothed, law = rs.Smoothed(linear, noise(), 10), noise()
    result = smoothed.certify(IMAGES, n0=50, n=500, seed=7)
    assert np.array_equal(result.sigma, law.levels(IMAGES)) and result.noise == law.label and (result.radius > 0).any()
    for i, level in enumerate(result.sigma):
        plain = rs.Smoothed(linear, rs.noise.make("normal", dim=64, sigma=level), 10)
        alone = plain.certify(IMAGES[i : i + 1], n0=50, n=500, seed=7, index=[i])
        assert alone.counts[0].tolist() == result.counts[i].tolist() and alone.predict[0] == result.predict[i]
        assert result.radius[i] == (idrs.certified_radius(alone.p_lower, level, 0.1, 64)[0] if alone.radius[0] else 0)
        assert result.radius[i] < alone.radius[0] or result.predict[i] < 0
    frame = result.to_frame([0] * 6)
    assert frame.sigma.tolist() == result.sigma.tolist()
    np.testing.assert_allclose(smoothed.certify(IMAGES, n0=50, n=500, seed=7, norm=np.inf).radius, result.radius / 8)
    assert smoothed.predict(IMAGES, n=500).shape == (6,)


def test_rate_0_is_cohen_bit_for_bit():
    one = rs.Smoothed(linear, noise(rate=0.0), 10).certify(IMAGES, n0=50, n=500, seed=7)
    other = rs.Smoothed(linear, rs.noise.make("normal", dim=64, sigma=0.5), 10).certify(IMAGES, n0=50, n=500, seed=7)
    for name in ("predict", "radius", "p_lower", "counts"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_what_has_no_meaning_here_is_refused():
    unbound, smoothed = rs.noise.make("idrs", dim=64, sigma=0.5), rs.Smoothed(linear, noise(), 10)
    for call, message in (
        (lambda: unbound.levels(IMAGES), "needs the reference images"),
        (lambda: smoothed.certify_at(IMAGES, 0.1), "level of its own"),
        (lambda: smoothed.certify_within(IMAGES), "level of its own"),
        (lambda: rs.certify_soft(smoothed, IMAGES), "level of its own"),
        (lambda: rs.noise.make("idrs", dim=64, sigma=0.5, rate=-1), "as rate a number of at least 0"),
        (lambda: rs.noise.make("idrs", dim=64, sigma=0.5, k=0), "whole number k of neighbours"),
        (lambda: noise(rate=1000.0).levels(IMAGES), "leaves the range of numbers"),
        (lambda: from_label("idrs", 64, 0.5, "exact"), "float arithmetic alone"),
        (
            lambda: certify.certify_from_counts([[9, 1]], [[9, 1]], noise(), 0.1),
            "levels belong to input-dependent noise",
        ),
        (
            lambda: certify.certify_from_counts([[9, 1]], [[9, 1]], noise(), 0.1, levels=[0.5, 0.5]),
            "1 images but 2 levels",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(NotImplementedError, match="certified_radius"):
        noise().radius(0.9, 2)
    with pytest.raises(NotImplementedError, match="depends on the image"):
        noise().sample((1, 64))


@pytest.mark.parametrize("rate", [0.05, 0.5])
@pytest.mark.parametrize("towards", [-1, 1])
def test_the_certificate_is_attained_by_a_level_that_really_varies(rate, towards):
    """One reference point, k = 1: sigma changes at the full rate along the line to it.

    The worst classifier, a ball around a point of that line, keeps its class just below the radius of the branch and loses it
    just beyond; CERTIFY takes the smaller branch.
    """
    dim, sigma, p_a = 64, 0.5, 0.95
    radius = idrs.branch_radius(p_a, sigma, rate, dim, towards)
    assert idrs.certified_radius(p_a, sigma, rate, dim) <= radius
    reference = torch.zeros(1, 1, 8, 8)
    law = rs.noise.make("idrs", dim=dim, sigma=sigma, rate=rate, k=1, m=3.0).on(reference)

    def on_the_line(distance):
        return torch.zeros(1, 1, 8, 8, dtype=torch.float64).index_fill_(3, torch.tensor([0]), distance / np.sqrt(8))

    def mass_of_a(distance, level, center, square):
        """P(A) for noise at that distance from the reference: A is the outside of a ball (sigma falls), or a ball (it rises)."""
        law_of_square = stats.ncx2(dim, ((distance - center) / level) ** 2)
        return (law_of_square.sf if towards < 0 else law_of_square.cdf)(square / level**2)

    for share, keeps in ((0.999, True), (1.001, False)):
        step = share * radius * towards
        (start,), (end,) = (law.levels(on_the_line(distance)) for distance in (3.0, 3.0 + step))
        assert start == pytest.approx(sigma) and end == pytest.approx(sigma * np.exp(rate * step))
        center = 3.0 + start**2 * step / (start**2 - end**2)
        quantile = stats.ncx2(dim, ((3.0 - center) / start) ** 2)
        square = start**2 * (quantile.isf(p_a) if towards < 0 else quantile.ppf(p_a))
        assert mass_of_a(3.0, start, center, square) == pytest.approx(p_a)
        assert (mass_of_a(3.0 + step, end, center, square) > 0.5) == keeps


@pytest.fixture(scope="module")
def counts_file(tmp_path_factory):
    """Counts of three images under idrs noise, as `resmooth sample` writes them, with the levels that they were sampled at."""
    folder = tmp_path_factory.mktemp("counts")
    smoothed = rs.Smoothed(rs.Ensemble([linear]), noise(), 10)
    frame = sample_images(smoothed, IMAGES[:3], [0, 1, 2], [0, 1, 2], 20, 100, 0, folder, {})
    facts = {"noise": noise().label, "dim": 64, "sigma": 0.5, "reference_sha256": noise().neighbours.sha256}
    rs.storage.write_counts(folder / "counts.parquet", frame, facts)
    return folder / "counts.parquet", frame, facts


def test_stored_counts_certify_as_sampling_does(counts_file):
    frame, facts = rs.storage.read_counts([counts_file[0]])
    rows = frame[frame.classifier == "member-1"]
    law = from_label(facts["noise"], facts["dim"], facts["sigma"])
    found = certify.certify_from_counts(np.stack(rows.counts0), np.stack(rows.counts), law, 0.01, levels=rows.level)
    expected = rs.Smoothed(linear, noise(), 10).certify(IMAGES[:3], n0=20, n=100, alpha=0.01)
    assert found.radius.tolist() == expected.radius.tolist() and found.sigma.tolist() == expected.sigma.tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda frame, facts: frame.pop("level"),
        lambda frame, facts: facts.pop("reference_sha256"),
        lambda frame, facts: frame.loc.__setitem__((0, "level"), np.nan),
        lambda frame, facts: frame.loc.__setitem__((0, "level"), -1.0),
        lambda frame, facts: frame.loc.__setitem__((0, "level"), frame.level[0] * 1.5),  # of one classifier alone
    ],
)
def test_lost_or_altered_levels_are_refused(counts_file, tmp_path, change):
    frame, facts = counts_file[1].copy(), dict(counts_file[2])
    change(frame, facts)
    rs.storage.write_counts(tmp_path / "altered.parquet", frame, facts)
    with pytest.raises(ValueError, match="altered.parquet: not a readable counts file; delete it"):
        rs.storage.read_counts([tmp_path / "altered.parquet"])
