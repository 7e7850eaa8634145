"""The parts of the monitor, each without the others and without a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.screen.actions import Actions
from flight_recorder.tui.screen.drawing.layout import Layout
from flight_recorder.tui.screen.drawing.spans import plain
from flight_recorder.tui.screen.keys import KEYS
from flight_recorder.tui.screen.overlays import Runs, Search, Thresholds
from flight_recorder.tui.screen.picture import Picture
from flight_recorder.tui.screen.runs import watched_run
from flight_recorder.tui.screen.runs.open_runs import OpenRuns
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.screen.state.looking import Looking
from flight_recorder.tui.screen.state.view import Mode
from tests.screen.builders import START, Script, batch, run_records, step


@dataclass
class Parts:
    runs: OpenRuns
    looking: Looking
    actions: Actions
    picture: Picture
    asked: list[str]


def parts(num_runs: int = 1, steps: int = 120) -> Parts:
    asked: list[str] = []
    runs = OpenRuns([Watched(number, f"runs/r{number}/log", Script()) for number in range(num_runs)])
    for watched in runs.watched:
        watched.take(batch(run_records(steps)))
    runs.settle()
    looking = Looking(runs, lambda: asked.append("redraw"))
    looking.layout = Layout.WIDE
    actions = Actions(looking, lambda title: f"<svg>{title}</svg>", lambda: asked.append("leave"))
    return Parts(runs, looking, actions, Picture(looking, Options(), lambda: START + 100.0), asked)


def test_every_key_names_something_that_can_be_done() -> None:
    actions = parts().actions
    for key in KEYS:
        assert callable(getattr(actions, key.action.partition("(")[0])), key.keys


def test_an_action_changes_how_the_run_is_looked_at_and_asks_for_one_redraw() -> None:
    all_of = parts()
    all_of.actions.focus_cell(3)
    all_of.actions.open()
    assert (all_of.looking.view.cell, all_of.looking.view.mode) == (3, Mode.ZOOM)
    assert all_of.asked == ["redraw", "redraw"]
    all_of.actions.quit()
    assert all_of.asked[-1] == "leave"


def test_the_picture_is_written_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    all_of = parts()
    all_of.actions.export()
    [path] = tmp_path.glob("*.svg")
    assert path.read_text(encoding="utf-8") == "<svg>19-overfit</svg>"


def test_the_picture_says_how_the_shown_run_is_doing() -> None:
    all_of = parts(2)
    assert "step 120 / 800" in plain(all_of.picture.status(200)) and "1/2" in plain(
        all_of.picture.status(200)
    )
    all_of.actions.other_run()
    assert "2/2" in plain(all_of.picture.status(200))
    assert "run 2 of 2" in plain(all_of.picture.footer(200))


def test_the_list_of_runs_takes_its_own_keys_and_no_others() -> None:
    all_of = parts(3)
    all_of.actions.list_runs()
    overlay = all_of.looking.overlay
    assert isinstance(overlay, Runs) and overlay.marked == 0
    all_of.actions.move("down")
    assert overlay.marked == 1 and all_of.looking.view.cell == 1
    all_of.actions.toggle_lines()
    assert all_of.looking.without_lines == {1}
    all_of.actions.open()
    assert all_of.looking.overlay is None and all_of.runs.current == 1


def test_a_box_lies_within_the_screen() -> None:
    all_of = parts()
    all_of.actions.help()
    for size in ((220, 50), (80, 24), (40, 10)):
        box = all_of.picture.box(*size)
        assert box is not None
        left, top, width, lines = box
        assert left >= 0 and left + width <= size[0] and top >= 0 and top + len(lines) <= size[1]


def test_a_threshold_is_edited_and_put_back_without_a_screen() -> None:
    all_of = parts()
    all_of.actions.focus_cell(3)
    all_of.actions.edit_threshold()
    overlay = all_of.looking.overlay
    assert isinstance(overlay, Thresholds)
    before = all_of.runs.shown.thresholds
    overlay.press("right")
    assert all_of.runs.shown.thresholds is not before
    overlay.press("escape")
    assert all_of.runs.shown.thresholds is before and all_of.looking.overlay is None


def test_metrics_are_searched_by_a_part_of_their_name() -> None:
    all_of = parts()
    records = [step(at, acc=0.5, **{"mem used": 7.0}) for at in range(120, 130)]
    all_of.runs.watched[0].take(batch(records))
    all_of.runs.settle()
    all_of.actions.search()
    overlay = all_of.looking.overlay
    assert isinstance(overlay, Search)
    for key in "mm":
        overlay.press(key, key)
    overlay.press("backspace")
    assert [line.name for line in all_of.picture.scene().figure("metrics", 60).lines] == ["mem used"]
    overlay.press("escape")
    assert len(all_of.picture.scene().figure("metrics", 60).lines) == 2


def test_a_run_that_turns_red_rings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_run, "JUDGED_EVERY_S", 0.0)
    runs = parts().runs
    runs.watched[0].take(batch([step(120, loss=float("nan"))]))
    assert runs.settle()
    runs.watched[0].take(batch([step(121, loss=float("nan"))]))
    assert not runs.settle()
    assert any(one.state is State.FIRING for one in runs.shown.judge.verdicts)
