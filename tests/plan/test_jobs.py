"""What one process computes: settings decide when Snakemake runs a job again."""

import copy
import re
import shlex

import pytest
import yaml
from helpers import ROOT

from resmooth.plan import ConfigError, Run, jobs, tasks

TINY = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text()) | {"jobs": {}}  # one task each


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

    assert len(changed("certify", change)) == 13 and not changed("sample", change) and not changed("train", change)


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
    [task] = job.tasks
    assert "--seed 0" in task.command and "--seed 1" in task.command
    assert task.command.endswith("sigma=0.25/seeds=0-1") and job.name.endswith("sigma=0.25/seeds=0-1")


def test_noise_is_an_option_unless_it_is_normal():
    found = {job.wildcards["experiment"]: job.settings[0] for job in tiny().jobs("sample")}
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


SIZES = {
    "level": (8, 13),
    "experiment": (7, 13),
    "group": (4, 5),
    "run": (1, 1),
}  # jobs that train, that sample the tiny run


@pytest.mark.parametrize("size", SIZES)
def test_jobs_of_every_size_do_the_same_tasks(size):
    small = tiny()
    large = tiny(lambda config: config.update(jobs=dict.fromkeys(("train", "sample", "certify", "measure"), size)))
    trained, sampled = SIZES[size]
    assert len(large.jobs("train")) == trained - (size == "level") and len(large.jobs("sample")) == sampled
    for step in tasks.STEPS:
        alone, together = small.jobs(step), large.jobs(step)
        assert [task for job in together for task in job.tasks] == [task for job in alone for task in job.tasks]
        assert len({job.name for job in together}) == len(together) <= len(alone)
        assert [path for job in together for path in job.outputs] == [path for job in alone for path in job.outputs]


def test_a_job_of_several_tasks_is_one_command_of_whole_command_lines():
    [job] = tiny(lambda config: config.update(jobs={"train": "run"})).jobs("train")
    program, command, *lines = shlex.split(job.command(threads=2, workers=3))
    assert (program, command, len(lines)) == ("resmooth", "together", 8)
    assert lines == [f"{task.command} --threads 2 --workers 3" for task in job.tasks]
    words = shlex.split(lines[0])
    assert yaml.safe_load(words[words.index("--recipe") + 1])["epochs"] == 2
    [first, *_] = tiny().jobs("train")
    assert first.command("python -m resmooth.cli") == f"python -m resmooth.cli {first.tasks[0].command}"
    assert job.title == "Train resnet8-gaussian and 6 other experiments"
    assert first.title == "Train resnet8-gaussian at sigma 0.25, seed 0"


CERTIFY = ["certify_1", "certify_2", "certify_patches_1", "certify_patches_2", "certify_patches_3"]


def test_small_jobs_share_a_rule_and_large_ones_have_their_own():
    def names(step, **sizes):
        run = tiny(lambda config: config.update(jobs=sizes))
        found = [rule.name for rule in jobs.rules(run, step)]
        clips = [f"videos_{rule.name}" for rule in jobs.rules(run.videos, step)]
        assert clips and found[-len(clips) :] == clips  # those of the run on clips come last
        return found[: -len(clips)]

    assert names("train") == ["train"] and names("sample") == ["sample"] and names("certify") == CERTIFY
    assert names("train", train="group")[:2] == ["train_resnet8-gaussian", "train_resnet8-smoothadv"]
    assert names("certify", certify="run") == ["certify_all"]


@pytest.mark.parametrize("step", tasks.STEPS)
def test_the_pattern_of_a_rule_names_the_files_of_its_jobs(step):
    def change(config):
        config |= {"stacked": True, "sigmas": [0.25, 0.5]}
        config["recipes"]["smoothadv"]["sigma"][0.5] = {"options": {"attack": {"epsilon": 0.5}}}
        config["experiments"][0]["patches"] = {"patch": 8, "sizes": [4]}
        config["experiments"][1]["patches"] = {"resize": 10, "patch": 8, "sizes": [1, 4], "noise_space": ["patch"]}

    run = tiny(change)
    for job in run.jobs(step):
        [task] = job.tasks
        fits = [rule for rule in jobs.rules(run, step) if re.fullmatch(rule.experiments, task.wildcards["experiment"])]
        assert len(fits) == 1
        assert sorted(path.format(**task.wildcards) for path in fits[0].outputs) == sorted(job.outputs)
        assert fits[0].label.format(**task.wildcards) == job.name
        assert fits[0].job(task.wildcards) == job


def test_a_command_too_long_for_the_system_is_refused_before_anything_runs():
    config = yaml.safe_load((ROOT / "config" / "noises.yaml").read_text())
    Run(config | {"jobs": {"sample": "level"}}, ROOT / "config" / "recipes")
    with pytest.raises(ConfigError, match="jobs.sample: a sample job would have 704 tasks, .* below run"):
        Run(config | {"jobs": {"sample": "run"}}, ROOT / "config" / "recipes")


def test_versions_are_those_of_the_code():
    """What Snakemake compares and what a finished file says are raised together."""
    from resmooth.measure import votes
    from resmooth.training import loop

    assert (jobs.VERSIONS["train"], jobs.VERSIONS["sample"]) == (loop.CODE_VERSION, votes.CODE_VERSION)


def test_an_unknown_step_names_those_there_are():
    with pytest.raises(ValueError, match="no step 'paint'; known: train, sample"):
        tiny().jobs("paint")
