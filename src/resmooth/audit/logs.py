"""Per-image certification logs published by the authors of the methods: download them, and check them at every reading.

The table of logs (claims/published_logs.tsv) gives each log's address, number of images and sha256. If a mirror folder is given,
logs are read from it; otherwise from a cache folder, into which a missing log is downloaded.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from resmooth import storage

COLUMNS = "address file repository commit dataset arch training sigma_train sigma_certify rows sha256".split()
CACHE = "data/published_logs"
TIMEOUT = 10  # seconds without an answer

_unreachable: str | None = None  # what the first failed connection of this process said; later ones are not tried


def read_logs_table(path: str | Path) -> pd.DataFrame:
    """Read the table of logs: columns COLUMNS, tab-separated, one log a line. Returns a DataFrame, `rows` as integers.

    FileNotFoundError or ValueError, one line that names the file and the line.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such table of published logs")
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    if list(table.columns) != COLUMNS:
        raise ValueError(f"{path}, line 1: expected the columns {' '.join(COLUMNS)}")
    for line, entry in enumerate(table.to_dict("records"), start=2):
        if problem := _problem(entry):
            raise ValueError(f"{path}, line {line}: {problem}")
    twice = table.file.duplicated().to_numpy()
    if twice.any():
        raise ValueError(f"{path}, line {twice.argmax() + 2}: {table.file[twice].iloc[0]} is listed twice")
    return table.astype({"rows": int})


def _problem(entry):
    """What is wrong with one line of the table of logs, or None."""
    if not entry["address"].startswith("https://"):
        return f"the address must start with https://, got {entry['address']!r}"
    file = PurePosixPath(entry["file"])
    if not entry["file"] or file.is_absolute() or ".." in file.parts:
        return f"file must be a path below published_logs/, got {entry['file']!r}"
    if not re.fullmatch("[1-9][0-9]*", entry["rows"]):
        return f"rows must be a positive number of images, got {entry['rows']!r}"
    if not re.fullmatch("[0-9a-f]{64}", entry["sha256"]):
        return f"sha256 must be 64 hexadecimal digits, got {entry['sha256']!r}"
    return None


def fetch(entry: Mapping, cache: str | Path = CACHE, mirror: str | Path | None = None) -> Path:
    """Return the path of a log whose bytes were just checked against its sha256.

    `entry`: one row of the table of logs (mapping). With `mirror`, only <mirror>/published_logs/<file> is looked at;
    else <cache>/<file>, downloaded if it is not there. Errors are one line each: FileNotFoundError (no such mirror, not
    in it, or refused by the server), ValueError (altered or truncated), ConnectionError (no connection: not at hand).
    """
    if mirror:
        return _from_mirror(entry, Path(mirror))
    path = Path(cache) / entry["file"]
    if path.exists():
        _verify(path, entry, "delete it and run again to download it anew")
    else:
        _download(entry, path)
    return path


def _from_mirror(entry, mirror):
    if not mirror.is_dir():
        raise FileNotFoundError(f"{mirror}: no such mirror folder; correct or unset RESMOOTH_MIRROR")
    path = mirror / "published_logs" / entry["file"]
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not in the mirror; put {entry['address']} there, or unset RESMOOTH_MIRROR")
    _verify(path, entry, f"restore it from {entry['address']}")
    return path


def _verify(path: Path, entry: Mapping, remedy: str) -> None:
    """ValueError unless the file at `path` has the sha256 of `entry`."""
    if storage.file_sha256(path) != entry["sha256"]:
        raise ValueError(f"{path}: does not match its sha256, truncated or altered; {remedy}")


def _download(entry: Mapping, path: Path) -> None:
    """Write the log at an address to `path`, whole and checked or not at all. After one failure to connect, no other is tried."""
    global _unreachable
    import pooch
    from requests.exceptions import HTTPError, RequestException

    pooch.get_logger().setLevel("WARNING")
    if _unreachable is None:
        get = pooch.HTTPDownloader(timeout=TIMEOUT)
        try:
            pooch.retrieve(entry["address"], f"sha256:{entry['sha256']}", path.name, path.parent, downloader=get)
            return path.chmod(0o644)  # it was a temporary file, for this user alone
        except HTTPError as error:
            code = "an error" if error.response is None else error.response.status_code
            raise FileNotFoundError(
                f"{entry['address']}: the server answered {code}; correct the address in the table of logs"
            ) from None
        except (RequestException, ConnectionError, TimeoutError) as error:
            _unreachable = " ".join(str(error).split()) or type(error).__name__
        except ValueError:
            remedy = "try again later, or check the table of logs"
            raise ValueError(f"{entry['address']}: does not match its sha256, truncated or altered; {remedy}") from None
    raise ConnectionError(f"{entry['file']}: not at hand and no connection to download it ({_unreachable})")


def read_log(entry: Mapping, cache: str | Path = CACHE, mirror: str | Path | None = None) -> pd.DataFrame:
    """Fetch, check and read one log. Returns a DataFrame with columns idx label predict radius correct time.

    Raises what `fetch` raises, and ValueError for a log without images, or with more or fewer than the table says.
    """
    path = fetch(entry, cache, mirror)
    frame = storage.read_certificates(path)
    if frame.empty:
        raise ValueError(f"{path}: holds a header but no image; take its line out of the table of logs")
    if len(frame) != int(entry["rows"]):
        raise ValueError(f"{path}: has {len(frame)} images, not {entry['rows']}; correct rows in the table of logs")
    return frame


def gather_logs(
    table: pd.DataFrame,
    cache: str | Path = CACHE,
    mirror: str | Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """All logs of `table` (from `read_logs_table`) that are at hand, as one DataFrame: each image's line, and which log it is of.

    A log that cannot be had for lack of a connection is left out, and `report` is told so in one line. Columns: those of COLUMNS
    that say what was certified and how, levels as floats, then storage.FIELD_COLUMNS but for the time.
    """
    about, kept = ["file", "repository", "dataset", "arch", "training"], [*storage.FIELD_COLUMNS[:-1]]
    frames = [pd.DataFrame(columns=[*about, "sigma_train", "sigma_certify", *kept])]
    for entry in table.to_dict("records"):
        try:
            frame = read_log(entry, cache, mirror)[kept]
        except ConnectionError as error:
            report(str(error))
            continue
        levels = {name: float(entry[name]) for name in ("sigma_train", "sigma_certify")}
        frames.append(frame.assign(**{name: entry[name] for name in about}, **levels)[frames[0].columns])
    return pd.concat(frames[1:] or frames, ignore_index=True)
