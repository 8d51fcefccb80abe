"""resmooth: replicate and audit randomized smoothing, end to end.

The public names below load on first use, so that a notebook which only needs `bounds` or `metrics` never imports torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "noise": "resmooth.noise",
    "models": "resmooth.models",
    "datasets": "resmooth.datasets",
    "metrics": "resmooth.stats.metrics",
    "stats": "resmooth.stats",
    "storage": "resmooth.storage",
    "patches": "resmooth.classifiers.patches",
    "bounds": "resmooth.smoothing.bounds",
    "sequential": "resmooth.smoothing.sequential",
    "transfer": "resmooth.smoothing.transfer",
    "idrs": "resmooth.smoothing.idrs",
    "ddrs": "resmooth.measure.ddrs",
    "plan": "resmooth.plan",
    "exhibits": "resmooth.exhibits",
    "theory": "resmooth.theory",
    "audit": "resmooth.audit",
    "training": "resmooth.training",
}
_OBJECTS = {
    "Smoothed": "resmooth.smoothing.smoothed",
    "Certificates": "resmooth.smoothing.certificates",
    "certify_from_counts": "resmooth.smoothing.certify",
    "predict_from_counts": "resmooth.smoothing.certify",
    "certify_scores": "resmooth.smoothing.soft",
    "certify_soft": "resmooth.measure.scores",
    "Ensemble": "resmooth.classifiers.ensemble",
    "Consensus": "resmooth.classifiers.consensus",
    "Patches": "resmooth.classifiers.patches",
    "SubVideos": "resmooth.classifiers.video",
    "Video": "resmooth.classifiers.video",
}
__all__ = [*_MODULES, *_OBJECTS]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _OBJECTS:
        return getattr(import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'resmooth' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
