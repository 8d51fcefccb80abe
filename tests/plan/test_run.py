"""The plan of a run: experiments, cases, refusals, files; without Snakemake."""

import copy
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from helpers import ROOT

from resmooth import storage
from resmooth.plan import ConfigError, Run, as_text, jobs

TINY = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text())
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


def tiny(change=lambda config: None, **parts):
    """The run of the tiny config, changed."""
    config = copy.deepcopy(TINY) | parts
    change(config)
    return Run(config, ROOT / "config" / "recipes")


def group(**changes):
    return {"architectures": ["resnet8"], "recipes": ["gaussian"], "seeds": 1} | changes


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_project_makes_a_run(path):
    run = Run.from_file(path)
    assert run.name == path.stem and run.cases
    for step in ("train", "sample", "certify", "margins", "decide", "scores", "draws", "ddrs", "mismatch"):
        for job in run.jobs(step):
            assert job.outputs and all(output.startswith(f"results/{run.name}/") for output in job.outputs)
    assert "lecture/certified_radius" in run.exhibits


def test_experiments_carry_what_they_are():
    run = tiny()
    assert list(run.experiments) == [
        "resnet8-gaussian",
        "resnet8-smoothadv",
        "resnet8-gaussian-laplace",
        "resnet8-gaussian-dssn",
        "resnet8-gaussian-mask",
        "resnet8-gaussian-mean",
        "resnet8-gaussian-idrs",
        "resnet8-gaussian-idrs_mean",
        "resnet8-gaussian-patches_image",
        "resnet8-gaussian-patches_resized",
        "resnet8-gaussian-patches_patch",
        "resnet8-gaussian-patches_patch_10_random",
        "resnet8-gaussian-patches_patch_16_corners",
    ]
    adv, laplace = run.experiments["resnet8-smoothadv"], run.experiments["resnet8-gaussian-laplace"]
    assert (adv.architecture, adv.method, adv.noise, adv.seeds) == ("resnet8", "smoothadv", "normal", 1)
    assert (laplace.family, laplace.sigmas, laplace.method) == ("laplace", ("0.5",), "gaussian")
    varied = run.experiments["resnet8-gaussian-idrs_mean"]
    assert (varied.role, varied.family, varied.networks) == (
        "idrs_mean",
        "idrs",
        {"0.25": ("resnet8-gaussian-mean", "0.26")},
    )
    assert run.idrs["constant"] == "resnet8-gaussian" and run.idrs["mean"] == "resnet8-gaussian-mean"
    assert [each.name for each in run.normal] == ["resnet8-gaussian", "resnet8-smoothadv"]
    assert run.first.name == "resnet8-gaussian" and run.ensembles == [run.first] and run.several


def test_a_noise_with_parameters_makes_a_name_of_letters_and_digits():
    config = {key: value for key, value in TINY.items() if key != "idrs"}
    run = Run(config | {"experiments": [group(noise=["exp1 k=2", "expp p=0.5"])]})
    assert list(run.experiments) == ["resnet8-gaussian-exp1_k_2", "resnet8-gaussian-expp_p_0_5"]
    assert [each.family for each in run.experiments.values()] == ["exp1", "expp"]


def test_networks_certified_elsewhere_are_trained_once():
    run = tiny()
    assert run.checkpoints("resnet8-gaussian-idrs_mean", "0.25") == [
        "results/tiny/models/resnet8-gaussian-mean/sigma=0.26/seed=0.safetensors"
    ]
    trained = [output for job in run.jobs("train") for output in job.outputs if output.endswith(".safetensors")]
    assert len(trained) == len(set(trained)) == 8 and not any("idrs_mean" in path for path in trained)


def test_levels_are_text_that_gives_the_number_back():
    assert [as_text(value) for value in (0.25, 1.0, 1e-5, 0.8125)] == ["0.25", "1", "1e-05", "0.8125"]
    assert float(as_text(1 / 3)) == 1 / 3


def test_shards_hold_images():
    run = tiny(lambda config: config["sample"].update(start=0, stop=100, shard=45, step=50))
    assert run.shards == ["0-45", "45-90"]  # the last, 90-100, holds no multiple of 50
    assert [path.rsplit("/", 1)[1] for path in run.counts("resnet8-gaussian", "0.25")] == [
        "0-45.parquet",
        "45-90.parquet",
    ]


