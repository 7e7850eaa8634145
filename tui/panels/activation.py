"""Panel 4: are the activations balanced across depth?"""

from __future__ import annotations

from flight_recorder.tui.panels.layers import by_layer, largest
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.series.recording import Recording


def traces(recording: Recording) -> tuple[Trace, ...]:
    """Mean absolute activation at each measured point, in the order of the forward pass."""
    return by_layer(recording.steps.group("activation"))


def latest(recording: Recording) -> str:
    """The layer that is largest now."""
    return largest(traces(recording))


PANEL = Panel(
    id="activation",
    number=4,
    title="Activations",
    short_title="Activations",
    question="Are the activations balanced across depth?",
    healthy="the points of the residual stream keep one size; a normalisation may lift its output",
    y_label="mean |activation|",
    y_scale="linear",
    missing="This log has no activations.",
    traces=traces,
    latest=latest,
    by_layer=True,
)
