"""What others watch a run with, as small as it is usually written: each says from which step on it alarms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Records = list[dict[str, Any]]
Detector = Callable[[Records, Records], int | None]
"""From step and evaluation records to the step of the first alarm, None without any."""

PATIENCE = 3
GAP = 0.10
WINDOW_STEPS = 50


def early_stopping(steps: Records, evaluations: Records) -> int | None:
    """Validation has not improved for three evaluations in a row."""
    best, waited = math.inf, 0
    for evaluation in evaluations:
        improved = evaluation["val_loss"] < best
        best, waited = (evaluation["val_loss"], 0) if improved else (best, waited + 1)
        if waited >= PATIENCE:
            return int(evaluation["step"])
    return None


def loss_not_decreasing(steps: Records, evaluations: Records) -> int | None:
    """The mean loss of 50 steps is not below that of the 50 before."""
    losses = [step["loss"] for step in steps]
    for end in range(2 * WINDOW_STEPS, len(losses) + 1):
        newer, older = losses[end - WINDOW_STEPS : end], losses[end - 2 * WINDOW_STEPS : end - WINDOW_STEPS]
        if not sum(newer) < sum(older):
            return int(steps[end - 1]["step"])
    return None


def relative_gap(steps: Records, evaluations: Records) -> int | None:
    """Validation loss is more than 10 % above training loss."""
    for evaluation in evaluations:
        if evaluation["val_loss"] > (1 + GAP) * evaluation["train_loss"]:
            return int(evaluation["step"])
    return None


def not_finite(steps: Records, evaluations: Records) -> int | None:
    """A loss or a gradient norm is NaN or infinite."""
    for step in steps:
        if not (math.isfinite(step["loss"]) and math.isfinite(step["grad_norm"])):
            return int(step["step"])
    return None


BASELINES: dict[str, Detector] = {
    "early stopping, patience 3": early_stopping,
    "loss not decreasing": loss_not_decreasing,
    "gap over 10 %": relative_gap,
    "NaN only": not_finite,
}
