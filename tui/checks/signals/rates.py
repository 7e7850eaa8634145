"""The learning rate so far, with how many digits it is printed, and what was declared for each step."""

from __future__ import annotations

import numpy as np

from flight_recorder.engine.runlog.schedules import Schedule
from flight_recorder.tui.checks.schedules.declared import declared_schedule
from flight_recorder.tui.checks.signals.rolling import First, Floats, Running
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View


@signal("lr.range", reads=("lr",), columns=("lowest", "highest"))
class Range:
    """Smallest and largest learning rate so far."""

    def __init__(self) -> None:
        self._lowest, self._highest = Running(np.fmin), Running(np.fmax)

    def __call__(self, view: View) -> Derived:
        """Go on by the new rows."""
        lr = view["lr"]
        return Derived(view.steps, {"lowest": self._lowest.take(lr), "highest": self._highest.take(lr)})


@signal(
    "lr.printed_unit",
    reads=("lr",),
    why="a number that was printed with d decimals is a whole multiple of 10^-d, one computed in floating "
    "point hardly ever is: the decimals that all rates so far need are those that were printed",
)
class PrintedUnit:
    """Largest power of ten of which all rates above 0 so far are multiples; NaN for one below 1e-11."""

    def __init__(self, *, most_decimals: int = 11, nearness: float = 1e-6) -> None:
        self._most, self._nearness = most_decimals, nearness
        self._decimals = Running(np.fmax, -1.0)

    def __call__(self, view: View) -> Derived:
        """Go on by the new rows."""
        needed = self._decimals.take(self._decimals_of(view["lr"]))
        is_known = (needed >= 0) & (needed <= self._most)
        return Derived(view.steps, {"": np.where(is_known, 10.0**-needed, np.nan)})

    def _decimals_of(self, rates: Floats) -> Floats:
        decimals = np.where(rates > 0, self._most + 1.0, -1.0)
        for digits in range(self._most, -1, -1):
            multiples = rates * 10.0**digits
            is_whole = np.abs(multiples - np.round(multiples)) <= self._nearness
            decimals[(rates > 0) & is_whole] = digits
        return decimals


@signal("lr.last_above_zero", reads=("lr",), columns=("row", "step", "rate"))
class LastAboveZero:
    """Row, step and size of the newest rate that is not exactly 0; row -1 before there is one."""

    def __init__(self) -> None:
        self._row, self._step, self._rate = -1, 0, np.nan

    def __call__(self, view: View) -> Derived:
        """Go on by the new rows."""
        lr = view["lr"]
        place = np.maximum.accumulate(np.where(lr == 0, 0, np.arange(1, len(lr) + 1)))
        rows = np.concatenate([[self._row], view.first_index + np.arange(len(lr))])[place]
        steps = np.concatenate([[self._step], view.steps])[place]
        rates = np.concatenate([[self._rate], lr])[place]
        self._row, self._step, self._rate = int(rows[-1]), int(steps[-1]), float(rates[-1])
        return Derived(view.steps, {"row": rows, "step": steps, "rate": rates})


@signal(
    "lr.declared",
    reads=("lr", "header.schedule"),
    columns=("", "has_moved"),
    why="a schedule is computed, not measured: with every constant declared the rate of each step is known "
    "exactly. A rate that is flat at the peak may only lack its warm-up, until the declared one has moved: "
    "fallen by a hundredth of its peak or, for a rate that is not at the peak, risen by half",
    reference="https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
)
class Declared:
    """The rate that the header declares for each step, and whether it has moved so far (1, else 0).

    Nothing where a constant of the schedule is missing or its family unknown.

    Attributes:
        schedule: the declared schedule in closed form, to be asked for other steps.
    """

    def __init__(self, *, fallen: float = 0.01, risen: float = 0.5, near_peak: float = 0.05) -> None:
        self.schedule: Schedule | None = None
        self._fallen, self._risen, self._near_peak = fallen, risen, near_peak
        self._first = First()
        self._moved = Running(np.fmax, 0.0)

    def __call__(self, view: View) -> Derived | None:
        """Go on by the new rows."""
        if view.first_index == 0:
            self.schedule = declared_schedule(view.facts)
        if self.schedule is None:
            return None
        declared = self.schedule.value(view.steps)
        first, peak = self._first.take(declared), self.schedule.lr_max
        after_warmup = view.steps >= (view.facts.warmup_steps or 0)
        has_fallen = after_warmup & (declared < (1 - self._fallen) * peak)
        has_risen = (view["lr"] < (1 - self._near_peak) * peak) & (declared > (1 + self._risen) * first)
        return Derived(view.steps, {"": declared, "has_moved": self._moved.take(has_fallen | has_risen)})
