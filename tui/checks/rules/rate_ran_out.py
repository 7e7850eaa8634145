"""Q2.1e, where no schedule is declared: a learning rate that reached zero long before the run's end."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import PROOF, Leaf, Readings, check
from flight_recorder.tui.checks.scope import END_KNOWN, END_UNKNOWN, SCHEDULE_UNDECLARED
from flight_recorder.tui.checks.view import View

_CAUSES = ("wrong_total_steps", "zero_lr")
_FIX = "Nothing is learned at zero: give the schedule the number of steps that the run has."


@check(
    "Q2.1e",
    question="Does the learning rate last for the run?",
    panel="lr",
    reads=(
        "lr",
        "signal.lr.range.highest",
        "signal.lr.printed_unit",
        "signal.lr.last_above_zero.row",
        "signal.lr.last_above_zero.step",
        "signal.lr.last_above_zero.rate",
    ),
    applies=(SCHEDULE_UNDECLARED,),
    leaves=(
        Leaf(
            "learning rate reached zero before the planned end",
            above=0.2,
            hold=5,
            unless=("printed_too_coarsely",),
            applies=(END_KNOWN,),
            causes=_CAUSES,
            weight=PROOF,
            fix=_FIX,
        ),
        Leaf(
            "learning rate reached zero early",
            above=1 / 3,
            hold=5,
            unless=("too_few_records", "printed_too_coarsely"),
            applies=(END_UNKNOWN,),
            causes=_CAUSES,
            weight=PROOF,
            fix=_FIX,
        ),
    ),
    why="a decay may end at zero, and the last tenth of a run may stay there; a rate that is 0 because few "
    "digits of it were printed is not zero",
)
def share_at_zero(
    view: View, *, least_records: int = 20, coarse: float = 0.002, next_to_zero: float = 1.5
) -> Readings:
    """Share of the planned steps, or of the records so far, for which the rate has last been exactly 0.

    Nothing while the rate has never been above 0, which Q2.1a judges.
    """
    lasts, last_steps, last_rates = (
        view[f"signal.lr.last_above_zero.{column}"] for column in ("row", "step", "rate")
    )
    rows = view.first_index + np.arange(len(view))
    planned = view.facts.number("planned_steps")
    gone = rows - lasts
    shares = (view.steps - last_steps) / planned if planned else gone / (rows + 1)
    unit = view["signal.lr.printed_unit"]
    # The next number that such a print-out has below its own unit is 0.
    is_coarse = (unit > coarse * view["signal.lr.range.highest"]) & (last_rates < next_to_zero * unit)
    judged = lasts >= 0
    since, gone = last_steps[judged], gone[judged]
    return Readings(
        view.steps[judged],
        shares[judged],
        lambda i: f"the rate has been 0 since step {since[i]:.0f}, {gone[i]:.0f} records",
        {"too_few_records": gone < least_records, "printed_too_coarsely": is_coarse[judged]},
    )
