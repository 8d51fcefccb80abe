"""The templates of src/resmooth/site/templates, and the words that several pages share."""

import re
from functools import cache
from importlib.resources import files

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from resmooth.audit.findings import VERDICTS as RUN_VERDICTS
from resmooth.audit.published import VERDICTS

NONE = "no verdict"
MEANINGS = {  # of what a verdict says, by the kind of evidence
    "published": VERDICTS | {NONE: "a statement: this run decides it"},
    "run": RUN_VERDICTS | {NONE: "no finding of this run; the reason says why"},
}
MARKS = {"reproduced": "✓", "rounding": "≈", "differs": "✗", "not derivable": "–", "unchecked": "?"}
MARKS |= {"holds": "✓", "fails": "✗", "not resolved": "○", "not comparable": "–"}


@cache
def environment(html: bool) -> jinja2.Environment:
    """The templates; `html`: text is escaped. A name that a template misses is an error."""
    loader = jinja2.PackageLoader("resmooth.site")
    made = jinja2.Environment(
        loader=loader, autoescape=html, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"breakable": breakable, "plural": plural, "tally": tally, "cell": markdown_cell}
    made.globals |= {"static": static}
    return made


def render(template: str, **values: object) -> str:
    """A page from its template: text is escaped if the template's name says html."""
    return environment(".html." in template).get_template(template).render(values)


def static(name: str) -> Markup:
    """A file of src/resmooth/site/static, to be put into a page as it is."""
    return Markup((files("resmooth.site") / "static" / name).read_text(encoding="utf-8"))


def breakable(text: str, after: str = "_/") -> Markup:
    """`text` escaped, with a possible line break after each of the characters `after`."""
    return Markup("".join(f"{escape(letter)}<wbr>" if letter in after else escape(letter) for letter in text))


def plural(count: int, noun: str) -> str:
    """ "1 claim", "2 claims"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def tally(counts: dict[str, int]) -> str:
    """ "3 reproduced, 1 differs"; "none" where all are 0."""
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "none"


def counted(verdicts: pd.Series, kind: str) -> dict[str, int]:
    """How often each verdict of `kind` ("published", "run") occurs, in the order of MEANINGS; an empty one counts as NONE."""
    counts = verdicts.replace("", NONE).value_counts()
    return {verdict: int(counts.get(verdict, 0)) for verdict in MEANINGS[kind]}


def markdown_cell(text: object) -> str:
    """`text` on one line, as one cell of a Markdown table: what Markdown would take for its own, but for `code`, is escaped."""
    return re.sub(r"([|*~<])", r"\\\1", " ".join(str(text).split()))
