"""A recipe: every hyper-parameter of a training run, in one place."""

from dataclasses import asdict, dataclass, field, fields

from resmooth.training import OBJECTIVES


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
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"recipe: {name} must be positive, got {getattr(self, name)}")

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
