"""A recipe: every hyper-parameter of a training run, in one place."""

import inspect
import math
from dataclasses import asdict, dataclass, field, fields

from resmooth.training import OBJECTIVES


def _whole(lowest):
    return lambda value: type(value) is int and value >= lowest


def _number(valid):
    return lambda value: type(value) in (int, float) and math.isfinite(value) and valid(value)


_flag = (lambda value: type(value) is bool, "true or false")
LIMITS = {  # field -> (check, what it must be); numbers as YAML writes them: 0.001 or 1.0e-3, not 1e-3
    "options": (lambda value: type(value) is dict, "a mapping"),
    "epochs": (_whole(1), "a whole number of at least 1"),
    "batch_size": (_whole(1), "a whole number of at least 1"),
    "learning_rate": (_number(lambda value: value > 0), "a positive number such as 0.1 or 1.0e-3"),
    "momentum": (_number(lambda value: 0 <= value < 1), "a number from 0 to below 1"),
    "weight_decay": (_number(lambda value: value >= 0), "a number of at least 0 such as 0.0001 or 1.0e-4"),
    "gamma": (_number(lambda value: value > 0), "a positive number"),
    "milestones": (lambda value: type(value) is tuple and all(map(_whole(0), value)), "a list of epochs"),
    "crop": (_whole(0), "a whole number of pixels"),
    "nesterov": _flag,
    "flip": _flag,
    "channels_last": _flag,
}


def objective_options(method):
    """Names of the parameters that an objective has besides (model, images, labels, draw, epoch)."""
    return list(inspect.signature(OBJECTIVES[method]).parameters)[5:]


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with momentum and a step schedule; the defaults are those of Cohen et al. 2019 for CIFAR-10.

    method         objective, a name in `resmooth.training.OBJECTIVES`; `options` are its own parameters
    milestones     epochs (from 0) at which the learning rate is multiplied by `gamma`
    crop, flip     augmentation: random shift by at most `crop` pixels (zeros beyond the border); random mirror image
    precision      float32, or bfloat16 for automatic mixed precision
    channels_last  memory layout of the network and the images
    """

    method: str = "gaussian"
    options: dict = field(default_factory=dict)
    epochs: int = 90
    batch_size: int = 400
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    milestones: tuple = (30, 60)
    gamma: float = 0.1
    crop: int = 0
    flip: bool = False
    precision: str = "float32"
    channels_last: bool = False

    def __post_init__(self):
        if self.method not in OBJECTIVES:
            raise ValueError(f"recipe: unknown method {self.method!r}; known: {', '.join(OBJECTIVES)}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"recipe: precision must be float32 or bfloat16, got {self.precision!r}")
        for name, (valid, wanted) in LIMITS.items():
            if not valid(getattr(self, name)):
                raise ValueError(f"recipe: {name} must be {wanted}, got {getattr(self, name)!r}")
        for name in self.options:
            if name not in objective_options(self.method):
                raise ValueError(f"recipe: method {self.method} has no option {name!r}")

    @classmethod
    def from_dict(cls, values):
        """Recipe from a mapping of its fields. ValueError names an unknown field."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(f"recipe: unknown key {name!r}; known: {', '.join(known)}")
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

    def as_dict(self):
        """The recipe as JSON-able values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def learning_rate_in(self, epoch):
        """Learning rate of `epoch` (from 0)."""
        return self.learning_rate * self.gamma ** sum(epoch >= milestone for milestone in self.milestones)
