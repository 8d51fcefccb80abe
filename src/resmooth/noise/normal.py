"""Gaussian noise, the one of Cohen et al. 2019: certifies l2 perturbations, tightly."""

import math

from scipy import special

from resmooth.noise.base import Noise


class Normal(Noise):
    r"""Independent coordinates with density :math:`\exp(-z^2 / 2\lambda^2) / (\lambda \sqrt{2 \pi})`; sigma = lambda (match=2).

    Per coordinate :math:`E|z| = \lambda \sqrt{2/\pi}` and :math:`E z^2 = \lambda^2`.
    """

    name = "normal"
    unit_mean_abs = math.sqrt(2 / math.pi)
    unit_mean_square = 1.0

    def sample_unit(self, shape, generator, device, dtype):
        import torch

        return torch.randn(shape, generator=generator, device=device, dtype=dtype)

    def unit_radius(self, tail, norm):
        r"""l2: :math:`\Phi^{-1}(p)` (Cohen et al. 2019, theorem 1). The same value holds in l1, whose ball lies inside;

        in linf :math:`\Phi^{-1}(p) / \sqrt d`, since :math:`|\delta|_2 \le \sqrt d\, |\delta|_\infty`. All three are tight.
        """
        if norm in (1, 2):
            return -special.ndtri(tail)
        if norm == math.inf:
            return -special.ndtri(tail) / math.sqrt(self.dim)
        return super().unit_radius(tail, norm)
