"""Small videos that tests encode themselves, by PyAV."""

import numpy as np


def moving(seed, frames, height=24, width=32):
    """Frames uint8 [F, height, width, 3] of a pattern that moves; the middle of frame i is 4 i, by which a test knows it."""
    rows, columns, colours = np.ogrid[:height, :width, :3]
    clip = np.stack([3 * rows + 5 * (columns + i) + 60 * colours + 31 * seed for i in range(frames)]) % 256
    clip[:, height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4] = (
        4 * np.arange(frames)[:, None, None, None]
    )
    return clip.astype(np.uint8)


def marks(clips):
    """The numbers of frames [..., side, side] or [..., side, side, 3] of `moving`, read from their middle."""
    side = 16
    flat = clips[..., side // 2, side // 2, 0] if clips.shape[-1] == 3 else clips[..., 0, side // 2, side // 2]
    return (np.asarray(flat) // 4).tolist()


def write_clip(path, frames, codec="ffv1", pixels="bgr0"):
    """Encode `frames` uint8 [F, H, W, 3] into a file at `path`; ffv1 in bgr0 keeps every pixel."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.codec_context.thread_count = 1  # its threads would be missed in forked workers
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())
