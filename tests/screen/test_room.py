"""Panels without numbers leave their room to the others, and nothing is cut in the middle of a number."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.drawing.layout import TREE_CELL, Layout, columns_of, is_upper, neighbour
from flight_recorder.tui.screen.drawing.lines import Lines
from flight_recorder.tui.screen.drawing.spans import whole_values
from flight_recorder.tui.screen.runs.watched_run import Watched
from tests.screen.builders import Script, batch, feed, play, press, run_records, settle

FOREIGN: list[Record] = [
    {"kind": "header", "format": "1.0", "source": "printed", "name": "theirs"},
    *({"kind": "step", "step": n, "loss": 2.0, "lr": 0.1, "grad_norm": 1.0} for n in range(50)),
]


def _monitor(records: list[Record]) -> Monitor:
    return Monitor([Watched(0, "run", Script(batch(records)))])


def _shown(app: Monitor) -> list[str]:
    return [widget.id or "" for widget in app.query(".cell").results(Lines) if widget.display]


@pytest.mark.parametrize("size", [(100, 50), (200, 50)])
def test_a_foreign_log_shows_what_it_has_and_no_more(size: tuple[int, int]) -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert _shown(app) == ["loss", "lr", "grad_norm", "tree"]
        heights = {app.query_one(f"#{cell}").size.height for cell in _shown(app)}
        assert min(heights) >= 20

    app = _monitor(FOREIGN)
    play(app, story, size=size)


def test_the_tree_takes_the_rest_of_the_last_row() -> None:
    records = [{name: value for name, value in record.items() if name != "grad_norm"} for record in FOREIGN]

    async def story(pilot: Pilot[int]) -> None:
        assert _shown(app) == ["loss", "lr", "tree"]
        assert app.query_one("#tree").size.width == 100

    app = _monitor(records)
    play(app, story, size=(100, 50))


def test_a_panel_comes_back_with_its_first_number() -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert "activation" not in _shown(app)
        feed(app, batch([{"kind": "step", "step": 50, "loss": 2.0, "activation": [1.0]}]))
        await settle(pilot)
        assert "activation" in _shown(app)

    app = _monitor(FOREIGN)
    play(app, story, size=(100, 50))


def test_a_log_of_ours_that_has_everything_keeps_every_panel() -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert len(_shown(app)) == TREE_CELL - 1  # all but the metrics, of which it has none

    app = _monitor(run_records(300))
    play(app, story, size=(100, 50))


def test_keys_pass_over_panels_that_are_not_there() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "3", "tab")
        assert app.looking.view.cell == TREE_CELL
        await press(pilot, "5")
        assert app.looking.view.cell == TREE_CELL
        assert "nothing for panel 5" in app.looking.notice
        await press(pilot, "left")
        assert app.looking.view.cell == 3

    app = _monitor(FOREIGN)
    play(app, story, size=(100, 50))


def test_neighbours_are_those_that_are_seen() -> None:
    cells = (1, 2, 3, 8)
    assert columns_of(Layout.WIDE, 4) == 2
    assert neighbour(1, "down", Layout.NORMAL, cells) == 3
    assert neighbour(3, "right", Layout.NORMAL, cells) == 8
    assert neighbour(5, "right", Layout.NORMAL, cells) == 1
    assert is_upper(2, Layout.NORMAL, cells)
    assert not is_upper(8, Layout.NORMAL, cells)


@pytest.mark.parametrize(
    ("room", "shown"),
    [(30, "units 0/512  heads 0/8"), (22, "units 0/512  heads 0/8"), (21, "units 0/512"), (3, "units 0/512")],
)
def test_a_value_that_has_no_room_is_left_out_whole(room: int, shown: str) -> None:
    assert whole_values("units 0/512  heads 0/8", room) == shown
