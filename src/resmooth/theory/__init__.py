"""Formulas of the sources that need no network: numpy and scipy only."""

from importlib import import_module


def __getattr__(name):
    if name == "variance":
        return import_module("resmooth.theory.variance")
    raise AttributeError(f"module 'resmooth.theory' has no attribute '{name}'")
