"""What one process computes: settings decide when Snakemake runs a job again."""

import copy

import pytest
import yaml
from helpers import ROOT

from resmooth.plan import Run, jobs

TINY = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text())


def tiny(change=lambda config: None):
    config = copy.deepcopy(TINY)
    change(config)
    return Run(config)


def settings(run, step):
    return {tuple(job.wildcards.items()): job.settings for job in run.jobs(step)}


def changed(step, change):
    """Wildcards of the jobs of `step` whose settings the change of the config changes."""
    before, after = settings(tiny(), step), settings(tiny(change), step)
    return [dict(key) for key in after if after[key] != before.get(key)]


def test_a_changed_recipe_trains_its_experiments_again_and_no_other():
    again = changed("train", lambda config: config["recipes"]["gaussian"].update(epochs=3))
    assert len(again) == 7 and all("gaussian" in wildcards["experiment"] for wildcards in again)
    assert not changed("sample", lambda config: config["recipes"]["gaussian"].update(epochs=3))  # its inputs change


def test_a_recipe_changed_at_another_level_trains_nothing():
    def change(config):
        recipe = config["recipes"]["smoothadv"]
        recipe |= {"source": "a note", "epochs": 7}
        recipe["sigma"] = {0.25: {"epochs": 1, "options": {"attack": {"epsilon": 0.25}}}, 0.5: {}}

    assert not changed("train", change)


@pytest.mark.parametrize("key", ["batch_size", "gpu_memory"])
def test_how_fast_it_runs_is_no_setting(key):
    assert not changed("sample", lambda config: config["sample"].update({key: 8}))


def test_alpha_changes_certification_alone():
    def change(config):
        config["certify"]["alpha"] = 0.01

    assert len(changed("certify", change)) == 8 and not changed("sample", change) and not changed("train", change)


def test_stacked_seeds_train_in_one_job():
    run = tiny(lambda config: config.update(stacked=True))
    assert len(run.jobs("train")) == 7
    job = run.jobs("train")[0]
    assert [path.rsplit("/", 1)[1] for path in job.outputs] == [
        "seed=0.safetensors",
        "seed=1.safetensors",
        "seed=0.json",
        "seed=1.json",
    ]
    assert "--seed 0" in job.settings["networks"] and "--seed 1" in job.settings["networks"]
    assert job.settings["state"].endswith("sigma=0.25/seeds=0-1")


def test_noise_is_an_option_unless_it_is_normal():
    found = {job.wildcards["experiment"]: job.settings["options"] for job in tiny().jobs("sample")}
    assert "--noise" not in found["resnet8-gaussian"]
    assert found["resnet8-gaussian-laplace"].endswith(" --noise laplace")
    assert "--noise 'idrs rate=0.1 k=5 m=1.0'" in found["resnet8-gaussian-idrs"]


def test_input_dependent_noise_reads_the_training_images():
    inputs = {job.wildcards["experiment"]: job.inputs["reference"] for job in tiny().jobs("sample")}
    assert inputs["resnet8-gaussian-idrs"] == ["results/tiny/data/train.npz"] and inputs["resnet8-gaussian"] == []


def test_the_mismatched_network_is_that_of_the_lowest_level_under_the_highest():
    assert tiny().jobs("mismatch") == []
    run = tiny(
        lambda config: [
            config.update(sigmas=[0.5, 0.25]),
            config["recipes"]["smoothadv"]["sigma"].update({0.5: {"options": {"attack": {"epsilon": 1}}}}),
        ]
    )
    [job] = run.jobs("mismatch")
    assert (job.wildcards["trained"], job.wildcards["sigma"]) == ("0.25", "0.5")
    assert job.inputs["members"] == ["results/tiny/models/resnet8-gaussian/sigma=0.25/seed=0.safetensors"]


def test_an_unknown_step_names_those_there_are():
    with pytest.raises(ValueError, match="no step 'paint'; known: train, sample"):
        tiny().jobs("paint")
    with pytest.raises(ValueError, match="known"):
        jobs.job(tiny(), "paint")
