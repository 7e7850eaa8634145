"""Panel 7: is the model learning the regular pattern, or memorizing individual forms?"""

from __future__ import annotations

from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels.figure import Role
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.series.recording import Recording


def traces(recording: Recording) -> tuple[Trace, ...]:
    """Loss by class: faint on the training batches, in full on validation, where the order is read.

    On the training split the order of the classes turns round once that split is memorised.
    """
    return (*_train(recording), *_val(recording))


def _train(recording: Recording) -> tuple[Trace, ...]:
    group = recording.steps.group("class_loss")
    return tuple(Trace(f"{printable(name)}, train", column, "faint") for name, column in group.items())


def _val(recording: Recording) -> tuple[Trace, ...]:
    group = recording.evaluations.group("class_loss")
    roles: tuple[Role, ...] = ("main", "second") if len(group) <= 2 else tuple("layer" for _ in group)
    return tuple(
        Trace(printable(name), column, role)
        for (name, column), role in zip(group.items(), roles, strict=False)
    )


def latest(recording: Recording) -> str:
    """The newest validation loss of each class, or the training loss before the first evaluation."""
    shown = _val(recording) or _train(recording)
    return "  ".join(f"{trace.name} {number(float(trace.column.values[-1]), 3)}" for trace in shown)


PANEL = Panel(
    id="class_loss",
    number=7,
    title="Regular and irregular verbs",
    short_title="Verbs",
    question="Is the model learning the regular pattern, or memorizing individual forms?",
    healthy="regular falls first, irregular lags by a tenth to a fifth; the gap settles",
    y_label="loss",
    y_scale="log",
    missing="This log has no loss by class.",
    traces=traces,
    latest=latest,
)
