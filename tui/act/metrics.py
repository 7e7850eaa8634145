"""Level, step, losses and pulse for Prometheus, as a file for node-exporter's textfile collector.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flight_recorder.engine.runlog.atomic_file import write_atomically
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.run import Run

_EVERY_S = 1.0
_LOSSES = (("training_loss", "steps", "loss"), ("validation_loss", "evaluations", "val_loss"))


class MetricsFile:
    """Written anew, whole, at most once a second."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._path, self._now, self._due = path, now, float("-inf")

    def look(self, run: Run) -> None:
        """Write what the run is like now."""
        if self._now() >= self._due:
            self._due = self._now() + _EVERY_S
            self.write(run)

    def write(self, run: Run) -> None:
        """Write it, whatever the time.

        Raises:
            OSError: the file system refuses.
        """
        write_atomically(self._path, ("\n".join(exposition(run)) + "\n").encode())


def exposition(run: Run) -> Iterator[str]:
    """The lines of the file."""
    name = f'run="{_label(run.name)}"'
    yield "# HELP training_level 0 green, 1 yellow, 2 orange, 3 red, 4 black."
    yield "# TYPE training_level gauge"
    yield f"training_level{{{name}}} {int(run.judge.level)}"
    yield "# TYPE training_step gauge"
    yield f"training_step{{{name}}} {run.recording.last_step or 0}"
    for metric, table_name, column in _LOSSES:
        table = getattr(run.recording, table_name)
        if column in table and len(table[column]):
            yield f"# TYPE {metric} gauge"
            yield f"{metric}{{{name}}} {_number(float(table[column].values[-1]))}"
    yield "# TYPE training_pulse gauge"
    yield f'training_pulse{{{name},pulse="{_label(str(run.pulse))}"}} 1'
    firing = [verdict for verdict in run.judge.verdicts if verdict.state is State.FIRING]
    if firing:
        yield "# HELP training_violation Level of each check that fires."
        yield "# TYPE training_violation gauge"
    for verdict in firing:
        yield f'training_violation{{{name},check="{_label(verdict.check)}"}} {int(Level(verdict.level))}'


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if value != value:
        return "NaN"
    return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value, repr(value))
