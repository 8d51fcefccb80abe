"""Formulas of the sources that need no network: numpy and scipy only."""

from resmooth.theory import variance

__all__ = ["variance"]
