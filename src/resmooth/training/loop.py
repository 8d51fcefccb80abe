"""The one training loop. Data stay on the device as arrays; augmentation and noise are drawn there.

All randomness of an epoch comes from one generator seeded by (seed, epoch), so that a run resumed after its last whole epoch
continues bit for bit on the same machine: the state holds weights, momentum and the history, and no generator.
"""

import json
import math
import time

import numpy as np
import torch
from torch.nn import functional as F

from resmooth import models, storage
from resmooth.training import OBJECTIVES

STATE = "last.safetensors"  # the last whole epoch, in the state folder
CODE_VERSION = 1  # raise by hand when a change of this package changes what training produces


def train(split, arch, noise, recipe, seed, state, device="cpu", report=print):
    """Train one network. Returns (tensors: dict name -> CPU tensor, history: one dict for each epoch).

    split   `datasets.Split` to train on            noise   `resmooth.noise` distribution added to the [0, 1] images
    recipe  `training.recipe.Recipe`                state   folder of the per-epoch state; resumed if it belongs to this run
    report  called with a line of text after every epoch

    FloatingPointError if the loss or a weight is not finite; the state of the last good epoch is kept. ValueError if the
    state belongs to another run.
    """
    device = torch.device(device)
    identity = run_identity(split, arch, noise, recipe, seed)
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False

    about = split.description
    if recipe.crop >= about.image_size:
        raise ValueError(f"recipe: crop={recipe.crop} shifts {about.image_size}x{about.image_size} images out of sight")
    torch.manual_seed(epoch_seed(seed, 0))
    model = models.build(arch, about.num_classes, about.channels, about.image_size, about.mean, about.std)
    model = model.to(device, memory_format=layout)
    optimizer = torch.optim.SGD(
        model.parameters(), recipe.learning_rate, recipe.momentum, 0, recipe.weight_decay, recipe.nesterov
    )
    images, labels = (
        torch.from_numpy(split.images).to(device).permute(0, 3, 1, 2),
        torch.from_numpy(split.labels).to(device),
    )

    history = load_state(state / STATE, model, optimizer, identity)
    for epoch in range(len(history), recipe.epochs):
        start = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_in(epoch)
        loss, accuracy = run_epoch(model, optimizer, images, labels, noise, recipe, seed, epoch)
        if not (math.isfinite(loss) and all(tensor.isfinite().all() for tensor in model.state_dict().values())):
            raise FloatingPointError(
                f"{state}: training diverged in epoch {epoch + 1} of {recipe.epochs} (loss {loss:.3g}); the state after epoch "
                f"{epoch} is kept; lower learning_rate, delete the folder and train again"
            )
        history.append({"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "seconds": time.perf_counter() - start})
        save_state(state / STATE, model, optimizer, identity, history)
        report(progress_line(history, recipe))
    return {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}, history


def run_epoch(model, optimizer, images, labels, noise, recipe, seed, epoch):
    """One pass over the data in random order. Returns mean loss and accuracy on the noisy images, both floats."""
    generator = torch.Generator(images.device).manual_seed(epoch_seed(seed, 1 + epoch))
    objective = OBJECTIVES[recipe.method]
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format

    def draw(batch):
        return noise.sample(batch.shape, generator, batch.device, batch.dtype)

    model.train()
    total_loss = total_correct = 0
    order = torch.randperm(len(images), generator=generator, device=images.device)
    for chosen in order.split(recipe.batch_size):
        batch = augment(images[chosen].float().div_(255), recipe.crop, recipe.flip, generator)
        batch = batch.contiguous(memory_format=layout)
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            loss, scores = objective(model, batch, labels[chosen], draw, epoch, **recipe.options)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total_loss += loss.detach().float() * len(chosen)  # tensors on the device: one synchronisation an epoch
        total_correct += (scores.detach().argmax(dim=1) == labels[chosen]).sum()
    return float(total_loss) / len(images), float(total_correct) / len(images)


def augment(images, crop, flip, generator):
    """Shift each image [B, C, H, W] by up to `crop` pixels in each direction (zeros beyond the border); mirror half of them."""
    count, _, height, width = images.shape
    device = images.device
    if flip:
        mirrored = torch.rand(count, generator=generator, device=device) < 0.5
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    if crop:
        padded = F.pad(images, (crop,) * 4)
        shift = torch.randint(2 * crop + 1, (2, count, 1), generator=generator, device=device)
        rows = (shift[0] + torch.arange(height, device=device)).view(count, 1, height, 1)
        columns = (shift[1] + torch.arange(width, device=device)).view(count, 1, 1, width)
        images = padded.gather(2, rows.expand(-1, images.shape[1], -1, padded.shape[3]))
        images = images.gather(3, columns.expand(-1, images.shape[1], height, -1))
    return images


def epoch_seed(seed, epoch):
    """Seed of an epoch's generator: 32 well-mixed bits, all that PyTorch's CPU generator keeps."""
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def run_identity(split, arch, noise, recipe, seed):
    """What decides the result of a training run, as JSON-able values."""
    return {
        "arch": arch,
        "num_classes": split.description.num_classes,
        "channels": split.description.channels,
        "image_size": split.description.image_size,
        "mean": list(split.description.mean),
        "std": list(split.description.std),
        "dataset": split.dataset,
        "split": split.split,
        "order_sha256": split.order_sha256,
        "noise": noise.name,
        "sigma": noise.sigma,
        "seed": seed,
        "recipe": recipe.as_dict(),
        "code_version": CODE_VERSION,
    }


def save_state(path, model, optimizer, identity, history):
    """Write weights, optimiser state and history as one safetensors file, atomically."""
    from safetensors.torch import save_file

    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, entries in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in entries.items() if tensor is not None}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with storage.atomic(path) as temporary:
        save_file(tensors, temporary, {"identity": json.dumps(identity), "history": json.dumps(history)})


def load_state(path, model, optimizer, identity):
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
    saved = optimizer.state_dict()
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, entry = name.split(".")
            saved["state"].setdefault(int(number), {})[entry] = tensor
    optimizer.load_state_dict(saved)
    return history


def progress_line(history, recipe):
    """One line on the last epoch: how far, how good, how long still."""
    last, left = history[-1], recipe.epochs - len(history)
    remaining = left * sum(entry["seconds"] for entry in history[-5:]) / len(history[-5:])
    return (
        f"epoch {last['epoch']}/{recipe.epochs}  loss {last['loss']:.4f}  noisy training accuracy {last['accuracy']:.3f}  "
        f"{last['seconds']:.1f} s, {remaining:.0f} s to go"
    )
