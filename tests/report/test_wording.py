"""Texts of a log in Markdown: read by a real Markdown parser, they are only text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.report.compare.compare import compare
from flight_recorder.tui.report.markdown.gap_analysis import gap_analysis
from flight_recorder.tui.report.markdown.post_mortem import post_mortem
from flight_recorder.tui.report.wording import markdown_code, markdown_text
from tests.report.logs import CONFIG, header, overfit_records, run_of
from tests.report.pages import HOSTILE

DOING = {"html_inline", "html_block", "link_open", "image", "hardbreak"}
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False}).enable("table")


def _tokens(text: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def _hostile_records(text: str) -> list[Record]:
    config = {**CONFIG, text: text, "nested": {text: [text]}}
    changes = {"name": text, "layers": [text, "b", "c", text + "2"], "classes": [text, "b"], "device": text,
               "run_id": text, "config": config, "schedule": {"family": text, text: text}}  # fmt: skip
    records = [
        record | {"path": text} if record["kind"] == "checkpoint" else record
        for record in overfit_records(2000)
    ]
    return [header(**changes), *records[1:], {"kind": "exit", "step": 2000, "reason": text, "message": text}]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_does_nothing_in_any_markdown_file(text: str) -> None:
    run = run_of(_hostile_records(text), path=text)
    other = run_of(overfit_records(1000))
    plain = run_of(overfit_records(2000))
    for write in (gap_analysis, post_mortem, lambda run: compare(run, other)):
        written, honest = write(run), write(plain)
        kinds = [token.type for token in _tokens(written)]
        assert not DOING.intersection(kinds) - {"hardbreak"}
        assert kinds.count("heading_open") == [token.type for token in _tokens(honest)].count("heading_open")
        assert not any(ord(character) < 32 and character != "\n" for character in written)
        assert not set("\x7f\x9b\u202e\u2066\ud800") & set(written)
        assert max(map(len, written.splitlines())) < 3000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_cell_stays_one_cell(text: str) -> None:
    for cell in (markdown_text(text), markdown_code(text)):
        kinds = [token.type for token in _tokens(f"| a | b |\n| --- | --- |\n| {cell} | end |\n")]
        assert kinds.count("td_open") == 2
        assert not DOING.intersection(kinds)
