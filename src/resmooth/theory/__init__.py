"""Formulas of the sources that need no network: numpy and scipy only."""

from importlib import import_module
from types import ModuleType

__all__ = ["abstention", "limits", "loss_bias", "masks", "prediction", "recipes", "regions", "variance"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"resmooth.theory.{name}")
    raise AttributeError(f"module 'resmooth.theory' has no attribute '{name}'")