def test_certificates_of_some_kinds():
    run = tiny()
    names = [path.rsplit("/", 1)[1] for path in run.certificates(run.ensembles, ("member", "soft"))]
    assert names == ["member-1.tsv", "member-2.tsv", "soft-1.tsv", "soft-2.tsv"]
    assert len(run.certificates(run.experiments.values())) == 8 + 7 * 4 + 4 * 3 + 5  # sizes 4 and 9 once


def test_sections_that_a_run_does_not_use_may_be_left_out():
    run = tiny(lambda config: [config.pop(key) for key in ("margins", "decide", "scores", "idrs")])
    assert not run.jobs("margins") and not run.jobs("scores") and not run.jobs("ddrs")
    assert "ensembles/acr_vs_k" in run.exhibits
    assert not {"ensembles/variance_ratio", "noises/soft_hard", "idrs/comparison"} & set(run.exhibits)


def test_one_seed_has_no_correlations():
    run = tiny(lambda config: config.update(experiments=[group()]))
    assert not run.several and not run.jobs("margins") and not run.jobs("decide")
    assert "ensembles/variance_ratio" not in run.exhibits


def test_ensembles_are_compared_where_there_are_some():
    run = tiny(lambda config: config["experiments"].reverse())  # a single network first
    assert run.first.name == "resnet8-gaussian" and len(run.jobs("margins")) == len(run.jobs("decide")) == 1


def test_a_run_of_images_holds_a_run_on_clips():
    run = tiny()
    clips = run.videos
    assert run.parts == [run, clips] and clips.parts == [clips] and clips.videos is clips
    assert (clips.dataset, clips.dim, clips.config["certify"]) == ("moving_digits", 48 * 256, run.config["certify"])
    assert clips.paths.data("train") == "results/tiny/videos/data/train.npz"
    assert [each.name for each in clips.over_frames] == [
        "resnet3d8-gaussian_4",
        "resnet3d8-gaussian_4-sub_videos_image",
        "resnet3d8-gaussian_4-sub_videos_patch",
    ]
    assert clips.cut("resnet3d8-gaussian_2")[0].classifiers == [
        "max_frames-16",
        "max_frames-32",
        "mean_frames-16",
        "mean_frames-32",
    ]
    assert not run.over_frames and not clips.reduced and not set(clips.experiments) & set(run.experiments)
    [*_, job] = clips.jobs("sample")
    assert "--sub-videos" in job.command() and "results/tiny/videos/" in job.outputs[0]
    assert tiny(lambda config: config.pop("videos")).videos is None


def test_each_part_of_a_run_has_batches_of_its_own():
    def change(config):
        config["sample"]["batch_size"] = 256
        config["videos"]["sample"]["gpu_memory"] = 8

    for rule in jobs.rules(tiny(change), "sample"):
        own = (
            {"batch_size": 0, "gpu_memory": 8}
            if rule.name.startswith("videos_")
            else {"batch_size": 256, "gpu_memory": 0}
        )
        assert rule.speed == own


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "digits"}, "digits holds images; sub-videos are cut from clips"),
        ({"experiments": [group(recipes=["gaussian_8"])]}, "config: videos: .*no 'gaussian_8'"),
        ({"sample": {"stop": 0}}, "config: videos: sample"),
        ({"colour": 1}, "Additional properties"),
    ],
)
def test_a_run_on_clips_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        tiny(lambda config: config["videos"].update(changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noise": "laplace"}, "under normal noise, not under laplace"),
        ({"sub_videos": {"lengths": [3], "stride": 4}}, "sees 4 frames at once; lengths must be at least that"),
        ({"sub_videos": {"lengths": [16], "stride": 4, "noise_space": ["resized"]}}, "'resized' is not one of"),
        ({"sub_videos": {"lengths": [16]}}, "'stride' is a required property"),
    ],
)
def test_sub_videos_that_cannot_be_are_refused(changes, words):
    with pytest.raises(ConfigError, match=f"config: videos: experiments.*{words}"):
        tiny(lambda config: config["videos"]["experiments"][0].update(changes))


