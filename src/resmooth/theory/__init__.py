"""Formulas of the sources that need no network: numpy and scipy only."""

from resmooth.theory import loss_bias, variance

__all__ = ["loss_bias", "variance"]
