"""Clips: the frames of a video file, decoded by PyAV, and the rule that brings a clip to a given number of frames."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from resmooth.datasets.folder import undecodable
from resmooth.datasets.image_split import centre

if TYPE_CHECKING:
    import av.container
    import PIL.Image

SHORT = ("loop", "refuse")
ENOUGH = 0.9  # of the frames that a container promises: some promise a few too many


def read_clip(path: str | Path, side: int, content: bytes | None = None) -> np.ndarray:
    """All frames of a video file in their order, RGB, uint8 [F, side, side, 3].

    The shorter side is scaled to `side` (bilinear, antialiased), then the centre is cropped (320x240 to 149x112 to 112x112).
    A rotation that the file asks of players is not applied.

    content   the file's bytes, where they have been read already

    One-line errors name the file. FileNotFoundError: it cannot be read. ValueError: it is no video, holds no frames, or is
    truncated. It counts as truncated if its decoding fails, if its last packet is cut, or if fewer than nine tenths of the
    frames come out that the container promises (by their number, else by duration times rate). So a container may promise a few
    frames too many, as some do, or too few. ValueError, too, if PyAV is not installed.
    """
    path = Path(path)
    if content is None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FileNotFoundError(f"{path}: cannot be read ({error.strerror}); restore the file") from None
    av = _pyav(path)
    try:
        with av.open(io.BytesIO(content)) as container:
            if not container.streams.video:
                raise undecodable(path, "holds no video")
            promised = _promised(container)
            frames = [np.asarray(centre(image, side, side)) for image in _images(container, path)]
    except av.FFmpegError as error:
        raise undecodable(path, error.strerror) from None
    if not frames:
        raise undecodable(path, "no frames")
    if len(frames) < ENOUGH * promised:
        raise undecodable(path, f"{len(frames)} frames of {promised}")
    return np.stack(frames)


def _pyav(path: Path) -> ModuleType:
    """PyAV. ValueError if it is not installed."""
    try:
        import av
    except ImportError:
        raise ValueError(f"{path}: needs PyAV, which is not installed; pip install 'resmooth[video]'") from None
    return av


def _images(container: av.container.InputContainer, path: Path) -> Iterator[PIL.Image.Image]:
    """The frames of the first video as PIL images in RGB. ValueError if the last one is cut, FFmpegError if one is damaged."""
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise undecodable(path, "no decoder for it")
    stream.codec_context.thread_count = (
        1  # a decoder with threads, inherited by a forked worker, would hang when freed there
    )
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise undecodable(path, "it ends within a frame")
        for frame in packet.decode():
            yield frame.to_image(threads=1)


def _promised(container: av.container.InputContainer) -> int:
    """How many frames a container says that its video has: by their number, else by its duration; 0 if it does not say."""
    stream = container.streams.video[0]
    if stream.frames or not container.duration or not stream.average_rate:
        return stream.frames
    return int(container.duration * stream.average_rate / 1_000_000)  # microseconds


def frames_of(clip: np.ndarray, frames: int, short: str = "loop", name: object = "clip") -> np.ndarray:
    """Exactly `frames` frames of a clip [F, ...]: the same rule for training and for certification.

    A longer clip gives its centre window. A shorter one is repeated from its first frame on (as Smooth-Reduce's authors do), or
    refused by a ValueError, which begins with `name`, if `short` is "refuse".

    A certificate is one of the clip after looping. A change of norm d of the F frames of a shorter file changes the looped clip
    by up to sqrt(ceil(frames / F)) d, since so often a frame may occur: divide a radius by this factor to have it for them.
    A change of a longer file changes the window by no more than itself.
    """
    if short not in SHORT:
        raise ValueError(f"unknown rule {short!r} for short clips; known: {', '.join(SHORT)}")
    length = len(clip)
    if length >= frames:
        start = (length - frames) // 2
        return clip[start : start + frames]
    if short == "refuse":
        raise ValueError(f"{name}: has {length} frames, not {frames}; leave it out, or let short clips be looped")
    return clip[np.arange(frames) % length]
