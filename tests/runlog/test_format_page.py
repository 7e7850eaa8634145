"""FORMAT.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from flight_recorder.engine.runlog.format_page import field_tables
from flight_recorder.engine.runlog.reader import MAX_LINE_BYTES, LogReader
from flight_recorder.engine.runlog.schema import FORMAT_VERSION, KINDS

PAGE = Path(__file__).parents[2] / "engine" / "runlog" / "FORMAT.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_schema() -> None:
    assert field_tables() in TEXT, "run scripts/docs"


def test_every_field_of_every_kind_has_its_row() -> None:
    tables = dict(re.findall(r"### `(\w+)`\n(.*?)(?=\n###|\Z)", field_tables(), re.S))
    assert list(tables) == list(KINDS)
    for kind, fields in KINDS.items():
        assert re.findall(r"^\| `(\w+)`", tables[kind], re.M) == list(fields)


def test_the_worked_example_is_a_sound_log_of_this_version() -> None:
    (example,) = re.findall(r"<!-- example -->\n```json\n(.*?)```", TEXT, re.S)
    reader = LogReader()
    records = reader.feed(example.encode())
    assert not reader.damaged
    assert not reader.unknown_kinds
    assert len(records) == example.count("\n")
    assert records[0]["format"] == FORMAT_VERSION
    for record in records:
        assert set(record) <= {"kind", *KINDS[record["kind"]]}


def test_the_grammar_names_every_kind_and_the_longest_line() -> None:
    (kinds,) = re.findall(r"kind    = (.*)", TEXT)
    assert re.findall(r'"(\w+)"', kinds) == list(KINDS)
    assert f"at most {MAX_LINE_BYTES // 2**20} MiB" in TEXT
