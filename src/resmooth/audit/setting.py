"""Decide whether a run repeats the experiment behind a printed number, and say what differs if it does not.

A run repeats the source's experiment if data set, images, architecture, training method, recipe, noise, sigma, n and alpha are
the same.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resmooth.plan import image_numbers

if TYPE_CHECKING:
    from resmooth.plan import Case, Run

TRAINED = {  # a method in a source's words, lower case -> (training, noise)
    "gaussian": ("gaussian", "normal"),
    "stability": ("stability", "normal"),
    "consistency": ("consistency", "normal"),
    "smoothadv": ("smoothadv", "normal"),
    "macer": ("macer", "normal"),
    "smoothmix": ("smoothmix", "normal"),
    "smoothadv (salman et al., 2019)": ("smoothadv", "normal"),
    "macer (zhai et al., 2020)": ("macer", "normal"),
    "smoothmix (jeong et al., 2021)": ("smoothmix", "normal"),
    "laplace (teng et al.)": ("gaussian", "laplace"),
    "uniform": ("gaussian", "uniform"),
    "uniform + stability": ("stability", "uniform"),
}
PUBLISHED = {  # name of a published recipe (config/recipes/<data set>/) -> training, where that is not the name itself
    "gaussian_cohen": "gaussian",
    "gaussian_ensembles": "gaussian",
    "rs4a": "gaussian",
    "rs4a_stability": "stability",
    "smoothadv_pgd": "smoothadv",
}


def matching(claim: Mapping, run: "Run") -> "Case | None":
    """The case of `run` that is the experiment of a printed number (the first, if there are several); None if none is."""
    wanted = _of_claim(claim)
    return next((case for case in _cases(run) if _of_case(case, claim, run) == wanted), None)


def _cases(run: "Run") -> list["Case"]:
    """All cases but those that the comparison of input-dependent smoothing adds."""
    return [case for case in run.cases if not case.experiment.role]


def differences(claim: Mapping, run: "Run") -> list[str]:
    """What differs between the experiment of a printed number and every case of `run`, in words; empty where nothing does."""
    wanted = _of_claim(claim)
    cases = [_of_case(case, claim, run) for case in _cases(run)]
    names = [name for name in wanted if not any(case[name] == wanted[name] for case in cases)]
    if "dataset" in names:
        names = [name for name in names if name not in ("images", "recipe")]  # they go without saying
    words = [_words(name, wanted[name], [case[name] for case in cases]) for name in names]
    if not words and wanted not in cases:
        nearest = max(cases, key=lambda case: sum(case[name] == wanted[name] for name in wanted))
        off = [_words(name, wanted[name], [nearest[name]]) for name in wanted if nearest[name] != wanted[name]]
        words = ["no experiment has it all together: the nearest has " + " and ".join(off)]
    return words


def _of_claim(claim: Mapping) -> dict:
    """What a printed number was measured on; None for what the source does not say."""
    training, noise = TRAINED.get(claim["method"].lower(), (claim["method"], "normal"))
    return {
        "dataset": claim["dataset"],
        "images": images(claim["subset"]),
        "architecture": claim["arch"] or None,
        "training": training,
        "bound": "clopper_pearson",
        "recipe": "published",
        "noise": noise,
        "sigma": None if math.isnan(claim["sigma"]) else float(claim["sigma"]),
        "members": members(claim),
        "n": None if math.isnan(claim["n"]) else int(claim["n"]),
        "alpha": None if math.isnan(claim["alpha"]) else float(claim["alpha"]),
    }


def _of_case(case: "Case", claim: Mapping, run: "Run") -> dict:
    """The same of one case of `run`."""
    about, sample, certify = case.experiment, run.config["sample"], run.config["certify"]
    recipe = run.config["recipes"][about.recipe]
    own = not isinstance(recipe, str) or not recipe.startswith(f"{run.dataset}/")
    return {
        "dataset": run.dataset,
        "images": of_run(run),
        "architecture": about.architecture,
        "training": about.method if own else PUBLISHED.get(Path(recipe).name, Path(recipe).name),
        "bound": certify.get("bound", "clopper_pearson"),
        "recipe": "own" if own else "published",
        "noise": about.noise,
        "sigma": case.level,
        "members": min(members(claim), about.seeds),
        "n": int(certify.get("n", sample["n"])),
        "alpha": float(certify["alpha"]),
    }


def images(subset: str) -> tuple[str, range] | None:
    """The images of `test 0-50000 step 100`, as (split, their numbers); None for an empty text, and for one that says more."""
    try:
        split, ends, word, every = subset.split()
        start, stop = map(int, ends.split("-"))
        step = int(every)
    except ValueError:
        return None
    return (split, image_numbers(start, stop, step)) if word == "step" else None


def of_run(run: "Run") -> tuple[str, range]:
    """The images that a run certifies: (split, their numbers)."""
    return run.config["sample"]["split"], run.images


def members(claim: Mapping) -> int:
    """How many networks a printed number is of."""
    return 1 if math.isnan(claim["k"]) else int(claim["k"])


# --- in words

UNSAID = {
    "images": "the source does not say on which images, or they are others",
    "architecture": "the source does not say which architecture",
    "sigma": "the best over this run's noise levels instead of the source's",
    "n": "the source does not say its n",
    "alpha": "the source does not say its alpha",
}

ABSENT = {
    "training": "no training by {}",
    "noise": "no {} noise",
    "sigma": "no sigma = {}",
}  # a run may have too many to list


def _words(name: str, wanted: Any, here: list) -> str:
    """One difference, as "digits instead of imagenet"."""
    if wanted is None:
        return UNSAID[name]
    if name == "recipe":
        return "recipes of its own instead of the published ones"
    if name == "images":
        return f"{' and '.join(sorted({_subset(each) for each in here}))} instead of {_subset(wanted)}"
    if name == "members":
        return f"{in_a_row(here)} networks at most instead of an ensemble of {wanted}"
    if name in ABSENT:
        return ABSENT[name].format(_shown(wanted))
    prefix = f"{name} = " if name in ("n", "alpha") else ""
    return f"{prefix}{in_a_row(here)} instead of {_shown(wanted)}"


def _subset(part: tuple[str, range] | None) -> str:
    if part is None:
        return "images of an unknown choice"
    split, numbers = part
    share = "all" if numbers.step == 1 else f"1 in {numbers.step}"
    return f"{len(numbers):,} {split} images ({share} of {numbers.start:,} to {numbers.stop - 1:,})"


def in_a_row(values: Iterable) -> str:
    """Values without repetition, in words: "a, b and c"."""
    shown = [_shown(value) for value in dict.fromkeys(values)]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
