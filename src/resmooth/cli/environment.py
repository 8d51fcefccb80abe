"""The environment: the offline mirror, and the versions and device that determine the numbers of a result."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def mirror_folder() -> Path | None:
    """The folder that RESMOOTH_MIRROR names, or None. FileNotFoundError if it does not exist."""
    name = os.environ.get("RESMOOTH_MIRROR")
    if name and not Path(name).is_dir():
        raise FileNotFoundError(f"RESMOOTH_MIRROR names {name}, which is no folder; assemble the mirror, or unset it")
    return Path(name) if name else None


def git_revision() -> str:
    """Revision of the working tree that runs, with "+changes" if it differs; "unknown" outside git."""
    here = Path(__file__).parent
    try:
        described = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"]
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def package_versions() -> dict[str, str]:
    """Versions of what decides the numbers; "not installed" of this package, where it runs from a checkout."""

    def version_of(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    names = ("resmooth", "torch", "numpy", "scipy")
    return {"python": platform.python_version()} | {name: version_of(name) for name in names}


def device_name(device: torch.device) -> str:
    """Name of the device for a manifest."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
