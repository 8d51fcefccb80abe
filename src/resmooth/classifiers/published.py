"""Checkpoints that the authors of the papers published, read as networks of this project.

repositories                                          file                           names of the tensors
locuslab/smoothing, Hadisalman/smoothing-adversarial, state_dict, arch, epoch,       "1." and the network's own; layer 0, the
eth-sri/smoothing-ensembles, jh-jeong/smoothing-      optimizer (arch resnet50,      normalisation, saves no constants
consistency, jh-jeong/smoothmix                       cifar_resnet20 or -110)
RuntianZ/macer                                        net, epoch                     the network's own; no normalisation
craston/MARS                                          state_dict, arch resnext-101,  the network's own; clips of 0 to 255
                                                      epoch, optimizer               less a mean
NYU-DICE-Lab/SmoothReduce                             as MARS                        "1." and the network's own, as above

nn.DataParallel adds "module." wherever it was used. If layer 0 only subtracts the mean, as in Salman et al.'s ImageNet models and
some others, the checkpoint does not record this: the user has to say so. A wrong choice costs accuracy; certificates stay valid.
"""

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resmooth import datasets, models, noise, storage
from resmooth.models.cifar_resnet import BasicBlock
from resmooth.models.layers import NORMALIZATIONS, network_facts, normalization_constants
from resmooth.models.resnext3d import Bottleneck

PUBLISHED = [name for name in models.ARCHITECTURES if name.startswith(("resnet", "resnext")) and name != "resnet3d8"]
NAMES = {"resnext-101": "resnext3d101"}  # the authors' name of an architecture, where it is not ours after "cifar_"
MARS_MEAN = (114.7748, 107.7354, 99.4750)  # red, green, blue of 0 to 255 on ActivityNet; `get_mean` in craston/MARS
KINDS = (*NORMALIZATIONS, "mars")
FRAMES = 16  # of a chunk
CONTAINERS = ("state_dict", "net", "model")
LAYER_1 = r"(?:module\.)*1\."  # the network, behind a layer 0
CONSTANT = r"(?:module\.)*0\.(?:module\.)*(mean|std|sd)s?$"  # of layer 0, if it saves them


