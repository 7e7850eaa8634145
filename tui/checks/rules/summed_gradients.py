"""Q3.1d, gradients that add up because nothing sets them to zero."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.view import View


@check(
    "Q3.1d",
    question="Is the gradient of a step that step's own?",
    panel="grad_norm",
    reads=("grad_norm",),
    leaves=(
        Leaf(
            "gradients add up",
            above=5.0,
            causes=("missing_zero_grad", "lr_too_high", "instability"),
            weight=STRONG,
            unless=("no_steady_rise",),
            fix="Call optimizer.zero_grad() before each backward pass, or after each step.",
        ),
    ),
    source="ours: ten equal gradients add up to ten times their norm, and half of that is left where they "
    "turn; no honest run rose ten times in a row and stayed there",
    why="Q3.1b's first norms are those of 100 records, by which time such a sum has grown; an explosion "
    "rises without an end, and a zero initialisation does not stay",
)
def early_rise(view: View, *, num_rises: int = 10, end: int = 100, late: int = 20) -> Readings:
    """Median norm of records 81 to 100 over the first norm, read at the 100th record.

    Nothing for a log that lacks one of the first steps.
    """
    if not view.first_index < end <= view.first_index + len(view):
        return NOTHING
    column = view.recording.steps["grad_norm"]
    norms, steps = column.values[:end], column.steps[:end]
    first, later = float(norms[0]), float(np.median(norms[end - late :]))
    has_all = steps[0] <= 1 and steps[num_rises] - steps[0] == num_rises
    if not has_all or not first > 0:
        return NOTHING
    rises = bool((np.diff(norms[: num_rises + 1]) > 0).all())
    words = f"rose at each of the first {num_rises} steps, from" if rises else "began at"
    return Readings(
        steps[-1:],
        np.array([later / first]),
        lambda i: f"the gradient norm {words} {first:.3g} and is {later:.3g}",
        {"no_steady_rise": np.array([not rises])},
    )
