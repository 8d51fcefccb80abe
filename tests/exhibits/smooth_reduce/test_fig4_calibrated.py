"""Smooth-Reduce at equal evaluations: samples, radii and L by hand, and verdicts that follow planted votes."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from scipy.special import ndtri

from resmooth import storage
from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _calibrated_numbers as numbers
from resmooth.smoothing.bounds import clopper_pearson

EXHIBIT = exhibit("smooth_reduce/fig4_calibrated")
STEP, N, N0, L = 50, 1000, 20, 2.0
SECTIONS = [
    {"resize": 10, "patch": 8, "noise_space": ["image", "patch"]},
    {"resize": 10, "patch": 8, "layout": "random", "noise_space": ["patch"]},
]


def planted(tmp_path, share, images=40, sigmas=(0.25, 0.5), norm=L, n=N, sections=SECTIONS, **about):
    """Frames of a run in which each classifier gives the label share(case, name) [images] of all votes, in every step."""
    group = {"architectures": ["resnet20"], "recipes": ["gaussian"], "seeds": 1, "patches": sections}
    run = synthetic.run(tmp_path, seeds=1, sigmas=sigmas, images=images, experiments=[group], **about)
    for case in run.cases:
        names = case.experiment.classifiers
        rows = [
            row(index, name, votes, n)
            for name in names
            for index, votes in enumerate(STEP * np.asarray(share(case, name)))
        ]
        inside = case.experiment.patches.get("noise_space") == "patch"
        facts = {"noise": "normal", "dim": 64, "sigma": case.level, "arithmetic": "float", "n0": N0, "n": n}
        facts["lipschitz"] = {name: norm if inside else 1.0 for name in names}
        storage.write_counts(run.counts(*case.key)[0], pd.DataFrame(rows), facts)
    return EXHIBIT.compute(run)


def row(index, classifier, votes, n):
    """One line of a counts file: `votes` of STEP for class 1, which is the label, the rest for class 0."""
    right = round(float(votes))
    step, slots = [STEP - right, right], n // STEP
    about = {
        "idx": index,
        "label": 1,
        "classifier": classifier,
        "counts0": [0, N0],
        "counts": [slots * each for each in step],
    }
    return about | {"n0": N0, "n": n, "seconds": 0.0, "uniform": 0.5, "step": STEP, "by_step": step * slots}


def shares(alone, patches, images=40):
    """The network alone with so many of the votes, at most, and its patches."""
    return lambda case, name: np.linspace(0.6, 1, images) * (patches if case.experiment.patches else alone)


def verdicts(frames):
    names = {"smooth_reduce-equal_evaluations_radii": "radii", "smooth_reduce-equal_evaluations_accuracy": "accuracy"}
    return {names[each.claim]: each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_radii_are_those_of_the_first_samples_divided_by_the_norm(tmp_path):
    frame = planted(tmp_path, shares(1, 1))["images"]
    assert set(zip(frame.k, frame.n)) == {(0, N), (4, N // 4)}
    assert set(zip(frame.k, frame.alpha)) == {(0, 0.001), (4, 0.001), (4, numbers.LOOSE)}
    assert not frame.experiment.str.contains("random").any() and not (frame.method == "centre patch").any()
    for (space, k, alpha), part in frame[frame.sigma == 0.5].groupby(["space", "k", "alpha"]):
        n = N // max(k, 1)
        top = np.round(STEP * np.linspace(0.6, 1, 40)) * n / STEP
        bound = clopper_pearson(top, n, alpha)
        expected = 0.5 * np.where(bound >= 0.5, ndtri(bound), 0)
        for _, one in part.groupby("method"):
            assert one.published.to_numpy() == pytest.approx(expected)
            assert one.radius.to_numpy() == pytest.approx(expected / (L if space == "patch" else 1))


def test_averages_and_differences_by_hand(tmp_path):
    frames = planted(tmp_path, shares(1, 1), sigmas=(0.25,))
    frame, averages = frames["images"], frames["averages"]
    own = averages[(averages.space == "patch") & (averages.kind == "certified") & (averages.alpha == 0.001)].iloc[0]
    assert own.largest == pytest.approx(0.25 * ndtri(0.001 ** (1 / 250)) / L)
    assert own.evaluations == 4 * (N0 + 250)
    found = frames["differences"].query("space == 'patch' and alpha == 0.001 and measure == 'ACR'")
    wide = frame[frame.alpha == 0.001].pivot_table(index="idx", columns=["method", "space"], values="published")
    gain = {"certified": 1 / L, "as published": 1}
    for each in found.itertuples():
        apart = wide[each.method, "patch"] * gain[each.kind] - wide["one network", ""]
        assert each.value == pytest.approx(apart.mean())


@pytest.mark.parametrize(
    ("alone", "patches", "norm", "expected"),
    [
        (0.62, 1, 1.0, {"radii": "holds", "accuracy": "holds"}),
        (0.85, 1, 5.0, {"radii": "fails", "accuracy": "fails"}),  # R is larger, R / L is not
        (1, 0.85, 1.0, {"radii": "fails", "accuracy": "fails"}),
    ],
)
def test_verdicts_follow_the_votes(tmp_path, alone, patches, norm, expected):
    def share(case, name):
        return np.full(40, 0.99 * (patches if case.experiment.patches else alone)) - 0.002 * np.arange(40)

    frames = planted(tmp_path, share, norm=norm)
    assert verdicts(frames) == expected
    claimed = frames["differences"].query("kind == 'as published' and measure == 'ACR'").value
    assert (claimed > 0).all() == (patches > alone)


@pytest.mark.parametrize("about", [{"images": 1}, {"n": 150}, {"share": (0.4, 0.4)}, {"share": (0.52, 0.52)}])
def test_too_little_to_decide_is_no_crash(tmp_path, about):
    share = shares(*about.pop("share", (1, 1)), about.get("images", 40))
    frames = planted(tmp_path, share, sigmas=(0.25,), **about)
    assert set(verdicts(frames)) == {"radii", "accuracy"}
    if about or not frames["images"].certified.any():
        assert "holds" not in verdicts(frames).values()
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
    assert EXHIBIT.draw(frames).axes and EXHIBIT.here(frames)


def test_nothing_to_compare_with(tmp_path):
    assert EXHIBIT.needs(synthetic.run(tmp_path)) is None


def test_picture_table_and_words(tmp_path):
    frames = planted(tmp_path, shares(0.9, 1))
    assert len(EXHIBIT.draw(frames).axes) == 6
    assert set(EXHIBIT.table(frames).part) == {"averages", "differences", "curves"}
    assert "250 (k = 4)" in EXHIBIT.here(frames)
    one = planted(tmp_path / "one", shares(0.9, 1), sigmas=(0.25,), sections=SECTIONS[:1])
    assert len(EXHIBIT.draw(one).axes) == 3
