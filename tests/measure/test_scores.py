import numpy as np
import pandas as pd
import pytest
import torch
from scipy import special

import resmooth as rs
from resmooth.measure import Subject, scores
from resmooth.measure.scores import COLUMNS, certify_soft
from resmooth.measure.votes import sample_images
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


def score_rows(smoothed, images, labels, indices, n0, n, seed):
    """The rows of all groups, as dicts."""
    measurement = scores.scores(Subject(smoothed, images, labels, indices, seed), n0, n)
    return [row for group in measurement.groups for row in measurement.measure(group)]


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
        assert np.array_equal(row["counts0"], sampled.counts0) and np.array_equal(row["counts"], sampled.counts)


def test_votes_of_a_trained_ensemble_equal_those_of_its_counts_file(command, digits_folder, checkpoints, tmp_path):
    members = [argument for path in checkpoints for argument in ("--members", path)]
    shared = (digits_folder / "test.npz", 0, 40, *members, "--sigma", 0.25, "--step", 5, "--n0", 30, "--n", 200)
    for name in ("sample", "scores"):
        done = command(name, *shared, "--seed", 3, "--threads", 1, "--out", tmp_path / f"{name}.parquet")
        assert done.returncode == 0, done.stderr
    counts, facts = rs.storage.read_counts([tmp_path / "sample.parquet"])
    counts = counts.set_index(["idx", "classifier"])
    table = pd.read_parquet(tmp_path / "scores.parquet")
    assert len(table) == 8 * 6
    for row in table.itertuples():
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


def test_certify_soft_sees_the_copies_of_certify():
    images = IMAGES[:3]
    result = certify_soft(smoothed(), images, n0=20, n=300, alpha=0.01, seed=2, index=INDICES[:3])
    rows = rows_of("soft-3", score_rows(smoothed(), IMAGES, LABELS, INDICES, 20, 300, seed=2))[:3]
    hard = smoothed().certify(images, n0=20, n=300, alpha=0.01, seed=2, index=INDICES[:3])
    for position, row in enumerate(rows):
        assert result.mean[position] == pytest.approx(row["mean"][result.selected[position]], abs=1e-6)
        assert np.array_equal(row["counts"], hard.counts[position])
        assert np.array_equal(row["counts0"], hard.counts0[position])


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


def test_deterministic_noise_is_refused():
    dssn = rs.noise.from_label("dssn", 64, 0.5, channels=1)
    with pytest.raises(ValueError, match="deterministic"):
        certify_soft(smoothed(noise=dssn), IMAGES, n0=5, n=10)
