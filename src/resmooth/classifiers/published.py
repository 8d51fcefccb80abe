"""Checkpoints that the authors of the papers published, read as networks of this project.

repositories                                          file                           names of the tensors
locuslab/smoothing, Hadisalman/smoothing-adversarial, state_dict, arch, epoch,       "1." and the network's own; layer 0, the
eth-sri/smoothing-ensembles, jh-jeong/smoothing-      optimizer (arch resnet50,      normalisation, saves no constants
consistency, jh-jeong/smoothmix                       cifar_resnet20 or -110)
RuntianZ/macer                                        net, epoch                     the network's own; no normalisation

nn.DataParallel adds "module." wherever it was used. If layer 0 only subtracts the mean, as in Salman et al.'s ImageNet models and
some others, the checkpoint does not record this: the user has to say so. A wrong choice costs accuracy; certificates stay valid.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resmooth import datasets, models, noise, storage
from resmooth.models.cifar_resnet import BasicBlock
from resmooth.models.layers import NORMALIZATIONS, network_facts, normalization_constants

PUBLISHED = [name for name in models.ARCHITECTURES if name.startswith("resnet")]
CONTAINERS = ("state_dict", "net", "model")
LAYER_1 = r"(?:module\.)*1\."  # the network, behind a layer 0
CONSTANT = r"(?:module\.)*0\.(?:module\.)*(mean|std|sd)s?$"  # of layer 0, if it saves them


def read_published(
    path: str | Path, dataset: str, sigma: float, arch: str | None = None, normalization: str = "auto"
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint of the authors' code, trained on `dataset` at `sigma`. Returns (tensors, manifest) to be written.

    arch           a name in PUBLISHED (default: what the file says)
    normalization  the network's first layer: standard (mean and deviation of the data set), center (mean alone), none; auto
                   takes the constants saved in the file, else none for MACER's files and standard for the others

    Nothing in the file is run. FileNotFoundError or ValueError, one line, if it holds more than tensors, numbers and text, if
    its tensors are not exactly those of `arch`, or if the normalisation of the images is unknown.
    """
    path, about = Path(path), datasets.describe(dataset)
    distribution = noise.make("normal", about.channels * about.image_size**2, sigma=sigma)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    contents, sha256 = load(path), storage.file_sha256(path)
    container, tensors = find_tensors(path, contents)
    arch = choose_architecture(path, contents.get("arch"), arch)
    check_plain(path, tensors)
    kind = choose_normalization(path, container, tensors, normalization)
    mean, std = (
        normalization_constants(kind, about.mean, about.std)
        if kind != "saved"
        else saved_constants(path, tensors, about.channels)
    )

    model = models.build(arch, about.num_classes, about.channels, about.image_size, mean, std)
    fill(path, model, tensors, f"{arch} for {dataset}")
    epoch = contents.get("epoch")
    manifest = {
        **network_facts(arch, about, mean, std),
        "dataset": dataset,
        "noise": distribution.name,
        "sigma": distribution.sigma,
        "imported": {
            "file": path.name,
            "sha256": sha256,
            "epoch": int(epoch) if isinstance(epoch, (int, np.integer)) else None,
            "normalization": kind,
        },
    }
    return model.state_dict(), manifest


def load(path: Path) -> dict[Any, Any]:
    """What torch.save wrote, a dict. ValueError if it is anything but tensors, containers, numbers and text."""
    scalar = np.float64(0).__reduce__()[0]  # old files hold best accuracies and the like as NumPy's numbers
    harmless: list[Any] = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    harmless += [np.dtype, *{type(np.dtype(code)) for code in "?bhilqBHILQefd"}]
    try:
        with torch.serialization.safe_globals(harmless), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old formats, and on those that are refused
            contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise anything; torch's own words advise to load unsafely
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if code:
            raise ValueError(f"{path}: refused, because it wants to run code ({code[1]}) when it is read") from None
        raise ValueError(f"{path}: not a PyTorch checkpoint, truncated or altered; download it again") from None
    if not isinstance(contents, dict):
        raise ValueError(f"{path}: holds a {type(contents).__name__}, not a dictionary of tensors")
    return contents


def find_tensors(path: Path, contents: dict[Any, Any]) -> tuple[str | None, dict[str, Tensor]]:
    """Returns (the key of `contents` under which the tensors are, or None; tensors by name)."""
    container = next((key for key in CONTAINERS if isinstance(contents.get(key), dict)), None)
    tensors = contents if container is None else contents[container]
    if not tensors or not all(isinstance(name, str) and isinstance(tensors[name], torch.Tensor) for name in tensors):
        raise ValueError(f"{path}: holds no dictionary of tensors, neither as {', '.join(CONTAINERS)} nor as a whole")
    return container, tensors


