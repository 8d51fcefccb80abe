"""Prepare data sets."""

from pathlib import Path
from typing import Annotated

import typer

from resmooth.cli.environment import mirror_folder


def data(
    name: Annotated[str, typer.Argument(help="digits, mnist, cifar10, imagenet or moving_digits.")],
    folder: Annotated[Path, typer.Argument(help="Where to write train.npz, test.npz and manifest.json.")],
    data_dir: Annotated[Path, typer.Option(help="Where downloads are kept, and your link to ImageNet.")] = Path("data"),
    classes: Annotated[int | None, typer.Option(help="Classes of your subset of imagenet (default: all 1000).")] = None,
) -> None:
    """Prepare a data set. RESMOOTH_MIRROR, if set, names a folder with an offline copy."""
    from resmooth import datasets

    datasets.prepare(name, folder, data_dir, mirror_folder(), classes)
