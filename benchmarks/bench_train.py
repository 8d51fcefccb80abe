"""How fast is training? Ratios against a conventional loop, and of stacked networks against one after the other, in one run.

    conventional  as the field's scripts train (Cohen et al. 2019): single images, PIL transforms, loader workers, float32,
                  loss and accuracy fetched at every step
    ours          training.loop.run_epoch: 8-bit arrays on the device, augmentation there, bfloat16, channels-last
    float32       the same in float32, to tell the loop's part from the precision's
    stacked       several networks side by side (training.stacked), against one after the other

All train a ResNet on random 32x32 images, whose content does not matter, with Gaussian augmentation in batches of 256; the epochs
of the conventional loop include the start of its workers. Repetitions are interleaved; a ratio is that of the medians.

    python benchmarks/bench_train.py                                     the CPU bar: ResNet-20, an epoch of 5,000 images
    python benchmarks/bench_train.py --arch resnet110 --images 50000     on a GPU
"""

import argparse
import dataclasses
import os
from pathlib import Path

import numpy as np
import torch
from bench_certify import CHANNELS, CLASSES, SIGMA, SIZE, interleaved, machine, ratio
from PIL import Image
from torch.nn import functional as F
from torchvision import transforms

import resmooth as rs
from resmooth import datasets, storage
from resmooth.training import batches, loop
from resmooth.training.recipe import Recipe

OURS = Recipe(batch_size=256, crop=4, flip=True, precision="bfloat16", channels_last=True)
PLAIN = dataclasses.replace(OURS, precision="float32", channels_last=False)
STACKS = {  # name: architecture, image side, recipe
    "ResNet-8, 8x8, batches of 64, float32": ("resnet8", 8, Recipe(batch_size=64, crop=1)),
    "ResNet-20, 32x32, batches of 256, float32": ("resnet20", 32, PLAIN),
    "ResNet-20, 32x32, batches of 256, bfloat16": ("resnet20", 32, OURS),
}
MEMBERS = 5


def random_split(images, size=SIZE):
    """A split of random 8-bit colour images of `size` x `size` pixels."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (images, size, size, CHANNELS), dtype=np.uint8)
    about = dataclasses.replace(datasets.describe("cifar10"), image_size=size)
    labels = generator.integers(0, CLASSES, images)
    return datasets.Split(
        images=pixels, labels=labels, dataset="random", split="train", order_sha256="", description=about
    )


class Pictures(torch.utils.data.Dataset):
    """Single images through PIL transforms, as torchvision's CIFAR-10 class serves them."""

    def __init__(self, split):
        self.split = split
        steps = [transforms.RandomCrop(SIZE, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        self.transform = transforms.Compose(steps)

    def __len__(self):
        return len(self.split.labels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.split.images[index])), int(self.split.labels[index])


def conventional_epoch(split, arch, device, workers):
    """A function that trains for one epoch as the field's scripts do."""
    model = loop.initial_model(split, arch, PLAIN, (0,)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    loader = torch.utils.data.DataLoader(
        Pictures(split), OURS.batch_size, shuffle=True, num_workers=workers, pin_memory=device.type == "cuda"
    )

    def epoch():
        model.train()
        total_loss = correct = 0
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            scores = model(images + torch.randn_like(images) * SIGMA)
            loss = F.cross_entropy(scores, labels)
            total_loss += loss.item() * len(images)
            correct += (scores.argmax(1) == labels).sum().item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return total_loss / len(split.labels), correct / len(split.labels)

    return epoch


def our_epoch(split, arch, device, recipe, seeds=(0,)):
    """A function that trains the networks of `seeds`, side by side, for one epoch of our loop."""
    model = loop.initial_model(split, arch, recipe, seeds).to(device)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    source = batches.images_of(split, device)
    noise = rs.noise.make("normal", dim=CHANNELS * split.description.image_size**2, sigma=SIGMA)
    return lambda: loop.run_epoch(model, optimizer, source, noise, recipe, seeds, 0)


def bench_epoch(arch, images, repetitions, device, workers):
    """One epoch of one network: the conventional loop over ours."""
    split = random_split(images)
    functions = {
        "conventional": conventional_epoch(split, arch, device, workers),
        "ours": our_epoch(split, arch, device, OURS),
        "float32": our_epoch(split, arch, device, dataclasses.replace(OURS, precision="float32")),
    }
    seconds = interleaved(functions, repetitions, device)
    return {
        "over_conventional": ratio(seconds, "conventional", "ours"),
        "over_conventional_in_float32": ratio(seconds, "conventional", "float32"),
        "seconds": seconds,
    }


def bench_stacked(arch, size, recipe, images, repetitions, device):
    """Several networks one after the other, over the same side by side."""
    split = random_split(images, size)
    singles = [our_epoch(split, arch, device, recipe, (seed,)) for seed in range(MEMBERS)]
    together = our_epoch(split, arch, device, recipe, tuple(range(MEMBERS)))
    functions = {"singles": lambda: [epoch() for epoch in singles], "stacked": together}
    seconds = interleaved(functions, repetitions, device)
    return {"over_singles": ratio(seconds, "singles", "stacked"), "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="resnet20")
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count()), help="of the conventional loop's loader")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/train.json"))
    options = parser.parse_args()
    device = torch.device(options.device)
    result = {"machine": machine(device), "arch": options.arch, "images": options.images, "workers": options.workers}
    result["epoch"] = bench_epoch(options.arch, options.images, options.repetitions, device, options.workers)
    result["stacked"] = {
        name: bench_stacked(*case, options.images // 10, options.repetitions, device) for name, case in STACKS.items()
    }
    report(result)
    storage.write_json(options.out, result)


def report(result):
    """Print the ratios, one line each."""

    def line(text, found, bar=""):
        found = f"{found['ratio']:6.2f}  ({found['lowest']:.2f} to {found['highest']:.2f})"
        print(f"{text:58} {found:30} {bar}")

    print(
        f"{result['arch']}, an epoch of {result['images']} images, {result['workers']} loader workers, {result['machine']}"
    )
    line("times faster than the conventional loop", result["epoch"]["over_conventional"], "bar 1.5 (2 CPU cores)")
    line("the same in float32", result["epoch"]["over_conventional_in_float32"])
    print(f"times faster {MEMBERS} networks train stacked than one after the other:")
    for name, found in result["stacked"].items():
        line(f"  {name}", found["over_singles"])


if __name__ == "__main__":
    main()
