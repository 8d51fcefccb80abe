"""The one training loop: any objective, any noise, one network or several side by side, one process or several.

All randomness of an epoch comes from one generator for each network, seeded by (seed, epoch), so that a run resumed after its
last whole epoch continues bit for bit on the same machine: the state holds weights, momentum and the history, and no generator.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from resmooth import models, storage
from resmooth.models.layers import network_facts, normalization_constants
from resmooth.training import batches, distributed
from resmooth.training.objectives import OBJECTIVES
from resmooth.training.recipe import Recipe
from resmooth.training.stacked import Stacked

if TYPE_CHECKING:
    from resmooth.datasets import FolderSplit, Split
    from resmooth.noise.base import Noise

STATE = storage.TRAINING  # the last whole epoch, in the state folder
CODE_VERSION = 1  # raise by hand when a change of this package changes what training produces


def train(
    split: Split | FolderSplit,
    arch: str,
    noise: Noise,
    recipe: Recipe,
    seeds: Sequence[int],
    state: Path,
    device: str | torch.device = "cpu",
    workers: int | None = None,
    report: Callable[[str], object] = print,
) -> tuple[list[dict[str, Tensor]], list[dict[str, Any]]]:
    """Train a network for each of `seeds`, all at once. Returns (one dict name -> CPU tensor for each network, history).

    split    `datasets.Split` to train on            noise   `resmooth.noise` distribution added to the [0, 1] images
    recipe   `training.recipe.Recipe`                state   folder of the per-epoch state; resumed if it belongs to this run
    workers  processes that decode image files       report  called with a line of text after every epoch

    The history is a list with a dict for each epoch: loss (mean over the networks), accuracy on the noisy images (a list, one for
    each network) and seconds. Started by `torchrun`, every process gets the result, and process 0 alone writes and reports.
    FloatingPointError if the loss or a weight is not finite; the state of the last good epoch is kept. ValueError if the state
    belongs to another run.
    """
    check_noise(noise, recipe)
    check_chunk(split, arch, recipe)
    device = torch.device(device)
    identity = run_identity(split, arch, noise, recipe, seeds)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    if recipe.crop >= split.description.image_size:
        size = split.description.image_size
        raise ValueError(f"recipe: crop={recipe.crop} shifts {size}x{size} images out of sight")
    if 0 < recipe.resize < split.description.image_size:
        size = split.description.image_size
        raise ValueError(f"recipe: resize={recipe.resize} leaves no patch of {size}x{size} pixels")

    model = initial_model(split, arch, recipe, seeds).to(device)
    optimizer = torch.optim.SGD(
        model.parameters(),
        recipe.learning_rate,
        recipe.momentum,
        0,
        recipe.weight_decay,
        recipe.nesterov,
        fused=device.type == "cpu",  # bit for bit the plain one, and twice as fast on tiny networks
    )
    source = batches.images_of(split, device, workers, len(seeds), recipe.chunk)
    source.find_levels(noise, report if distributed.rank() == 0 else lambda line: None)

    history = load_state(state / STATE, model, optimizer, identity)
    trained = distributed.parallel(model)
    for epoch in range(len(history), recipe.epochs):
        start = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_in(epoch)
        loss, accuracy = run_epoch(trained, optimizer, source, noise, recipe, seeds, epoch)
        distributed.average(tensor for name, tensor in model.named_buffers() if "running_" in name)  # of batch norm
        if not (math.isfinite(loss) and all(tensor.isfinite().all() for tensor in model.state_dict().values())):
            kept = f"the state after epoch {epoch} is kept; delete the folder, " if history else ""
            raise FloatingPointError(
                f"{state}: training diverged in epoch {epoch + 1} of {recipe.epochs} (loss {loss:.3g}); "
                f"{kept}lower learning_rate and train again"
            )
        history.append({"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "seconds": time.perf_counter() - start})
        if distributed.rank() == 0:
            save_state(state / STATE, model, optimizer, identity, history)
            report(progress_line(history, recipe))
    states = model.states() if isinstance(model, Stacked) else [model.state_dict()]
    return [{name: tensor.cpu().contiguous() for name, tensor in state.items()} for state in states], history


def check_noise(noise: Noise, recipe: Recipe) -> None:
    """ValueError if the objective makes no sense under this noise."""
    if recipe.method == "macer" and noise.name != "normal":
        raise ValueError(
            f"recipe: macer maximises the radius of normal noise, not of {noise.name}; choose another method"
        )
    attacks = recipe.method in ("smoothadv", "smoothmix") or "attack" in recipe.options
    if attacks and not noise.additive:
        raise ValueError(
            f"recipe: {recipe.method} attacks images under additive noise, and {noise.name} noise depends on the image; "
            "choose another method"
        )
    if recipe.noise_steps and not noise.additive:
        raise ValueError(f"recipe: noise_steps scale additive noise, and {noise.name} is not; leave them out")


def check_chunk(split: Split | FolderSplit, arch: str, recipe: Recipe) -> None:
    """ValueError unless clips are cut into chunks for a network of chunks, and images for neither."""
    of_clips = bool(split.description.frames)
    if of_clips != bool(recipe.chunk):
        wanted = (
            "holds clips; say how many frames of them the network sees" if of_clips else "holds images; leave it out"
        )
        raise ValueError(f"recipe: chunk={recipe.chunk}, and {split.dataset} {wanted}")
    if of_clips != models.of_clips(arch):
        what = "clips" if of_clips else "images"
        raise ValueError(f"{arch} is not a network of {what}, which {split.dataset} holds; choose another architecture")


def initial_model(split: Split | FolderSplit, arch: str, recipe: Recipe, seeds: Sequence[int]) -> nn.Module:
    """The network of each of `seeds` before training, on the CPU; several are stacked into one module."""
    about, networks = split.description, []
    constants = normalization_constants(recipe.normalization, about.mean, about.std)
    for seed in seeds:
        torch.manual_seed(epoch_seed(seed, 0))
        shape = about.num_classes, about.channels, about.image_size
        networks.append(models.build(arch, *shape, *constants))
    if len(networks) != 1:
        return Stacked(networks)
    return networks[0].to(memory_format=layout_of(recipe))  # type: ignore[call-overload]  # torch's stubs lack it


def layout_of(recipe: Recipe) -> torch.memory_format:
    """Memory layout of images and of a single network's weights; stacked weights, which have one axis more, have none."""
    return torch.channels_last if recipe.channels_last else torch.contiguous_format


