"""Smooth-Reduce and what it is compared with, on a run: certificates with the radius as published beside the certified one.

With noise on patches or on the resized image, CERTIFY's radius R = sigma Phi^-1(p_A) is one of the noisy input; the paper takes
it for one of the image. Certified for the image is R / L (`resmooth.noise.lifts`), the column `radius` of all certificates.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from resmooth.classifiers.names import aggregation_of, classifier_columns, patches_of
from resmooth.plan.patches import ROLES
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats import metrics
from resmooth.stats.intervals import from_error, paired_mean

if TYPE_CHECKING:
    from resmooth.plan import Experiment, Run

ONE = "one network"
CERTIFIED, PUBLISHED = "certified", "as published"
COLUMNS = {CERTIFIED: "certified", PUBLISHED: "claimed"}  # kind -> what an image adds to its ACR
PLACES = {"": "the image", "image": "the image", "resized": "the resized image", "patch": "each patch"}  # of the noise
PLACES_IN_CLIPS = {"": "the clip", "image": "the clip", "patch": "each sub-video"}
MAX, MEAN = "Smooth-Max", "Smooth-Mean"


class Case(NamedTuple):
    """What identifies a classifier in these tables: of k patches, or of k sub-videos of so many frames (of patches 0)."""

    base: str
    experiment: str
    sigma: float
    method: str
    space: str
    k: int
    frames: int = 0

    def __str__(self) -> str:
        """In words: "resnet8-gaussian, Smooth-Mean of 4, noise on the image, sigma 0.25"."""
        patches = f" of {self.k}, {noise_on(self.space)}" if self.k else ""
        return f"{self.base}, {self.method}{patches}, sigma {self.sigma:g}"


CASE = list(Case._fields)


def bases(run: Run) -> list[Experiment]:
    """The experiments whose first network Smooth-Reduce certifies, in the order of the config."""
    return [each for each in run.general if run.patched(each.name)]


def first_in_each_space(run: Run, base: Experiment) -> list[Experiment]:
    """The first experiment of Smooth-Reduce in each noise space that certifies the network of `base`."""
    return [each for each in run.patched(base.name) if each.role in ROLES]


def ends(sizes: set[int]) -> set[int]:
    """The smallest and the largest number of patches."""
    return {min(sizes), max(sizes)}


def smallest(sizes: set[int]) -> set[int]:
    """The smallest number of patches alone: 4 as in the paper, in the configs that come with the project."""
    return {min(sizes)}


def over_patches(
    run: Run,
    experiments: Iterable[Experiment],
    kinds: Iterable[str],
    pick: Callable[[set[int]], set[int]] = set,
    at: set[str] | None = None,
) -> list[str]:
    """Paths of the certificates of these reductions ("max", "mean"), of the numbers of patches that `pick` picks.

    At all levels of each experiment, or at those in `at`.
    """
    found = []
    for each in experiments:
        names = [name for name in each.classifiers if aggregation_of(name)[0] in set(kinds)]
        picked = pick({patches_of(name) for name in names}) if names else set()
        chosen = [name for name in names if patches_of(name) in picked]
        found += [run.paths.certificates(each.name, sigma, name) for sigma in _among(each, at) for name in chosen]
    return found


def _among(experiment: Experiment, at: set[str] | None) -> list[str]:
    """The levels of an experiment, or those of them in `at`."""
    return [sigma for sigma in experiment.sigmas if at is None or sigma in at]


def levels(experiments: Iterable[Experiment]) -> set[str]:
    """The noise levels of any of these experiments."""
    return {sigma for each in experiments for sigma in each.sigmas}


def single(run: Run, experiments: Iterable[Experiment], at: set[str] | None = None) -> list[str]:
    """Paths of the certificates of the first network of these experiments, at all their levels, or at those in `at`."""
    return [run.paths.certificates(each.name, sigma, "member-1") for each in experiments for sigma in _among(each, at)]


def ensemble(run: Run, experiment: Experiment, at: set[str] | None = None) -> list[str]:
    """Paths of the certificates of the mean scores of all its networks, at all levels or at those in `at`; none if it has one."""
    name = f"soft-{experiment.seeds}"
    return [
        run.paths.certificates(experiment.name, sigma, name) for sigma in _among(experiment, at) if experiment.seeds > 1
    ]


def read(run: Run, paths: Iterable[str]) -> pd.DataFrame:
    """The certificates in `paths`, one row for each image, with the columns of `Run.read_certificates` and these.

    base         the experiment whose networks they are of
    method       "one network", "ensemble of 5", "centre patch", "Smooth-Max", "Smooth-Mean" (as the paper has them), ...
    k            number of patches, 0 if none are cut
    resize       side of the resized image, 0 if none are cut or it is not resized
    layout       of the patches, "" if none are cut
    lipschitz    L; 1 where noise is on the image
    published    R, the radius that the paper would print; `radius` is R / L
    certified    what the image adds to the ACR: `radius` where the class is right, else 0
    claimed      the same of `published`
    evaluations  forward passes of one network that the certificate took: (n0 + n) times networks or patches
    """
    frame = run.read_certificates(paths)
    frame["lipschitz"] = frame["lipschitz"].fillna(1.0) if "lipschitz" in frame else 1.0
    about = {each.name: each for each in run.experiments.values()}
    frame["base"] = frame.experiment.map({name: each.base for name, each in about.items()})
    frame["method"] = [_method(kind, number) for kind, number in zip(frame.aggregation, frame.members, strict=True)]
    frame["k"] = frame.patches
    frame["resize"] = frame.experiment.map({name: each.patches.get("resize", 0) for name, each in about.items()})
    cut = {name: each.patches.get("layout", "corners") if each.patches else "" for name, each in about.items()}
    frame["layout"] = frame.experiment.map(cut)
    return scored(frame)


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the last four columns of `read`, by its columns radius, lipschitz, correct, n0, n, members and k."""
    published, spent = frame.radius * frame.lipschitz, (frame.n0 + frame.n) * np.maximum(frame.members, frame.k)
    frame = frame.assign(published=published, certified=frame.radius * frame.correct)
    return frame.assign(claimed=frame.published * frame.correct, evaluations=spent)


