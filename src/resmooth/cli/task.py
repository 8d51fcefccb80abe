"""Shared parts of the commands that measure images: options, the state folder, progress, and writing the table."""

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resmooth import storage
from resmooth.cli.options import (
    Arithmetic,
    BatchSize,
    Device,
    GpuMemory,
    Members,
    NoiseName,
    Output,
    Precision,
    Seed,
    Sigma,
    Split,
    Start,
    State,
    Step,
    Stop,
    Threads,
)
from resmooth.cli.progress import Progress

if TYPE_CHECKING:
    from resmooth.measure import Subject


@dataclass(frozen=True)
class Task:
    """What one call of a command is to measure (`subject`: a `resmooth.measure.Subject`), and where table and progress go."""

    subject: "Subject"
    members: list[Path]
    sigma: float
    out: Path
    state: Path

    def progress(self, name: str, rest: str = "") -> Callable[[int, int], None]:
        """Where to report images under `name`, which the experiment and the level follow."""
        return Progress(f"{name} {self.out.parent.parent.name} {self.out.parent.name}{rest}: ").images


def measuring(command: Callable) -> Callable:
    """The command `command(task, **own options)` with the options that all measurements share beside its own.

    It owns the state folder while `command` runs, which writes `task.out`; then the progress is deleted.
    """

    @functools.wraps(command, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def run(
        data: Split,
        start: Start,
        stop: Stop,
        members: Members,
        sigma: Sigma,
        out: Output,
        step: Step = 1,
        seed: Seed = 0,
        noise: NoiseName = "normal",
        arithmetic: Arithmetic = "float",
        precision: Precision = "auto",
        batch_size: BatchSize = 0,
        gpu_memory: GpuMemory = 0,
        state: State = None,
        device: Device = "auto",
        threads: Threads = None,
        **own: Any,
    ) -> None:
        from resmooth.measure import Subject, images_in, images_of, open_ensemble

        split, smoothed, facts = open_ensemble(
            data,
            members,
            noise,
            sigma,
            arithmetic,
            precision,
            batch_size,
            device,
            threads,
            gpu_memory,
            patch_parameters(own.get("patches", "")),
            sub_video_parameters(own.get("sub_videos", "")),
        )
        indices = images_in(start, stop, step, len(split.labels))
        facts |= {"start": start, "stop": stop, "step": step}
        storage.check_writable(out)
        with storage.exclusive(state or Path(f"{out}.state")) as folder:
            subject = Subject(smoothed, images_of(split, indices), split.labels[indices], indices, seed, facts)
            command(Task(subject, members, sigma, out, folder), **own)
            storage.finished(folder)

    _, *own = inspect.signature(command).parameters.values()
    shared = [each for each in inspect.signature(run, follow_wrapped=False).parameters.values() if each.name != "own"]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in [*shared, *own]]
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010  where the command line library looks for options
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def patch_parameters(text: str) -> dict[str, Any] | None:
    """Parameters of `resmooth.Patches` by the option --patches, None if it is empty. ValueError if it is no mapping of them."""
    keys = {"resize", "patch", "layout", "sizes", "reduce", "noise_space", "stride", "seed", "redraw"}
    values = _mapping("patches", text, keys)
    if values is None:
        return None
    sizes = values.pop("sizes", [4])
    reductions = values.pop("reduce", ["max", "mean"])
    return values | {"patches": max(sizes), "sizes": sizes, "reductions": reductions, "centre": True}


def sub_video_parameters(text: str) -> dict[str, Any] | None:
    """Parameters of `resmooth.SubVideos` by the option --sub-videos, None if it is empty. ValueError if it has others."""
    values = _mapping("sub-videos", text, {"lengths", "stride", "reduce", "noise_space"})
    if values is None:
        return None
    lengths = values.pop("lengths", [64])
    reductions = values.pop("reduce", ["max", "mean"])
    return values | {"length": min(lengths), "lengths": lengths, "reductions": reductions}


def _mapping(option: str, text: str, keys: Collection[str]) -> dict[str, Any] | None:
    """The mapping that an option's YAML `text` is, of some of `keys`; None if it is empty."""
    import yaml

    if not text:
        return None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{option}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict) or not set(values) <= set(keys):
        raise ValueError(f"{option}: expected 'key: value' pairs of {', '.join(sorted(keys))}, got {text!r}")
    return values