def run_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    source: batches.Arrays | batches.Files,
    noise: Noise,
    recipe: Recipe,
    seeds: Sequence[int],
    epoch: int,
) -> tuple[float, list[float]]:
    """One pass over the data in random order. Returns (mean loss, accuracy on the noisy images of each of `seeds`)."""
    objective, networks = OBJECTIVES[recipe.method], len(seeds)
    rank, processes = distributed.rank(), distributed.processes()
    device, count = source.device, len(source.labels)
    model.train()
    generators, members = [], []
    for seed in seeds:
        generator = torch.Generator(device).manual_seed(epoch_seed(seed, 1 + epoch))
        numbers = batches.order(count, recipe.batch_size, generator, device, rank, processes)
        if rank:  # the order is that of all processes, the augmentation and the noise are each one's own
            generator.manual_seed(epoch_seed(seed, 1 + epoch, rank))
        generators.append(generator)
        members.append(batches.pieces(source, numbers, recipe, generator, seed, epoch))
    draw = batches.Draw(noise, generators, recipe.noise_in(epoch))

    total_loss: Any = 0  # a tensor from the first step on
    total_correct, total = torch.zeros(networks, device=device), 0
    for parts in zip(*members):
        images, labels, chosen = (batches.joined(part) for part in zip(*parts))
        if images.dim() == 4:
            images = images.contiguous(memory_format=layout_of(recipe))
        draw.levels = None if source.levels is None else source.levels[chosen]
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            loss, scores = objective(model, images, labels, draw, epoch, **recipe.options)
        optimizer.zero_grad(set_to_none=True)
        (loss * networks).backward()  # a mean over all networks' images, of which each network's mean is a part
        optimizer.step()
        correct = scores.detach().argmax(dim=1).view(len(labels), -1) == labels[:, None]
        total_correct += correct.float().mean(dim=1).view(networks, -1).sum(dim=1)
        total_loss += loss.detach().float() * len(labels)  # tensors on the device: one synchronisation an epoch
        total += len(labels)
    metrics = torch.cat([total_loss.view(1) / total, total_correct * networks / total])
    distributed.average([metrics])
    mean_loss, *accuracy = metrics.tolist()
    return mean_loss, accuracy


