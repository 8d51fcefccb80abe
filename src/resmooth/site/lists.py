"""Lists in the documents, generated from the modules: noises, training methods, exhibits.

`python -m resmooth.site.lists FILE...` updates them. In a document, the comments <!-- noises --> and <!-- /noises -->, each on a
line of its own, enclose a list.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from resmooth import exhibits, noise, storage
from resmooth.training import methods as registry


def noises() -> list[str]:
    """A table of all noises, as their modules describe them."""
    rows = ["| noise | parameters | certifies | what it is | level |", "|---|---|---|---|---|"]
    for each in noise.table():
        parameters = "; ".join(_code(part) for part in each["parameters"].split("; ") if part)
        cells = (f"`{each['name']}`", parameters, each["certifies"], each["summary"], each["level"])
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def methods() -> list[str]:
    """A table of the training methods: their options with defaults; bold are those that must be given."""
    rows = ["| method | options, with their defaults |", "|---|---|"]
    for method in registry.methods():
        meanings = registry.meanings(method)
        options = [_option(name, default, meanings[name]) for name, default in registry.options(method).items()]
        rows.append(f"| `{method}` | {'; '.join(options)} |")
    return rows


def _option(name: str, default: object, meaning: str) -> str:
    if default is ...:
        return f"**`{name}`**: {meaning}"
    return f"`{name}` {json.dumps(default) if isinstance(default, bool | None) else default}: {meaning}"


def items() -> list[str]:
    """A table of all exhibits: the target, and what it shows."""
    rows = ["| `snakemake ...` | what it shows |", "|---|---|"]
    for name in exhibits.names():
        each = exhibits.exhibit(name)
        rows.append(f"| `{each.target}` | {each.title} |")
    return rows


LISTS: dict[str, Callable[[], list[str]]] = {"noises": noises, "methods": methods, "exhibits": items}


def filled(text: str) -> str:
    """`text` with every marked list as the modules define it. ValueError for a list that is not known."""

    def replaced(match: re.Match) -> str:
        if match[1] not in LISTS:
            raise ValueError(f"no list {match[1]!r}; known: {', '.join(LISTS)}")
        return "\n".join([f"<!-- {match[1]} -->", *LISTS[match[1]](), f"<!-- /{match[1]} -->"])

    return re.sub(r"<!-- ([a-z]+) -->\n.*?<!-- /\1 -->", replaced, text, flags=re.S)


def _code(part: str) -> str:
    """ "k=3: exponent" as "`k=3` exponent"."""
    name, colon, meaning = part.partition(": ")
    return f"`{name}`: {meaning}" if colon else part


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        with storage.atomic(path) as temporary:
            temporary.write_text(filled(path.read_text()))
