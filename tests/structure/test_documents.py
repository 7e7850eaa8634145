"""What the documents point at is there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    ROOT / ".github/CONTRIBUTING.md",
    *(path for folder in ("engine", "tui", "scripts") for path in (ROOT / folder).rglob("*.md")),
]

LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(?:#([^)\s]*))?\)")
PATH = re.compile(r"`((?:engine|tui|tests|scripts|configs|flight_recorder|\.github)/[\w./-]+)")


def _anchors(document: Path) -> set[str]:
    """What a link can point at: the headings, in small letters and joined by dashes."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_every_path_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(text):
        found = document.parent / unquote(target)
        assert found.exists(), target
        assert not anchor or anchor in _anchors(found), f"{target}#{anchor}"
    assert [path for path in PATH.findall(text) if not (ROOT / path.rstrip(".")).exists()] == []