def _method(aggregation: str, members: int) -> str:
    """The name of a classifier in tables and legends."""
    names = {"member": ONE, "centre": "centre patch", "max": MAX, "mean": MEAN}
    names |= {"max_logits": "Smooth-Max of logits", "mean_softmax": "Smooth-Mean of softmax"}
    return names.get(aggregation) or f"ensemble of {members}"


def averages(frame: pd.DataFrame) -> pd.DataFrame:
    """The table of averages of each classifier (CASE), `kind` certified and, where L > 1, as published.

    ACR over all images and over the correct ones (`acr_all`, `acr_correct`, each with `_low` and `_high`, 95 % over images),
    accuracy (clean, of the smoothed classifier) and abstention (shares, with 95 % intervals), lipschitz, evaluations, images.
    """
    rows = []
    for case, part in frame.groupby(CASE, sort=False):
        for kind in (CERTIFIED, PUBLISHED) if part.lipschitz.iloc[0] > 1 else (CERTIFIED,):
            table = part if kind == CERTIFIED else part.assign(radius=part.published)
            row = dict(zip(CASE, case)) | {"kind": kind}
            for over in ("all", "correct"):
                estimate = from_error(metrics.acr(table, over), metrics.acr_se(table, over))
                row |= dict(zip((f"acr_{over}", f"acr_{over}_low", f"acr_{over}_high"), estimate))
            for name, flags in (("accuracy", part.correct == 1), ("abstention", part.predict == -1)):
                low, high = clopper_pearson(flags.sum(), len(flags), 0.05, side="both")
                row |= {name: flags.mean(), f"{name}_low": float(low), f"{name}_high": float(high)}
            row |= {name: part[name].iloc[0] for name in ("lipschitz", "evaluations")}
            rows.append(row | {"images": len(part)})
    return pd.DataFrame(rows)


def named(classifier: str) -> str:
    """What tables call a classifier, by its name in files: "Smooth-Max" of "max-4"."""
    about = classifier_columns(classifier)
    return _method(about["aggregation"], about["members"])


