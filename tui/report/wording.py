"""Texts as an artefact shows them. Whatever a log says ends up as text and does nothing.

A log is written by someone else's program: its names and values may hold markup, terminal sequences or
marks that turn the direction of the line round. Every text of a log that goes into a page or a Markdown
file passes through `html_text`, `markdown_text` or `markdown_code`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from flight_recorder.tui.panels.printable import LONGEST, printable

_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|^(?:[#+=-]|\d+(?=[.)]\s))|(?<=:)//|(?<=www)\.", re.I)
"""What Markdown reads inside a line, what it reads at the start of one, and what it makes links of."""


def html_text(text: Any, longest: int = LONGEST) -> str:
    """The text, safe between tags and inside a quoted attribute."""
    return html.escape(printable(str(text), longest), quote=True)


def markdown_text(text: Any, longest: int = LONGEST) -> str:
    """The text, safe in a Markdown paragraph or table cell: no markup, no link, no HTML."""
    escaped = _MARKDOWN.sub(_with_backslash, printable(str(text), longest))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _with_backslash(match: re.Match[str]) -> str:
    found = match[0]
    return found + "\\" if found[0].isdigit() else "\\" + found  # "1." becomes "1\\."


def markdown_code(text: Any, longest: int = LONGEST) -> str:
    """The text as a code span, safe in a paragraph or table cell; for names and values of a configuration."""
    shown = printable(str(text), longest).strip() or " "
    if "|" in shown:  # a table would end the cell there, and outside one a code span shows the backslash
        return markdown_text(text, longest)
    longest_run = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest_run + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table of cells that are safe already."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
