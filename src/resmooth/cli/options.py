"""Options and arguments that several commands share, as annotated types: one name, one help text."""

from pathlib import Path
from typing import Annotated, Optional

import typer

Output = Annotated[Path, typer.Option(help="Table to write (.parquet; of ddrs: .tsv).")]
Split = Annotated[Path, typer.Argument(help="Prepared split, e.g. results/digits/data/test.npz.")]
Start = Annotated[int, typer.Argument(help="First image number.")]
Stop = Annotated[int, typer.Argument(help="One past the last image number.")]
Step = Annotated[int, typer.Option(help="Take the image numbers divisible by this.")]
Selection = Annotated[int, typer.Option(help="Samples that select the class.")]
Seed = Annotated[int, typer.Option(help="Seed of the noise.")]
Bound = Annotated[str, typer.Option(help="clopper_pearson, or randomized: exact, by each image's stored uniform.")]
Alpha = Annotated[float, typer.Option(help="Error probability for each image.")]
Sigma = Annotated[float, typer.Option(help="Noise level, in units of the [0, 1] image.")]
NoiseName = Annotated[str, typer.Option(help="Noise: a family, and its parameters if any, e.g. laplace or 'exp1 k=2'.")]
Device = Annotated[str, typer.Option(help="auto (a free GPU, else the CPU), cpu, cuda or cuda:N.")]
Threads = Annotated[Optional[int], typer.Option(help="CPU threads (default: PyTorch's choice).")]
Members = Annotated[list[Path], typer.Option(help="Checkpoints of the members, in order; repeat the option.")]
State = Annotated[Optional[Path], typer.Option(help="Folder for partial progress (default: OUT.state).")]
Precision = Annotated[
    str, typer.Option(help="auto (bfloat16 where the hardware has it), float32, bfloat16 or int8 (CPU).")
]
Arithmetic = Annotated[str, typer.Option(help="float, or exact: noise on a grid, no rounding error, 8-bit images.")]
GpuMemory = Annotated[float, typer.Option(help="GiB of GPU memory to use at most (0: all there is).")]
Patches = Annotated[
    str, typer.Option(help="Smooth one network over patches: YAML, as `patches` in a config, of one noise_space.")
]
SubVideos = Annotated[
    str, typer.Option(help="Smooth one network over sub-videos: YAML, as `sub_videos` in a config, of one noise_space.")
]
BatchSize = Annotated[int, typer.Option(help="Noisy images to a forward pass (0: what fits); never changes the noise.")]