def read_published(
    path: str | Path,
    dataset: str,
    sigma: float,
    arch: str | None = None,
    normalization: str = "auto",
    frames: int | None = None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint of the authors' code, trained on `dataset` at `sigma`. Returns (tensors, manifest) to be written.

    arch           a name in PUBLISHED (default: what the file says)
    normalization  the network's first layer: standard (mean and deviation of the data set), center (mean alone), none, mars (of
                   video networks: 255 times the image less MARS_MEAN); auto takes the constants saved in the file, else none for
                   MACER's files, mars for video networks without a layer 0, and standard for the others
    frames         of a chunk, for a video network (default: 16)

    Nothing in the file is run. FileNotFoundError or ValueError, one line, if it holds more than tensors, numbers and text, if
    its tensors are not exactly those of `arch`, if the normalisation of the images is unknown, or if `arch` takes chunks of video
    and `dataset` has images, or the other way round.
    """
    path, about = Path(path), datasets.describe(dataset)
    distribution = noise.make("normal", math.prod(about.shape), sigma=sigma)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    contents, sha256 = load(path), storage.file_sha256(path)
    container, tensors = find_tensors(path, contents)
    arch = choose_architecture(path, contents.get("arch"), arch)
    chunks = chunk_facts(arch, dataset, about.frames, frames)
    check_plain(path, tensors)
    kind = choose_normalization(path, container, tensors, normalization, arch)
    mean, std = first_layer(path, kind, tensors, about)

    model = models.build(arch, about.num_classes, about.channels, about.image_size, mean, std)
    fill(path, model, tensors, f"{arch} for {dataset}")
    epoch = contents.get("epoch")
    manifest = {
        **network_facts(arch, about, mean, std),
        **chunks,
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
    ours = text and NAMES.get(text, text.removeprefix("cifar_"))
    name = asked or ours
    if name is None:
        raise ValueError(f"{path}: does not say its architecture; give --arch, one of {', '.join(PUBLISHED)}")
    if ours and ours != name:
        raise ValueError(f"{path}: says that it is a {text}, not a {name}; leave --arch out")
    if name not in PUBLISHED:
        raise ValueError(f"{path}: {text or name} cannot be imported; known: {', '.join(PUBLISHED)}")
    return name


def chunk_facts(arch: str, dataset: str, available: int, asked: int | None) -> dict[str, int]:
    """What the manifest says of chunks: nothing for a network for images, else the number of frames, of the `available` ones."""
    if models.of_clips(arch) != bool(available):
        takes, has = ("chunks of video", "images") if not available else ("images", "clips")
        raise ValueError(f"a {arch} takes {takes}, and {dataset} has {has}; is it another --arch or --dataset?")
    if not available:
        if asked is not None:
            raise ValueError(f"a {arch} takes images, which have no frames; leave --frames out")
        return {}
    frames = FRAMES if asked is None else asked
    if not 1 <= frames <= available:
        raise ValueError(f"frames must be 1 to {available}, the length of a clip of {dataset}, got {frames}")
    return {"frames": frames}


def choose_normalization(
    path: Path, container: str | None, tensors: Mapping[str, Tensor], asked: str, arch: str
) -> str:
    """standard, center, none, mars, or saved: the constants are among `tensors`."""
    if asked not in ("auto", *KINDS):
        raise ValueError(f"normalization must be auto, {', '.join(KINDS)}, got {asked!r}")
    if asked == "mars" and not models.of_clips(arch):
        raise ValueError(f"normalization mars is for video networks, and a {arch} takes images; choose another")
    if any(re.match(CONSTANT, name) for name in tensors):
        if asked != "auto":
            raise ValueError(f"{path}: holds the constants of its normalisation; leave --normalization auto")
        return "saved"
    if asked != "auto":
        return asked
    if container == "net":
        return "none"
    layered = any(re.match(LAYER_1, name) for name in tensors)
    if models.of_clips(arch) and not layered:
        return "mars"
    if container == "state_dict" or layered:
        return "standard"
    raise ValueError(f"{path}: does not tell how images are normalised; give --normalization standard, center or none")


def first_layer(
    path: Path, kind: str, tensors: Mapping[str, Tensor], about: datasets.Description
) -> tuple[Sequence[float], Sequence[float]]:
    """(mean, std) of each channel, for images in [0, 1], that the normalisation of this kind subtracts and divides by."""
    if kind == "saved":
        return saved_constants(path, tensors, about.channels)
    if kind != "mars":
        return normalization_constants(kind, about.mean, about.std)
    if about.channels != len(MARS_MEAN):
        raise ValueError(
            f"{path}: normalization mars is for 3 channels, not for {about.channels}; give --normalization"
        )
    return [value / 255 for value in MARS_MEAN], [1 / 255] * len(MARS_MEAN)


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
    return beginnings(model)[int(position)] + rest.replace("shortcut", "downsample")


def beginnings(model: nn.Sequential) -> list[str]:
    """How the authors' names begin, for each module of `model`. A stage is numbered from a block whose shortcut projects."""
    names, stage, block = [], 0, 0
    for module in model:
        if isinstance(module, (BasicBlock, Bottleneck)):
            starts = stage == 0 or not isinstance(module.shortcut, nn.Identity)
            stage, block = (stage + 1, 0) if starts else (stage, block + 1)
            names.append(f"layer{stage}.{block}.")
        else:
            kinds = {"conv1.": (nn.Conv2d, nn.Conv3d), "bn1.": (nn.BatchNorm2d, nn.BatchNorm3d), "fc.": (nn.Linear,)}
            names.append(next((name for name, kind in kinds.items() if isinstance(module, kind)), ""))
    return names
