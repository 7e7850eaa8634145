"""The pace of a run whose log has no times."""

from __future__ import annotations

from dataclasses import replace

from flight_recorder.tui.screen.drawing.spans import Spans
from flight_recorder.tui.screen.drawing.status import status_line
from flight_recorder.tui.screen.runs.arrivals import Arrivals
from flight_recorder.tui.screen.runs.progress import status_of
from flight_recorder.tui.screen.runs.watched_run import Watched
from tests.screen.builders import Script, batch, header


def _text(spans: Spans) -> str:
    return "".join(span.text for span in spans)


def test_pace_is_steps_by_the_time_in_which_they_were_seen() -> None:
    arrivals = Arrivals()
    assert arrivals.steps_per_s() is None
    for moment in range(4):
        arrivals.see(100 + 10 * moment, 5.0 * moment)
    assert arrivals.steps_per_s() == 2.0


def test_what_came_at_once_tells_no_pace() -> None:
    arrivals = Arrivals()
    for moment in range(4):
        arrivals.see(10 * moment, 0.01 * moment)
    assert arrivals.steps_per_s() is None


def test_a_run_that_went_back_begins_anew() -> None:
    arrivals = Arrivals()
    for steps, moment in ((100, 0.0), (110, 5.0), (50, 10.0), (51, 20.0)):
        arrivals.see(steps, moment)
    assert arrivals.steps_per_s() is None
    arrivals.see(52, 30.0)
    assert arrivals.steps_per_s() == 0.1


def test_an_inferred_pace_and_its_time_left_are_marked() -> None:
    watched = Watched(0, "x", Script())
    facts = header() | {"planned_steps": 110}
    steps = [{"kind": "step", "step": step, "loss": 2.5} for step in range(10)]
    watched.take(batch([facts, *steps]))
    watched.settle()
    status = status_of(watched.run, 0.0, arriving=2.0)
    assert (status.steps_per_s, status.seconds_left, status.is_pace_inferred) == (2.0, 50.0, True)
    assert "~2.00 it/s" in _text(status_line(status, 200)) and "~50 s left" in _text(status_line(status, 200))
    assert "~" not in _text(status_line(replace(status, is_pace_inferred=False), 200))
    assert status_of(watched.run, 0.0).steps_per_s is None
