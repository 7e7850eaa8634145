"""What a panel declares, and how a declaration becomes a figure. No panel knows a threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flight_recorder.tui.defect import named_or_raised
from flight_recorder.tui.panels import compose
from flight_recorder.tui.panels.figure import Figure, Mark, Role, Rule, Scale
from flight_recorder.tui.panels.view import View
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording

if TYPE_CHECKING:
    from flight_recorder.tui.run import Run


@dataclass(frozen=True, slots=True)
class Trace:
    """One line of a panel before it is reduced to a width."""

    name: str
    column: Column
    role: Role = "main"
    is_noisy: bool = False
    """Whether a moving average tells something that the line does not."""
    words: Callable[[], str] | None = None
    """What a list says beside the line; asked only where it is drawn, for it looks at every value."""


def _nothing(of: object) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One question about a run, and where its answer is found in the records.

    Attributes:
        short_title: the title in one word.
        question: what it answers; `healthy` is what it looks like when the answer is good.
        y_label: what y is, with its unit; "loss" stands for the unit of the run's loss.
        missing: a sentence for a run whose log has nothing for this panel.
        traces: the lines; those with nothing measured are left out.
        rules: references that are no thresholds, such as the baseline.
        marks: positions on x that belong to this panel alone.
        latest: the newest values in words; of each line by default.
        includes: values that the y axis always shows.
        whole: whether y is a count.
        by_layer: whether the lines are layers in order, which may be drawn as a heat strip.
        as_list: whether the lines have nothing in common: a list, a row each, searched by name.
    """

    id: str
    number: int
    title: str
    short_title: str
    question: str
    healthy: str
    y_label: str
    y_scale: Scale
    missing: str
    traces: Callable[[Recording], tuple[Trace, ...]]
    latest: Callable[[Recording], str] | None = None
    rules: Callable[[Recording], tuple[Rule, ...]] = _nothing
    marks: Callable[[Run], tuple[Mark, ...]] = _nothing
    includes: tuple[float, ...] = ()
    whole: bool = False
    by_layer: bool = False
    as_list: bool = False

    @property
    def is_awaited(self) -> bool:
        """Whether a log that begins may still come to fill it; nobody waits for what else a program logs."""
        return not self.as_list

    def figure(self, run: Run, view: View) -> Figure:
        """The panel of this run as it is known now; a note in its place where it cannot be made."""
        try:
            with np.errstate(all="ignore"):  # a log may hold any number
                return compose.figure(self, run, view)
        except Exception as error:
            return self.undrawn(error)

    def undrawn(self, error: Exception) -> Figure:
        """The figure of a panel that broke while it was made or drawn: a sentence on the defect."""
        words = f"cannot be drawn: {named_or_raised(error)}"
        return Figure(self.id, self.number, self.title, health="cannot be drawn", note=words)

    def values_at(self, run: Run, step: float) -> tuple[tuple[str, int, float], ...]:
        """(line, step, value) of the newest measurement of each line at this step or before it."""
        found = []
        for trace in self.measured(run.recording):
            before = int(trace.column.num_before(np.array([int(step) + 1]))[0])
            if before:
                at = np.array([before - 1])
                found.append(
                    (trace.name, int(trace.column.steps_at(at)[0]), float(trace.column.values[before - 1]))
                )
        return tuple(found)

    def has_something(self, recording: Recording) -> bool:
        """Whether the log can fill it; of a panel that breaks the figure says so."""
        try:
            return bool(self.measured(recording))
        except Exception:
            return True

    def measured(self, recording: Recording) -> tuple[Trace, ...]:
        """The lines that have at least one value."""
        return tuple(trace for trace in self.traces(recording) if len(trace.column))
