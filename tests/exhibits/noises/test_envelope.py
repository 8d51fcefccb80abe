"""Envelopes over sigma and the orderings that follow from them."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.noises import planted
from exhibits.noises.test_radii import run_with

from resmooth import noise
from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import _envelope, envelope
from resmooth.exhibits.noises._envelope import Envelopes

ENVELOPE = exhibit("noises/envelope")


def images(radii: dict, **about) -> pd.DataFrame:
    """A frame of radii that count: {(series, sigma): [N]}; families are the series' first words."""
    parts = []
    for (series, sigma), values in radii.items():
        column = np.asarray(values, dtype=float)
        part = pd.DataFrame(
            {"idx": range(len(column)), "l1": column, "correct": (column >= 0).astype(int), "p_lower": 0.9}
        )
        names = {
            "series": series,
            "sigma": sigma,
            "family": series.split()[0],
            "variant": "+" in series,
            "method": "gaussian",
        }
        parts.append(part.assign(**names | ({"method": "stability"} if "+" in series else {})))
    facts = {
        "dataset": "digits",
        "architecture": "resnet8",
        "left_out": "",
        "n": 1000,
        "n0": 100,
        "alpha": 0.001,
        "dim": 64,
    }
    return pd.concat(parts, ignore_index=True).assign(**facts | about)


def spread(least, most, size=60):
    return np.linspace(least, most, size)


def frames_of(frame, printed=None) -> dict:
    """What compute makes of such a frame."""
    envelopes, levels = Envelopes(frame), frame.groupby("series").sigma.unique().map(sorted)
    printed = (
        pd.DataFrame(columns=["id", "dataset", "method", "radius", "printed", "value", "series"])
        if printed is None
        else printed
    )
    orders = _envelope.orderings(frame, envelopes, envelope.pairs(frame), [])
    series = _envelope.compared(frame)
    about = {"curves": envelope.curves(envelopes, levels, series), "areas": envelope.areas(envelopes, levels, series)}
    return {"images": frame, "printed": printed, "orders": orders, "crossings": envelope.crossings(frame), **about}


def verdicts(frames) -> dict[str, str]:
    found = envelope.findings(frames)
    assert not any("nan" in each.reason for each in found)
    return {each.claim: each.verdict for each in found if each.claim}


def test_the_oracle_takes_the_best_level_at_each_radius_and_honest_is_lower():
    frame = images({("uniform", 0.25): [0.1, 0.1, 0.1, 0.1], ("uniform", 0.5): [-1, -1, 0.4, 0.4]})
    envelopes = Envelopes(frame)
    oracle, honest = envelopes.of("uniform", (0.25, 0.5))
    expected = np.where(envelopes.radii <= 0.1, 100, np.where(envelopes.radii <= 0.4, 50, 0))
    assert np.allclose(oracle[0], expected) and (honest[0] <= oracle[0] + 1e-4).all()
    assert envelopes.area(oracle)[0] == pytest.approx(0.25, abs=0.01)  # 1 up to 0.1, 1/2 from there to 0.4


def test_with_one_level_both_are_the_certified_accuracy():
    frame = images({("laplace", 0.5): [0.1, 0.2, -1, 0.4]})
    oracle, honest = Envelopes(frame).of("laplace", (0.5,))
    assert (oracle == honest).all() and oracle[0][0] == 75


def test_an_oracle_over_levels_of_pure_chance_flatters():
    generator = np.random.default_rng(3)
    frame = images({("uniform", sigma): generator.uniform(0, 1, 40) for sigma in (0.1, 0.2, 0.3, 0.4)})
    row = envelope.areas(Envelopes(frame), {"uniform": [0.1, 0.2, 0.3, 0.4]}, ["uniform"]).iloc[0]
    assert row.low > 0 and row["area, oracle"] > row["area, honest"] and row.levels == 4


@pytest.mark.parametrize(("ahead", "verdict"), [(0.2, "holds"), (-0.2, "fails"), (0.0, "not resolved")])
def test_orderings_follow_the_data(ahead, verdict):
    base = spread(0.3, 0.6)
    wiggle = np.random.default_rng(0).normal(0, 0.05, len(base))
    radii = {("laplace", sigma): base for sigma in (0.25, 0.5)}
    radii |= {("uniform", sigma): base + ahead + wiggle - wiggle.mean() for sigma in (0.25, 0.5)}
    radii |= {("uniform + s", sigma): base + 2 * ahead + wiggle[::-1] - wiggle.mean() for sigma in (0.25, 0.5)}
    frames = frames_of(images(radii))
    assert verdicts(frames) == {"noises-uniform_above_laplace": verdict, "noises-stability_above_uniform": verdict}
    assert envelope.summary(envelope.table(frames)).verdict.tolist() == [_envelope.WORDS[verdict]] * 2


def test_at_one_common_level_the_acr_decides_and_says_so():
    frames = frames_of(images({("laplace", 0.5): spread(0, 0.3), ("uniform", 0.5): spread(0.1, 0.4)}))
    found = envelope.findings(frames)[0]
    assert found.verdict == "holds" and "alone" in found.reason and found.value == pytest.approx(0.1)
    assert frames["orders"].how.tolist() == ["equal sigma"]


def test_without_a_common_level_the_claims_stay_open():
    frames = frames_of(images({("laplace", 0.5): spread(0, 0.3), ("normal", 0.25): spread(0.1, 0.4)}))
    assert set(verdicts(frames).values()) == {"not resolved"} and len(frames["orders"]) == 0
    assert len(ENVELOPE.draw(frames).axes) == 1


def test_one_image_resolves_nothing():
    frames = frames_of(images({("laplace", 0.5): [0.1], ("uniform", 0.5): [0.2]}))
    assert set(verdicts(frames).values()) == {"not resolved"}


def test_radii_cross_where_they_are_said_to():
    p = envelope.crossing("uniform", "laplace", 64)
    one, other = (noise.make(name, dim=64, sigma=1) for name in ("uniform", "laplace"))
    assert one.radius(p, 1) == pytest.approx(other.radius(p, 1)) and one.radius(p - 0.05, 1) > other.radius(p - 0.05, 1)


def test_the_whole_exhibit_of_a_run(tmp_path):
    run = run_with(tmp_path, planted.group(["laplace", "uniform"], sigmas=(0.25, 0.5)), sigmas=[0.25, 0.5])
    frames = ENVELOPE.compute(run)
    assert not len(frames["curves"].series[~frames["curves"].series.isin(["normal", "laplace", "uniform"])])
    assert "for reference" in ENVELOPE.here(frames) and frames["published"].shape == (3, 3)
    parts = ENVELOPE.table(frames).part.value_counts()
    assert parts["published"] == 6 and parts["ordering"] == 3 and parts["envelope"] == 3 * _envelope.POINTS
    assert len(ENVELOPE.draw(frames).axes) == 3


def test_on_the_published_data_both_stand_side_by_side(tmp_path):
    run = run_with(tmp_path, planted.group(["laplace", "uniform"]))
    planted.publish(run, dataset="digits")
    frames = ENVELOPE.compute(run)
    assert "this run, uniform" in frames["published"].method.tolist()
    assert (frames["orders"].how.str.startswith("r =")).any() and len(ENVELOPE.draw(frames).axes) == 2
    assert set(verdicts(frames)) == {"noises-uniform_above_laplace", "noises-stability_above_uniform"}


def test_not_for_a_run_under_normal_noise(tmp_path):
    assert envelope.needs(synthetic.run(tmp_path)) is None
