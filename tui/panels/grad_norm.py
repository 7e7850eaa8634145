"""Panel 3: are the gradients well-behaved?"""

from __future__ import annotations

from flight_recorder.tui.panels.figure import Rule
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.series.recording import Recording


def traces(recording: Recording) -> tuple[Trace, ...]:
    """Global L2 norm of the gradient before clipping."""
    return (Trace("norm", recording.steps["grad_norm"], is_noisy=True),)


def rules(recording: Recording) -> tuple[Rule, ...]:
    """The value above which the gradient is clipped."""
    clip = recording.header.get("grad_clip")
    return (Rule(float(clip), f"clip {clip:g}"),) if isinstance(clip, int | float) and clip > 0 else ()


PANEL = Panel(
    id="grad_norm",
    number=3,
    title="Gradient norm",
    short_title="Gradient",
    question="Are the gradients well-behaved?",
    healthy="falls in the first steps and then stays around or below the clip line, with single peaks",
    y_label="L2 norm before clipping",
    y_scale="log",
    missing="This log has no gradient norm.",
    traces=traces,
    rules=rules,
)
