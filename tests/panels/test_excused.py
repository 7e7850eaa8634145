"""Where a leaf held and was excused, the plot is hatched in grey: seen, and no alarm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flight_recorder.tui.checks.verdict import Level, Span, State, Verdict
from flight_recorder.tui.panels.drawing.braille import draw
from flight_recorder.tui.panels.drawing.canvas import plain_text
from flight_recorder.tui.panels.registry import PANEL_BY_ID
from flight_recorder.tui.panels.view import View
from tests.panels.builders import Judged, JudgedRun, recorded

EXCUSED = Verdict(
    "D4.2", "overfitting", "How far?", State.EXCUSED, Level.GREEN, symptom="validation loss rises",
    panel="loss", excused_by="within_noise", excused_spans=(Span(10, 60, Level.ORANGE),),
)  # fmt: skip
FALLING = [{"kind": "step", "step": step, "loss": 3.0 - step / 50} for step in range(100)]


def drawn(*verdicts: Verdict) -> Any:
    run: Any = JudgedRun(recorded(FALLING), Judged(verdicts))
    figure = PANEL_BY_ID["loss"].figure(run, View())
    return figure, draw(figure, 80, 12)


def test_an_excused_range_is_hatched_and_has_no_level() -> None:
    figure, rows = drawn(EXCUSED)
    assert [(tint.first, tint.last, tint.level) for tint in figure.tints] == [(10.0, 60.0, None)]
    assert figure.level is Level.GREEN
    assert {piece.role for row in rows for piece in row if "╱" in piece.text} == {"hatch"}


def test_a_curve_is_never_covered_by_it() -> None:
    _, plain = drawn()
    _, hatched = drawn(EXCUSED)
    lines = plain_text(hatched).replace("╱", " ").split("\n")
    assert [line.rstrip() for line in lines] == plain_text(plain).split("\n")


def test_a_few_cells_are_not_hatched() -> None:
    _, rows = drawn(replace(EXCUSED, excused_spans=(Span(10, 11, Level.ORANGE),)))
    assert "╱" not in plain_text(rows)
