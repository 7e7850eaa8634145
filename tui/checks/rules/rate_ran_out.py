"""Q2.1e, where no schedule is declared: a learning rate that reached zero long before the run's end."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import PROOF, Bound, Floats, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.view import View

_LEAST = 20
"""Records at zero before anything is said of a run whose end is not known."""


def _bound(value: float, text: str, *, of_planned: bool) -> Bound:
    def of(facts: Facts) -> float | None:
        is_judged = not facts.declares_schedule and bool(facts.number("planned_steps")) is of_planned
        return value if is_judged else None

    return Bound(text, of)


_CAUSES = ("wrong_total_steps", "zero_lr")
_FIX = "Nothing is learned at zero: give the schedule the number of steps that the run has."


@check(
    "Q2.1e",
    section="schedule",
    question="Does the learning rate last for the run?",
    panel="lr",
    reads=("lr",),
    leaves=(
        Leaf(
            "rate ran out before the planned end",
            above=_bound(0.2, "0.2 of the planned steps", of_planned=True),
            hold=5,
            causes=_CAUSES,
            weight=PROOF,
            fix=_FIX,
        ),
        Leaf(
            "rate ran out",
            above=_bound(1 / 3, "a third of the records", of_planned=False),
            hold=5,
            causes=_CAUSES,
            weight=PROOF,
            fix=_FIX,
        ),
    ),
    exempt="a schedule is declared: Q2.2 compares with it",
    source="ours",
    why="a decay may end at zero, and the last tenth of a run may stay there; a rate that is 0 because few "
    "digits of it were printed is not zero",
)
class ShareAtZero:
    """Share of the planned steps, or of the records so far, for which the rate has last been exactly 0."""

    def __init__(self) -> None:
        self._last_row, self._last_step = -1, 0
        self._rounded: tuple[int, bool] = (-1, False)

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows; 0 while the rate has never been above zero, which Q2.1a judges."""
        rows = view.first_index + np.arange(len(view))
        is_zero = view["lr"] == 0
        last_rows = _latest(self._last_row, np.where(is_zero, -1, rows))
        last_steps = _latest(self._last_step, np.where(is_zero, 0, view.steps))
        self._last_row, self._last_step = int(last_rows[-1]), int(last_steps[-1])
        planned = view.facts.number("planned_steps")
        gone = rows - last_rows
        shares = (view.steps - last_steps) / planned if planned else gone / (rows + 1)
        counts = (last_rows >= 0) & (gone >= (1 if planned else _LEAST))
        values = np.where(counts, shares, 0.0)
        for row in np.unique(last_rows[counts]).tolist():
            since = last_rows == row
            if self._is_rounded(view, row, int(last_steps[since][0])):
                values[since] = 0.0
        return Readings(
            view.steps, values, lambda i: f"the rate has been 0 since step {last_steps[i]}, {gone[i]} records"
        )

    def _is_rounded(self, view: View, row: int, step: int) -> bool:
        """Whether the rates up to this row were printed with so few digits that the next is 0 by that."""
        if self._rounded[0] != row:
            column = view.recording.steps["lr"]
            rates = column.values[: int(np.searchsorted(column.steps, step, side="right"))]
            self._rounded = row, _are_coarse(rates[rates > 0])
        return self._rounded[1]


def _latest(before: int, values: Steps) -> Steps:
    latest: Steps = np.maximum.accumulate(np.concatenate([[before], values]))[1:]
    return latest


def _are_coarse(rates: Floats) -> bool:
    """Whether all are multiples of a power of ten over 0.002 of the largest, the last that power itself."""
    if not len(rates):
        return False
    for digits in range(12):
        unit = 10.0**-digits
        if unit <= 0.002 * rates.max():
            return False
        multiples = rates / unit
        if np.allclose(multiples, np.round(multiples), rtol=0, atol=1e-6):
            return bool(rates[-1] < 1.5 * unit)
    return False