def noise_on(space: str, clips: bool = False) -> str:
    """Where the noise is, in words: "noise on each patch"; of `clips`, "noise on each sub-video"."""
    return f"noise on {(PLACES_IN_CLIPS if clips else PLACES)[space]}"


def radii(frame: pd.DataFrame, column: str = "certified") -> pd.DataFrame:
    """`column` of every classifier, image by image: a table [images, classifiers], whose columns are tuples of CASE."""
    return frame.pivot(index="idx", columns=CASE, values=column).astype(float)


def beside_one(frame: pd.DataFrame, column: str = "certified") -> dict[Case, tuple[np.ndarray, np.ndarray]]:
    """`column` of each classifier over patches, and of one network of its base at the same level, image by image: two [N]."""
    table, found = radii(frame, column), {}
    for case in map(Case._make, table.columns):
        reference = Case(case.base, case.base, case.sigma, ONE, "", 0)
        if case.k and reference in table:
            both = table[[case, reference]].dropna()
            found[case] = both[case].to_numpy(), both[reference].to_numpy()
    return found


def extremes(
    frame: pd.DataFrame, column: str, alike: Callable[[Case], Hashable], size: Callable[[Case], int]
) -> dict[tuple[Case, Case], tuple[np.ndarray, np.ndarray]]:
    """`column` of the classifiers with the largest and with the smallest size, image by image, by these two cases: two [N].

    Among all classifiers for which `alike` is the same, where they have two sizes; one for which it is None is left out.
    """
    table, found = radii(frame, column), {}
    groups: dict[Hashable, dict[int, Case]] = {}
    for case in map(Case._make, table.columns):
        if (key := alike(case)) is not None:
            groups.setdefault(key, {})[size(case)] = case
    for sizes in groups.values():
        most, fewest = sizes[max(sizes)], sizes[min(sizes)]
        if most != fewest:
            both = table[[most, fewest]].dropna()
            found[most, fewest] = both[most].to_numpy(), both[fewest].to_numpy()
    return found


def against_one(frame: pd.DataFrame, column: str = "certified") -> pd.DataFrame:
    """ACR (over all images) of each classifier over patches less that of one network of its base at the same level.

    column: "certified" or "claimed". Paired over the images, networks fixed; value, low and high are the 95 % interval, one the
    ACR of the network.
    """
    rows = []
    for case, (reduced, one) in beside_one(frame, column).items():
        estimate = paired_mean(reduced - one)
        rows.append(case._asdict() | estimate._asdict() | {"one": one.mean(), "images": len(one)})
    columns = [*CASE, "value", "low", "high", "one", "images"]
    return pd.DataFrame(rows, columns=columns)


def curves(frame: pd.DataFrame, points: int = 160) -> pd.DataFrame:
    """Certified accuracy [%] of each classifier against the radius, certified and, where L > 1, as published; 95 % intervals."""
    parts = []
    for _, level in frame.groupby("sigma", sort=True):
        grid = np.linspace(0, 1.04 * level.published.max(), points)
        for case, part in level.groupby(CASE, sort=False):
            for kind in (CERTIFIED, PUBLISHED) if part.lipschitz.iloc[0] > 1 else (CERTIFIED,):
                accuracy = accuracies(part, grid, kind)
                parts.append(accuracy.assign(**dict(zip(CASE, case)), kind=kind))
    return pd.concat(parts, ignore_index=True)


def accuracies(part: pd.DataFrame, grid: np.ndarray, kind: str = CERTIFIED) -> pd.DataFrame:
    """Certified accuracy [%] of one classifier at the radii `grid`, with 95 % Clopper-Pearson intervals at each by itself."""
    table = part if kind == CERTIFIED else part.assign(radius=part.published)
    accuracy = metrics.certified_accuracy(table, grid)
    low, high = clopper_pearson(np.round(accuracy * len(part)).astype(int), len(part), 0.05, side="both")
    return pd.DataFrame({"radius": grid, "accuracy": 100 * accuracy, "low": 100 * low, "high": 100 * high})
