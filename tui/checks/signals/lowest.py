"""The lowest of a series so far and where it was, and the means of the loss of which rules ask that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.rolling import rolling_mean, rolling_sum_of
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]


class Lowest:
    """The lowest finite value of a series so far, and other numbers as they were there (the last of ties)."""

    def __init__(self) -> None:
        self._value = np.inf
        self._there: dict[str, float] = {}

    def take(self, values: Floats, **beside: Floats) -> dict[str, Floats]:
        """At each value the lowest up to it as "", and what was beside it; inf before the first."""
        known = np.concatenate([[self._value], np.where(np.isfinite(values), values, np.inf)])
        lowest = np.minimum.accumulate(known)
        place = np.maximum.accumulate(np.where(known == lowest, np.arange(len(known)), 0))
        found = {
            name: np.concatenate([[self._there.get(name, np.nan)], series])[place]
            for name, series in beside.items()
        }
        self._value = float(lowest[-1])
        self._there = {name: float(series[-1]) for name, series in found.items()}
        return {"": lowest[1:], **{name: series[1:] for name, series in found.items()}}


@signal(
    "loss.mean20",
    reads=("loss",),
    window=lambda parameters: int(parameters["window"]),
    columns=("", "row", "error"),
    why="the loss of one batch is noise; a mean over 20 has a fourth of it, and its standard error says how "
    "much. Rows are added in one fixed order, for a running sum would round differently after each cut",
    reference="https://en.wikipedia.org/wiki/Standard_error",
)
def mean_loss(view: View, *, window: int = 20) -> Derived:
    """Mean of the last 20 training losses, its row in the log, and its standard error."""
    steps, means = rolling_mean(view, "loss", window)
    with np.errstate(over="ignore", invalid="ignore"):  # a scatter beyond all numbers explains every rise
        _, squares = rolling_sum_of(view, view.with_past("loss") ** 2 / window, window)
        variances = np.nan_to_num(squares - means**2, nan=np.inf, posinf=np.inf, neginf=0.0)
    rows = view.first_index + np.arange(len(view) - len(steps), len(view), dtype=np.float64)
    errors = np.sqrt(np.maximum(variances, 0.0) / window)
    return Derived(steps, {"": means, "row": rows, "error": errors})


@signal(
    "loss.mean20.lowest",
    reads=("signal.loss.mean20", "signal.loss.mean20.row", "signal.loss.mean20.error"),
    columns=("", "row", "step", "error"),
    why="what a run has reached is what it can lose; the mean, for the lowest of many single losses is luck",
    reference="https://doi.org/10.1007/3-540-49430-8_3",
)
def lowest_mean_loss(view: View) -> Derived:
    """Lowest mean of 20 training losses so far, with its row, its step and its standard error."""
    beside = {name: view[f"signal.loss.mean20.{name}"] for name in ("row", "error")}
    beside["step"] = view.steps.astype(np.float64)
    return Derived(view.steps, view.kept("lowest", Lowest).take(view["signal.loss.mean20"], **beside))


@signal(
    "val.lowest",
    reads=("evaluation.val_loss",),
    columns=("", "step", "positive", "positive.step"),
    why="the best evaluation is the model that would be kept; a loss printed as 0 has no shares, so shares "
    "are of the lowest that is not 0",
    reference="https://doi.org/10.1007/3-540-49430-8_3",
)
def lowest_validation_loss(view: View) -> Derived:
    """Lowest validation loss so far and its step; the same of those that are not 0."""
    val, steps = view["val_loss"], view.steps.astype(np.float64)
    lowest = view.kept("lowest", Lowest).take(val, step=steps)
    with_shares = view.kept("with shares", Lowest).take(np.where(val == 0, np.inf, val), step=steps)
    named = {"positive": with_shares[""], "positive.step": with_shares["step"]}
    return Derived(view.steps, {**lowest, **named})


@signal(
    "lr.highest",
    reads=("lr",),
    why="whether a rate is still high is asked of the schedule's own peak, declared or not",
    reference="https://arxiv.org/abs/1706.02677",
)
def highest_rate(view: View) -> Derived:
    """Highest learning rate so far, from the first that is a number on."""
    highest = -view.kept("lowest of negatives", Lowest).take(-view["lr"])[""]
    known = np.isfinite(highest)
    return Derived(view.steps[known], {"": highest[known]})
