"""Certificates: tab-separated tables that begin with the columns of the field's own logs."""

from pathlib import Path

import pandas as pd

from resmooth.storage.atomic import atomic

FIELD_COLUMNS = ["idx", "label", "predict", "radius", "correct", "time"]
CERTIFICATE_COLUMNS = [*FIELD_COLUMNS, "p_lower", "n_top", "n", "n0", "alpha", "sigma", "noise", "dim", "norm"]
NO_LIFT = {"lift": "identity", "lipschitz": 1.0}  # where noise is added to the image itself
CERTIFICATE_COLUMNS += NO_LIFT


def write_certificates(path: str | Path, frame: pd.DataFrame) -> None:
    """Write certificates as tab-separated text at full precision, columns CERTIFICATE_COLUMNS.

    `time` stays empty: certificates are a function of the counts alone, so that equal counts give equal files. The measured
    seconds of each image are in the counts file. Without the columns of a lift, `frame` is taken to have none.
    """
    frame = frame.assign(**{name: value for name, value in NO_LIFT.items() if name not in frame})
    with atomic(path) as temporary:
        frame[CERTIFICATE_COLUMNS].to_csv(temporary, sep="\t", index=False)


def read_certificates(path: str | Path) -> pd.DataFrame:
    """Read our certificates, or a per-image log of the field (its six columns). ValueError names file and line."""
    try:
        frame = pd.read_csv(path, sep="\t", dtype={"time": str})
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a table of certificates ({str(error).splitlines()[0]})") from None
    missing = [name for name in FIELD_COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(f"{path}: column {missing[0]} is missing; expected the columns {' '.join(FIELD_COLUMNS)}")
    for name in FIELD_COLUMNS[:-1]:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        if numbers.isna().any():
            line = int(numbers.isna().to_numpy().argmax()) + 2
            raise ValueError(f"{path}, line {line}: column {name} is not a number; the file is truncated or altered")
        frame[name] = numbers
    return frame
