"""Every classifier that one pass of an ensemble certifies, and K-consensus, from shards, resumed runs and stored counts.

Three linear members of three classes see the same noise; the exact probabilities of what they make up are integrals over a plane.
"""

import functools

import numpy as np
import pytest
import torch
from soundness_helpers import (
    DIM,
    Member,
    assert_exact_rate,
    assert_rate,
    false_certificates,
    grey_images,
    probabilities_by_quadrature,
    repetitions,
)

import resmooth as rs
from resmooth import storage
from resmooth.classifiers.consensus import Consensus
from resmooth.measure import decisions as procedures
from resmooth.measure import votes as shards
from resmooth.storage.journal import UNFINISHED

ALPHA = 0.05
REPETITIONS = repetitions(long=10_000, short=300)
SIGMA = 0.25
NORMAL = rs.noise.make("normal", dim=DIM, sigma=SIGMA)
MEMBERS = [  # they mostly agree, and each scores in its own scale, so that soft, softmax and vote differ
    Member([[3.0, 1.0], [-2.0, 2.0], [0.0, -3.0]], [0.9, 0.2, 0.0]),
    Member([[1.0, 6.0], [-4.0, -1.0], [2.0, -5.0]], [1.5, 0.0, 0.6]),
    Member([[-12.0, 18.0], [6.0, -18.0], [6.0, 2.0]], [9.0, 0.0, 2.0]),
]
ENSEMBLE = rs.Ensemble(MEMBERS)
N0, N, PREFIX = 20, 200, 120
DECISIONS = {"alpha": ALPHA, "n0": 10, "n": 300, "stages": (50, 200)}


@functools.cache
def exact():
    """Class probabilities of every classifier of the ensemble and of K-consensus: name -> float [3]."""
    result = dict(zip(ENSEMBLE.names, probabilities_by_quadrature(ENSEMBLE.votes, SIGMA, 3)))
    for size in (1, 2):
        consensus = rs.Smoothed(Consensus(MEMBERS, size), NORMAL, 3)
        result[f"consensus-{size}"] = probabilities_by_quadrature(consensus.vote, SIGMA, 3)[0]
    return result


class Killed(Exception):
    pass


def sample(folder, indices, kill_after=None):
    """`sample_images` of the grey image under these numbers; `kill_after` so many images it stops with an exception."""

    def report(done, total):
        if kill_after is not None and done >= kill_after:
            raise Killed

    smoothed, images = rs.Smoothed(ENSEMBLE, NORMAL, 3), grey_images(len(indices))
    labels = np.zeros(len(indices), dtype=int)
    folder.mkdir(exist_ok=True)
    return shards.sample_images(smoothed, images, labels, indices, N0, N, 7, folder, {"run": folder.name}, report)


def store(path, frame):
    storage.write_counts(path, frame, {"noise": "normal", "dim": DIM, "sigma": SIGMA})
    return path


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """Counts files of the same images: of one shard, and of five, two of which were killed, one of them twice."""
    folder, files = tmp_path_factory.mktemp("counts"), {}
    files["one shard"] = [store(folder / "all.parquet", sample(folder / "all", range(REPETITIONS)))]
    borders = [0, 1, *(REPETITIONS * np.array([0.15, 0.4, 0.7, 1])).astype(int).tolist()]
    files["five shards"] = []
    for number, (start, stop) in enumerate(zip(borders, borders[1:])):
        state, indices = folder / f"state {number}", range(start, stop)
        for share in {2: [0.5], 3: [0.2, 0.6]}.get(number, []):
            with pytest.raises(Killed):
                sample(state, indices, kill_after=int(share * len(indices)))
            with open(state / UNFINISHED, "a") as file:
                file.write('{"idx": 99, "cou')  # a line that the kill cut short
        files["five shards"].append(store(folder / f"{number}.parquet", sample(state, indices)))
    return files


def certificates(paths, n=None, bound="clopper_pearson"):
    """Certificates of each classifier, as `resmooth certify` makes them: name -> Certificates."""
    frame, facts = storage.read_counts(paths, n)
    noise, result = rs.noise.make(facts["noise"], facts["dim"], sigma=facts["sigma"]), {}
    for name, rows in frame.groupby("classifier", sort=False):
        counts0, counts = np.stack(rows.counts0), np.stack(rows.counts)
        uniforms = rows.uniform if bound == "randomized" else None
        result[name] = rs.certify_from_counts(counts0, counts, noise, ALPHA, bound=bound, uniforms=uniforms)
    return result


