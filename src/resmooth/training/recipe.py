"""A recipe: every hyper-parameter of a training run, in one place. Reading one needs no torch; checking one does."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

PRECISIONS = ("float32", "bfloat16")
Limit = tuple[Callable[[Any], bool], str]  # a check, and what a value must be


def _whole(lowest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= lowest


def _number(valid: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and math.isfinite(value) and valid(value)


_flag: Limit = (lambda value: type(value) is bool, "true or false")
LIMITS: dict[str, Limit] = {  # by field; numbers as YAML writes them: 0.001 or 1.0e-3, not 1e-3
    "options": (lambda value: type(value) is dict, "a mapping"),
    "epochs": (_whole(1), "a whole number of at least 1"),
    "batch_size": (_whole(1), "a whole number of at least 1"),
    "learning_rate": (_number(lambda value: value > 0), "a positive number such as 0.1 or 1.0e-3"),
    "momentum": (_number(lambda value: 0 <= value < 1), "a number from 0 to below 1"),
    "weight_decay": (_number(lambda value: value >= 0), "a number of at least 0 such as 0.0001 or 1.0e-4"),
    "gamma": (_number(lambda value: value > 0), "a positive number"),
    "schedule": (lambda value: value in ("steps", "cosine"), "steps or cosine"),
    "milestones": (lambda value: type(value) is tuple and all(map(_whole(0), value)), "a list of epochs"),
    "crop": (_whole(0), "a whole number of pixels"),
    "resize": (_whole(0), "a whole number of pixels"),
    "chunk": (_whole(0), "a whole number of frames"),
    "noise_steps": (_whole(0), "a whole number of steps"),
    "noise_every": (_whole(1), "a whole number of epochs, at least 1"),
    "steps_per_batch": (_whole(1), "a whole number of at least 1"),
    "precision": (lambda value: value in PRECISIONS, " or ".join(PRECISIONS)),
    "nesterov": _flag,
    "flip": _flag,
    "channels_last": _flag,
}


_positive, _not_negative = _number(lambda value: value > 0), _number(lambda value: value >= 0)
OPTIONS: dict[str, Limit] = {  # the options of all objectives and attacks, whose names agree
    "noises": LIMITS["epochs"],
    "steps": LIMITS["epochs"],
    "warmup": LIMITS["epochs"],
    "deferred": (_whole(0), "a whole number of epochs"),
    "lbd": (_not_negative, "a number of at least 0"),
    "eta": (_not_negative, "a number of at least 0"),
    "gamma": (_positive, "a positive number"),
    "beta": (_positive, "a positive number"),
    "alpha": (_positive, "a positive number"),
    "epsilon": (_positive, "a positive number, in units of the [0, 1] image: 512/256 is 2.0"),
    "max_norm": (lambda value: value is None or _positive(value), "a positive number"),
    "mix_step": (lambda value: type(value) is int and value in (0, 1), "0 or 1"),
    "train_on_all": _flag,
    "method": (lambda value: value in ("pgd", "ddn"), "pgd or ddn"),
    "reference": (lambda value: value in ("clean", "noisy"), "clean or noisy"),
    "attack": (lambda value: type(value) is dict, "a mapping with epsilon and steps"),
}


def check_options(options: Mapping[str, Any], function: Callable, known: int, where: str) -> None:
    """ValueError unless `options` are parameters of `function` after its first `known`, none missing, all within limits."""
    parameters = list(inspect.signature(function).parameters.values())[known:]
    names = [parameter.name for parameter in parameters]
    for name, value in options.items():
        if name not in names:
            raise ValueError(f"recipe: {where} has no option {name!r}; known: {', '.join(names) or 'none'}")
        valid, wanted = OPTIONS[name]
        if not valid(value):
            raise ValueError(f"recipe: option {name} of {where} must be {wanted}, got {value!r}")
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise ValueError(f"recipe: {where} needs the option {parameter.name!r}")


def at_sigma(values: Mapping[str, Any], sigma: float) -> dict[str, Any]:
    """The recipe `values` (a mapping) with the changes that its key `sigma` lists for this noise level; without its `source`.

    `sigma` maps noise levels to the keys that differ there; mappings (options and the attack in them) are merged, all else is
    replaced. ValueError if levels are listed and this one is not.
    """
    common = {name: value for name, value in values.items() if name != "source"}
    levels = common.pop("sigma", None)
    if levels is None:
        return common
    levels_known = isinstance(levels, dict) and levels and all(type(level) in (int, float) for level in levels)
    if not levels_known or not all(isinstance(changes, (dict, type(None))) for changes in levels.values()):
        raise ValueError(f"recipe: sigma must map noise levels to what differs there, got {levels!r}")
    for level, changes in levels.items():
        if level == sigma:
            return _merged(common, changes or {})
    raise ValueError(f"recipe: made for sigma {', '.join(map(str, levels))}, not {sigma:g}; add it under its key sigma")


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with `changes`; mappings in both are merged."""
    merged = dict(values)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with momentum; the defaults are those of Cohen et al. 2019 for CIFAR-10.

    method         objective, a name in `resmooth.training.objectives.OBJECTIVES`; `options` are its own parameters
    steps_per_batch  pieces of a batch, each for an optimiser step. The authors of SmoothAdv, Consistency and SmoothMix take m
                   pieces of batch_size / m images, each image with m noisy copies, at an unchanged learning rate
    schedule       "steps": the learning rate is multiplied by `gamma` at the `milestones` (epochs, from 0); "cosine": it falls
                   from epoch to epoch as half a cosine, to nearly 0 in the last one
    crop, flip     augmentation: random shift by at most `crop` pixels (zeros beyond the border); random mirror image
    resize         instead of the shift: make images so large and take a random patch of their own size, as Smooth-Reduce cuts
                   them (0: not)
    chunk          of clips: how many frames the network sees, at a random place of each clip in each step (0: images)
    noise_steps, noise_every  the noise grows from none to its whole level in so many equal steps, one each `noise_every` epochs
                   (0 steps: whole from the start)
    normalization  the network's first layer: standard (mean and deviation of the data), center (mean alone), none
    precision      float32, or bfloat16 for automatic mixed precision
    channels_last  memory layout of the network and the images
    """

    method: str = "gaussian"
    options: dict[str, Any] = field(default_factory=dict)
    epochs: int = 90
    batch_size: int = 400
    steps_per_batch: int = 1
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    schedule: str = "steps"
    milestones: tuple[int, ...] = (30, 60)
    gamma: float = 0.1
    crop: int = 0
    resize: int = 0
    chunk: int = 0
    noise_steps: int = 0
    noise_every: int = 1
    flip: bool = False
    normalization: str = "standard"
    precision: str = "float32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        from resmooth.models.layers import NORMALIZATIONS
        from resmooth.training.attacks import attack_smoothed
        from resmooth.training.objectives import OBJECTIVES

        if type(self.method) is not str or self.method not in OBJECTIVES:
            raise ValueError(f"recipe: unknown method {self.method!r}; known: {', '.join(OBJECTIVES)}")
        for name, (valid, wanted) in LIMITS.items():
            if not valid(getattr(self, name)):
                raise ValueError(f"recipe: {name} must be {wanted}, got {getattr(self, name)!r}")
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(f"recipe: normalization must be {', '.join(NORMALIZATIONS)}, got {self.normalization!r}")
        if self.schedule == "cosine" and (self.milestones, self.gamma) != (Recipe.milestones, Recipe.gamma):
            raise ValueError("recipe: milestones and gamma belong to the schedule steps, not to cosine")
        if self.crop and self.resize:
            raise ValueError("recipe: crop and resize both shift the images; choose one")
        if self.noise_steps * self.noise_every >= self.epochs:
            reached = self.noise_steps * self.noise_every
            raise ValueError(
                f"recipe: the noise is whole after {reached} epochs, and there are {self.epochs}; take fewer steps"
            )
        if self.nesterov and not self.momentum:
            raise ValueError("recipe: nesterov needs a momentum above 0")
        check_options(self.options, OBJECTIVES[self.method], 5, f"method {self.method}")
        if "attack" in self.options:
            check_options(self.options["attack"], attack_smoothed, 5, f"the attack of {self.method}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Recipe from a mapping of its fields. ValueError names an unknown field."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(f"recipe: unknown key {name!r}; known: {', '.join(known)}")
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON-able values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def learning_rate_in(self, epoch: int) -> float:
        """Learning rate of `epoch` (from 0)."""
        if self.schedule == "cosine":
            return self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        return self.learning_rate * self.gamma ** sum(epoch >= milestone for milestone in self.milestones)

    def noise_in(self, epoch: int) -> float:
        """Share of the noise level in `epoch` (from 0)."""
        return min(1.0, epoch // self.noise_every / self.noise_steps) if self.noise_steps else 1.0