def test_networks_trained_on_patches_are_not_among_the_normal_ones():
    def change(config):
        config["recipes"]["on_patches"] = config["recipes"]["gaussian"] | {"resize": 10}
        config["experiments"].append(group(recipes=["on_patches"]))

    run = tiny(change)
    assert "resnet8-on_patches" in [each.name for each in run.general]
    assert [each.name for each in run.normal] == ["resnet8-gaussian", "resnet8-smoothadv"]


def test_a_run_without_normal_noise():
    def change(config):
        config["experiments"] = config["experiments"][2:]
        del config["idrs"]

    run = tiny(change)
    assert run.normal == [] and run.first is None and not run.ensembles
    assert "noises/certified_accuracy" in run.exhibits and "ensembles/acr_vs_k" not in run.exhibits


def refuse(words, change, folder=ROOT / "config" / "recipes"):
    """The changed tiny config is refused in one line that holds `words`."""
    config = copy.deepcopy(TINY)
    change(config)
    with pytest.raises(ConfigError) as refused:
        Run(config, folder)
    assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: config.update(sigma=[0.5]), "sigma"),
        (lambda config: config.update(sigmas=[-0.5]), "-0.5"),
        (lambda config: config["recipes"]["gaussian"].update(epoch=3), "epoch"),
        (lambda config: config["recipes"]["gaussian"].update(method="sorcery"), "'sorcery' is not one of"),
        (lambda config: config["experiments"][0].pop("seeds"), "seeds"),
        (lambda config: config["experiments"][0].update(architectures=["vgg"]), "vgg"),
        (lambda config: config.update(dataset="svhn"), "svhn"),
        (lambda config: config.update(run=".."), "run"),
        (lambda config: config["sample"].update(start=1, stop=9), "sample: no multiple of step"),
        (lambda config: config["margins"].update(start=1, stop=9), "margins: no multiple of step"),
        (lambda config: config.update(jobs={"train": "shard"}), "jobs.train: 'shard' is not one of"),
        (lambda config: config.update(jobs={"train": "run"}, processes=2), "leave jobs.train out, or processes"),
        (lambda config: [config.pop(key) for key in set(config) - {"certify"}], "required property"),
        (lambda config: config["experiments"][0].update(recipes=["other"]), "resnet8-other: recipes has no 'other'"),
        (lambda config: config["experiments"].append(config["experiments"][0]), "resnet8-gaussian is there twice"),
        (lambda config: config.update(sigmas=[0.25, 0.4]), "recipes.smoothadv: recipe: made for sigma 0.25, not 0.4"),
        (lambda config: config["recipes"]["smoothadv"]["sigma"][0.25].update(epoch=3), "epoch"),
        (lambda config: config["recipes"].update(gaussian="cifar10/nowhere"), "no file config/recipes/cifar10/nowhere"),
        (lambda config: config["recipes"].update(gaussian="../digits"), "does not match"),
        (lambda config: config["recipes"]["smoothadv"]["options"].update(lbd=3), "'lbd' is not one of"),
        (lambda config: config["recipes"]["smoothadv"]["options"]["attack"].pop("steps"), "'steps' is a required"),
        (lambda config: config["recipes"]["gaussian"].update(options={"noises": 2}), "options"),
        (lambda config: config["experiments"][2].update(noise="cauchy"), "unknown noise 'cauchy'; known: normal"),
        (lambda config: config["experiments"][2].update(noise=["exp1 k"]), "key=value"),
        (lambda config: config["experiments"][2].update(noise="exp1 k=500"), "resnet8-gaussian-exp1_k_500: exp1"),
        (lambda config: config["experiments"][2].update(noise="lomax k=2"), "no finite sigma"),
        (lambda config: config["experiments"][2].update(sigmas=[1.5]), "got sigma=1.5"),
        (lambda config: config["experiments"][2].update(sigmas=[]), "sigmas"),
        (
            lambda config: config["idrs"].update(architecture="resnet14"),
            "idrs: experiments must hold resnet14-gaussian",
        ),
        (lambda config: config["idrs"].update(rate=-0.1), "idrs.rate"),
        (lambda config: config["sample"].update(arithmetic="exact"), "drawn in float arithmetic alone"),
    ],
)
def test_a_wrong_config_is_refused_in_one_line(change, words):
    refuse(words, change)


