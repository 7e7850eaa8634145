"""D5.8, a loss that has gone back up, in logs of any length: 40 records suffice where D5.5 needs hundreds."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.random_walk import excuses
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


@check(
    "D5.8",
    section="level of the loss",
    question="Does the loss keep what it had reached?",
    panel="loss",
    reads=(
        *("signal.loss.mean20", "signal.loss.mean20.row", "signal.loss.mean20.error"),
        *("signal.loss.mean20.lowest", "signal.loss.mean20.lowest.row", "signal.loss.mean20.lowest.step"),
        *("signal.loss.mean20.lowest.error", "signal.loss.random_walk"),
    ),
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    after=lambda facts: facts.warmup_steps or 0,
    leaves=(
        Leaf(
            "loss has gone back up",
            above=0.25,
            level=Level.ORANGE,
            hold=20,
            keep=20,
            causes=("drift", "instability", "lr_too_high"),
            weight=STRONG,
            fix="Go back to the last checkpoint before the rise, and lower the learning rate.",
            unless=("loss_below_zero", "within_noise", "validation_at_its_best", "random_walk_explains"),
        ),
    ),
    source="our own proposal",
    why="a quarter, as D2.3 for a jump; against the scatter of the very records that are compared, so that "
    "a noisy loss does not alarm, and against a random walk with the run's own steps, so that the loss of "
    "a policy or of two players does not; a rise that comes as a jump, or with gradients to match, is "
    "named by those, which leaves the steady one, a drift, to be named first here",
)
def setback(view: View, *, sigmas: float = 6.0, least: float = 0.05) -> Readings:
    """Mean loss of 20 records over the lowest such mean so far, less 1; near 0, where relative changes are
    noise, as a share of 0.05 nats."""
    means = view["signal.loss.mean20"]
    known = np.isfinite(means)
    steps, means = view.steps[known], means[known]
    row, error, lowest, low_row, low_step, low_error = (
        view[f"signal.loss.mean20.{name}"][known]
        for name in ("row", "error", "lowest", "lowest.row", "lowest.step", "lowest.error")
    )
    rises = (means - lowest) / np.maximum(lowest, least)
    rows, low_rows, low_steps = (places.astype(np.int64) for places in (row, low_row, low_step))
    walk = view.signal("loss.random_walk")
    excused = excuses(view, walk, rows, steps, low_rows, low_steps, rises)
    return Readings(
        steps,
        rises,
        lambda i: f"mean loss of 20 records is {means[i]:.3g}, it has been {lowest[i]:.3g}",
        {
            **excused,
            "within_noise": ~(means - lowest > sigmas * np.hypot(error, low_error)),
            "loss_below_zero": lowest <= 0,
        },
    )
