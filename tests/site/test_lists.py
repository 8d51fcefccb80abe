"""Documents list what modules define."""

import pytest
from helpers import ROOT

from resmooth.site.lists import LISTS, filled


@pytest.mark.parametrize("name", ["README.md", "config/README.md"])
def test_the_lists_of_a_document_are_up_to_date(name):
    text = (ROOT / name).read_text()
    assert filled(text) == text, f"run: python -m resmooth.site.lists {name}"


def test_every_list_stands_somewhere():
    texts = "".join((ROOT / name).read_text() for name in ("README.md", "config/README.md"))
    assert all(f"<!-- {name} -->\n| " in texts for name in LISTS)


def test_an_unknown_list_is_refused():
    with pytest.raises(ValueError, match="no list 'songs'; known: noises"):
        filled("<!-- songs -->\n<!-- /songs -->")