def test_the_integrals_agree_with_closed_forms():
    for number, member in enumerate(MEMBERS, start=1):
        np.testing.assert_allclose(exact()[f"member-{number}"], member.probabilities(SIGMA), atol=2e-4)
        weights, offsets = (
            torch.stack([getattr(part, name) for part in MEMBERS[:number]]).mean(0) for name in ("weights", "offsets")
        )
        soft = Member(weights.tolist(), offsets.tolist())
        np.testing.assert_allclose(exact()[f"soft-{number}"], soft.probabilities(SIGMA), atol=2e-4)
    different = [exact()[name].round(3).tolist() for name in ("soft-3", "softmax-3", "vote-3", "consensus-2")]
    assert len(set(map(str, different))) == 4


@pytest.mark.parametrize("bound", ["clopper_pearson", "randomized"])
@pytest.mark.parametrize("n", [None, PREFIX])
def test_certificates_do_not_depend_on_shards_and_interruptions(counts, bound, n):
    one, five = (certificates(paths, n, bound) for paths in counts.values())
    for name in ENSEMBLE.names:
        for column in ("predict", "radius", "p_lower", "counts", "counts0"):
            np.testing.assert_array_equal(getattr(one[name], column), getattr(five[name], column))


@pytest.mark.parametrize("bound", ["clopper_pearson", "chebyshev", "randomized"])
@pytest.mark.parametrize("n", [None, PREFIX])
def test_every_classifier_of_one_pass_is_certified_soundly(counts, bound, n):
    """`n`: a prefix of the samples that was chosen beforehand."""
    for name, result in certificates(counts["five shards"], n, bound).items():
        assert len(result.predict) == REPETITIONS and result.counts.sum() == (n or N) * REPETITIONS
        false = false_certificates(result.predict, result.radius, exact()[name] + 2e-4, SIGMA)
        assert_rate(false.sum(), REPETITIONS, ALPHA)


def test_randomised_bounds_of_stored_counts_err_exactly_as_often_as_alpha(counts):
    """For each classifier, with the one number that all classifiers of an image share."""
    for name, result in certificates(counts["five shards"], bound="randomized").items():
        selected = exact()[name][result.counts0.argmax(axis=1)]
        assert_exact_rate(np.sum(result.p_lower > selected), REPETITIONS, ALPHA)


def decide(folder, size, radii, kill_after=None):
    def report(done, total):
        if kill_after is not None and done >= kill_after:
            raise Killed

    folder.mkdir(exist_ok=True)
    indices = list(range(REPETITIONS))
    return procedures.compare_procedures(
        *(rs.Smoothed(ENSEMBLE, NORMAL, 3), grey_images(REPETITIONS), np.zeros(REPETITIONS, dtype=int), indices),
        *(radii, DECISIONS, size, 3, folder, {"run": "decide"}, report),
    )


@pytest.fixture(scope="module")
def decisions(tmp_path_factory):
    """Every procedure for the ensemble and for 2-consensus, each at the radius where it is hardest, in a resumed run."""
    folder = tmp_path_factory.mktemp("decide")
    radii = [float(NORMAL.radius(exact()[name].max() + 2e-4, 2)) for name in ("soft-3", "consensus-2")]
    with pytest.raises(Killed):
        decide(folder, 2, radii, kill_after=REPETITIONS // 3)
    return decide(folder, 2, radii)


def test_every_procedure_is_sound_for_the_ensemble_and_for_consensus(decisions):
    groups = decisions.groupby(["classifier", "rule", "radius"])
    assert len(groups) == 2 * 4 * 2
    for (name, _, radius), rows in groups:
        assert rows.idx.tolist() == list(range(REPETITIONS))
        false = false_certificates(rows.predict.to_numpy(), radius, exact()[name], SIGMA)
        assert_rate(false.sum(), REPETITIONS, ALPHA)
    assert 0 < decisions.agreed.min() < 1


@pytest.mark.parametrize("size", [1, 2])
def test_radii_of_consensus(size):
    smoothed = rs.Smoothed(Consensus(MEMBERS, size), NORMAL, 3)
    result = smoothed.certify(grey_images(REPETITIONS), N0, N, ALPHA, seed=5)
    false = false_certificates(result.predict, result.radius, exact()[f"consensus-{size}"] + 2e-4, SIGMA)
    assert_rate(false.sum(), REPETITIONS, ALPHA)


def test_certificates_of_the_ensemble_taken_for_those_of_consensus_are_caught(counts):
    """It answers like the ensemble but where the first members agree and are outvoted."""
    result = certificates(counts["one shard"])["soft-3"]
    false = false_certificates(result.predict, result.radius, exact()["consensus-2"], SIGMA)
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(false.sum(), REPETITIONS, ALPHA)
