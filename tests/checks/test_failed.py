"""A check or a panel that breaks says so, and takes nothing else with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flight_recorder.engine.runlog.codec import encode
from flight_recorder.tui.checks import judge
from flight_recorder.tui.checks.rule import Check, Readings
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.checks.view import View as Rows
from flight_recorder.tui.commands import app
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.report.html import dashboard
from flight_recorder.tui.report.terminal import show
from flight_recorder.tui.screen.drawing import board
from flight_recorder.tui.screen.drawing.figures import Figures
from flight_recorder.tui.screen.drawing.spans import Spans
from flight_recorder.tui.screen.state.view import View
from tests.checks.builders import judged, log
from tests.report.logs import run_of

HEALTHY = log(loss="6 -0.01x60", grad_norm="1x60")
SICK = log(loss="9 5.9x60", grad_norm="50x60")


def _breaks(view: Rows) -> Readings:
    raise ZeroDivisionError("division by zero")


def _breaks_in_its_words(view: Rows) -> Readings:
    return Readings(view.steps, view["loss"] * 0 + 100, lambda i: str(1 // 0))


def _tree_with(check: str, measure: Callable[[Rows], Readings]) -> tuple[Check, ...]:
    return tuple(
        replace(one, make=measure) if one.id == check else one for one in every_check() if one.shipped
    )


@pytest.fixture(params=[_breaks, _breaks_in_its_words])
def broken(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The node that judges the loss at step 0 breaks, while it measures or while it says what it measured."""
    monkeypatch.setattr(judge, "every_check", lambda: _tree_with("Q1.1a", request.param))


def _check(tmp_path: Path, records: list[dict[str, Any]], *options: str) -> Result:
    path = tmp_path / "inspector.log.jsonl"
    path.write_bytes(b"".join(map(encode, records)))
    return CliRunner().invoke(app, ["check", str(path), *options])


@pytest.mark.usefixtures("broken")
def test_a_check_that_breaks_is_failed_and_the_others_say_what_they_said() -> None:
    found = {one.check: one for one in judged(SICK).verdicts}
    assert found["Q1.1a"].state is State.FAILED
    assert found["Q1.1a"].level is Level.GREEN
    assert found["Q1.1a"].evidence.startswith("could not be judged: ZeroDivisionError: ")
    assert found["Q3.1a"].state is State.FIRING
    assert [one.check for one in judged(SICK).failed] == ["Q1.1a"]


@pytest.mark.usefixtures("broken")
def test_a_judge_that_fails_does_not_look_green(tmp_path: Path) -> None:
    result = _check(tmp_path, HEALTHY)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "Q1.1a could not be judged: ZeroDivisionError" in result.stderr
    assert "Q1.1a could not be judged: ZeroDivisionError" in result.stdout
    states = {
        one["check"]: one["state"]
        for one in json.loads(_check(tmp_path, HEALTHY, "--json").stdout)["verdicts"]
    }
    assert states["Q1.1a"] == "failed"


@pytest.mark.usefixtures("broken")
def test_what_reaches_the_level_counts_although_another_check_broke(tmp_path: Path) -> None:
    assert _check(tmp_path, SICK).exit_code == 1


@pytest.mark.usefixtures("broken")
def test_reports_name_the_check_that_broke() -> None:
    run = run_of(HEALTHY)
    assert "Q1.1a could not be judged: ZeroDivisionError" in show.render(run, 120)
    assert dashboard.page(run).count("could not be judged: ZeroDivisionError") >= 2


@pytest.mark.usefixtures("broken")
def test_whoever_looks_for_the_defect_gets_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        judged(HEALTHY)


def test_a_panel_that_breaks_says_so_and_the_others_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def traces(recording: object) -> Any:
        raise KeyError("loss")

    panels = (replace(PANELS[0], traces=traces), *PANELS[1:])
    monkeypatch.setattr(show, "PANELS", panels)
    monkeypatch.setattr(dashboard, "PANELS", panels)
    run = run_of(HEALTHY)
    for text in (show.render(run, 120), dashboard.page(run)):
        assert "cannot be drawn: KeyError" in text
        assert PANELS[2].title in text
    assert dashboard.page(run).count("<svg") == 1  # that of the gradient norm


def test_a_chart_that_breaks_says_so_and_the_others_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def chart(figure: Any, *rest: Any) -> str:
        if figure.panel == "loss":
            raise ValueError("no room")
        return real(figure, *rest)

    from flight_recorder.tui.report.html import panel_html

    run = run_of(HEALTHY)
    for module, page in ((show, lambda: show.render(run, 120)), (panel_html, lambda: dashboard.page(run))):
        real = module.chart
        monkeypatch.setattr(module, "chart", chart)
        assert page().count("cannot be drawn: ValueError: no room") == 1


def test_a_cell_of_the_screen_that_breaks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> Any:
        raise ValueError("no room")

    run = run_of(HEALTHY)
    scene = board.Scene(run, View(), (0.0, 60.0), Figures())
    monkeypatch.setitem(board.DRAWN_BY, "loss", breaks)
    monkeypatch.setattr("flight_recorder.tui.screen.drawing.curve.spark", breaks)
    assert "cannot be drawn: ValueError: no room" in _plain(board.drawn(scene, "loss", 80, 5))
    rows = [_plain([line]) for line in board.drawn(scene, "rows", 80, len(PANELS) + 1)]
    assert [row.strip()[:15] for row in rows[:-1]] == ["cannot be drawn"] * len(PANELS)
    assert "Tree" in rows[-1]


def _plain(lines: Sequence[Spans]) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)
