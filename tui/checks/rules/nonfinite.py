"""D1, values that are not finite: where the first one stood, and in which arithmetic."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.rule import NOTHING, PROOF, Floats, Leaf, Readings, check, readings_of
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_CAUSES = ("nan", "fp16_overflow", "instability")


def _flagged(view: View, bad: NDArray[np.bool_], name: str) -> Readings:
    values: Floats = bad.astype(np.float64)

    def words(i: int) -> str:
        step = int(view.steps[i])
        sites = (
            (at, str(value))
            for at, field, value in view.recording.texts
            if field == "nonfinite_site" and at <= step
        )
        where = min(sites, default=None)
        dtype = view.facts.header.get("dtype")
        return (
            f"{name} {'is not finite' if bad[i] else 'is finite'} at step {step}"
            + (f", first at {where[1]}" if where and bad[i] else "")
            + (f" at step {where[0]}" if where and bad[i] and where[0] < step else "")
            + (f", in {dtype}" if dtype else "")
        )

    return Readings(view.steps, values, words)


@check(
    "D1.1",
    question="Is the training loss a number?",
    panel="loss",
    reads=("loss",),
    optional=("grad_norm",),
    leaves=(
        Leaf(
            "loss is not finite",
            above=0.5,
            level=Level.BLACK,
            causes=_CAUSES,
            weight=PROOF,
            fix="Once parameters are NaN they are lost (not where the gradient is exactly 0, see Q1.2d): go "
            "back to the last checkpoint before this step; "
            "look at the first bad site, the batch, and the learning rate there.",
        ),
    ),
    why="a loss of exactly 0 beside a gradient norm of NaN is a mean over masked NaN losses, not a success",
)
def loss_is_not_finite(view: View) -> Readings:
    """1 where the loss is NaN or infinite, or 0 beside a gradient norm that is NaN; else 0."""
    loss, norm = view["loss"], view["grad_norm"]
    masked = (loss == 0) & _was_nan(view, "grad_norm", norm)
    return _flagged(view, ~np.isfinite(loss) | masked, "the loss")


def _was_nan(view: View, name: str, values: Floats) -> NDArray[np.bool_]:
    """Where an optional field was recorded and is NaN; an absent one is NaN in the view as well."""
    column = view.recording.steps[name]
    bad = np.flatnonzero(np.isnan(values))
    result = np.zeros(len(values), np.bool_)
    if len(bad) and len(column):
        result[bad] = np.isin(view.steps[bad], column.steps)
    return result


@check(
    "D1.2",
    question="Is the gradient norm a number?",
    panel="grad_norm",
    reads=("grad_norm",),
    optional=("loss_scale",),
    leaves=(
        Leaf(
            "gradient is not finite",
            above=0.5,
            level=Level.RED,
            causes=_CAUSES,
            weight=PROOF,
            fix="One update with this gradient ruins every parameter: skip such steps, and lower the rate.",
        ),
    ),
    why="with a loss scale an infinite gradient is skipped, which D3 judges; a scale of 1 is what is printed "
    "where there is none",
)
def gradient_is_not_finite(view: View) -> Readings:
    """1 where the gradient norm is NaN or infinite and no loss scale guards the update; else 0."""
    scale = view["loss_scale"]
    bad = ~np.isfinite(view["grad_norm"]) & (np.isnan(scale) | (scale == 1.0))
    return _flagged(view, bad, "the gradient norm")


@check(
    "D1.3",
    question="Are the activations numbers?",
    panel="activation",
    reads=("activation",),
    leaves=(
        Leaf(
            "activation is not finite",
            above=0.5,
            level=Level.BLACK,
            causes=_CAUSES,
            weight=PROOF,
            fix="Look at the first bad layer: its weights, its normalization, the range of the arithmetic.",
        ),
    ),
)
def activation_is_not_finite(view: View) -> Readings:
    """1 where any measured point of the residual stream is NaN or infinite; else 0."""
    items = view.items("activation")
    bad = np.zeros(len(view), np.bool_)
    for values in items.values():
        bad |= ~np.isfinite(values)
    return _flagged(view, bad, "an activation")


@check(
    "D1.4",
    question="Is the validation loss a number?",
    panel="loss",
    reads=("evaluation.val_loss",),
    leaves=(
        Leaf(
            "validation loss is not finite",
            above=0.5,
            level=Level.BLACK,
            causes=("nan", "eval_broken"),
            weight=PROOF,
            fix="If the training loss is finite the evaluation is broken; if not, see D1.1.",
        ),
    ),
)
def validation_is_not_finite(view: View) -> Readings:
    """1 where the validation loss is NaN or infinite; else 0."""
    return _flagged(view, ~np.isfinite(view["val_loss"]), "the validation loss")


@check(
    "D1.5",
    question="Were losses of micro-batches left out because they were not finite?",
    panel="loss",
    reads=("nonfinite_count",),
    leaves=(
        Leaf(
            "micro-batches left out",
            above=0.0,
            level=Level.ORANGE,
            causes=("nan",),
            weight=PROOF,
            fix="The mean hides them: find the examples whose loss is NaN before the parameters are.",
        ),
    ),
)
def left_out(view: View) -> Readings:
    """Micro-batch losses of the step that were not finite."""
    values = view["nonfinite_count"]
    return Readings(view.steps, values, lambda i: f"{values[i]:.0f} micro-batch losses were not finite")


@check(
    "D1.6",
    section="not finite",
    question="Did the run live on without meeting a value that is not finite?",
    panel="loss",
    reads=("exit.reason",),
    whole=True,
    leaves=(
        Leaf(
            "died of a value that is not finite",
            above=0.5,
            level=Level.BLACK,
            causes=("nan",),
            weight=PROOF,
            fix="Its last words name the operation: look at what went into it, and at the steps before.",
        ),
    ),
    source="our own proposal; the exit record's message",
)
def died_of_nan(view: View) -> Readings:
    """Whether the run ended with an error that speaks of NaN, 1 or 0; nothing before the end."""
    ended = view.recording.exit
    if ended is None:
        return NOTHING
    message = str(ended.get("message") or "")
    is_so = ended.get("reason") == "error" and re.search(r"\bnans?\b", message, re.IGNORECASE) is not None
    step = max(view.recording.last_step or 0, int(ended.get("step") or 0))
    return readings_of([Ended(step, message)], [float(is_so)], lambda one: one.message)


@dataclass(frozen=True, slots=True)
class Ended:
    """Where a run ended, and what it said."""

    step: int
    message: str
