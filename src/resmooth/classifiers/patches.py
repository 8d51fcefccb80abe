r"""Smooth-Reduce: a classifier that asks one network about several patches of an image (arXiv 2205.06154, sections 3 and 4).

The image is resized, cut into k patches, and the scores of the patches are reduced to one vector: Smooth-Max takes the largest
softmax score of each class over the patches, Smooth-Mean the mean of the scores. Where the noise is added decides the
certificate (`resmooth.noise.lifts`):

    "image"    one noise vector on the image, before it is resized: an ordinary classifier, L = 1
    "resized"  one on the resized image: all patches are cut from the same noisy image, L = ||resize||
    "patch"    one on each patch, independent of the others, as in the paper's experiments: L = ||(P_1, ..., P_k)||, about
               sqrt(k), which the paper leaves out
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resmooth.classifiers.names import aggregation_of, patch_names, patches_of
from resmooth.classifiers.reductions import REDUCTIONS, Parts, Reducing, check_choice
from resmooth.noise.lifts import Lift, Redrawn, Resize, crop, lift, operator_norm, supremum_norm
from resmooth.storage.names import CENTRE

__all__ = ["REDUCTIONS", "Patches", "layout_offsets", "operator_norm", "supremum_norm"]

Classifier = Callable[[Tensor], Tensor]  # images [B, C, H, W] -> scores [B, K]
LAYOUTS = ("corners", "grid", "raster", "random")


@dataclass(frozen=True)
class Placement:
    """Where patches lie: the `fixed` places (row, column), then `drawn` places that each noisy copy draws.

    members   number of patches -> the positions of those patches among all
    """

    fixed: tuple[tuple[int, int], ...]
    drawn: int
    members: dict[int | str, list[int]]

    def __len__(self) -> int:
        return len(self.fixed) + self.drawn


class Patches(Reducing):
    """The classifier that reduces the scores of one network over patches of the (resized) image, `Patches(model)`.

    model        images [B, C, patch, patch] -> scores [B, K], any callable or nn.Module
    resize       side of the resized image; None leaves the image (which must be square) as it is
    patch        side of the patches
    layout       where the `patches` patches lie, see `layout_offsets`, which also explains stride and seed
    reduce       "max" over softmax scores or "mean" of scores, as in the paper; "max_logits" or "mean_softmax"
    noise_space  "image", "resized" or "patch": to what `Smoothed` adds noise, and by which norm it divides radii
    redraw       of the layout "random": "never" (the same patches always), or "copy" (anew for every noisy copy)
    sizes        other numbers of patches in this layout that one pass votes for too
    centre       whether it votes for the central patch alone as well
    reductions   the reductions that it votes for

    `Smoothed(Patches(...), noise, num_classes)` certifies in image space. `names` lists the classifiers of one pass, in the order
    of `votes`: "centre", then each reduction of each number of patches, "max-4". ValueError for parameters that do not fit each
    other, or that would not be sound.
    """

    def __init__(
        self,
        model: Classifier,
        resize: int | None = 36,
        patch: int = 32,
        layout: str = "corners",
        reduce: str = "mean",
        noise_space: str = "image",
        patches: int = 4,
        stride: int = 1,
        seed: int = 0,
        redraw: str = "never",
        sizes: Sequence[int] = (),
        centre: bool = False,
        reductions: Sequence[str] = tuple(REDUCTIONS),
    ) -> None:
        super().__init__()
        check_choice("layout", layout, LAYOUTS)
        check_choice("redraw", redraw, ("never", "copy"))
        for name in (reduce, *reductions):
            check_choice("reduce", name, tuple(REDUCTIONS))
        check_choice("noise_space", noise_space, ("image", "resized", "patch"))
        if redraw == "copy" and layout != "random":
            raise ValueError(f"redraw 'copy' belongs to the layout 'random', not to {layout!r}")
        self.models = [model]
        self.registered = nn.ModuleList(model for model in self.models if isinstance(model, nn.Module))
        self.resize, self.patch, self.reduce, self.noise_space = resize, patch, reduce, noise_space
        self.layout, self.patches, self.stride, self.seed, self.redraw = layout, patches, stride, seed, redraw
        numbers = sorted({patches, *sizes})
        self.sizes = tuple([size for size in numbers if size > 1] or numbers if centre else numbers)
        self.centre, self.reductions = centre, tuple(reductions)
        self.names = patch_names(self.sizes, reductions, centre)
        self.side = resize or 0  # of what is cut; without resizing the images decide it
        if resize is not None:
            self.placement(resize)

    def with_models(self, models: Iterable[Classifier]) -> Patches:
        """The same classifier of another model."""
        [model] = models
        keys = "resize patch layout reduce noise_space patches stride seed redraw sizes centre reductions".split()
        return Patches(model, **{key: getattr(self, key) for key in keys})

    def placement(self, side: int) -> Placement:
        """Where the patches of all `names` lie in an image of side x side pixels. ValueError if they do not fit."""
        fixed = layout_offsets("corners", 1, side, self.patch) if self.centre else []
        members: dict[int | str, list[int]] = {CENTRE: [0]} if self.centre else {}
        if self.redraw == "copy":
            first = len(fixed)
            members |= {size: list(range(first, first + size)) for size in self.sizes}
            return Placement(tuple(fixed), max(self.sizes), members)
        for size in self.sizes:
            places = layout_offsets(self.layout, size, side, self.patch, self.stride, self.seed)
            members[size] = []
            for position, place in enumerate(places):
                before = places[:position].count(place)  # random places may repeat, each with noise of its own
                found = [number for number, each in enumerate(fixed) if each == place]
                if len(found) <= before:
                    found.append(len(fixed))
                    fixed.append(place)
                members[size].append(found[before])
        return Placement(tuple(fixed), 0, members)

    # --- what `Smoothed` asks

    @property
    def stacked(self) -> bool:
        """Whether noisy copies are stacks of patches already, [B, k C, patch, patch]."""
        return self.noise_space == "patch" or self.redraw == "copy"

    def lift_for(self, image: Sequence[int], name: str | None = None) -> Lift:
        """The lift of images of shape `image` [C, H, W]: to all patches, or to those that the classifier `name` asks.

        ValueError if the patches do not fit.
        """
        if self.resize is None:
            if image[-2] != image[-1]:
                raise ValueError(f"patches without resizing need square images, got {image[-2]}x{image[-1]}")
            self.side = image[-1]
        place = self.placement(self.side)
        fixed, drawn = place.fixed, place.drawn
        if name is not None and drawn and name != CENTRE:
            fixed, drawn = (), patches_of(name)
        elif name is not None:
            members = place.members[CENTRE if name == CENTRE else patches_of(name)]
            fixed, drawn = tuple(place.fixed[number] for number in members), 0
        if drawn:
            return Redrawn(self.noise_space, self.resize, self.patch, fixed, drawn)
        return lift(self.noise_space, self.resize, self.patch, fixed)

    def lipschitz(self, image: Sequence[int], name: str | None = None) -> float:
        """L = ||M|| of the classifier `name` (default: the one that `forward` is) for images of shape `image` [C, H, W].

        For patches that each noisy copy draws, the largest that they can have.
        """
        return self.lift_for(image, name or f"{self.reduce}-{self.patches}").norm(image)

    def model_shape(self, image: Sequence[int]) -> tuple[int, int, int]:
        """The shape [C, H, W] of what the network sees of an image [C, H, W]."""
        return image[0], self.patch, self.patch

    def resizes(self, image: Sequence[int]) -> bool:
        """Whether noisy copies are resized before the network sees them, which is done in float32."""
        return not self.stacked and self.noise_space == "image" and self.resize not in (None, image[-1])

    # --- the classifier

    def forward(self, images: Tensor) -> Tensor:
        """Scores [B, K] of noisy copies, as the lift makes them: `reduce` over `patches` patches."""
        return REDUCTIONS[self.reduce](self.part_scores(images, self.patches))

    def part_scores(self, images: Tensor, size: int | None = None) -> Tensor:
        """Scores [k, B, K] of the patches of noisy copies, in float32: of `size` patches, by default of all."""
        if not self.side and self.stacked:
            raise ValueError("stacked patches of an image of unknown size: give `resize`, or ask lift_for first")
        place = self.placement(self.side or images.shape[-1])
        if not self.stacked and self.resize:
            images = Resize(self.resize).apply(images)
        wanted = range(len(place)) if size is None else place.members[size]
        return torch.stack([self.models[0](self._cut(images, place, number)).float() for number in wanted])

    def _cut(self, images: Tensor, place: Placement, number: int) -> Tensor:
        """The patch of that number of each noisy copy: [B, C, patch, patch]."""
        if not self.stacked:
            return crop(images, self.patch, place.fixed[number])
        channels = images.shape[1] // len(place)
        return images[:, number * channels : (number + 1) * channels]

    def parts_of(self, images: Tensor) -> Parts:
        """The positions of the patches that each classifier of `names` reduces."""
        members = self.placement(self.side or images.shape[-1]).members
        found: Parts = {
            name: (aggregation_of(name)[0], members[patches_of(name)]) for name in self.names if name != CENTRE
        }
        return {CENTRE: ("mean", members[CENTRE])} | dict(found) if self.centre else found


def layout_offsets(
    layout: str, number: int, side: int, patch: int, stride: int = 1, seed: int = 0
) -> list[tuple[int, int]]:
    """The places (row, column) of `number` patches of `patch` pixels in an image of side x side pixels.

    corners   an even grid from corner to corner: 4 are the corners, 9 and 16 lie between; 1 is the centre. A number that is no
              square takes the first of the next larger grid, row by row: 8 are 3x3 without the last
    grid      every patch at a multiple of `stride`: `number` must be how many these are
    raster    the first `number` of these, row by row
    random    drawn uniformly, last place included, with replacement, by `seed`: independent of any image and of any noise

    ValueError where they do not fit.
    """
    last = side - patch
    if last < 0:
        raise ValueError(f"patches of {patch} pixels do not fit an image of {side} pixels")
    if number < 1 or stride < 1:
        raise ValueError(f"patches and stride must be at least 1, got {number} and {stride}")
    if layout == "random":
        return [
            (row, column)
            for row, column in np.random.default_rng(seed).integers(0, last, (number, 2), endpoint=True).tolist()
        ]
    if layout == "corners":
        count = math.isqrt(number - 1) + 1
        steps = [last // 2] if count == 1 else [round(last * step / (count - 1)) for step in range(count)]
        if len(set(steps)) < count:
            raise ValueError(f"{number} different patches of {patch} pixels do not fit an image of {side} pixels")
    else:
        steps = list(range(0, last + 1, stride))
    places = [(row, column) for row in steps for column in steps]
    if number > len(places) or (layout == "grid" and number < len(places)):
        raise ValueError(
            f"{len(places)} patches of {patch} pixels at stride {stride} lie in {side} pixels, not {number}"
        )
    return places[:number]
