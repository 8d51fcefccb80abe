"""Training base classifiers under noise: one loop (loop.py), one objective in each other file."""

from resmooth.training import gaussian

OBJECTIVES = {"gaussian": gaussian.objective}
