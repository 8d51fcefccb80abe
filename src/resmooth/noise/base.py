"""What every noise family shares: scaling to a level sigma, sampling, and turning a probability into a radius."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex

import numpy as np

if TYPE_CHECKING:  # the package loads without torch, and draws with it
    import torch
    from numpy.typing import ArrayLike

PIECE = 2**16  # numbers to a piece of a draw
KINDS = ("Gaussian", "independent coordinates", "radial", "splitting", "masking")  # in the order of tables


class Noise:
    r"""Zero-mean noise on :math:`R^d`, a fixed unit distribution times `scale`.

    A family defines, at scale 1: `unit_mean_abs` (E|z_i|), `unit_mean_square` (E z_i^2), `sample_unit` and `unit_radius`.
    Give either `sigma` with `match` (1: E|z|_1 / d = sigma, 2: E|z|_2^2 / d = sigma^2) or `scale`, never both.

    `norms` are those for which the family has a certificate of its own, its native norm first; in the others (of l1, l2, linf)
    `radius` takes the best that follows from these. `shape_parameters` names the family's own parameters, which are attributes.

    `slack` bounds the total variation distance between the noise that is drawn and the ideal noise of the certificate, which
    subtracts it from the probability. It is 0 in "float" arithmetic, which ignores rounding errors.

    **The protocol.** Code that smooths, counts or trains calls these methods and need not know the kind of noise. The table
    gives the default answers, and those of families whose noise is not simply drawn and added:

    levels(images)                          None: all images share `sigma`      idrs: sigma(x) of each
    for_image(image, level)                 the noise of this image             idrs: normal noise of its level
    next_copies(image, start, count, ...)   drawn afresh                        dssn: the next in order, all of them in turn
    sample_sizes(n0, n)                     as asked                            dssn: (0, all copies)
    exact                                   False: probabilities are bounded    dssn: True: they are known, `radius_from_counts`
    check_sequential()                      nothing                             dssn, idrs: ValueError
    on(reference), facts()                  itself; what identifies it          idrs: bound to its reference images; their hash

    **For tables** (`resmooth.noise.table`): `kind`, one of KINDS; `summary`, one line on what the noise is; `parameters`, what
    each of its parameters means, by name; `level`, what sigma is where it is not the root mean square of a coordinate.
    """

    name: ClassVar[str]
    kind: ClassVar[str] = "independent coordinates"
    summary: ClassVar[str]
    parameters: ClassVar[dict[str, str]] = {}
    level: ClassVar[str] = ""
    unit_mean_abs: float
    unit_mean_square: float
    norms: tuple[float, ...]
    shape_parameters: tuple[str, ...] = ()
    additive: ClassVar[bool] = True  # False where what is added depends on the image
    input_dependent: ClassVar[bool] = False  # True where each image has a level of its own
    passes: int | None = None  # copies that make up the whole law of deterministic noise; None where they are drawn
    lift, lipschitz = (
        "identity",
        1.0,
    )  # of what is smoothed after a linear map (`resmooth.noise.lifts`): its label and norm
    arithmetic = "float"
    grid: Any = None  # steps to 1, in "exact" arithmetic
    slack = 0.0

    def __init__(self, dim: int, sigma: float | None = None, scale: float | None = None, match: int = 2) -> None:
        if not hasattr(dim, "__index__") or dim < 1:
            raise ValueError(f"dim must be a whole number of at least 1, got {dim!r}")
        if (sigma is None) == (scale is None):
            raise ValueError(f"{self.name} noise needs exactly one of sigma and scale")
        if match not in (1, 2):
            raise ValueError(f"match must be 1 (mean absolute value) or 2 (mean square), got {match!r}")
        level = "sigma" if scale is None else "scale"
        value: Any = sigma if scale is None else scale
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{level} must be a positive number, got {value}")
        unit_level = self.unit_mean_abs if match == 1 else math.sqrt(self.unit_mean_square)
        if scale is None and not math.isfinite(unit_level):
            raise ValueError(
                f"{self.name} noise with these parameters has no finite sigma (match={match}); give its scale"
            )
        self.dim, self.match = int(dim), match
        self.scale = float(value if sigma is None else value / unit_level)
        self.sigma = float(self.scale * unit_level if sigma is None else sigma)

    @property
    def mean_abs(self) -> float:
        """E|z_i| per coordinate, exact."""
        return self.scale * self.unit_mean_abs

    @property
    def mean_square(self) -> float:
        """E z_i^2 per coordinate, exact."""
        return self.scale**2 * self.unit_mean_square

    @property
    def label(self) -> str:
        """Name and parameters but for dim and sigma, as `resmooth.noise.parse` reads them: "exp1 k=2"."""
        values = {name: getattr(self, name) for name in self.shape_parameters}
        if self.match != 2:
            values["match"] = self.match
        if self.arithmetic != "float":
            values["arithmetic"] = self.arithmetic
        return " ".join([self.name, *(f"{name}={value}" for name, value in values.items())])

    @property
    def exact(self) -> bool:
        """Whether all copies are counted, so that class probabilities are known and need no confidence bound."""
        return self.passes is not None

    def facts(self) -> dict[str, Any]:
        """What identifies this noise, JSON-able: stored with everything that was sampled under it."""
        about = {"noise": self.label, "sigma": self.sigma, "scale": self.scale, "dim": self.dim}
        return about | {"arithmetic": self.arithmetic}

    def on(self, reference: ArrayLike | torch.Tensor, device: str | torch.device = "cpu") -> Self:
        """This noise with these reference images [M, C, H, W], which decide its levels; itself if levels depend on no image."""
        return self

    def levels(
        self,
        images: ArrayLike | torch.Tensor,
        without_itself: bool = False,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray | None:
        """The level of each of `images` [N, C, H, W], float64 [N], if it depends on the image; None if all share `sigma`."""
        return None

    def for_image(self, image: torch.Tensor, level: float | None = None) -> Noise:
        """The noise for one `image` [C, H, W]; `level`: the image's own, from `levels`, if it is known already."""
        return self

    def next_copies(
        self, image: torch.Tensor, start: int, count: int, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """The noisy copies of one `image` after the first `start`, at most `count`: a fresh torch tensor [n, *image.shape]."""
        return self.noisy(image, count, generator)

    def sample_sizes(self, n0: int, n: int) -> tuple[int, int]:
        """(selection samples, estimation samples) that are counted when `n0` and `n` are asked for.

        ValueError unless those are whole numbers of at least 1.
        """
        return whole(n0), whole(n)

    def check_sequential(self) -> None:
        """ValueError unless copies are drawn at random, at one level for all images: sequential rules need this."""

    def sample(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        """Draw a torch tensor of `shape`, one noise vector for each entry of its first axis.

        ValueError if the remaining axes do not hold `dim` coordinates.
        """
        import torch

        self._fit(shape[1:])
        return self.sample_unit(tuple(shape), generator, device, dtype or torch.float32).mul_(self.scale)

    def noisy(self, image: torch.Tensor, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """`count` copies of one float `image`, each plus its own noise: a fresh torch tensor [count, *image.shape]."""
        return self.sample((count, *image.shape), generator, image.device, image.dtype).add_(image)

    def perturbation(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Noisy image minus image for each of `images` [B, ...], one draw each: a fresh torch tensor of their shape."""
        return self.sample(images.shape, generator, images.device, images.dtype)

    def radius(self, p: ArrayLike, norm: float) -> Any:
        """Certified radius in `norm` (0, 1, 2 or inf), in units of the image, where p bounds p_A from below.

        `p`: number or array in [0, 1]; returns float64 of the same shape, 0 where p <= 1/2. A certificate in one norm gives one
        in every other norm, for the largest ball inside; the best of these radii is returned. ValueError for p outside [0, 1];
        NotImplementedError names a norm for which this noise gives no certificate.
        """
        self.check_norm(norm)
        p = as_probability(p)
        tails, places = np.unique(np.minimum(1 - p, 0.5), return_inverse=True)
        factors = {known: inclusion(norm, known, self.dim) for known in self.norms}
        radii = [factor * self.unit_radius(tails, known) for known, factor in factors.items() if factor]
        best = self.scale * np.max(radii, axis=0)
        return np.where(p > 0.5, best[places].reshape(p.shape), 0.0)[()]

    def radius_from_counts(self, counts: ArrayLike, norm: float) -> np.ndarray:
        """Certified radii in `norm` by class counts [N, K] of all copies, of `exact` noise alone: float64 [N]."""
        raise NotImplementedError(f"copies of {self.name} noise are drawn: bound a probability, and give it to radius")

    def norm_or_own(self, norm: float | None) -> float:
        """`norm`, or for None the noise's own, its first. NotImplementedError if it gives no certificate in that norm."""
        norm = self.norms[0] if norm is None else norm
        self.check_norm(norm)
        return norm

    def check_norm(self, norm: float) -> None:
        """NotImplementedError if this noise gives no certificate in `norm`; ValueError if that is not 0, 1, 2 or inf."""
        if norm not in (0, 1, 2, math.inf):
            raise ValueError(f"norm must be 0, 1, 2 or inf, got {norm!r}")
        if not any(inclusion(norm, known, self.dim) for known in self.norms):
            raise NotImplementedError(f"no certificate in the l{norm:g} norm is known for {self.name} noise")

    def threshold(self, radius: float, norm: float) -> float:
        """The least lower bound on p_A that certifies `radius` in `norm`, slack included: a float in [1/2, 1].

        It is 1, which no finite sample reaches, where no number below 1 certifies the radius. ValueError for a negative radius.
        """
        if not radius >= 0:
            raise ValueError(f"radius must be a number of at least 0, got {radius}")
        fails, certifies = (
            0.5,
            1.0,
        )  # kept: elementwise.find_root ends 4 eps apart, not at the least float that certifies
        if self.radius(fails, norm) >= radius:
            certifies = fails
        while fails < (middle := (fails + certifies) / 2) < certifies:
            if self.radius(middle, norm) < radius:
                fails = middle
            else:
                certifies = middle
        return min(1.0, certifies + self.slack)

    def sample_unit(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None,
        device: str | torch.device | None,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        """Draw at scale 1: a fresh torch tensor of `shape`."""
        raise NotImplementedError

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        """Certified radius at scale 1 in one of `norms`, given `tail` = 1 - p: ascending array [N], between 0 and 1/2."""
        raise NotImplementedError

    def _fit(self, shape: tuple[int, ...]) -> None:
        if math.prod(shape) != self.dim:
            raise ValueError(f"noise of dimension {self.dim} does not fit images of shape {tuple(shape)}")


def whole(number: SupportsIndex, name: str = "the number of samples") -> int:
    """`number` as an int; ValueError unless it is a whole number of at least 1."""
    if not hasattr(number, "__index__") or operator.index(number) < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    return operator.index(number)


def as_probability(p: ArrayLike) -> np.ndarray:
    """`p` as a float64 array. ValueError unless all of it lies in [0, 1]."""
    p = np.asarray(p, dtype=float)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p must be a probability, between 0 and 1")
    return p


def cached_pieces(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Views of all of `tensor` [B, ...], in order, cut along its first axis: small enough to stay in a CPU's cache from one step
    of a draw to the next. On other devices it stays whole."""
    rows = PIECE // max(1, tensor[:1].numel()) if tensor.device.type == "cpu" else len(tensor)
    return tensor.split(max(1, rows))


def inclusion(norm: float, known: float, dim: int) -> float:
    r"""The factor c for which a ball of radius c R in `norm` lies in the ball of radius R in norm `known`; 0 if none is known.

    :math:`|x|_b \le |x|_a \le d^{1/a - 1/b} |x|_b` for :math:`a \le b` among 1, 2 and inf; l0 stands alone.
    """
    if norm == known:
        return 1.0
    if not {norm, known} <= {1, 2, math.inf}:
        return 0.0
    return 1.0 if norm < known else dim ** (1 / norm - 1 / known)
