"""Panel 1: is the model learning?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels import extra
from flight_recorder.tui.panels.figure import Mark, Role, Rule
from flight_recorder.tui.panels.panel import Panel, Trace
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording

if TYPE_CHECKING:
    from flight_recorder.tui.run import Run


_FURTHER: tuple[Role, ...] = ("other-0", "other-1", "other-2", "other-3")


def traces(recording: Recording) -> tuple[Trace, ...]:
    """Training loss of each step's batch, validation loss at the evaluations, and the first other losses."""
    further = zip(extra.further_losses(recording).items(), _FURTHER, strict=False)
    return (
        Trace("train", recording.steps["loss"], is_noisy=True),
        Trace("val", recording.evaluations["val_loss"], "second"),
        *(Trace(name, column, role) for (name, column), role in further),
    )


def rules(recording: Recording) -> tuple[Rule, ...]:
    """The validation loss of the n-gram baseline."""
    baseline = recording.header.get("baseline_loss")
    if not isinstance(baseline, int | float) or not math.isfinite(baseline):
        return ()
    return (Rule(float(baseline), f"baseline {number(baseline, 3)}"),)


def marks(run: Run) -> tuple[Mark, ...]:
    """The best validation loss, the onset of overfitting once it was called, the checkpoints."""
    best = () if run.is_partial else _best(run.recording.evaluations["val_loss"])
    return (*best, *_onset(run), *_checkpoints(run.recording))


def _best(val_loss: Column) -> Iterable[Mark]:
    values = val_loss.values
    if not np.isfinite(values).any():
        return
    at = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
    step = int(val_loss.steps_at(np.array([at]))[0])
    yield Mark(float(step), f"best {number(values[at], 4)} @ {step:,}", float(values[at]), "best")


def _onset(run: Run) -> Iterable[Mark]:
    onset = (run.judge.overfit or {}).get("onset")
    if onset is not None:
        yield Mark(float(onset), f"t* {onset:,}", kind="onset")


def _checkpoints(recording: Recording) -> Iterable[Mark]:
    for step in sorted({record["step"] for record in recording.checkpoints}):
        yield Mark(float(step), f"checkpoint {step:,}", kind="checkpoint")


PANEL = Panel(
    id="loss",
    number=1,
    title="Loss",
    short_title="Loss",
    question="Is the model learning?",
    healthy="both curves fall, training slightly below validation, both below the baseline at the end",
    y_label="loss",
    y_scale="log",
    missing="This log has no loss.",
    traces=traces,
    rules=rules,
    marks=marks,
)
