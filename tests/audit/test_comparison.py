"""A printed number beside a run's: made-up claims and made-up certificates whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from resmooth import storage
from resmooth.audit import comparison
from resmooth.plan import Run

NAN = float("nan")


def run_of(folder, step=20, n=100_000, seeds=1, recipe="cifar10/gaussian", dataset="cifar10", noise="normal"):
    config = {
        "run": "made",
        "dataset": dataset,
        "sigmas": [0.25, 0.5],
        "experiments": [{"architectures": ["resnet110"], "recipes": ["base"], "seeds": seeds, "noise": noise}],
        "recipes": {"base": recipe},
        "stacked": False,
        "sample": {
            "split": "test",
            "start": 0,
            "stop": 10000,
            "step": step,
            "shard": 10000,
            "n0": 100,
            "n": n,
            "seed": 0,
        },
        "certify": {"alpha": 0.001},
    }
    return Run(config, "config/recipes", str(folder))


def claim_of(printed="60", metric="certified_accuracy", **other):
    claim = {"id": "x", "source": "s", "metric": metric, "dataset": "cifar10", "method": "Gaussian", "sigma": 0.5}
    claim |= {
        "radius": 0.5 if metric.startswith("certified") else NAN,
        "printed": printed,
        "n": 100_000.0,
        "alpha": 0.001,
        "k": NAN,
    }
    claim |= {"printed_digits": len(printed.partition(".")[2]), "acr_definition": "all" if metric == "acr" else ""}
    return claim | {"arch": "resnet110", "subset": "test 0-10000 step 20", "standard_error": NAN} | other


def write(run, hits, radius=1.0, classifier="member-1", norm=2, sigma="0.5"):
    """Certificates of one classifier: `hits` (bool [images]) are right, with `radius` (number or array)."""
    hits = np.asarray(hits)
    frame = pd.DataFrame({"idx": run.images, "label": 1, "predict": np.where(hits, 1, 0), "correct": hits.astype(int)})
    frame = frame.assign(radius=radius, time="", p_lower=0.9, n_top=1, n=100_000, n0=100, alpha=0.001, sigma=0.5)
    name = next(iter(run.experiments))
    path = run.paths.certificates(name, sigma, classifier)
    storage.write_certificates(path, frame.assign(noise="normal", dim=3072, norm=norm))
    return path


def first(count, images=500):
    return np.arange(images) < count


@pytest.mark.parametrize(
    "printed, images, verdict",
    [
        ("60", 10_000, "holds"),  # +-1.4 points
        ("61", 10_000, "holds"),  # 1 point is less than its interval
        ("65", 10_000, "fails"),
        ("58", 10_000, "fails"),
        ("60", 500, "not resolved"),  # the very same number, but 500 images leave more than 5 points
        ("64", 500, "not resolved"),
        ("70", 500, "fails"),
    ],
)
def test_a_certified_accuracy_of_60_percent(tmp_path, printed, images, verdict):
    run = run_of(tmp_path, step=10_000 // images)
    path = write(run, first(0.6 * images, images))
    says = comparison.compare(claim_of(printed, subset=f"test 0-10000 step {10_000 // images}"), run)
    assert says["run_verdict"] == verdict and says["run_value"] == pytest.approx(60) and says["run_unit"] == "%"
    assert says["run_low"] < 60 < says["run_high"] and says["run_evidence"] == path
    assert f"{images:,} images" in says["run_reason"] and f"less the printed {printed}" in says["run_reason"]
    assert f"{60 - int(printed):+.1f} points" in says["run_reason"] and "no chance of training" in says["run_reason"]


def test_rounding_decides_nothing(tmp_path):
    """60 %: printed 59.99 would not round to it, and printed 60 stands for 59.5 to 60.5; both are far inside the interval."""
    run = run_of(tmp_path, step=1)
    write(run, first(6000, 10_000))
    subset = {"subset": "test 0-10000 step 1"}
    exact, whole = (comparison.compare(claim_of(text, **subset), run) for text in ("59.99", "60"))
    assert exact["run_verdict"] == whole["run_verdict"] == "holds"
    apart = comparison.difference(claim_of("60"), np.array([60.0]), 0.5, 10_000)
    finer = comparison.difference(claim_of("60.00"), np.array([60.0]), 0.5, 10_000)
    assert (apart.high - finer.high) == pytest.approx(0.5 - 0.005)


def test_a_printed_zero_that_the_ceiling_forces_holds(tmp_path):
    run = run_of(tmp_path, step=1)
    write(run, first(6000, 10_000))
    says = comparison.compare(claim_of("0", radius=2.0, subset="test 0-10000 step 1"), run)
    assert says["run_verdict"] == "holds" and says["run_value"] == 0 and says["run_high"] > 0


@pytest.mark.parametrize("printed, verdict", [("0.600", "holds"), ("0.700", "fails"), ("0.590", "holds")])
def test_an_acr_takes_the_error_of_its_log(tmp_path, printed, verdict):
    run = run_of(tmp_path, step=1)
    write(run, first(6000, 10_000))
    says = comparison.compare(claim_of(printed, "acr", subset="test 0-10000 step 1", standard_error=0.005), run)
    assert says["run_verdict"] == verdict and says["run_value"] == pytest.approx(0.6) and says["run_unit"] == ""
    wide = claim_of(printed, "acr", subset="test 0-10000 step 1", standard_error=0.1)
    assert comparison.compare(wide, run)["run_verdict"] == "not resolved"


@pytest.mark.parametrize(
    "printed, verdict", [("0.400", "holds"), ("0.41", "holds"), ("0.45", "fails"), ("0.36", "fails")]
)
def test_an_abstention_of_a_share_of_0_4(tmp_path, printed, verdict):
    run = run_of(tmp_path, step=1)
    name = write(run, first(6000, 10_000))
    frame = storage.read_certificates(name)
    storage.write_certificates(name, frame.assign(predict=np.where(frame.correct == 1, 1, -1)))
    claim = claim_of(printed, metric="abstention", subset="test 0-10000 step 1")
    says = comparison.compare(claim, run)
    assert says["run_verdict"] == verdict and says["run_unit"] == "" and says["run_value"] == pytest.approx(0.4)
    assert says["run_low"] < 0.4 < says["run_high"] < 0.42
    assert comparison.needed(pd.DataFrame([claim]), run) == [name]


def test_both_definitions_of_the_acr(tmp_path):
    run = run_of(tmp_path)
    write(run, first(300))
    for definition, value in {"all": 0.6, "correct": 1.0}.items():
        assert comparison.compare(claim_of("0.600", "acr", acr_definition=definition), run)[
            "run_value"
        ] == pytest.approx(value)


def test_several_networks_widen_the_interval_by_their_spread(tmp_path):
    run = run_of(tmp_path, seeds=3)
    for seed, count in enumerate((250, 300, 350), start=1):
        write(run, first(count), classifier=f"member-{seed}")
    says = comparison.compare(claim_of("60"), run)
    assert says["run_value"] == pytest.approx(60) and "3 networks" in says["run_reason"]
    assert says["run_high"] - says["run_value"] > 4.303 * 10 / 3**0.5 - 0.1  # t interval of 50, 60, 70 %
    assert says["run_verdict"] == "not resolved" and len(says["run_evidence"].split()) == 3


def test_an_ensemble_is_compared_with_the_soft_ensemble_of_its_size(tmp_path):
    run = run_of(tmp_path, seeds=3)
    path = write(run, first(400), classifier="soft-3")
    says = comparison.compare(claim_of("80", k=3.0), run)
    assert says["run_value"] == pytest.approx(80) and says["run_evidence"] == path
    assert (
        "3 networks at most instead of an ensemble of 10"
        in comparison.compare(claim_of("80", k=10.0), run)["run_reason"]
    )


def test_the_files_that_the_audit_needs_are_known_beforehand(tmp_path):
    run = run_of(tmp_path, seeds=2)
    claims = pd.DataFrame(
        [claim_of("60"), claim_of("0.6", "acr"), claim_of("70", n=10.0), claim_of("9", metric="formula")]
    )
    assert comparison.needed(claims, run) == comparison.certificates(claim_of("60"), run)
    assert [path.rpartition("/")[2] for path in comparison.needed(claims, run)] == ["member-1.tsv", "member-2.tsv"]


@pytest.mark.parametrize(
    "other, words",
    [
        ({"dataset": "imagenet"}, "cifar10 instead of imagenet"),
        ({"subset": "test 0-10000 step 1"}, "500 test images (1 in 20 of 0 to 9,999) instead of 10,000"),
        (
            {"subset": "test 0-10000 step 20; in an order of its own"},
            "does not say on which images, or they are others",
        ),
        ({"subset": ""}, "does not say on which images"),
        ({"arch": "resnet50"}, "resnet110 instead of resnet50"),
        ({"arch": ""}, "does not say which architecture"),
        ({"method": "SmoothAdv"}, "no training by smoothadv"),
        ({"method": "Uniform"}, "no uniform noise"),
        ({"method": "something new"}, "no training by something new"),
        ({"sigma": 1.0}, "no sigma = 1"),
        ({"sigma": NAN}, "the best over this run's noise levels"),
        ({"n": 1000.0}, "n = 100,000 instead of 1,000"),
        ({"n": NAN}, "does not say its n"),
        ({"alpha": 0.01}, "alpha = 0.001 instead of 0.01"),
    ],
)
def test_another_experiment_is_not_compared_and_says_what_differs(tmp_path, other, words):
    run = run_of(tmp_path)  # no certificate is there: none is read
    says = comparison.compare(claim_of("60", **other), run)
    assert says["run_verdict"] == "not comparable" and words in says["run_reason"]
    assert says.keys() == {"run_verdict", "run_reason"} and says["run_reason"].endswith(".")
    assert comparison.certificates(claim_of("60", **other), run) == []


def test_what_differs_is_said_once_and_in_order(tmp_path):
    config_n = run_of(tmp_path, n=1000)
    words = comparison.compare(
        claim_of("60", dataset="imagenet", arch="resnet50", subset="test 0-50000 step 100"), config_n
    )
    assert (
        words["run_reason"]
        == "Another experiment: cifar10 instead of imagenet, resnet110 instead of resnet50, n = 1,000 instead of 100,000."
    )


def test_a_recipe_of_the_runs_own_is_another_training(tmp_path):
    own = {"method": "gaussian", "epochs": 3, "batch_size": 64, "learning_rate": 0.1, "milestones": []}
    says = comparison.compare(claim_of("60"), run_of(tmp_path, recipe=own))
    assert says["run_verdict"] == "not comparable" and "recipes of its own instead of" in says["run_reason"]


def test_the_same_images_told_otherwise_are_the_same(tmp_path):
    run = run_of(tmp_path)
    write(run, first(300))
    assert comparison.compare(claim_of("60", subset="test 0-9990 step 20"), run)["run_verdict"] == "not resolved"


def test_l1_numbers_need_radii_in_l1(tmp_path):
    run = run_of(tmp_path, recipe="cifar10/rs4a", noise="uniform")
    write(run, first(300), norm=1)
    claim = claim_of("60", metric="certified_accuracy_l1", method="Uniform")
    assert comparison.compare(claim, run)["run_value"] == pytest.approx(60)
    write(run, first(300), norm=2)
    assert "not radii in l1" in comparison.compare(claim, run)["run_reason"]


def test_missing_certificates_are_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="member-1.tsv: no such file") as error:
        comparison.compare(claim_of("60"), run_of(tmp_path))
    assert "\n" not in str(error.value)


def test_wrong_results_are_seen(tmp_path):
    """Radii times 1.1, and labels in another order, turn a number that holds into one that fails."""
    run, rng = run_of(tmp_path, step=1), np.random.default_rng(0)
    label = rng.integers(0, 10, 10_000)
    predict = np.where(rng.random(10_000) < 0.6, label, (label + 1) % 10)
    claim = claim_of("0.600", "acr", subset="test 0-10000 step 1", standard_error=0.005)
    verdicts = []
    for labels, radius in ((label, 1.0), (label, 1.1), (rng.permutation(label), 1.0)):
        write(run, predict == labels, radius)
        verdicts.append(comparison.compare(claim, run)["run_verdict"])
    assert verdicts == ["holds", "fails", "fails"]


def covered(truth, spread, networks, images, repetitions=2000):
    """How often the interval of the difference holds zero: both sides are trainings of the same recipe, on 500 images each."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(repetitions):
        shares = np.clip(truth + spread * rng.standard_normal(networks + 1), 0, 1)
        values = 100 * rng.binomial(images, shares) / images
        error = np.sqrt(values[:-1] * (100 - values[:-1]) / images).mean()
        claim = claim_of(f"{values[-1]:.1f}")
        hits += comparison.difference(claim, values[:-1], error, images).sign() == 0
    return hits / repetitions


@pytest.mark.parametrize(
    "truth, spread, networks", [(0.6, 0.0, 1), (0.02, 0.0, 1), (0.998, 0.0, 1), (0.6, 0.02, 5), (0.6, 0.02, 2)]
)
def test_equal_experiments_differ_in_no_more_than_5_percent_of_cases(truth, spread, networks):
    assert covered(truth, spread, networks, 500) > 0.95 - 3 * (0.05 * 0.95 / 2000) ** 0.5
