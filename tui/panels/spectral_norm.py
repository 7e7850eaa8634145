"""Panel 5: are the weight matrices growing pathologically?"""

from __future__ import annotations

from flight_recorder.tui.panels.layers import by_layer, largest
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.series.recording import Recording


def traces(recording: Recording) -> tuple[Trace, ...]:
    """Largest singular value of each weight matrix, in the order of the model."""
    return by_layer(recording.steps.group("spectral_norm"))


def latest(recording: Recording) -> str:
    """The matrix that is largest now."""
    return largest(traces(recording))


PANEL = Panel(
    id="spectral_norm",
    number=5,
    title="Spectral norms",
    short_title="Spectral",
    question="Are the weight matrices growing pathologically?",
    healthy="grows slowly from a small start to between 0.8 and 2.6",
    y_label="largest singular value",
    y_scale="log",
    missing="This log has no spectral norms.",
    traces=traces,
    latest=latest,
    by_layer=True,
)
