"""Panel 8: what else does the log measure?"""

from __future__ import annotations

from functools import partial

import numpy as np

from flight_recorder.tui.numbers import count, number
from flight_recorder.tui.panels import extra
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.sources.naming.directions import direction_of


def traces(recording: Recording) -> tuple[Trace, ...]:
    """Every metric with its newest value; those of which it is known which way is better come first."""
    found = extra.metrics(recording)
    order = sorted(found, key=lambda name: direction_of(name) == 0)
    return tuple(
        Trace(name, found[name], "layer", words=partial(_words, name, found[name])) for name in order
    )


def _words(name: str, column: Column) -> str:
    """The newest value, and the best with its step where it is known which way is better."""
    newest = number(float(column.values[-1]), 3)
    better = direction_of(name) * column.values
    if not np.isfinite(better).any() or not direction_of(name):
        return newest
    at = int(np.nanargmax(np.where(np.isfinite(better), better, -np.inf)))
    return f"{newest}  best {number(float(column.values[at]), 3)} @ {count(float(column.steps[at]))}"


def latest(recording: Recording) -> str:
    """The most telling one."""
    first = traces(recording)[0]
    return f"{first.name} {number(float(first.column.values[-1]), 3)}"


PANEL = Panel(
    id="metrics",
    number=8,
    title="Metrics",
    short_title="Metrics",
    question="What else does the log measure?",
    healthy="what the run is trained for gets better, and stays so",
    y_label="",
    y_scale="linear",
    missing="This log has no further metrics.",
    traces=traces,
    latest=latest,
    as_list=True,
)
