"""Claims of the sources against evidence: published logs, exact formulas, and what a run found.

The public names load on first use, so that an exhibit which only needs `resmooth.audit.findings` does not import the rest.
"""

from importlib import import_module
from typing import Any

_OBJECTS = {
    "acr_bounds": "checks",
    "at_alpha": "checks",
    "fitted_alpha": "checks",
    "radius_ceiling": "checks",
    "read_claims": "claims",
    "VERDICTS": "published",
    "audit_claims": "published",
    "fetch": "logs",
    "gather_logs": "logs",
    "read_log": "logs",
    "read_logs_table": "logs",
    "check_verdicts": "evidence",
    "join": "evidence",
    "read_published": "evidence",
}
__all__ = [*_OBJECTS, "read_findings"]


def __getattr__(name: str) -> Any:
    if name == "read_findings":
        return import_module("resmooth.audit.findings").read
    if name in _OBJECTS:
        return getattr(import_module(f"resmooth.audit.{_OBJECTS[name]}"), name)
    raise AttributeError(f"module 'resmooth.audit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
