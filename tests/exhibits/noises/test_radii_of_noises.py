"""The exhibit `radii`: closed forms, groups by module, a family that it never heard of, and verdicts that follow the numbers."""

import numpy as np
import pytest
from scipy import special

from resmooth import noise
from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import _radii_drawing, radii
from resmooth.noise.laplace import Laplace
from resmooth.noise.uniformball import UniformBall

EXHIBIT = exhibit("noises/radii")


class Odd(Laplace):
    """A family that nobody announced."""

    name = "odd"


class OddBall(UniformBall):
    """The same, with balls for level sets."""

    name = "oddball"


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        for each in (Odd, OddBall):
            patch.setitem(noise.FAMILIES, each.name, each)
            patch.setitem(noise.NOISES, each.name, each)
        patch.setattr(radii, "GRID", np.union1d(radii.GRID[::6], radii.SHOWN))
        patch.setattr(radii, "NODES", {name: nodes[::10] for name, nodes in radii.NODES.items()})
        shown = radii.labels()
        frames = radii.compute()
        yield frames | {"picture": EXHIBIT.module.draw(frames), "groups": shown}


def verdicts(frames):
    return {each.claim: each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_closed_forms(frames):
    curves = radii.wide(frames["curves"])
    p = curves.loc["l2", 64].index.to_numpy()
    assert curves.loc["l2", 64].normal.to_numpy() == pytest.approx(special.ndtri(p))
    assert curves.loc["l1", 64].laplace.to_numpy() == pytest.approx(-np.log(2 * (1 - p)) / np.sqrt(2))
    assert curves.loc["l1", 3072].uniform.to_numpy() == pytest.approx(np.sqrt(3) * (2 * p - 1))


def test_groups_follow_from_the_modules(frames):
    groups = frames["groups"]
    assert groups["balls"] == ["uniformball", "exp2 k=3", "exp2 k=1", "pow2", "oddball"]
    assert groups[radii.INDEPENDENT][-1] == "odd"
    shown = [label.split()[0] for members in groups.values() for label in members]
    assert not {"mask", "ablation", "ssn", "dssn"} & set(shown)
    assert {name for name, family in noise.FAMILIES.items() if radii.certifies_lengths(family)} <= set(shown)


def test_unknown_families_are_drawn(frames):
    names = {text.get_text() for axis in frames["picture"].axes for text in axis.texts}
    for subfigure in frames["picture"].subfigs:
        names |= {text.get_text() for axis in subfigure.axes for text in axis.texts}
    assert {"odd", "oddball", "laplace"} <= names


def test_the_winner_changes_where_radii_cross(frames):
    """In l1 uniform leads for small p and Laplace near 1, whatever the dimension."""
    best = frames["best"]
    for d in radii.DIMS:
        part = best[(best.norm == "l1") & (best.dim == d)]
        assert (part.noise.iloc[0], part.noise.iloc[-1]) == ("uniform", "laplace")
        assert part.p.to_numpy()[1:] == pytest.approx(part.p_to.to_numpy()[:-1])


def test_simpler_formulas_lie_below(frames):
    assert (frames["pairs"].relative < 1e-9).all()
    privacy = frames["pairs"][frames["pairs"].noise == "laplace"].query("norm == 'l1'")
    assert privacy.relative.to_numpy() == pytest.approx(
        -np.log(privacy.p / (1 - privacy.p)) / 2 / np.log(2 * (1 - privacy.p)) - 1
    )


def test_interpolation_is_unsound_and_the_last_chord_is_not(frames):
    tables = frames["tables"]
    assert tables[tables.inside].relative.max() > 1e-4
    assert tables[~tables.inside].relative.max() < 0


def test_verdict_follows_the_slopes(frames):
    assert verdicts(frames) == {"noises-radius_grows": "holds"}
    falling = frames["shapes"].assign(least_slope=-0.1)
    assert verdicts(frames | {"shapes": falling}) == {"noises-radius_grows": "fails"}
    bent = radii.shapes(frames["curves"].assign(radius=lambda f: np.sqrt(f.radius)))
    assert not bent.convex.all()


def test_names_keep_their_distance():
    values = np.array([0.0, 0.01, 2.0, 0.02])
    placed = _radii_drawing.spread(values, 0.1)
    assert np.diff(np.sort(placed)).min() > 0.1 - 1e-12
    assert (np.argsort(placed) == np.argsort(values)).all()
    assert placed[2] == 2.0


def test_table_and_words(frames):
    assert set(EXHIBIT.table(frames).part) == {"curve", "best", "pair", "table"}
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
