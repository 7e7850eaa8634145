"""D5.8, a loss that has gone back up, in logs of any length: 40 records suffice where D5.5 needs hundreds."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, STRONG, Floats, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.random_walk import Lowest, excuses
from flight_recorder.tui.checks.signals.rolling import rolling_mean, rolling_sum_of
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_ROWS = 20


@check(
    "D5.8",
    section="level of the loss",
    question="Does the loss keep what it had reached?",
    panel="loss",
    reads=("loss", "signal.loss.random_walk"),
    window=_ROWS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    after=lambda facts: facts.warmup_steps or 0,
    leaves=(
        Leaf(
            "loss has gone back up",
            above=0.25,
            level=Level.ORANGE,
            hold=_ROWS,
            keep=_ROWS,
            causes=("drift", "instability", "lr_too_high"),
            weight=STRONG,
            fix="Go back to the last checkpoint before the rise, and lower the learning rate.",
            unless=("within_noise", "validation_at_its_best", "random_walk_explains"),
        ),
    ),
    source="ours",
    why="a quarter, as D2.3 for a jump; against the scatter of the very records that are compared, so that "
    "a noisy loss does not alarm, and against a random walk with the run's own steps, so that the loss of "
    "a policy or of two players does not; a rise that comes as a jump, or with gradients to match, is "
    "named by those, which leaves the steady one, a drift, to be named first here",
)
class Setback:
    """Mean loss of 20 records over the lowest such mean so far, less 1."""

    def __init__(self, *, sigmas: float = 6.0, least: float = 0.05) -> None:
        self._sigmas, self._least = sigmas, least
        self._lowest = Lowest()
        self._error = 0.0

    def __call__(self, view: View) -> Readings:
        """One reading for each record with 19 finite ones before it."""
        steps, means = rolling_mean(view, "loss", _ROWS)
        rows = view.first_index + np.arange(len(view) - len(steps), len(view))
        with np.errstate(over="ignore"):  # a scatter beyond all numbers explains every rise
            _, squares = rolling_sum_of(view, view.with_past("loss") ** 2 / _ROWS, _ROWS)
        finite = np.isfinite(means)
        steps, means, squares, rows = steps[finite], means[finite], squares[finite], rows[finite]
        if not len(steps):
            return NOTHING
        with np.errstate(over="ignore", invalid="ignore"):
            variances = np.nan_to_num(squares - means**2, nan=np.inf, posinf=np.inf, neginf=0.0)
        errors = np.sqrt(np.maximum(variances, 0.0) / _ROWS)
        lowest, since, since_step = self._lowest.take(means, rows, steps)
        errors_there = self._errors_at(since, errors, rows)
        rises = np.where(lowest > 0, (means - lowest) / np.maximum(lowest, self._least), 0.0)
        walk = view.signal("loss.random_walk")
        excused = excuses(view, walk, rows, steps, since, since_step, rises)
        noise = ~(means - lowest > self._sigmas * np.hypot(errors, errors_there))
        return Readings(
            steps,
            rises,
            lambda i: f"mean loss of {_ROWS} records is {means[i]:.3g}, it has been {lowest[i]:.3g}",
            {**excused, "within_noise": noise},
        )

    def _errors_at(self, since: Steps, errors: Floats, rows: Steps) -> Floats:
        """The standard error of the mean at these rows, of which those before `rows` are one and the same."""
        place = np.searchsorted(rows, since)
        there = np.where(since < rows[0], self._error, errors[np.minimum(place, len(rows) - 1)])
        self._error = float(there[-1])
        return there