def check_plain(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """ValueError if a tensor is sparse, quantised, complex or without numbers."""
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_complex() or tensor.is_quantized:
            raise ValueError(f"{path}: its tensor {name} holds no plain numbers; download it again")


def choose_architecture(path: Path, said: object, asked: str | None) -> str:
    """This project's name of the architecture that the file says and the user asks for; either may be None."""
    text = said if said is None else str(said)
    name = asked or (text and text.removeprefix("cifar_"))
    if name is None:
        raise ValueError(f"{path}: does not say its architecture; give --arch, one of {', '.join(PUBLISHED)}")
    if text and text.removeprefix("cifar_") != name:
        raise ValueError(f"{path}: says that it is a {text}, not a {name}; leave --arch out")
    if name not in PUBLISHED:
        raise ValueError(f"{path}: {text or name} cannot be imported; known: {', '.join(PUBLISHED)}")
    return name


def choose_normalization(path: Path, container: str | None, tensors: Mapping[str, Tensor], asked: str) -> str:
    """standard, center, none, or saved: the constants are among `tensors`."""
    if asked not in ("auto", *NORMALIZATIONS):
        raise ValueError(f"normalization must be auto, {', '.join(NORMALIZATIONS)}, got {asked!r}")
    if any(re.match(CONSTANT, name) for name in tensors):
        if asked != "auto":
            raise ValueError(f"{path}: holds the constants of its normalisation; leave --normalization auto")
        return "saved"
    if asked != "auto":
        return asked
    if container == "net":
        return "none"
    if container == "state_dict" or any(re.match(LAYER_1, name) for name in tensors):
        return "standard"
    raise ValueError(f"{path}: does not tell how images are normalised; give --normalization standard, center or none")


def saved_constants(path: Path, tensors: Mapping[str, Tensor], channels: int) -> tuple[list[float], list[float]]:
    """(mean, std) of each channel from the tensors of layer 0; without deviations it only centres."""
    matches = {re.match(CONSTANT, name): tensor for name, tensor in tensors.items()}
    found = {match[1]: tensor.flatten().tolist() for match, tensor in matches.items() if match}
    mean, std = found.get("mean", [0.0] * channels), found.get("std", found.get("sd", [1.0] * channels))
    if not len(mean) == len(std) == channels or not np.isfinite([*mean, *std]).all() or min(std) <= 0:
        raise ValueError(
            f"{path}: its normalisation is no mean and deviation of {channels} channels; download it again"
        )
    return mean, std


def fill(path: Path, model: nn.Sequential, tensors: Mapping[str, Tensor], what: str) -> None:
    """Copy each of `tensors` to its place in `model`. ValueError names the first that is missing, left over or misshapen."""
    given = {}
    for name, tensor in tensors.items():
        if not re.match(CONSTANT, name):
            own = re.sub(rf"^(?:{LAYER_1}|module\.)+", "", name)
            if own in given:
                raise ValueError(f"{path}: holds {own} twice; it is more than one network")
            given[own] = tensor
    state = model.state_dict()
    places = {authors_name(name, model): tensor for name, tensor in state.items() if name not in ("0.mean", "0.std")}
    counters = {name for name in places if name.endswith("num_batches_tracked")}  # early PyTorch had none
    hint = f"not a {what}; is it another --arch or --dataset?"
    for name in [*places, *given]:
        if name not in given and name not in counters:
            raise ValueError(f"{path}: lacks the tensor {name}: {hint}")
        if name not in places:
            raise ValueError(f"{path}: its tensor {name} has no place: {hint}")
        if name in given and given[name].shape != places[name].shape:
            shapes = [list(tensor.shape) for tensor in (given[name], places[name])]
            raise ValueError(f"{path}: its tensor {name} has shape {shapes[0]}, not {shapes[1]}: {hint}")
    for name, tensor in given.items():
        if tensor.is_floating_point() != places[name].is_floating_point():
            raise ValueError(f"{path}: its tensor {name} holds other numbers than weights; download it again")
        places[name].copy_(tensor)
        lowest = 0 if name.endswith("running_var") else -np.inf
        if (
            not places[name].isfinite().all() or places[name].min() < lowest
        ):  # float32 is smaller than what a file may hold
            raise ValueError(
                f"{path}: its tensor {name} holds numbers that no network computes with; download it again"
            )


def authors_name(name: str, model: nn.Sequential) -> str:
    """The authors' name of a tensor that `model` calls `name`: torchvision's for resnet50, He et al.'s stages for the others."""
    position, rest = name.split(".", 1)
    if len(model) == 2:
        return rest
    blocks = sum(isinstance(module, BasicBlock) for module in model)
    stages = [f"layer{stage}.{block}." for stage in (1, 2, 3) for block in range(blocks // 3)]
    starts = ["", "conv1.", "bn1.", "", *stages, "", "", "fc."]
    return starts[int(position)] + rest.replace("shortcut", "downsample")
