"""Measure images under noise: each command is one table of `resmooth.measure`, resumable."""

from typing import Annotated

import typer

from resmooth import storage
from resmooth.cli.environment import package_versions
from resmooth.cli.options import Alpha, Patches, Selection, SubVideos
from resmooth.cli.progress import say
from resmooth.cli.task import Task, measuring

STAGES = [1000, 10_000, 125_000]  # of CertifyAdp, as its authors set them


@measuring
def sample(
    task: Task,
    n0: Selection = 100,
    n: Annotated[int, typer.Option(help="Samples that bound its probability.")] = 100_000,
    force: Annotated[bool, typer.Option(help="Sample again although the counts exist.")] = False,
    patches: Patches = "",
    sub_videos: SubVideos = "",
) -> None:
    """Count the classes of noisy images, for every member, prefix and aggregation of an ensemble in one pass."""
    from resmooth.measure import run, votes

    measurement = votes.votes(task.subject, n0, n)
    facts = {key: value for key, value in measurement.identity.items() if key not in ("start", "stop")}
    facts |= {"code_version": votes.CODE_VERSION}
    if not force and storage.holds_counts(task.out, facts, measurement.indices):
        task.out.touch()  # newer than the networks, which it was compared with
        say(f"{task.out} is finished; --force samples it again")
        return
    frame = run(measurement, task.state, task.progress("sample", f" {task.out.stem}"))
    storage.write_counts(task.out, frame, facts | {"versions": package_versions()})


@measuring
def decide(
    task: Task,
    radius: Annotated[list[float], typer.Option(help="Radius to decide, in sigma; repeat the option.")],
    n0: Selection = 100,
    n: Annotated[int, typer.Option(help="Samples of the fixed rule, and at most of the sequential ones.")] = 100_000,
    stage: Annotated[list[int], typer.Option(help="Samples of a stage of CertifyAdp; repeat the option.")] = STAGES,
    consensus: Annotated[int, typer.Option(help="Members whose agreement suffices (0: no K-consensus).")] = 0,
    alpha: Alpha = 0.001,
) -> None:
    """Decide whether images can be certified at given radii, by every procedure: do they agree, and what does each cost?"""
    from resmooth.measure import decisions, run

    sizes = {"alpha": alpha, "n0": n0, "n": n, "stages": stage}
    measurement = decisions.decisions(task.subject, [value * task.sigma for value in radius], sizes, consensus)
    storage.write_table(task.out, run(measurement, task.state, task.progress("decide")))


@measuring
def margins(
    task: Task,
    n: Annotated[int, typer.Option(help="Noise draws for each image, shared by all members.")] = 2000,
) -> None:
    """Measure how the members' margins vary together under noise (the ensemble variance model)."""
    from resmooth.measure import margins, run

    storage.write_table(task.out, run(margins.margins(task.subject, n), task.state, task.progress("margins")))


@measuring
def scores(
    task: Task,
    n0: Selection = 100,
    n: Annotated[int, typer.Option(help="Samples that bound its mean score.")] = 10_000,
) -> None:
    """Votes and softmax scores on the same noisy images: what the soft smoothed classifier is certified by."""
    from resmooth.measure import run, scores

    measurement = scores.scores(task.subject, n0, n)
    about = {key: measurement.identity[key] for key in ("noise", "dim", "sigma", "seed")}
    storage.write_table(task.out, run(measurement, task.state, task.progress("scores")).assign(**about))


@measuring
def draws(
    task: Task,
    n: Annotated[int, typer.Option(help="Noisy copies of each image.")] = 1000,
    patches: Patches = "",
    sub_videos: SubVideos = "",
) -> None:
    """The scores of every noisy copy of a few images, of each member or of each reduction over patches: for histograms."""
    from resmooth.measure import draws, run

    storage.write_table(task.out, run(draws.draws(task.subject, n), task.state, task.progress("draws")))


@measuring
def ddrs(
    task: Task,
    iterations: Annotated[int, typer.Option(help="Steps of the ascent, which starts at --sigma.")] = 100,
    learning_rate: Annotated[float, typer.Option(help="Its step size.")] = 1e-4,
    samples: Annotated[int, typer.Option(help="Noise draws to a step.")] = 1,
    n0: Selection = 100,
    n: Annotated[int, typer.Option(help="Samples that bound its probability.")] = 100_000,
    alpha: Alpha = 0.001,
) -> None:
    """Data-dependent smoothing, a baseline: optimise sigma for each image. Its radii are claims, not certificates.

    Takes one member. The memory-based rule goes through the images in the order of their numbers and begins empty at START.
    """
    from resmooth.classifiers.checkpoint import load_model
    from resmooth.measure import ddrs

    if len(task.members) != 1:
        raise ValueError(f"ddrs optimises sigma for one network, got {len(task.members)}; give --members once")
    if task.out.suffix != ".tsv":
        raise ValueError(f"{task.out}: name a file that ends in .tsv")
    network, _ = load_model(task.members[0], task.subject.smoothed.device)  # the one that samples has no gradients
    search = {"iterations": iterations, "learning_rate": learning_rate, "samples": samples}
    reports = task.progress("ddrs sigma"), task.progress("ddrs claims")
    frame = ddrs.ddrs(task.subject, network, task.state, task.sigma, n0, n, alpha, reports, **search)
    storage.write_table(task.out, frame)
