"""Q3.1d, gradients that add up because nothing sets them to zero."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.view import View


@check(
    "Q3.1d",
    section="gradients",
    question="Is the gradient of a step that step's own?",
    panel="grad_norm",
    reads=("grad_norm",),
    leaves=(
        Leaf(
            "gradients add up",
            above=5.0,
            causes=("missing_zero_grad", "lr_too_high", "instability"),
            weight=STRONG,
            fix="Call optimizer.zero_grad() before each backward pass, or after each step.",
        ),
    ),
    source="ours: ten equal gradients add up to ten times their norm, and half of that is left where they "
    "turn; no honest run rose ten times in a row and stayed there",
    why="Q3.1b's first norms are those of 100 records, by which time such a sum has grown; an explosion "
    "rises without an end, and a zero initialisation does not stay",
)
class EarlyRise:
    """Median norm of records 81 to 100 over the first norm, if it rose at each of the first ten records."""

    _RISES, _END = 10, 100

    def __init__(self) -> None:
        self.norms: list[float] = []
        self.steps: list[int] = []

    def __call__(self, view: View) -> Readings:
        """One reading, at the 100th record, of a log that has every step from the first on."""
        count = max(self._END - len(self.norms), 0)
        if not count:
            return NOTHING
        self.norms += view["grad_norm"][:count].tolist()
        self.steps += view.steps[:count].tolist()
        if len(self.norms) < self._END:
            return NOTHING
        first, rises = self.norms[0], np.diff(self.norms[: self._RISES + 1])
        is_whole = self.steps[0] <= 1 and self.steps[self._RISES] - self.steps[0] == self._RISES
        is_rise = is_whole and first > 0 and bool((rises > 0).all())
        later = float(np.median(self.norms[80:]))
        ratio = later / first if is_rise else 1.0
        return Readings(
            np.array(self.steps[-1:], np.int64),
            np.array([ratio]),
            lambda i: (
                f"the gradient norm rose at each of the first {self._RISES} steps, from {first:.3g}, and is "
                f"{later:.3g}"
                if is_rise
                else f"the gradient norm began at {first:.3g} and is {later:.3g}"
            ),
        )
