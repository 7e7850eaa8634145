"""D5.8, a loss that has gone back up, in logs of any length: 40 records suffice where D5.5 needs hundreds."""

from __future__ import annotations

import numpy as np

from tui.checks.form import NOTHING, STRONG, Floats, Leaf, Readings, check
from tui.checks.verdict import Level
from tui.checks.view import View
from tui.checks.windows import rolling_mean, rolling_sum_of

_ROWS = 20
_SIGMAS = 6.0
"""Standard errors that a rise must exceed: as sure as a spike must be."""

_LEAST = 0.05
"""Nats; losses that are nearly memorised change by factors without meaning."""


@check(
    "D5.8",
    section="level of the loss",
    question="Does the loss keep what it had reached?",
    panel="loss",
    reads=("loss",),
    window=_ROWS,
    after=lambda facts: facts.warmup_steps or 0,
    leaves=(
        Leaf(
            "loss has gone back up",
            above=0.25,
            level=Level.ORANGE,
            hold=_ROWS,
            keep=_ROWS,
            causes=("instability", "drift", "lr_too_high"),
            weight=STRONG,
            fix="Go back to the last checkpoint before the rise, and lower the learning rate.",
        ),
    ),
    source="ours",
    why="a quarter, as D2.3 for a jump; against the scatter of the very records that are compared, so that "
    "a noisy loss does not alarm",
)
class Setback:
    """Mean loss of 20 records over the lowest such mean so far, less 1; 0 where noise could explain it."""

    def __init__(self) -> None:
        self._lowest, self._error = np.inf, 0.0

    def __call__(self, view: View) -> Readings:
        """One reading for each record with 19 finite ones before it."""
        steps, means = rolling_mean(view, "loss", _ROWS)
        with np.errstate(over="ignore"):  # a scatter beyond all numbers explains every rise
            _, squares = rolling_sum_of(view, view.with_past("loss") ** 2 / _ROWS, _ROWS)
        finite = np.isfinite(means)
        steps, means, squares = steps[finite], means[finite], squares[finite]
        if not len(steps):
            return NOTHING
        with np.errstate(over="ignore", invalid="ignore"):
            variances = np.nan_to_num(squares - means**2, nan=np.inf, posinf=np.inf, neginf=0.0)
        errors = np.sqrt(np.maximum(variances, 0.0) / _ROWS)
        lowest, errors_there = self._lowest_so_far(means, errors)
        sure = means - lowest > _SIGMAS * np.hypot(errors, errors_there)
        rises = (means - lowest) / np.maximum(lowest, _LEAST)
        return Readings(
            steps,
            np.where(sure & (lowest > 0), rises, 0.0),
            lambda i: f"mean loss of {_ROWS} records is {means[i]:.3g}, it has been {lowest[i]:.3g}",
        )

    def _lowest_so_far(self, means: Floats, errors: Floats) -> tuple[Floats, Floats]:
        """The lowest mean up to each reading, and its standard error."""
        known = np.concatenate([[self._lowest], means])
        scatter = np.concatenate([[self._error], errors])
        lowest = np.minimum.accumulate(known)
        place = np.maximum.accumulate(np.where(known == lowest, np.arange(len(known)), 0))
        self._lowest, self._error = float(lowest[-1]), float(scatter[place[-1]])
        return lowest[1:], scatter[place[1:]]
