r"""Class counts under noise: the expensive step. Everything after it is arithmetic on these counts.

The smoothed classifier is :math:`g(x) = \arg\max_c P_\epsilon(f(x + \epsilon) = c)` (lecture, "Constructing classifier g").
`resmooth.smoothing.streams` determines the noise of each image; `resmooth.smoothing.engine` runs the network on the noisy copies.
"""

from __future__ import annotations

import copy
import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from resmooth.classifiers.ensemble import mark_invalid
from resmooth.noise.lifted import lifted
from resmooth.noise.lifts import Identity, Redrawn
from resmooth.smoothing import sequential
from resmooth.smoothing.certificates import ABSTAIN, Certificates, facts
from resmooth.smoothing.certify import certify_from_counts, predict_from_counts
from resmooth.smoothing.engine import (
    batches,
    count_votes,
    fitting_batch,
    graphs_of,
    groups_of,
    held_copies,
    held_side_by_side,
    leaves,
    optimised,
    own_level,
    side_by_side,
    vote_in_memory,
)
from resmooth.smoothing.progress import Bar
from resmooth.smoothing.streams import ESTIMATION, PREDICTION, SELECTION, Stream, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from resmooth.noise.base import Noise
    from resmooth.noise.lifts import Lift

Classifier = Callable[[torch.Tensor], torch.Tensor]
PLAIN = torch.float32, torch.contiguous_format


