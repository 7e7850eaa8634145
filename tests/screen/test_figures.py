"""A figure is made again at once for what can be seen, and a little later for what hardly can."""

from __future__ import annotations

import pytest

from flight_recorder.tui.panels.registry import PANEL_BY_ID
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.figures import QUIET_S, Figures, whole_range
from flight_recorder.tui.screen.state.view import View
from tests.screen.builders import FixedJudge, batch, healthy_verdicts, overfit_verdict, run_records, step

LOSS = PANEL_BY_ID["loss"]


class Watcher:
    """The loss panel of a run of 2,000 steps, looked at again after each piece of news."""

    def __init__(self) -> None:
        self.now = 0.0
        self.run = Run("x")
        self.run.extend(batch(run_records(2000)))
        self.run.judge = FixedJudge(healthy_verdicts())  # type: ignore[assignment]
        self.figures = Figures(lambda: self.now)
        self.look()

    def look(self) -> int:
        """How often the figure was made so far."""
        self.figures.is_behind = False
        self.figures.figure(LOSS, self.run, View(), whole_range(self.run), 100)
        return self.figures.num_made["loss"]


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def usual(watcher: Watcher) -> float:
    return float(watcher.run.recording.steps["loss"].values[-1])


def test_value_inside_the_newest_cell_waits_and_is_then_drawn(watcher: Watcher) -> None:
    watcher.run.extend(batch([step(2000, loss=usual(watcher))]))
    assert watcher.look() == 1 and watcher.figures.is_behind
    watcher.now += QUIET_S
    assert watcher.look() == 2 and not watcher.figures.is_behind


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 5.0, 0.1])
def test_spike_is_drawn_at_once(watcher: Watcher, loss: float) -> None:
    watcher.run.extend(batch([step(2000, loss=loss)]))
    assert watcher.look() == 2


def test_new_verdict_is_drawn_at_once(watcher: Watcher) -> None:
    watcher.run.judge = FixedJudge([overfit_verdict(1900, 1999)])  # type: ignore[assignment]
    assert watcher.look() == 2


def test_new_cells_are_drawn_at_once(watcher: Watcher) -> None:
    watcher.run.extend(batch([step(at, loss=usual(watcher)) for at in range(2000, 2100)]))
    assert watcher.look() == 2


def test_nothing_new_is_never_drawn_again(watcher: Watcher) -> None:
    watcher.now += 100
    assert watcher.look() == 1 and not watcher.figures.is_behind
