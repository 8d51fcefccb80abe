import numpy as np
import pandas as pd
import pytest
import torch
from scipy import special

import resmooth as rs
from resmooth.smoothing.scores import COLUMNS, certify_soft, score_rows
from resmooth.smoothing.shards import sample_images
from resmooth.smoothing.soft import certify_scores
from resmooth.smoothing.streams import ESTIMATION

GENERATOR = torch.Generator().manual_seed(5)
WEIGHTS = [torch.randn(64, 4, generator=GENERATOR) for _ in range(3)]
IMAGES = torch.rand(5, 1, 8, 8, generator=GENERATOR)
LABELS = [3, 1, 0, 2, 2]
INDICES = [0, 7, 8, 30, 31]
NORMAL = rs.noise.make("normal", dim=64, sigma=0.5)


def smoothed(batch_size=None, noise=NORMAL, scale=1.0):
    members = [lambda images, weights=weights: scale * (images.flatten(1) @ weights) for weights in WEIGHTS]
    return rs.Smoothed(rs.Ensemble(members), noise, 4, batch_size)


def rows_of(name, rows):
    return [row for row in rows if row["classifier"] == name]


def copies(position, n):
    """The noisy copies that bound an image's class, drawn apart from what is tested."""
    stream, out = smoothed().stream(IMAGES[position], 2, INDICES[position], ESTIMATION), torch.empty(n, 1, 8, 8)
    stream.take(out)
    return out


def test_scores_are_those_of_the_copies_that_are_counted():
    rows = score_rows(smoothed(), IMAGES, LABELS, INDICES, 20, 300, seed=2)
    assert set(rows[0]) == set(COLUMNS)
    assert [row["classifier"] for row in rows[:6]] == ["member-1", "member-2", "member-3", "soft-1", "soft-2", "soft-3"]
    for position, index in enumerate(INDICES):
        scores = [(copies(position, 300).flatten(1) @ weights).double().numpy() for weights in WEIGHTS]
        for name, expected in (("member-2", scores[1]), ("soft-2", (scores[0] + scores[1]) / 2)):
            row = rows_of(name, rows)[position]
            assert (row["idx"], row["label"], row["n0"], row["n"]) == (index, LABELS[position], 20, 300)
            p = special.softmax(expected, axis=1)
            np.testing.assert_allclose(row["mean"], p.mean(axis=0), atol=1e-7)
            np.testing.assert_allclose(row["variance"], p.var(axis=0, ddof=1), atol=1e-7)
            assert np.array_equal(row["counts"], np.bincount(expected.argmax(axis=1), minlength=4))
            assert sum(row["counts0"]) == 20 and sum(row["mean0"]) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("batch_size", [None, 7, 64, 1000])
def test_votes_equal_those_of_sample(batch_size, tmp_path):
    frame = sample_images(smoothed(batch_size), IMAGES, LABELS, INDICES, 30, 200, 4, tmp_path, {})
    rows = score_rows(smoothed(batch_size), IMAGES, LABELS, INDICES, 30, 200, seed=4)
    table = frame.set_index(["idx", "classifier"])
    for row in rows:
        sampled = table.loc[row["idx"], row["classifier"]]
        assert row["counts0"] == list(sampled.counts0) and row["counts"] == list(sampled.counts)


def test_votes_of_a_trained_ensemble_equal_those_of_its_counts_file(resmooth, digits_folder, checkpoints, tmp_path):
    members = [argument for path in checkpoints for argument in ("--members", path)]
    shared = (digits_folder / "test.npz", 0, 40, *members, "--sigma", 0.25, "--step", 5, "--n0", 30, "--n", 200)
    for command in ("sample", "scores"):
        done = resmooth(command, *shared, "--seed", 3, "--threads", 1, "--out", tmp_path / f"{command}.parquet")
        assert done.returncode == 0, done.stderr
    counts, facts = rs.storage.read_counts([tmp_path / "sample.parquet"])
    counts = counts.set_index(["idx", "classifier"])
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert len(scores) == 8 * 6
    for row in scores.itertuples():
        sampled = counts.loc[row.idx, row.classifier]
        assert row.label == sampled.label
        assert np.array_equal(row.counts0, sampled.counts0) and np.array_equal(row.counts, sampled.counts)
        noise = rs.noise.from_label(row.noise, row.dim, row.sigma)
        assert (noise.label, noise.dim, noise.sigma) == (facts["noise"], facts["dim"], facts["sigma"])
        assert row.seed == 3


def test_statistics_do_not_depend_on_the_batch_size():
    first, second = (score_rows(smoothed(size), IMAGES, LABELS, INDICES, 50, 400, seed=0) for size in (37, 2000))
    for key in ("mean0", "mean", "variance"):
        for one, other in zip(first, second):
            np.testing.assert_allclose(one[key], other[key], rtol=1e-5, atol=1e-9)


def test_a_tiny_variance_keeps_its_digits():
    """Scores that vary by 1e-6 around 1/4, over several batches: mean square minus squared mean would have few digits right."""
    table = score_rows(smoothed(64, scale=1e-6), IMAGES[:1], LABELS[:1], INDICES[:1], 5, 500, seed=2)
    scores = 1e-6 * (copies(0, 500).flatten(1) @ WEIGHTS[0])
    p = special.softmax(scores.double().numpy(), axis=1)
    found = np.array(table[0]["variance"])
    assert np.all(p.var(axis=0, ddof=1) < 1e-9)
    np.testing.assert_allclose(found, p.var(axis=0, ddof=1), rtol=1e-9)