class Smoothed:
    """The smoothed classifier g of a base classifier f, `Smoothed(classifier, noise, num_classes)`.

    classifier   images [B, C, H, W] or clips [B, F, C, H, W] -> scores [B, num_classes], any callable or nn.Module (run in
                 evaluation mode). What is said of images below holds for clips
    noise        a `resmooth.noise` distribution of dimension C * H * W (F * C * H * W), or of that of the lifted image
    batch_size   noisy images to a forward pass, by default what fits the cache or the GPU; never changes the noise
    device       where to run; by default where the classifier's parameters are, or the CPU
    precision    "float32", "bfloat16", "int8" (on the CPU) or "auto": bfloat16 where the hardware computes in it. A network is
                 rewritten for speed in that precision (see `resmooth.classifiers.inference`; int8 is calibrated for `noise`);
                 "as given" leaves it, like any other callable, alone
    lift         a linear map of `resmooth.noise.lifts` to what noise is added to; by default the classifier's own (`Patches`,
                 `SubVideos`), or none. Radii are divided by its norm: they hold in image space

    Guarantee: for each image separately, with probability at least 1 - alpha over the noise drawn by `certify`, g returns the
    certified class everywhere within the certified radius of the image. The guarantee assumes exact arithmetic. It is about g,
    not about f, and the precision is part of f. To classify a new image by g, use `predict` of the same object.
    """

    def __init__(
        self,
        classifier: Classifier,
        noise: Noise,
        num_classes: int,
        batch_size: int | None = None,
        device: str | torch.device | None = None,
        precision: str = "auto",
        lift: Lift | None = None,
    ) -> None:
        self.noise = noise
        self.num_classes = whole(num_classes, "num_classes")
        parameters = classifier.parameters() if isinstance(classifier, nn.Module) else iter(())
        self.device = torch.device(device or next((parameter.device for parameter in parameters), "cpu"))
        fitting = fitting_batch(noise.dim, self.device)
        self.batch_size = fitting if batch_size is None else whole(batch_size, "batch_size")
        self._built: tuple[int, ...] | None = None  # for images of which shape
        self.classifier: Any = classifier if precision == "as given" else optimised(classifier, precision, self.device)
        self._before_lift, self._given_lift, self._fits = noise, lift, batch_size is None
        self._plain, self._seen_at_once = False, 0  # chunks, or patches, to a pass of the network; 0: batch_size
        self._norms: dict[tuple[int, ...], float] = {}  # of the lift, for images of each shape: seconds for some
        self.lift: Lift = Identity()
        self._copies: tuple[int, ...] | None = None  # the shape of noisy copies after another lift

    def counts(
        self,
        x: ArrayLike | torch.Tensor,
        n: int,
        seed: int,
        index: Sequence[int] | None = None,
        progress: bool | None = None,
    ) -> torch.Tensor:
        """Count the classes of n noisy copies of each image, on the images' estimation streams.

        x [N, C, H, W]: floats in [0, 1]; index: N global image numbers (default 0..N-1), which choose the noise. Deterministic
        noise (dssn) has a fixed number of copies: ValueError for another n. progress: a bar on standard error; None shows it on
        a terminal. Returns an int64 tensor [N, num_classes] on the CPU, each row summing to n.
        """
        counted = self.noise.sample_sizes(n, n)[1]
        if counted != n:
            raise ValueError(f"{self.noise.name} noise at this level consists of {counted} copies, not {n}")
        return self._counts(x, {ESTIMATION: n}, seed, index, progress)[ESTIMATION]

    def certify(
        self,
        x: ArrayLike | torch.Tensor,
        n0: int = 100,
        n: int = 100_000,
        alpha: float = 0.001,
        seed: int = 0,
        index: Sequence[int] | None = None,
        norm: float | None = None,
        progress: bool | None = None,
    ) -> Certificates:
        """CERTIFY (lecture; Cohen et al. 2019): select a class by n0 samples, bound its probability by n fresh ones.

        x [N, C, H, W]: floats in [0, 1]; norm: 0, 1, 2 or inf, by default the noise's own; index and progress as in `counts`.
        Returns `Certificates` for N images; `.predict` is -1 where it abstains. Under deterministic noise (dssn) it counts all
        copies instead: n0, n and alpha are not used, and certificates are certain. If the noise level depends on the image
        (idrs), each image is certified at its own, `.sigma` [N]. NotImplementedError if the noise gives no certificate in `norm`.
        """
        x, index = checked_images(x, index)
        self._find_lift(x.shape[1:])
        norm, levels = self.norm_or_own(norm), self.levels(x)
        n0, n = self.noise.sample_sizes(n0, n)
        counts = self._counts(x, {SELECTION: n0, ESTIMATION: n}, seed, index, progress, levels)
        return certify_from_counts(counts[SELECTION], counts[ESTIMATION], self.noise, alpha, norm, levels=levels)

    def certify_at(
        self,
        x: ArrayLike | torch.Tensor,
        radius: float,
        rule: str = "confidence_sequence",
        alpha: float = 0.001,
        seed: int = 0,
        index: Sequence[int] | None = None,
        norm: float | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> Certificates:
        """Decide for each image whether `radius` can be certified, with as few samples as the rule needs.

        x [N, C, H, W]: floats in [0, 1]; rule: a name in `resmooth.smoothing.sequential.RULES`, `options` its own parameters;
        index and progress as in `counts`. Returns `Certificates` for N images: `.radius` is `radius`, or 0 where it abstains;
        `.samples` and `.stage` record the cost of each image. Images leave the batch as they are decided. Under the same seed,
        `certify_at` and `certify` see the same noise: to confirm a radius chosen after seeing `certify`, give another seed.
        """
        self._find_lift(torch.as_tensor(x).shape[1:])
        self.check_sampled()
        norm = self.norm_or_own(norm)
        if rule not in sequential.RULES:
            raise ValueError(f"unknown rule {rule!r}; known: {', '.join(sequential.RULES)}")
        threshold = self.noise.threshold(radius, norm)
        if threshold >= 1:
            raise ValueError(
                f"radius {radius:g} is beyond what any number of samples certifies at sigma {self.noise.sigma:g}"
            )
        unknown = set(options) - set(inspect.signature(sequential.RULES[rule]).parameters)
        if unknown:
            name = sequential.RULES[rule].__name__
            raise ValueError(f"rule {rule!r} has no option {unknown.pop()!r}; see resmooth.sequential.{name}")
        follow = functools.partial(sequential.RULES[rule], threshold=threshold, alpha=alpha, **options)
        decided = self._sequentially(follow, x, seed, index, progress)
        certified = np.where(decided.certified, float(radius), 0.0)
        return replace(decided, radius=certified, alpha=float(alpha), **facts(self.noise, norm))

    def certify_within(
        self,
        x: ArrayLike | torch.Tensor,
        epsilon: float = 0.1,
        alpha: float = 0.001,
        seed: int = 0,
        index: Sequence[int] | None = None,
        norm: float | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> Certificates:
        """Certify each image's radius, stopping where more samples would enlarge it by less than the share `epsilon`.

        x [N, C, H, W]: floats in [0, 1]; `options` of `resmooth.smoothing.sequential.certify_radius`: n, n0, beta; index and
        progress as in `counts`. Returns `Certificates` for N images. The number of samples, `.samples`, is an outcome: report
        its mean beside an average radius.
        """
        self._find_lift(torch.as_tensor(x).shape[1:])
        self.check_sampled()
        norm = self.norm_or_own(norm)

        def radius(p: np.ndarray) -> np.ndarray:
            return self.noise.radius(np.maximum(p - self.noise.slack, 0), norm)

        follow = functools.partial(
            sequential.certify_radius, noise_radius=radius, epsilon=epsilon, alpha=alpha, **options
        )
        decided = self._sequentially(follow, x, seed, index, progress)
        p_lower = np.maximum(decided.p_lower - self.noise.slack, 0)
        predict = np.where(p_lower > 0.5, decided.predict, ABSTAIN)
        return replace(decided, p_lower=p_lower, predict=predict, **facts(self.noise, norm))

    def _sequentially(
        self,
        follow: Callable[[sequential.Draw, int], Certificates],
        x: ArrayLike | torch.Tensor,
        seed: int,
        index: Sequence[int] | None,
        progress: bool | None,
    ) -> Certificates:
        """Run a rule of `sequential`, `follow(draw, images)`, over all images, as many side by side as memory allows."""
        x, index = checked_images(x, index)
        self.build(x.shape[1:])
        parts = []
        with Bar(len(x), progress) as bar:
            for group in groups_of(range(len(x)), held_side_by_side(self)) or [range(0)]:
                draw = self._draws([x[i] for i in group], seed, [index[i] for i in group], bar, group.start)
                parts.append(follow(draw, len(group)))
                bar.at(group.stop)
        return Certificates.joined(parts)

    def _draws(
        self, images: list[torch.Tensor], seed: int, index: list[int], bar: Bar, finished: int
    ) -> sequential.Draw:
        """The function `draw(rows, size, purpose)` of `sequential` for these images, `finished` others lying behind."""

        @functools.cache
        def stream(row: int, purpose: int) -> Stream:
            return self.stream(images[row], seed, index[row], purpose)

        def draw(rows: np.ndarray, size: int, purpose: int) -> np.ndarray:
            bar.at(finished + len(images) - len(rows))  # the others are decided
            if not len(rows):
                return np.zeros((0, self.num_classes), dtype=np.int64)
            votes = count_votes(self, self.vote, [(stream(row, purpose), int(size)) for row in rows.tolist()])
            return torch.cat([counts[0] for counts in votes]).numpy()

        return draw

    def predict(
        self,
        x: ArrayLike | torch.Tensor,
        n: int = 1000,
        alpha: float = 0.001,
        method: int = 2,
        seed: int = 0,
        index: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Classes [N] of g by PREDICT1 or PREDICT2 (lecture, "Inference Procedure"), -1 where it abstains.

        A returned class differs from g's with probability at most alpha, for each image that was chosen without knowing the
        noise: give a new `seed` where an adversary may have seen answers under the old one. Under deterministic noise (dssn) it
        always answers, and n, alpha and method play no part.
        """
        n = self.noise.sample_sizes(n, n)[1]
        counts = self._counts(x, {PREDICTION: n}, seed, index, progress=False)[PREDICTION]
        return predict_from_counts(counts, alpha, method, self.noise.slack, self.noise.exact)

    def norm_or_own(self, norm: float | None) -> float:
        """`norm`, or for None the noise's own. NotImplementedError before any work if the noise gives no certificate in it."""
        return self.noise.norm_or_own(norm)

    def check_sampled(self) -> None:
        """ValueError under noise that `certify` alone can handle: deterministic, or with a level for each image."""
        self.noise.check_sequential()

    def levels(self, x: ArrayLike | torch.Tensor) -> np.ndarray | None:
        """The noise level of each image of x [N, C, H, W] where it depends on the image, float64 [N]; None where it does not.

        Levels are computed for the images in float32, the precision in which noise is added to them.
        """
        return self.noise.levels(torch.as_tensor(x).float())

    def vote(self, images: torch.Tensor) -> torch.Tensor:
        """Classes [1, B] of the base classifier for noisy images [B, C, H, W]."""
        return self.classes(self.classifier(images), len(images))

    def classes(self, scores: torch.Tensor, copies: int) -> torch.Tensor:
        """The class of each of so many noisy images by their scores [copies, num_classes]: [1, copies]; num_classes where a score
        is not a number. ValueError if the scores have another shape."""
        if not isinstance(scores, torch.Tensor):
            raise ValueError(
                f"the classifier returned a {type(scores).__name__}, expected a tensor of scores [images, classes]"
            )
        if scores.shape != (copies, self.num_classes):
            raise ValueError(
                f"the classifier returned scores {list(scores.shape)}, expected [{copies}, {self.num_classes}]"
            )
        return mark_invalid(scores.argmax(dim=1)[None], scores[None])

    def _counts(
        self,
        x: ArrayLike | torch.Tensor,
        sizes: dict[int, int],
        seed: int,
        index: Sequence[int] | None,
        progress: bool | None,
        levels: np.ndarray | None = None,
    ) -> dict[int, torch.Tensor]:
        """int64 [N, num_classes] for each purpose in `sizes` (purpose -> number of samples, 0 for none).

        levels: `self.levels(x)`, if it is known.
        """
        x, index = checked_images(x, index)
        self.build(x.shape[1:])
        levels = self.levels(x) if levels is None else levels
        found = {purpose: torch.zeros((len(x), self.num_classes), dtype=torch.int64) for purpose in sizes}
        with Bar(len(x), progress) as bar:
            for group in side_by_side(self, range(len(x)), sum(sizes.values())):
                wanted = [(i, purpose, n) for i in group for purpose, n in sizes.items() if n]
                streams = [
                    (self.stream(x[i], seed, index[i], purpose, *own_level(levels, i)), n) for i, purpose, n in wanted
                ]
                for (i, purpose, _), votes in zip(wanted, count_votes(self, self.vote, streams)):
                    found[purpose][i] = votes[0, 0]
                bar.at(group.stop)
        return found

    def build(self, shape: Sequence[int]) -> dict[str, str]:
        """Rewrite the networks, as they are now, for images of `shape` [C, H, W]. Returns which base classifier that makes,
        JSON-able. `counts`, `certify` and the like do this by themselves."""
        self._built = tuple(shape)
        self._find_lift(shape)
        graphs = graphs_of(self.classifier, shape)
        if self._fits and graphs and (self._copies or self.of_clips):  # else the noise says what fits
            self._seen_at_once = fitting_batch(max(math.prod(seen) for _, seen in graphs), self.device)
            self.batch_size, self._fits = min(self._seen_at_once, held_copies(self.noise.dim, self.device)), False
        for graph, seen in graphs:
            graph.build(seen, self._seen_at_once or self.batch_size, self.noise)
        identities = [graph.identity for graph, _ in graphs] or [{"precision": "as given", "engine": "as given"}]
        return {key: "+".join(sorted({identity[key] for identity in identities})) for key in identities[0]}

    @property
    def of_clips(self) -> bool:
        """Whether it was built for clips [F, C, H, W]."""
        return self._built is not None and len(self._built) == 4

    def rebuild(self) -> None:
        """`build` once more, for a batch size that has changed."""
        self._seen_at_once = 0
        if self._built is not None:
            self.build(self._built)

    def _find_lift(self, shape: Sequence[int]) -> None:
        """Decide the lift of images of `shape` [C, H, W], and with it the noise. ValueError where they do not fit each other."""
        self.lift = self._given_lift or (
            self.classifier.lift_for(shape) if hasattr(self.classifier, "lift_for") else Identity()
        )
        if isinstance(self.lift, Identity):
            return
        shape = tuple(shape)
        if shape not in self._norms:
            self._norms[shape] = self._given_lift.norm(shape) if self._given_lift else self.classifier.lipschitz(shape)
        self.noise = lifted(self._before_lift, self.lift, shape, self._norms[shape])
        self._copies = self.lift.seen(shape) if isinstance(self.lift, Redrawn) else self.lift.shape(shape)

    def batch(self, size: int, shape: Sequence[int]) -> torch.Tensor:
        """An empty batch of noisy copies of images of `shape` [C, H, W], in the dtype and memory layout of the classifier."""
        if not self._copies and self._built != tuple(shape):
            self.build(shape)
        dtype, layout = self.form
        return torch.empty((size, *(self._copies or shape)), dtype=dtype, device=self.device, memory_format=layout)

    @property
    def form(self) -> tuple[torch.dtype, torch.memory_format]:
        """Dtype and memory layout of noisy copies: those of all its networks, or plain float32 where these are not the same."""
        resizes = hasattr(self.classifier, "resizes") and self._built and self.classifier.resizes(self._built)
        found = {
            (getattr(model, "dtype", PLAIN[0]), getattr(model, "layout", PLAIN[1])) for model in leaves(self.classifier)
        }
        return found.pop() if len(found) == 1 and not (resizes or self._plain) else PLAIN

    def plain(self) -> Smoothed:
        """The same smoothed classifier, whose noisy copies are plain float32 images."""
        found = copy.copy(self)
        found._plain = True
        return found

    def stream(self, image: torch.Tensor, seed: int, index: int, purpose: int, level: float | None = None) -> Stream:
        """The noisy copies of one image [C, H, W] for one purpose (the same for each, if the noise is deterministic).

        `level`: the image's own, of `levels`, where the noise is input-dependent; it is found if it is not given.
        """
        image = self.lift.apply(image.to(self.device, torch.float32))
        return Stream(self.noise.for_image(image, level), image, seed, index, purpose)

    def evaluate(
        self, function: Classifier, streams: list[tuple[Stream, int]]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Run `function`, noisy images [B, C, H, W] -> tensor [V, B, ...], on full batches of the copies of all streams.

        `streams`: pairs (Stream, number of copies to take from it). Yields (the tensor, from which stream each copy is [B]); use
        them before asking for the next.
        """
        for images, which in batches(self, streams, [n for _, n in streams], range(len(streams)), 1):
            yield vote_in_memory(self, function, images), which


def checked_images(x: ArrayLike | torch.Tensor, index: Sequence[int] | None) -> tuple[torch.Tensor, Sequence[int]]:
    """Images as a tensor, their numbers as ints. ValueError if they are no floats or not as many as `index`."""
    x = torch.as_tensor(x)
    if not x.is_floating_point():
        raise ValueError(f"images must be floats in [0, 1], got {x.dtype}; divide 8-bit images by 255")
    index = range(len(x)) if index is None else [operator.index(number) for number in index]
    if len(index) != len(x):
        raise ValueError(f"{len(x)} images but {len(index)} indices")
    return x, index
