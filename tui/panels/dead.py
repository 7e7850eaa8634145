"""Panel 6: is the model using its full capacity?"""

from __future__ import annotations

from flight_recorder.tui.numbers import count
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.series.recording import Recording


def traces(recording: Recording) -> tuple[Trace, ...]:
    """Number of dead hidden units and of dead attention heads."""
    return (
        Trace("units", recording.steps["dead_units"]),
        Trace("heads", recording.steps["dead_heads"], "second"),
    )


def latest(recording: Recording) -> str:
    """The newest counts, out of how many where the log says so."""
    words = []
    for trace, total in zip(traces(recording), ("num_units", "num_heads"), strict=True):
        if len(trace.column):
            of = recording.header.get(total)
            limit = f"/{of:,}" if isinstance(of, int) else ""
            words.append(f"{trace.name} {count(float(trace.column.values[-1]))}{limit}")
    return "  ".join(words)


PANEL = Panel(
    id="dead",
    number=6,
    title="Dead units and heads",
    short_title="Dead",
    question="Is the model using its full capacity?",
    healthy="at or near zero throughout",
    y_label="count",
    y_scale="linear",
    missing="This log has no count of dead units or heads.",
    traces=traces,
    latest=latest,
    includes=(0.0, 1.0),
    whole=True,
)