def test_certificates_of_scores():
    mean0 = np.array([[0.8, 0.2, 0.0], [0.2, 0.8, 0.0], [0.4, 0.35, 0.25]])
    mean = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.51, 0.3, 0.19]])
    variance = np.full((3, 3), 0.01)
    result = certify_scores(mean0, mean, variance, 1000, NORMAL, 0.001)
    assert result.predict.tolist() == [0, -1, -1] and result.selected.tolist() == [0, 1, 0]
    bound = rs.bounds.empirical_bernstein(0.9, 0.01, 1000, 0.001)
    assert result.p_lower[0] == bound and result.radius[0] == NORMAL.radius(bound, 2) > 0
    assert result.radius[1:].tolist() == [0, 0]
    hoeffding = certify_scores(mean0, mean, variance, 1000, NORMAL, 0.001, bound="hoeffding", norm=np.inf)
    assert hoeffding.p_lower[0] == rs.bounds.hoeffding(0.9, 1000, 0.001) < bound
    assert hoeffding.radius[0] == NORMAL.radius(hoeffding.p_lower[0], np.inf)
    frame = result.to_frame([0, 1, 2], idx=[5, 6, 7])
    assert frame.correct.tolist() == [1, 0, 0] and frame.idx.tolist() == [5, 6, 7]
    assert rs.metrics.certified_accuracy(frame, 0.0) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="3 certificates"):
        result.to_frame([0])


def test_slack_of_exact_arithmetic_is_subtracted():
    exact = rs.noise.make("normal", dim=64, sigma=0.5, arithmetic="exact")
    table = np.array([[0.9, 0.1]]), np.array([[0.9, 0.1]]), np.array([[0.01, 0.01]])
    assert exact.slack > 0
    loose, tight = certify_scores(*table, 1000, exact, 0.001), certify_scores(*table, 1000, NORMAL, 0.001)
    assert loose.p_lower[0] == tight.p_lower[0] - exact.slack


def test_certify_soft_sees_the_copies_of_certify():
    images = IMAGES[:3]
    result = certify_soft(smoothed(), images, n0=20, n=300, alpha=0.01, seed=2, index=INDICES[:3])
    rows = rows_of("soft-3", score_rows(smoothed(), IMAGES, LABELS, INDICES, 20, 300, seed=2))[:3]
    hard = smoothed().certify(images, n0=20, n=300, alpha=0.01, seed=2, index=INDICES[:3])
    for position, row in enumerate(rows):
        assert result.mean[position] == pytest.approx(row["mean"][result.selected[position]], abs=1e-6)
        assert row["counts"] == hard.counts[position].tolist() and row["counts0"] == hard.counts0[position].tolist()


def test_votes_written_as_scores_give_the_radii_of_votes_at_the_same_bound():
    """Scores of 0 and 1 are votes: then soft and hard differ by the bound alone."""
    result = certify_soft(smoothed(scale=1e6), IMAGES, n0=50, n=400, alpha=0.01, seed=2)
    hard = smoothed(scale=1e6).certify(IMAGES, n0=50, n=400, alpha=0.01, seed=2)
    selected = hard.counts0.argmax(axis=1)
    share = hard.counts[np.arange(5), selected] / 400
    assert np.array_equal(result.selected, selected)
    np.testing.assert_allclose(result.mean, share, atol=1e-9)
    np.testing.assert_allclose(result.variance, share * (1 - share) * 400 / 399, atol=1e-9)
    assert np.all(result.p_lower <= hard.p_lower)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bound": "clopper_pearson"}, "unknown bound 'clopper_pearson'"),
        ({"mean0": [[0.5, 0.5]]}, "must be tables"),
        ({"mean": [[0.9, 0.3], [0.5, 0.5]]}, "do not sum to one"),
        ({"n": 1}, "at least 2"),
        ({"variance": [[0.5, 0.5], [0.1, 0.1]]}, "no such scores"),
        ({"alpha": 0.0}, "alpha"),
    ],
)
def test_senseless_statistics_are_refused(change, words):
    table = {"mean0": [[0.9, 0.1]] * 2, "mean": [[0.9, 0.1]] * 2, "variance": [[0.01, 0.01]] * 2}
    settings = {**table, "n": 100, "noise": NORMAL, "alpha": 0.01} | change
    with pytest.raises(ValueError, match=words):
        certify_scores(**settings)


def test_scores_without_a_softmax_are_refused():
    def broken(images):
        scores = images.flatten(1)[:, :4].clone()
        scores[images.flatten(1).sum(dim=1) > 40] = float("nan")
        return scores

    dark, bright = torch.zeros(1, 8, 8), torch.ones(1, 8, 8)
    with pytest.raises(ValueError, match="image 9: the softmax"):
        certify_soft(rs.Smoothed(broken, NORMAL, 4), torch.stack([dark, bright]), n0=5, n=10, index=[8, 9])
    with pytest.raises(ValueError, match=r"expected \[images, 5\]"):
        certify_soft(rs.Smoothed(lambda images: images.flatten(1)[:, :4], NORMAL, 5), dark[None], n0=5, n=10)


def test_too_few_samples_are_refused():
    for n0, n, words in ((1, 1, "at least 2"), (0, 5, "at least 1")):
        with pytest.raises(ValueError, match=words):
            score_rows(smoothed(), IMAGES, LABELS, INDICES, n0, n, seed=0)
    with pytest.raises(ValueError, match="no images"):
        certify_soft(smoothed(), IMAGES[:0])


def test_a_noise_without_chance_is_refused():
    dssn = rs.noise.from_label("dssn", 64, 0.5, channels=1)
    with pytest.raises(ValueError, match="no chance"):
        certify_soft(smoothed(noise=dssn), IMAGES, n0=5, n=10)
