"""Panel 2: did warm-up and decay actually run?"""

from __future__ import annotations

from flight_recorder.tui.numbers import scientific
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.series.recording import Recording


def traces(recording: Recording) -> tuple[Trace, ...]:
    """The learning rate as it was applied."""
    return (Trace("lr", recording.steps["lr"]),)


def latest(recording: Recording) -> str:
    """The newest learning rate."""
    value = float(recording.steps["lr"].values[-1])
    return scientific(value, 2) if value else "0"


PANEL = Panel(
    id="lr",
    number=2,
    title="Learning rate",
    short_title="Rate",
    question="Did warm-up and decay actually run?",
    healthy="a linear ramp to lr_max, then the declared decay down to lr_min at the last step",
    y_label="1",
    y_scale="linear",
    missing="This log has no learning rate.",
    traces=traces,
    latest=latest,
    includes=(0.0,),
)
