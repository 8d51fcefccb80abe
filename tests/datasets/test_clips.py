"""Decoding a video file, and the rule that brings a clip to a given number of frames."""

import os
import struct
import sys

import numpy as np
import pytest
from clip_helpers import moving, write_clip
from PIL import Image
from torchvision.transforms import functional

from resmooth.datasets.clips import frames_of, read_clip


@pytest.mark.parametrize("height, width", [(24, 32), (32, 24), (20, 20)])
@pytest.mark.parametrize("side", [12, 16, 28])
def test_frames_are_resized_and_cropped_as_torchvision_does(tmp_path, height, width, side):
    frames = moving(1, 7, height, width)
    write_clip(tmp_path / "clip.avi", frames)
    found = read_clip(tmp_path / "clip.avi", side)
    assert found.shape == (7, side, side, 3) and found.dtype == np.uint8
    for frame, reference in zip(found, frames):
        resized = functional.resize(Image.fromarray(reference), side)
        assert (frame == np.asarray(functional.center_crop(resized, side))).all()


def test_every_frame_comes_in_its_order(tmp_path):
    frames = moving(2, 40, 16, 16)
    write_clip(tmp_path / "clip.mkv", frames)
    assert (read_clip(tmp_path / "clip.mkv", 16) == frames).all()


def refused(path, message):
    """Whether reading `path` is refused in one line that begins with it."""
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        read_clip(path, 16)
    return str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


TRUNCATED = {  # codec, pixels, name, what is left, message
    "ffv1 avi": ("ffv1", "bgr0", "clip.avi", 0.5, r"cannot be decoded \(.*truncated or altered; copy the file again"),
    "mpeg4 avi": ("mpeg4", "yuv420p", "clip.avi", 0.8, r"cannot be decoded \(it ends within a frame\)"),
    "mpeg4 mkv": ("mpeg4", "yuv420p", "clip.mkv", 0.6, r"cannot be decoded \(\d+ frames of 60\)"),
    "mpeg4 mp4": ("mpeg4", "yuv420p", "clip.mp4", 0.9, r"cannot be decoded \(.*truncated or altered"),
    "only the head": ("mpeg4", "yuv420p", "clip.mkv", 0.05, r"cannot be decoded \(.*truncated or altered"),
}


@pytest.mark.parametrize("kind", TRUNCATED)
def test_a_truncated_file_is_refused(tmp_path, kind):
    codec, pixels, name, share, message = TRUNCATED[kind]
    path = tmp_path / name
    write_clip(path, moving(3, 60, 64, 64), codec, pixels)
    assert len(read_clip(path, 16)) == 60
    os.truncate(path, int(path.stat().st_size * share))
    assert refused(path, message)


@pytest.mark.parametrize("promised, accepted", [(60, True), (50, True), (66, True), (67, False), (120, False)])
def test_a_container_may_promise_a_few_frames_too_many(tmp_path, promised, accepted):
    """The number of frames in an AVI's stream header (length, the ninth field) is rewritten; the frames stay."""
    path = tmp_path / "clip.avi"
    write_clip(path, moving(4, 60), "mpeg4", "yuv420p")
    content = bytearray(path.read_bytes())
    place = content.index(b"strh") + 40
    assert struct.unpack_from("<I", content, place) == (60,)
    struct.pack_into("<I", content, place, promised)
    path.write_bytes(content)
    if accepted:
        assert len(read_clip(path, 16)) == 60
    else:
        assert refused(path, f"60 frames of {promised}")


def test_other_files_are_refused(tmp_path):
    assert refused(tmp_path / "gone.avi", "cannot be read .No such file or directory.; restore the file")
    for name, content in {"page.mp4": b"<html>", "empty.avi": b""}.items():
        (tmp_path / name).write_bytes(content)
        assert refused(tmp_path / name, "cannot be decoded .*truncated or altered")


def test_sound_alone_is_no_clip(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.avi"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    assert refused(tmp_path / "sound.avi", "holds no video")


def test_without_pyav_the_message_says_what_to_install(tmp_path, monkeypatch):
    write_clip(tmp_path / "clip.avi", moving(5, 2))
    monkeypatch.setitem(sys.modules, "av", None)
    assert refused(tmp_path / "clip.avi", r"needs PyAV, which is not installed; pip install 'resmooth\[video\]'")


def test_a_long_clip_gives_its_centre_and_a_short_one_is_looped():
    clip = np.arange(10)
    assert frames_of(clip, 10).tolist() == clip.tolist()
    assert frames_of(clip, 4).tolist() == [3, 4, 5, 6] and frames_of(clip, 7).tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert frames_of(clip[:3], 8).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    with pytest.raises(ValueError, match="x.avi: has 3 frames, not 8; leave it out"):
        frames_of(clip[:3], 8, "refuse", "x.avi")
    assert frames_of(clip, 8, "refuse").tolist() == frames_of(clip, 8).tolist()
    with pytest.raises(ValueError, match="unknown rule 'mirror' for short clips; known: loop, refuse"):
        frames_of(clip, 4, "mirror")


@pytest.mark.parametrize("length", [1, 5, 8, 13, 16, 20])
def test_looping_stretches_changes_by_the_stated_factor_at_most(length):
    """The factor is sqrt(ceil(16 / length)), and a change of the first frame alone reaches it."""
    factor = np.sqrt(np.ceil(16 / length))
    changes = np.random.default_rng(0).normal(size=(50, length, 6))
    changes[0, 1:] = 0
    changed = np.array([np.linalg.norm(frames_of(change, 16)) / np.linalg.norm(change) for change in changes])
    assert changed.max() <= factor + 1e-9
    if length <= 16:
        assert changed[0] == pytest.approx(factor)
