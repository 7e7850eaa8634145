"""The learning rate so far, with how many digits it is printed, and what was declared for each step."""

from __future__ import annotations

import numpy as np

from flight_recorder.engine.runlog.schedules import Schedule
from flight_recorder.tui.checks.schedules.declared import declared_schedule
from flight_recorder.tui.checks.signals.lowest import Lowest
from flight_recorder.tui.checks.signals.rolling import First, Floats, Running
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View


@signal("lr.range", reads=("lr",), columns=("lowest", "highest"))
def range_of_rates(view: View) -> Derived:
    """Smallest and largest learning rate so far."""
    lowest = view.kept("lowest", Running, np.fmin).take(view["lr"])
    highest = view.kept("highest", Running, np.fmax).take(view["lr"])
    return Derived(view.steps, {"lowest": lowest, "highest": highest})


@signal(
    "lr.printed_unit",
    reads=("lr",),
    why="a number that was printed with d decimals is a whole multiple of 10^-d, one computed in floating "
    "point hardly ever is: the decimals that all rates so far need are those that were printed",
)
def printed_unit(view: View, *, most_decimals: int = 11, nearness: float = 1e-6) -> Derived:
    """Largest power of ten of which all rates above 0 so far are multiples; NaN for one below 1e-11."""
    decimals = _decimals_of(view["lr"], most_decimals, nearness)
    needed = view.kept("decimals", Running, np.fmax, -1.0).take(decimals)
    is_known = (needed >= 0) & (needed <= most_decimals)
    return Derived(view.steps, {"": np.where(is_known, 10.0**-needed, np.nan)})


def _decimals_of(rates: Floats, most: int, nearness: float) -> Floats:
    decimals = np.where(rates > 0, most + 1.0, -1.0)
    for digits in range(most, -1, -1):
        multiples = rates * 10.0**digits
        is_whole = np.abs(multiples - np.round(multiples)) <= nearness
        decimals[(rates > 0) & is_whole] = digits
    return decimals


@signal("lr.last_above_zero", reads=("lr",), columns=("row", "step", "rate"))
def last_above_zero(view: View) -> Derived:
    """Row, step and size of the newest rate that is not exactly 0; NaN before there is one."""
    is_zero, rows = view["lr"] == 0, view.first_index + np.arange(len(view))
    there = {"row": rows, "step": view.steps, "rate": view["lr"]}
    # The newest row is the one whose negative number is the lowest so far.
    newest = view.kept("newest", Lowest).take(
        np.where(is_zero, np.inf, -rows),
        **{name: np.where(is_zero, np.nan, values) for name, values in there.items()},
    )
    return Derived(view.steps, {name: newest[name] for name in there})


@signal(
    "lr.declared",
    reads=("lr", "header.schedule"),
    columns=("", "has_moved"),
    why="a schedule is computed, not measured: with every constant declared the rate of each step is known "
    "exactly. A rate that is flat at the peak may only lack its warm-up, until the declared one has moved: "
    "fallen by a hundredth of its peak or, for a rate that is not at the peak, risen by half",
    reference="https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
)
def declared_rate(
    view: View, *, fallen: float = 0.01, risen: float = 0.5, near_peak: float = 0.05
) -> Derived | None:
    """The rate that the header declares for each step, and whether it has moved so far (1, else 0).

    Nothing where a constant of the schedule is missing or its family unknown.
    """
    schedule = declared(view)
    if schedule is None:
        return None
    rates, peak = schedule.value(view.steps), schedule.lr_max
    first = view.kept("first", First).take(rates)
    after_warmup = view.steps >= (view.facts.warmup_steps or 0)
    has_fallen = after_warmup & (rates < (1 - fallen) * peak)
    has_risen = (view["lr"] < (1 - near_peak) * peak) & (rates > (1 + risen) * first)
    moved = view.kept("moved", Running, np.fmax, 0.0).take(has_fallen | has_risen)
    return Derived(view.steps, {"": rates, "has_moved": moved})


def declared(view: View) -> Schedule | None:
    """The declared schedule in closed form, worked out once for each measure that asks."""
    return view.kept("declared schedule", declared_schedule, view.facts)