@pytest.mark.parametrize(("content", "words"), [("epoch: 3", "epoch"), ("- 1", "object"), ("{epochs: ", "YAML")])
def test_a_wrong_recipe_file_is_refused_by_name(tmp_path, content, words):
    (tmp_path / "wrong.yaml").write_text(content)
    for needed in (words, "config/recipes/wrong.yaml"):
        refuse(needed, lambda config: config["recipes"].update(gaussian="wrong"), tmp_path)


def test_a_config_file_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.yaml: no such config"):
        Run.from_file(tmp_path / "nowhere.yaml")
    (tmp_path / "broken.yaml").write_text("run: [")
    with pytest.raises(ConfigError, match="broken.yaml: not valid YAML"):
        Run.from_file(tmp_path / "broken.yaml")


def test_recipes_are_resolved_at_the_level():
    run = tiny()
    assert run.recipe("resnet8-smoothadv", "0.25")["options"]["attack"] == {"steps": 1, "epsilon": 0.25}
    assert "source" not in run.recipe("resnet8-gaussian", "0.25")


def write_all(run, rows):
    """Certificates with these rows for all classifiers of the run."""
    for path in run.certificates(run.experiments.values()):
        storage.write_certificates(path, rows)


PATCHES = {"resize": 10, "patch": 8, "sizes": [1, 4, 9], "noise_space": ["image", "patch"]}


def test_patches_add_an_experiment_for_each_noise_space_on_the_same_networks():
    config = {key: value for key, value in TINY.items() if key != "idrs"}
    run = Run(config | {"experiments": [group(seeds=2, patches=PATCHES)]}, ROOT / "config" / "recipes")
    assert list(run.experiments) == [
        "resnet8-gaussian",
        "resnet8-gaussian-patches_image",
        "resnet8-gaussian-patches_patch",
    ]
    one = run.experiments["resnet8-gaussian-patches_patch"]
    assert one.classifiers == ["centre", "max-4", "max-9", "mean-4", "mean-9"] and one.role == "patches_patch"
    assert run.checkpoints(one.name, "0.25") == run.checkpoints("resnet8-gaussian", "0.25")[:1]
    assert [each.name for each in run.general] == ["resnet8-gaussian"] and len(run.jobs("train")) == 1
    [job] = [each for each in run.jobs("sample") if one.name in each.name or "patches_image" in each.name]
    wanted = '"noise_space": "patch", "patch": 8, "reduce": ["max", "mean"], "resize": 10, "sizes": [1, 4, 9]'
    assert wanted in job.tasks[-1].command and wanted in job.tasks[-1].settings and len(job.tasks) == 4


def test_further_sections_are_named_by_what_they_cut():
    sections = [PATCHES | {"noise_space": ["image"]}, PATCHES | {"sizes": [2], "noise_space": ["patch"]}]
    sections += [PATCHES | {"resize": 12}, PATCHES | {"layout": "random", "redraw": "copy", "noise_space": ["patch"]}]
    config = {key: value for key, value in TINY.items() if key != "idrs"}
    config |= {"experiments": [group(patches=sections), group(recipes=["smoothadv"], patches=PATCHES)]}
    run = Run(config, ROOT / "config" / "recipes")
    roles = ["patches_image", "patches_patch", "patches_image_12_corners", "patches_patch_12_corners"]
    roles += ["patches_patch_10_random_copy"]
    assert [each.role for each in run.patched("resnet8-gaussian")] == roles
    assert [each.role for each in run.reduced] == ["", *roles[:2]]
    assert [each.base for each in run.patched("resnet8-smoothadv")] == ["resnet8-smoothadv"] * 2
    drawn = [(job.wildcards["experiment"], job.tasks[0].command) for job in run.jobs("draws")]
    assert [name for name, _ in drawn] == [each.name for each in run.reduced]
    assert '"sizes": [2]' in drawn[2][1] and "--patches" not in drawn[0][1] and "--n 100" in drawn[0][1]
    config["experiments"][0]["patches"].append(PATCHES | {"sizes": [3], "resize": 12})
    with pytest.raises(ConfigError, match="two sections make resnet8-gaussian-patches_image_12_corners; join them"):
        Run(config, ROOT / "config" / "recipes")


