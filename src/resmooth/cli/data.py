"""Prepare data sets."""

from pathlib import Path
from typing import Annotated

import typer

from resmooth.cli.environment import mirror_folder


def data(
    name: Annotated[
        str, typer.Argument(help="digits, mnist, cifar10, imagenet, moving_digits, ucf101, or clips: your own.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where to write train.npz, test.npz and manifest.json.")],
    data_dir: Annotated[
        Path, typer.Option(help="Where downloads are kept, and your links to ImageNet, UCF-101 or clips.")
    ] = Path("data"),
    classes: Annotated[
        int | None, typer.Option(help="Classes of your subset of imagenet or ucf101 (default: all), or of your clips.")
    ] = None,
) -> None:
    """Prepare a data set. RESMOOTH_MIRROR, if set, names a folder with an offline copy."""
    from resmooth import datasets

    datasets.prepare(name, folder, data_dir, mirror_folder(), classes)
