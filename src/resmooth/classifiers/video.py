r"""Videos: a network of short chunks classifies a clip, and Smooth-Reduce asks it about sub-videos (arXiv 2205.06154, section 5).

A clip is [F, C, H, W], F frames. `Video` averages a network's scores over the chunks of a clip, the base classifier of RS-16 and
RS-8. `SubVideos` reduces the scores of overlapping sub-videos, each classified by its chunks: Smooth-Max-(64,16) takes sub-videos
of 64 frames and chunks of 16. Where the noise is added decides the certificate:

    "image"  one noise vector on the clip: an ordinary classifier, L = 1. Chunks that sub-videos share are asked once
    "patch"  one on each sub-video, independent of the others, as in the paper's experiments: L = sqrt of the largest number of
             sub-videos that share a frame (`resmooth.noise.windows`), which the paper leaves out
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from resmooth.classifiers.reductions import REDUCTIONS, Parts, Reducing, check_choice
from resmooth.noise.lifts import Identity, Lift
from resmooth.noise.windows import Windows
from resmooth.storage.names import WHOLE, frames_of, sub_video_names

Classifier = Callable[[Tensor], Tensor]  # chunks [B, T, C, H, W] -> scores [B, K]


class Video(nn.Module):
    """The classifier that averages the scores of a network over the chunks of a clip, `Video(model)`.

    model          chunks [B, chunk, C, H, W] -> scores [B, K], any callable or nn.Module
    chunk, stride  frames of a chunk, and from one to the next; by default chunks do not overlap

    Chunks are whole: frames after the last one play no part. A clip shorter than a chunk is looped, that is, begins again after
    its last frame, until it fills one. ValueError for sizes below 1.
    """

    def __init__(self, model: Classifier, chunk: int = 16, stride: int | None = None) -> None:
        super().__init__()
        self.chunk, self.stride = chunk, chunk if stride is None else stride
        if self.chunk < 1 or self.stride < 1:
            raise ValueError(f"chunk and stride must be at least 1 frame, got {self.chunk} and {self.stride}")
        self.models = [model]
        self.registered = nn.ModuleList(model for model in self.models if isinstance(model, nn.Module))

    def with_models(self, models: Iterable[Classifier]) -> Video:
        """The same classifier of another network."""
        [model] = models
        return Video(model, self.chunk, self.stride)

    def model_shape(self, image: Sequence[int]) -> tuple[int, ...]:
        """The shape [chunk, C, H, W] of what the network sees of a clip [F, C, H, W]."""
        return self.chunk, *image[1:]

    def starts(self, frames: int) -> range:
        """The first frames of the chunks of a clip, or sub-video, of so many frames."""
        return range(0, max(1, frames - self.chunk + 1), self.stride)

    def chunk_scores(self, clips: Tensor, starts: Iterable[int]) -> Tensor:
        """Scores [len(starts), B, K] in float32 of the chunks of clips [B, F, C, H, W] that start there.

        Where an inference graph takes larger batches than there are clips, it sees several chunks of each at once.
        """
        model, clips = self.models[0], looped(clips, self.chunk)
        chunks = [clips[:, start : start + self.chunk] for start in starts]
        together = max(1, getattr(model, "batch_size", 0) // len(clips))
        if together == 1:
            return torch.stack([model(each).float() for each in chunks])
        groups = [chunks[first : first + together] for first in range(0, len(chunks), together)]
        return torch.cat([model(torch.cat(group)).float().unflatten(0, (len(group), -1)) for group in groups])

    def forward(self, clips: Tensor) -> Tensor:
        """Scores [B, K] of clips [B, F, C, H, W], in float32."""
        return self.chunk_scores(clips, self.starts(clips.shape[1])).mean(dim=0)


class SubVideos(Reducing):
    """The classifier that reduces the scores of a video classifier over sub-videos of a clip, `SubVideos(video)`.

    video        a `Video`, which classifies each sub-video by its chunks
    length       frames of a sub-video
    stride       frames from one sub-video to the next; only whole ones count, and a clip shorter than one is looped
    reduce       "max" over softmax scores or "mean" of scores, as in the paper; "max_logits" or "mean_softmax"
    noise_space  "image" (the clip) or "patch" (each sub-video): to what `Smoothed` adds noise, and by which norm it divides radii
    lengths      other lengths that one pass votes for too
    whole        whether it votes for `video` alone as well, on the noisy clip: with noise_space "image"
    reductions   the reductions that it votes for

    `Smoothed(SubVideos(...), noise, num_classes)` certifies in the space of the clip. `names` lists the classifiers of one pass:
    "video", then each reduction of each length, "max_frames-64". ValueError for parameters that do not fit each other.
    """

    def __init__(
        self,
        video: Video,
        length: int = 64,
        stride: int = 16,
        reduce: str = "mean",
        noise_space: str = "image",
        lengths: Sequence[int] = (),
        whole: bool = False,
        reductions: Sequence[str] = tuple(REDUCTIONS),
    ) -> None:
        super().__init__()
        for name in (reduce, *reductions):
            check_choice("reduce", name, tuple(REDUCTIONS))
        check_choice("noise_space", noise_space, ("image", "patch"))
        self.lengths = tuple(sorted({length, *lengths}))
        if self.lengths[0] < video.chunk:
            raise ValueError(
                f"sub-videos of {self.lengths[0]} frames hold no chunk of {video.chunk}; choose longer ones"
            )
        if stride < 1:
            raise ValueError(f"stride must be at least 1 frame, got {stride}")
        if whole and noise_space == "patch":
            raise ValueError(
                "whole needs one noise on the clip: choose noise_space 'image', or smooth the video itself"
            )
        self.models = [video]
        self.registered = nn.ModuleList(self.models)
        self.length, self.stride, self.reduce, self.noise_space = length, stride, reduce, noise_space
        self.whole, self.reductions = whole, tuple(reductions)
        self.names = sub_video_names(self.lengths, self.reductions, whole)
        self.frames = 0  # of the clips; under noise on each sub-video only `lift_for` is told

    @property
    def video(self) -> Video:
        """The classifier of each sub-video."""
        return self.models[0]

    def with_models(self, models: Iterable[Video]) -> SubVideos:
        """The same reductions of another video classifier."""
        [video] = models
        keys = "length stride reduce noise_space lengths whole reductions".split()
        return SubVideos(video, **{key: getattr(self, key) for key in keys})

    # --- what `Smoothed` asks

    def windows(self, frames: int, lengths: Iterable[int] | None = None) -> list[tuple[int, int]]:
        """(first frame, frames) of each sub-video of a clip of so many frames, of these `lengths`, by default of all."""
        wanted = self.lengths if lengths is None else lengths
        return [(start, own) for own in wanted for start in range(0, max(1, frames - own + 1), self.stride)]

    def lift_for(self, image: Sequence[int], name: str | None = None) -> Lift:
        """The lift of clips of shape `image` [F, C, H, W]: to all sub-videos, or to those that the classifier `name` asks."""
        self.frames = image[0]
        if self.noise_space == "image":
            return Identity()
        return Windows(tuple(self.windows(self.frames, None if name is None else [frames_of(name)])))

    def lipschitz(self, image: Sequence[int], name: str | None = None) -> float:
        """L of the classifier `name` (default: the one that `forward` is) for clips of shape `image` [F, C, H, W]."""
        return self.lift_for(image, name or f"{self.reduce}_frames-{self.length}").norm(image)

    def model_shape(self, image: Sequence[int]) -> tuple[int, ...]:
        """The shape of what `video` sees: of a sub-video, as far as its network can tell."""
        return self.length, *image[1:]

    # --- the classifier

    def forward(self, images: Tensor) -> Tensor:
        """Scores [B, K] of noisy copies, as the lift makes them: `reduce` over the sub-videos of `length` frames."""
        which = self._positions(images)[self.length]
        return REDUCTIONS[self.reduce](self.part_scores(images)[which])

    def part_scores(self, images: Tensor) -> Tensor:
        """Scores [k, B, K] of all sub-videos of noisy copies in float32, after them those of the clip if it is asked for."""
        frames = self._frames(images)
        windows = self.windows(frames)
        if self.noise_space == "patch":
            lengths = [own for _, own in windows]
            windows = list(zip(accumulate(lengths, initial=0), lengths))  # where they lie in the stack
        else:
            images = looped(images, self.lengths[-1])
            windows = windows + [(0, frames)] * self.whole
        chunks = {(first, own): [first + start for start in self.video.starts(own)] for first, own in windows}
        starts = sorted({start for own in chunks.values() for start in own})
        scores = self.video.chunk_scores(images, starts)
        place = {start: position for position, start in enumerate(starts)}
        return torch.stack([scores[[place[start] for start in chunks[window]]].mean(dim=0) for window in windows])

    def parts_of(self, images: Tensor) -> Parts:
        """The positions of the sub-videos of each length among all."""
        positions = self._positions(images)
        found = {
            name: (name.rpartition("_frames")[0], positions[frames_of(name)]) for name in self.names if name != WHOLE
        }
        last = len(self.windows(self._frames(images)))
        return {WHOLE: ("mean", [last])} | found if self.whole else found

    def _positions(self, images: Tensor) -> dict[int, list[int]]:
        windows = self.windows(self._frames(images))
        return {length: [at for at, (_, own) in enumerate(windows) if own == length] for length in self.lengths}

    def _frames(self, images: Tensor) -> int:
        """Frames of the clips that noisy copies [B, F', C, H, W] are of. ValueError if only `lift_for` could tell."""
        if self.noise_space == "image":
            return images.shape[1]
        if not self.frames:
            raise ValueError("sub-videos of a clip of unknown length: ask lift_for first, as Smoothed does")
        return self.frames


def looped(clips: Tensor, length: int) -> Tensor:
    """Clips [B, F, C, H, W] of at least `length` frames: shorter ones begin again at their first frame, as often as it takes."""
    frames = clips.shape[1]
    return clips if frames >= length else clips[:, torch.arange(length, device=clips.device) % frames]
