"""Turn counts into certificates."""

from pathlib import Path
from typing import Annotated

import typer

from resmooth import storage
from resmooth.cli.options import Alpha, Bound
from resmooth.cli.progress import say


def certify(
    counts: Annotated[list[Path], typer.Argument(help="All shards of one experiment.")],
    out: Annotated[Path, typer.Option(help="Folder for one <classifier>.tsv each.")],
    alpha: Alpha = 0.001,
    bound: Bound = "clopper_pearson",
    n: Annotated[int | None, typer.Option(help="Use the first N samples only (default: all).")] = None,
    norm: Annotated[
        float | None, typer.Option(help="Norm of the radii: 0, 1, 2 or inf (default: the noise's own).")
    ] = None,
) -> None:
    """Turn counts into certificates, one table for each classifier."""
    import numpy as np

    from resmooth import noise as noises
    from resmooth.noise.lifted import Lifted
    from resmooth.smoothing.certify import certify_from_counts

    if bound == "normal_approximation":
        say("normal_approximation is not a valid bound: its certificates hold nothing, they are for comparison")
    frame, facts = storage.read_counts(counts, n)
    distribution = noises.from_label(facts["noise"], facts["dim"], facts["sigma"], facts.get("arithmetic", "float"))
    norm = distribution.norm_or_own(norm)
    if distribution.exact and n is not None:
        raise ValueError(f"{distribution.name} noise counts all its {distribution.passes} copies; leave --n out")
    tables = {}
    for classifier, rows in frame.groupby("classifier", sort=False):
        sampled = np.stack(rows.counts0), np.stack(rows.counts)
        uniforms = rows.uniform if bound == "randomized" else None
        levels = rows.get(storage.LEVEL)
        noise = distribution
        if facts.get("lift", {}).get(classifier, "identity") != "identity":
            noise = Lifted(distribution, facts["lift"][classifier], facts["lipschitz"][classifier])
        result = certify_from_counts(*sampled, noise, alpha, norm, bound, uniforms, levels)
        tables[classifier] = result.to_frame(rows.label, rows.idx)
    for classifier, table in tables.items():
        storage.write_certificates(out / f"{classifier}.tsv", table)
