"""Random against dense patches: which are compared, numbers by hand, and verdicts that follow planted radii."""

import numpy as np
import pytest
from exhibits import synthetic
from helpers import ROOT
from scipy.special import ndtri

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import fig7
from resmooth.plan import Run

EXHIBIT = exhibit("smooth_reduce/fig7")
L = {4: 2.0, 9: 3.0}


def planted(tmp_path, shift, images=200, sigmas=(0.25,)):
    """Frames of a run whose random patches, `k` of them, have R larger by shift(k) sigma; L is L[k], 1 % more where random."""
    cut = {"resize": 10, "patch": 8, "sizes": [4, 9], "noise_space": ["patch"]}
    group = {
        "architectures": ["resnet20"],
        "recipes": ["gaussian"],
        "seeds": 1,
        "patches": [cut, cut | {"layout": "random"}],
    }
    run = synthetic.run(tmp_path, seeds=1, sigmas=sigmas, images=images, experiments=[group])

    def random(case):
        return case.experiment.patches.get("layout") == "random"

    def radius(case, kind, number):
        radii = synthetic.base(run)
        return np.where(radii > 0, np.maximum(radii + shift(number) * random(case), 0), radii)

    def norm(case, kind, number):
        return L.get(number, 1.0) * (1.01 if random(case) else 1.0)

    synthetic.certify(run, radius, lipschitz=norm)
    return EXHIBIT.compute(run)


def verdict(frames):
    first, *others = EXHIBIT.findings(frames)
    assert first.claim == fig7.CLAIM and not any(each.claim for each in others)
    return first.verdict


@pytest.mark.parametrize(
    ("config", "numbers"),
    [
        ("digits", [9]),
        ("mnist", [25]),
        ("tiny", [9]),
        ("paper", [10, 25]),
        ("imagenet", []),
        ("cifar10", []),
        ("noises", []),
    ],
)
def test_which_cuts_are_compared(config, numbers):
    run = Run.from_file(ROOT / "config" / f"{config}.yaml")
    assert sorted(fig7.chosen(run).k.unique()) == numbers
    assert (EXHIBIT.needs(run) is None) == (not numbers)


def test_numbers_by_hand(tmp_path):
    frames = planted(tmp_path, lambda k: 0.3)
    frame, found = frames["images"], frames["differences"]
    wide = frame[(frame.k == 9) & (frame.method == "Smooth-Mean")].pivot(
        index="idx", columns="places", values="certified"
    )
    own = found[(found.k == 9) & (found.method == "Smooth-Mean")]
    acr = own[own.measure == "ACR, certified"].iloc[0]
    assert acr.value == pytest.approx((wide["random"] - wide["dense"]).mean())
    curve = own[own.measure == "certified accuracy [points]"]
    assert curve.radius.max() == pytest.approx(0.999 * 0.25 * ndtri(0.001 ** (1 / 200)) / (3 * 1.01))
    middle = curve.iloc[30]
    expected = 100 * ((wide["random"] >= middle.radius).mean() - (wide["dense"] >= middle.radius).mean())
    assert middle.value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (lambda k: 0.0, "holds"),
        (lambda k: 0.6 * (k == 4), "holds"),  # few patches do not count
        (lambda k: 0.6, "fails"),
        (lambda k: -0.6, "fails"),
        (lambda k: 0.08, "not resolved"),
    ],
)
def test_verdicts_follow_the_radii(tmp_path, shift, expected):
    assert verdict(planted(tmp_path, shift)) == expected


def test_one_image_or_nothing_certified_decides_nothing(tmp_path):
    frames = planted(tmp_path / "one", lambda k: 0.0, images=1)
    assert verdict(frames) == "not resolved" and EXHIBIT.draw(frames).axes
    frames = planted(tmp_path / "none", lambda k: 0.0, images=20)
    frames["images"] = frames["images"].assign(certified=0.0)
    assert verdict(frames) == "not resolved"


def test_places_are_read_from_the_lift(tmp_path):
    frame = planted(tmp_path, lambda k: 0.0, images=20)["images"]
    frame["lift"] = np.where(frame.places == "random", "patches 8 of 10 at 0,0 1,2 0,0", "patches 8 of 10 at 0,0 0,2")
    found = fig7.places(frame)
    random = found[(found.places == "random") & (found.k == 9)]
    assert set(zip(random.row, random.column, random.patches)) == {(0, 0, 2), (1, 2, 1)}
    frames = {"images": frame, "places": found, "differences": fig7.differences(frame)}
    assert "random at 2 places" in EXHIBIT.here(frames)


def test_picture_table_and_words(tmp_path):
    frames = planted(tmp_path, lambda k: 0.1)
    assert len(EXHIBIT.draw(frames).axes) == 6
    assert {"averages", "differences", "curves"} <= set(EXHIBIT.table(frames).part)
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
