"""One name per thing, from the probe's field to the panel's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_recorder.engine.runlog.schema import KINDS, REQUIRED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_says_its_unit_and_meaning(kind: str) -> None:
    assert KINDS[kind]
    for name, field in KINDS[kind].items():
        assert field.name == name
        assert field.unit and field.meaning, name


def test_required_fields_are_fields() -> None:
    for kind, names in REQUIRED.items():
        assert set(names) <= set(KINDS[kind])


def test_a_list_field_takes_its_names_from_the_header() -> None:
    for fields in KINDS.values():
        for field in fields.values():
            read_whole = {"scalar", "object", "names", "rows", "ranks", "pairs", "facts"}
            assert field.shape in read_whole or field.shape in KINDS["header"], field.name


def test_each_panel_is_a_file_of_its_own_name() -> None:
    from flight_recorder.tui.panels.registry import PANELS

    assert [panel.number for panel in PANELS] == list(range(1, len(PANELS) + 1))
    for panel in PANELS:
        assert (ROOT / "tui" / "panels" / f"{panel.id}.py").exists()


def test_each_check_reads_fields_that_exist_and_shows_on_a_panel_that_exists() -> None:
    from flight_recorder.tui.checks.signals.signal import fields_of
    from flight_recorder.tui.checks.tree import every_check
    from flight_recorder.tui.panels.registry import PANELS

    panels = {panel.id for panel in PANELS}
    for check in every_check():
        for read in fields_of((*check.reads, *check.optional)):
            kind, _, name = read.rpartition(".")
            assert name.partition("/")[0] in KINDS[kind or "step"], f"{check.id} reads {read}"
        assert check.panel in panels | {""}, check.id