def epoch_seed(seed: int, epoch: int, rank: int = 0) -> int:
    """Seed of an epoch's generator (in process `rank`): 32 well-mixed bits, all that PyTorch's CPU generator keeps."""
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    words = [seed, epoch, rank] if rank else [seed, epoch]
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def run_identity(
    split: Split | FolderSplit, arch: str, noise: Noise, recipe: Recipe, seeds: Sequence[int]
) -> dict[str, Any]:
    """The settings that determine the result of training `seeds` at once, as JSON-able values."""
    about = split.description
    mean, std = normalization_constants(recipe.normalization, about.mean, about.std)
    return {
        **network_facts(arch, about, mean, std, recipe.chunk),
        "dataset": split.dataset,
        "split": split.split,
        "order_sha256": split.order_sha256,
        "noise": noise.label,
        "sigma": noise.sigma,
        "seeds": list(seeds),
        "processes": distributed.processes(),
        "recipe": recipe.as_dict(),
        "code_version": CODE_VERSION,
    }


def is_finished(manifest: dict[str, Any], identity: dict[str, Any], seed: int) -> bool:
    """Whether a checkpoint's manifest says that it is the network of `seed` in the training run `identity`."""
    expected = {key: value for key, value in identity.items() if key != "seeds"} | {"seed": seed}
    found = {"processes": 1} | manifest  # older manifests lack this, and the recipe's newer keys
    found["recipe"] = Recipe.from_dict(manifest.get("recipe", {})).as_dict()
    return all(found.get(key) == value for key, value in expected.items())


def save_state(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    identity: dict[str, Any],
    history: list[dict[str, Any]],
) -> None:
    """Write weights, optimiser state and history as one safetensors file, atomically."""
    from safetensors.torch import save_file

    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, entries in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in entries.items() if tensor is not None}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with storage.atomic(path) as temporary:
        save_file(tensors, temporary, {"identity": json.dumps(identity), "history": json.dumps(history)})


def load_state(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, identity: dict[str, Any]
) -> list[dict[str, Any]]:
    """Restore model and optimiser in place. Returns the history, empty if there is no state yet."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return []
    try:
        with safe_open(path, "pt", device="cpu") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        saved_identity, history = (json.loads(metadata[key]) for key in ("identity", "history"))
    except (SafetensorError, TypeError, KeyError, ValueError):
        raise ValueError(f"{path}: not a readable training state; delete this file to start over") from None
    if saved_identity != identity:
        raise ValueError(
            f"{path.parent}: unfinished work of a run with other settings; delete this folder to start over"
        )
    model.load_state_dict({name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")})
    saved, parameters = optimizer.state_dict(), list(model.parameters())
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, entry = name.split(".")
            like = torch.empty_like(parameters[int(number)])  # a fused optimiser needs the parameter's memory layout
            saved["state"].setdefault(int(number), {})[entry] = like.copy_(tensor)
    optimizer.load_state_dict(saved)
    return history


def progress_line(history: list[dict[str, Any]], recipe: Recipe) -> str:
    """One line on the last epoch: how far, how good, how long still."""
    last, left = history[-1], recipe.epochs - len(history)
    accuracy = sum(last["accuracy"]) / len(last["accuracy"])
    remaining = left * sum(entry["seconds"] for entry in history[-5:]) / len(history[-5:])
    return (
        f"epoch {last['epoch']}/{recipe.epochs}  loss {last['loss']:.4f}  noisy training accuracy {accuracy:.3f}  "
        f"{last['seconds']:.1f} s, {remaining:.0f} s to go"
    )
