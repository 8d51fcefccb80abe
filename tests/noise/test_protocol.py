"""What whoever smooths, counts or trains asks of any noise, and the facts from which tables of noises are made."""

import inspect
import pkgutil

import pytest
import torch

import resmooth as rs
from resmooth import noise as noises
from resmooth.noise import FAMILIES, NOISES
from resmooth.noise.base import KINDS, Noise

IMAGES = torch.randint(256, (3, 1, 8, 8), generator=torch.Generator().manual_seed(0)) / 255
REFERENCE = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def build(name):
    return rs.noise.make(name, 64, sigma=0.5).on(REFERENCE)


def generator():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("name", NOISES)
def test_copies_of_an_image_are_those_of_its_own_noise(name):
    noise = build(name)
    levels = noise.levels(IMAGES)
    assert (levels is not None) == noise.input_dependent
    for number, image in enumerate(IMAGES):
        own = noise.for_image(image) if levels is None else noise.for_image(image, levels[number])
        copies = own.next_copies(image, 0, 40, generator())
        expected = noise.copies(image, 0, 40) if noise.exact else noise.noisy(image, 40, generator())
        assert torch.equal(copies, expected)
        assert torch.equal(noise.for_image(image).next_copies(image, 0, 40, generator()), expected)


@pytest.mark.parametrize("name", NOISES)
def test_sample_sizes_are_those_asked_for_but_of_deterministic_noise(name):
    noise = build(name)
    assert noise.sample_sizes(7, 9) == ((0, noise.passes) if name == "dssn" else (7, 9))
    assert noise.exact == (name == "dssn")
    if noise.exact:
        assert noise.radius_from_counts([[noise.passes, 0]], noise.norms[0]) > 0
        return
    for sizes in ((0, 9), (7, 0), (7, 9.5)):
        with pytest.raises(ValueError, match="number of samples must be a whole number of at least 1"):
            noise.sample_sizes(*sizes)
    with pytest.raises(NotImplementedError, match="copies of .* noise are drawn"):
        noise.radius_from_counts([[9, 0]], noise.norms[0])


@pytest.mark.parametrize("name", NOISES)
def test_rules_that_stop_early_need_copies_drawn_at_one_level(name):
    if name in ("dssn", "idrs"):
        with pytest.raises(ValueError, match="deterministic|level of its own"):
            build(name).check_sequential()
    else:
        build(name).check_sequential()


def test_facts_name_the_reference_images_where_these_decide():
    assert rs.noise.make("lomax", 64, sigma=0.5).facts() == {
        "noise": "lomax k=3.0",
        "sigma": 0.5,
        "scale": 0.5,
        "dim": 64,
        "arithmetic": "float",
    }
    bound = build("idrs")
    assert bound.facts()["reference_sha256"] == bound.neighbours.sha256
    assert "reference_sha256" not in rs.noise.make("idrs", 64, sigma=0.5).facts()


@pytest.mark.parametrize("name", NOISES)
def test_the_norm_is_the_noise_own_where_none_is_given(name):
    noise = build(name)
    assert noise.norm_or_own(None) == noise.norms[0] == noise.norm_or_own(noise.norms[0])
    with pytest.raises(NotImplementedError, match=f"no certificate in the l. norm is known for {name} noise"):
        noise.norm_or_own(2 if noise.norms == (0,) else 0)


def test_every_family_is_found_in_a_module_of_its_own():
    modules = {module.name for module in pkgutil.iter_modules(noises.__path__)}
    assert set(NOISES) <= modules
    assert {NOISES[name].__module__.rpartition(".")[2] for name in NOISES} == set(NOISES)
    assert set(NOISES) - set(FAMILIES) == {"idrs"}


def test_order_is_by_kind_and_each_comes_after_what_it_refines():
    assert list(FAMILIES)[0] == "normal"
    kinds = [KINDS.index(noise.kind) for noise in NOISES.values()]
    assert kinds == sorted(kinds)
    names = list(NOISES)
    for name, noise in NOISES.items():
        parents = [each.name for each in noise.mro()[1:] if issubclass(each, Noise) and "name" in vars(each)]
        assert all(names.index(parent) < names.index(name) for parent in parents)


def test_the_table_tells_norms_parameters_and_defaults():
    rows = {row["name"]: row for row in rs.noise.table()}
    assert list(rows) == list(NOISES)
    assert rows["expinf"]["certifies"] == "linf, l1" and rows["mask"]["certifies"] == "l0"
    assert rows["lomax"]["parameters"] == "k=3.0: exponent of the tail"
    assert rows["laplace"]["parameters"] == "" and rows["dssn"]["parameters"].startswith("template=0: ")
    for name, noise in NOISES.items():
        assert rows[name]["summary"] and "\n" not in rows[name]["summary"]
        assert set(noise.parameters) <= set(inspect.signature(noise).parameters)
        assert set(noise.shape_parameters) - set(noise.parameters) <= {"channels"}
