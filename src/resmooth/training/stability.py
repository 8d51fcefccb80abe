"""Stability training (Li et al. 2019, section 4.2; options as in jh-jeong/smoothing-consistency)."""

from torch.nn import functional as F


def objective(model, images, labels, draw, epoch, lbd=2.0):
    r"""Mean of :math:`\mathrm{CE}(f(x), y) + \lambda\, H(\mathrm{softmax} f(x), \mathrm{softmax} f(x + \delta))`.

    The first term sees the clean image; H(p, q) = -sum p log q, and the gradient flows through its target p too.
    Arguments and result as in objectives.py; scores [B, K] are those of the noisy images. lbd: :math:`\lambda`.
    """
    clean, noisy = model(images).float(), model(images + draw(images)).float()
    stability = -(clean.softmax(dim=1) * F.log_softmax(noisy, dim=1)).sum(dim=1).mean()
    return F.cross_entropy(clean, labels) + lbd * stability, noisy