def test_certificates_of_patches_say_how_many_and_where_the_noise_is(tmp_path):
    config = {key: value for key, value in TINY.items() if key != "idrs"}
    config |= {"experiments": [group(patches=PATCHES)], "sample": TINY["sample"] | {"stop": 10}}
    run = Run(config, ROOT / "config" / "recipes", results=str(tmp_path))
    values = {"idx": [0], "label": [1], "predict": [1], "radius": [0.3], "correct": [1], "time": "", "p_lower": [0.9]}
    values |= {
        "n_top": [190],
        "n": 200,
        "n0": 20,
        "alpha": 0.001,
        "sigma": 0.25,
        "noise": "normal",
        "dim": 64,
        "norm": 2.0,
    }
    write_all(run, pd.DataFrame(values))
    frame = run.read_certificates(run.certificates(run.experiments.values()))
    about = frame[frame.space == "patch"].set_index("classifier")
    assert about.patches.to_dict() == {"centre": 1, "max-4": 4, "max-9": 9, "mean-4": 4, "mean-9": 9}
    assert set(about.members) == {1} and about.aggregation["max-9"] == "max" and set(about.lift) == {"identity"}
    assert set(frame[frame.space == ""].patches) == {0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": "laplace", "patches": PATCHES}, "under normal noise, not under laplace"),
        ({"patches": PATCHES | {"sigmas": [0.7]}}, "trained at 0.25; choose sigmas of these"),
        ({"patches": PATCHES | {"patch": 9}}, "see 8 pixels a side, so patch must be that"),
        ({"patches": PATCHES | {"noise_space": ["pixel"]}}, "'pixel' is not one of"),
        ({"patches": PATCHES | {"layout": "content"}}, "'content' is not one of"),
        ({"patches": {"resize": 10}}, "'patch' is a required property"),
    ],
)
def test_patches_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        tiny(lambda config: config.pop("idrs"), experiments=[group(**changes)])


def test_certificates_are_read_with_what_they_are_of(tmp_path):
    config = {key: value for key, value in TINY.items() if key != "idrs"} | {"experiments": [group(seeds=2)]}
    run = Run(config, results=str(tmp_path))
    config["sample"] = config["sample"] | {"stop": 20}
    run = Run(config, results=str(tmp_path))
    values = {"idx": [0, 10], "label": [1, 2], "predict": [1, -1], "radius": [0.3, 0.0], "correct": [1, 0], "time": ""}
    values |= {"p_lower": [0.9, 0.0], "n_top": [190, 80], "n": 200, "n0": 20, "alpha": 0.001, "sigma": 0.25}
    write_all(run, pd.DataFrame(values | {"noise": "normal", "dim": 64, "norm": 2.0}))
    frame = run.read_certificates(run.certificates(run.ensembles, ("member", "soft")))
    about = frame.drop_duplicates("classifier").set_index("classifier")
    assert about.aggregation.to_dict() == {
        "member-1": "member",
        "member-2": "member",
        "soft-1": "soft",
        "soft-2": "soft",
    }
    assert about.number.tolist() == [1, 2, 1, 2] and about.members.tolist() == [1, 1, 1, 2]
    assert set(frame.experiment) == {"resnet8-gaussian"} and set(frame.level) == {"0.25"} and len(frame) == 8
    with pytest.raises(ValueError, match="no certificates of the run tiny"):
        run.read_certificates(["results/other.tsv"])
    whole = pd.DataFrame(values | {"noise": "normal", "dim": 64, "norm": 2.0})
    for wrong, words in (
        (whole[:1], r"holds 1 images \(0 to 0\), where the config certifies 2 images \(0 to 10\)"),
        (whole.assign(idx=0), r"holds 2 images \(0 to 0, 1 of them different\)"),
        (whole.assign(label=[3, 2]), "line 2: column correct does not fit"),
        (whole.assign(radius=[-0.3, 0.0]), "a radius below 0"),
    ):
        write_all(run, wrong)
        with pytest.raises(ValueError, match=words):
            run.read_certificates(run.certificates(run.ensembles))


def test_a_plan_imports_neither_torch_nor_snakemake():
    code = "import sys; from resmooth.plan import Run; r = Run.from_file('config/digits.yaml'); r.exhibits; r.jobs('sample');"
    code += "sys.exit(bool({'torch', 'snakemake', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
