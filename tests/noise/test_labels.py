"""A noise as text: how the command line, counts files and certificates name it."""

import numpy as np
import pytest

import resmooth as rs
from resmooth.noise import FAMILIES, from_label, parse

LABELS = [
    "normal",
    "normal match=1",
    "normal arithmetic=exact",
    "laplace",
    "uniform match=1",
    "lomax k=4.5",
    "exp1 k=2",
    "expinf k=0.5",
    "exp2 k=3 match=1",
    "expp p=0.5",
    "uniformball",
    "powinf a=99",
    "pow2 k=1.5 a=80",
    "mask channels=1",
    "mask channels=3 fill=-1",
    "ablation channels=3",
    "ssn",
    "dssn template=7",
]


def test_every_family_is_here():
    assert {label.split()[0] for label in LABELS} == set(FAMILIES)


@pytest.mark.parametrize("label", LABELS)
def test_a_label_rebuilds_its_noise(label):
    noise = from_label(label, 48, 0.75)
    again = from_label(noise.label, noise.dim, noise.sigma)
    assert set(label.split()) <= set(noise.label.split())
    assert again.label == noise.label and again.scale == noise.scale
    assert again.sigma == noise.sigma == pytest.approx(0.75, rel=0.02)  # an ablation keeps a whole number of pixels
    if not noise.passes:
        norm = noise.norms[0]
        np.testing.assert_array_equal(again.radius([0.6, 0.9], norm), noise.radius([0.6, 0.9], norm))


def test_numbers_and_words():
    assert parse("exp1 k=2") == ("exp1", {"k": 2}) and type(parse("exp1 k=2")[1]["k"]) is int
    assert parse("  expp  p=0.5 ") == ("expp", {"p": 0.5})
    assert parse("normal arithmetic=exact") == ("normal", {"arithmetic": "exact"})


def test_what_the_label_says_comes_before_the_defaults():
    assert from_label("normal", 4, 0.5, "exact").arithmetic == "exact"
    assert from_label("mask", 12, 0.5, channels=3).pixels == 4
    assert from_label("mask channels=1", 12, 0.5, channels=3).pixels == 12
    assert from_label("laplace", 12, 0.5, channels=3).label == "laplace"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("", "unknown noise ''; known: normal"),
        ("cauchy", "unknown noise 'cauchy'"),
        ("exp1 k", "key=value pairs, such as 'exp1 k=2'"),
        ("exp1 k=", "key=value"),
        ("exp1 k=2 k=3", "each once, not k"),
        ("exp1 sigma=2", "exp1 takes match, k, each once, not sigma"),
        ("laplace arithmetic=exact", "not arithmetic"),
    ],
)
def test_other_text_is_refused_in_one_line(label, words):
    with pytest.raises(ValueError) as error:
        parse(label)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_level_that_the_family_does_not_have_is_refused():
    with pytest.raises(ValueError, match="no finite sigma"):
        rs.noise.make("lomax", 4, sigma=0.5, k=2)
    assert rs.noise.make("lomax", 4, sigma=0.5, k=2, match=1).scale == pytest.approx(0.5)


@pytest.mark.parametrize(
    "label",
    ["exp1 k=abc", "pow2 a=abc", "lomax k=1e", "expp p=abc", "mask channels=abc", "dssn template=abc", "exp1 match=x"],
)
def test_parameters_that_are_no_numbers_are_refused_in_one_line(label):
    with pytest.raises(ValueError, match=label.split()[0] + "|template|match") as error:
        from_label(label, 48, 0.5)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "parameters"), [("normal", {"sigma": "1"}), ("laplace", {"scale": [1]})])
def test_levels_that_are_no_numbers_are_refused(name, parameters):
    with pytest.raises(ValueError, match="expected numbers"):
        rs.noise.make(name, 48, **parameters)


@pytest.mark.parametrize("dim", ["3", 3.5, 0, None])
def test_dimensions_are_whole_numbers(dim):
    for name in ("normal", "mask", "exp1"):
        with pytest.raises(ValueError, match="dim|coordinates|expected numbers"):
            rs.noise.make(name, dim, sigma=0.5)


def test_pixels_have_a_whole_number_of_channels():
    with pytest.raises(ValueError, match="pixels of 1.5 channels"):
        rs.noise.make("mask", 3, p=0.1, channels=1.5)


@pytest.mark.parametrize("norm", ["inf", 3, np.nan, None])
def test_a_norm_that_is_none_is_refused(norm):
    for noise in (rs.noise.make("normal", 4, sigma=1), rs.noise.make("mask", 4, sigma=0.5)):
        with pytest.raises(ValueError, match="norm must be 0, 1, 2 or inf"):
            noise.radius(0.9, norm)
