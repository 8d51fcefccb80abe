"""Train base classifiers, or import those that the authors of a paper published."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from resmooth import storage
from resmooth.cli.environment import device_name, git_revision, package_versions
from resmooth.cli.options import Device, NoiseName, Sigma, State, Threads
from resmooth.cli.progress import Progress, say

FIRST_SEED = [0]


def train(
    data: Annotated[Path, typer.Argument(help="Prepared training split, e.g. results/digits/data/train.npz.")],
    arch: Annotated[str, typer.Option(help="Architecture, e.g. resnet20.")],
    sigma: Sigma,
    out: Annotated[list[Path], typer.Option(help="Checkpoint to write (.safetensors; its manifest lands beside it).")],
    seed: Annotated[list[int], typer.Option(help="Seed of weights, order, augmentation and noise.")] = FIRST_SEED,
    recipe: Annotated[str, typer.Option(help="Recipe: a YAML file, or YAML text such as '{epochs: 10}'.")] = "{}",
    noise: NoiseName = "normal",
    state: State = None,
    device: Device = "auto",
    threads: Threads = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that decode image files (default: as many as cores).")
    ] = None,
    force: Annotated[bool, typer.Option(help="Train again although the checkpoint exists.")] = False,
    replace: Annotated[
        bool, typer.Option(help="Train again if the checkpoint is one of other settings, or damaged.")
    ] = False,
) -> None:
    """Train one base classifier under noise. Repeat --seed and --out together to train several side by side.

    Under `torchrun --nproc-per-node N -m resmooth.cli train ...` N processes share every batch, each with a GPU of its own.
    """
    from resmooth import datasets
    from resmooth.device import choose
    from resmooth.measure.subject import make_noise
    from resmooth.training import distributed, loop
    from resmooth.training.recipe import Recipe, at_sigma

    if not len(set(seed)) == len(set(out)) == len(seed) == len(out):
        different = f"{len(set(seed))} different seeds for {len(set(out))} different checkpoints"
        raise ValueError(f"{different}; give one --seed for each --out")
    if workers is not None and workers < 0:
        raise ValueError(f"workers must be at least 0, got {workers}")
    split = datasets.read(data)
    parsed = Recipe.from_dict(at_sigma(read_recipe(recipe), sigma))
    for path in out:
        storage.check_checkpoint_name(path)
    where = choose(distributed.own_device(device), threads)
    distribution = make_noise(split, noise, sigma, device=where, chunk=parsed.chunk)
    with distributed.group(where), contextlib.ExitStack() as held:
        identity = loop.run_identity(split, arch, distribution, parsed, seed)
        folder = state or Path(f"{out[0]}.state")

        def begin():
            held.enter_context(storage.exclusive(folder))
            return unfinished(out, seed, identity, force, replace)

        missing = distributed.first(begin)
        if missing:
            start = time.time()
            prefix = f"train {arch} {parsed.method} sigma={sigma:g} seed={','.join(map(str, seed))}: "
            networks, history = loop.train(
                split, arch, distribution, parsed, seed, folder, where, workers, report=Progress(prefix).line
            )
        if distributed.rank() == 0:
            for number in missing:
                storage.write_checkpoint(
                    out[number],
                    networks[number],
                    network_manifest(identity, seed, number, history)
                    | {"device": device_name(where), "revision": git_revision(), "versions": package_versions()},
                )
            if missing:
                accuracy = ", ".join(f"{value:.3f}" for value in history[-1]["accuracy"])
                say(f"{prefix}finished in {time.time() - start:.0f} s, noisy training accuracy {accuracy}")
            storage.finished(folder)


def unfinished(
    out: Sequence[Path], seeds: Sequence[int], identity: dict[str, Any], force: bool, replace: bool
) -> list[int]:
    """Positions in `out` of the checkpoints to train. FileExistsError for one of other settings, unless it may be replaced."""
    from resmooth.training import loop

    missing = []
    for number, (path, seed) in enumerate(zip(out, seeds)):
        storage.check_writable(path)
        if force or not path.exists():
            missing.append(number)
            continue
        try:
            if not loop.is_finished(storage.read_manifest(path), identity, seed):
                raise FileExistsError(
                    f"{path}: a finished checkpoint with other settings; --replace trains and replaces it"
                )
        except (OSError, ValueError):
            if not replace:
                raise
            missing.append(number)
        else:
            say(f"{path} is finished; --force trains it again")
    return missing


def network_manifest(
    identity: dict[str, Any], seeds: Sequence[int], number: int, history: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the manifest of network `number` of a training run says of its training."""
    own = [entry | {"accuracy": entry["accuracy"][number]} for entry in history]
    about = {key: value for key, value in identity.items() if key != "seeds"} | {"seed": seeds[number]}
    if len(seeds) > 1:  # the losses are then means over all of them
        about["stacked_seeds"] = seeds
    return about | {"metrics": {key: own[-1][key] for key in ("loss", "accuracy")}, "history": own}


def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="Checkpoint as its authors published it, e.g. checkpoint.pth.tar.")],
    dataset: Annotated[str, typer.Option(help="Data set that it was trained on, e.g. cifar10.")],
    sigma: Sigma,
    out: Annotated[Path, typer.Option(help="Checkpoint to write (.safetensors; its manifest lands beside it).")],
    arch: Annotated[
        str | None, typer.Option(help="Architecture, e.g. resnet110 (default: what the file says).")
    ] = None,
    normalization: Annotated[
        str, typer.Option(help="First layer: auto, standard, center (mean alone), none or mars (of MARS's videos).")
    ] = "auto",
    frames: Annotated[int | None, typer.Option(help="Frames of a chunk, for a video network (default: 16).")] = None,
    force: Annotated[bool, typer.Option(help="Import again although the checkpoint exists.")] = False,
) -> None:
    """Import a checkpoint that the authors of a paper published. Code that such a file may hold is refused, not run.

    Models of SmoothAdv (on ImageNet and some others) need --normalization center; their checkpoints do not record this.
    """
    from resmooth.classifiers.published import read_published

    storage.check_checkpoint_name(out)
    storage.check_writable(out)
    tensors, manifest = read_published(file, dataset, sigma, arch, normalization, frames)
    if out.exists() and not force:
        finished = storage.read_manifest(out)
        if any(finished.get(key) != value for key, value in manifest.items()):
            raise FileExistsError(f"{out}: a finished checkpoint of something else; --force replaces it")
        say(f"{out} is finished; --force imports it again")
        return
    storage.write_checkpoint(out, tensors, manifest | {"revision": git_revision(), "versions": package_versions()})
    about = manifest["imported"]
    say(f"{out}: {manifest['arch']} for {dataset}, sigma={sigma:g}, normalization {about['normalization']}")


def read_recipe(text: str) -> dict[str, Any]:
    """Values of a recipe given as a YAML file or as YAML text. ValueError if it is no mapping."""
    import yaml

    path = Path(text)
    if text.endswith((".yaml", ".yml")):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such recipe file")
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            raise ValueError(f"{path}: not a recipe, which is a text file of YAML") from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"recipe: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ValueError(f"recipe: expected 'key: value' pairs, got {text!r}")
    return values
