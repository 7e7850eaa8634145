"""Section 2, is the schedule applying: the learning rate by itself, and against what was declared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import NOTHING, PROOF, STRONG, Bound, Leaf, Readings, check
from flight_recorder.tui.checks.schedules.declared import declared_lr
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SOURCE = "the stability checklist"

_FIRST_LOSSES = 10
"""Records whose losses are taken together, so that one batch proves nothing."""

_REBUILT = "Make optimizer and scheduler once, outside the loop, and step the scheduler after each update."


def _when_declared(value: float, text: str, *, other_than: tuple[str, ...] = ()) -> Bound:
    """A bound only for runs whose declared family is known and none of these."""

    def of(facts: Facts) -> float | None:
        is_judged = facts.declares_schedule and facts.schedule["family"] not in other_than
        return value if is_judged else None

    return Bound(text, of)


def _jump_where_none_is_declared(facts: Facts) -> float | None:
    """0.2 of the rate for a declared schedule without sudden drops.

    A short cooldown of WSD has them, and an inverse square root that begins at step 1: 29 % there.
    """
    if not facts.declares_schedule or facts.schedule["family"] == "step":
        return None
    family = facts.schedule["family"]
    if family == "wsd" and (facts.schedule_number("cooldown_steps", "cooldown") or 0) < 10:
        return None
    if family == "inverse_sqrt" and (facts.warmup_steps or 0) < 3:
        return None
    return 0.2


def _when_undeclared(value: float, text: str) -> Bound:
    return Bound(text, lambda facts: None if facts.declares_schedule else value)


@check(
    "Q2.1a",
    section="schedule",
    question="Is the learning rate above zero?",
    panel="lr",
    reads=("lr",),
    optional=("loss",),
    window=_FIRST_LOSSES,
    leaves=(
        Leaf(
            "learning rate stays zero",
            equals=0.0,
            hold=3,
            level=Level.RED,
            causes=("zero_lr",),
            weight=PROOF,
            fix='Give the optimizer lr_max: the scheduler multiplies a group\'s "lr", and zero stays zero.',
        ),
    ),
    source=f"{_SOURCE}, Q2.1",
    as_written="LR constant = 0",
    why="a small rate printed with few digits reads 0: a loss that falls was trained at some rate, and the "
    "log of another program is given 20 records to show that",
)
class LargestRate:
    """Largest learning rate so far; above 0 by a hair where the log says 0 and the loss has fallen."""

    def __init__(self) -> None:
        self.largest = np.nan

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows."""
        largest = np.fmax(np.fmax.accumulate(view["lr"]), self.largest)
        self.largest = float(largest[-1])
        rows = view.first_index + np.arange(len(view))
        is_known = (largest > 0) | (rows >= (2 * _FIRST_LOSSES if view.facts.is_foreign else 0))
        if not largest[0] > 0:
            largest = np.where((largest == 0) & _has_fallen(view, rows), np.finfo(np.float64).tiny, largest)
        steps, largest = view.steps[is_known], largest[is_known]
        return Readings(steps, largest, lambda i: _said_of_rate(largest[i]))


def _said_of_rate(largest: float) -> str:
    if 0 < largest <= np.finfo(np.float64).tiny:
        return "the log says 0, and the loss has fallen: the rate was printed with too few digits"
    return f"the largest learning rate so far is {largest:.3g}"


def _has_fallen(view: View, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the median of the latest losses is below that of the first ones, by more than noise explains.

    Two medians of ten differ by 0.56 sigma; three sigma are more than five times that.
    """
    losses, column = view.with_past("loss"), view.recording.steps["loss"]
    if len(losses) < _FIRST_LOSSES or len(column) < 2 * _FIRST_LOSSES:
        return np.zeros(len(rows), np.bool_)
    early = column.values[: 2 * _FIRST_LOSSES]
    sigma = 1.4826 * np.median(np.abs(np.diff(early))) / np.sqrt(2)
    first = np.median(early[:_FIRST_LOSSES])
    latest = np.median(np.lib.stride_tricks.sliding_window_view(losses, _FIRST_LOSSES), axis=1)
    latest = np.concatenate([np.full(len(rows), np.inf), latest])[-len(rows) :]
    fallen = latest < first - max(3 * sigma, 0.01 * abs(first))
    return np.asarray((view.steps >= column.steps[2 * _FIRST_LOSSES - 1]) & fallen)


@check(
    "Q2.1b",
    section="schedule",
    question="Does the learning rate change at all?",
    panel="lr",
    reads=("lr",),
    leaves=(
        Leaf(
            "learning rate is flat",
            below=_when_declared(1e-6, "no change where one is declared", other_than=("constant",)),
            causes=("constant_lr", "no_warmup"),
            weight=2 * PROOF,
            fix=_REBUILT,
        ),
        Leaf(
            "learning rate is flat, nothing is declared",
            below=_when_undeclared(1e-6, "no change, nothing declared"),
            hold=20,
            level=Level.GREEN,
            causes=("constant_lr", "no_warmup"),
            weight=STRONG,
            fix=f"If a warm-up or a decay was meant, it does not run. {_REBUILT}",
        ),
    ),
    exempt="a constant rate is declared",
    source=f"{_SOURCE}, Q2.1; the seven-panels page, panel 2",
    as_written="LR constant ≠ 0",
    why="a constant rate is what some runs declare; where the log declares nothing, as most "
    "loops and every policy, it is a note",
)
class Spread:
    """Distance of the smallest from the largest rate so far, as a share of the largest.

    With a declared schedule it is read once that has moved: fallen by 1 % of its peak, or, for a rate that
    is not at the peak, risen by half. A rate that is flat at the peak until then may only lack its warm-up.
    """

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self.due = False
        self.first_declared: float | None = None

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows."""
        lr, first = view["lr"], self._first_due(view)
        lows = np.fmin(np.fmin.accumulate(lr), self.low)
        highs = np.fmax(np.fmax.accumulate(lr), self.high)
        self.low, self.high = float(lows[-1]), float(highs[-1])
        if first is None:
            return NOTHING
        steps, low, high = view.steps[first:], lows[first:], highs[first:]
        with np.errstate(invalid="ignore", divide="ignore"):
            spreads = np.where(high > 0, (high - low) / high, 1.0)
        return Readings(
            steps, spreads, lambda i: f"the learning rate has stayed within {low[i]:.4g} and {high[i]:.4g}"
        )

    def _first_due(self, view: View) -> int | None:
        declared = declared_lr(view)
        if self.due or declared is None:
            return 0
        peak = view.facts.lr_max or 1.0
        after_warmup = view.steps >= (view.facts.warmup_steps or 0)
        fallen = after_warmup & (declared < 0.99 * peak)
        risen = (view["lr"] < 0.95 * peak) & (declared > 1.5 * self._first_declared(declared))
        due = np.flatnonzero(fallen | risen)
        self.due = len(due) > 0
        return int(due[0]) if self.due else None

    def _first_declared(self, declared: NDArray[np.float64]) -> float:
        """The rate that is declared for the first step that was seen."""
        if self.first_declared is None:
            self.first_declared = float(declared[0])
        return self.first_declared


@check(
    "Q2.1c",
    section="schedule",
    question="Is the learning rate free of sudden drops?",
    panel="lr",
    reads=("lr",),
    window=3,
    leaves=(
        Leaf(
            "drops in steps, another schedule is declared",
            above=Bound("0.2 of the rate", _jump_where_none_is_declared),
            latch=True,
            causes=("step_decay",),
            weight=PROOF,
            fix="This is step decay. Configure the schedule that is meant, or declare this one.",
        ),
        Leaf(
            "drops in steps, nothing is declared",
            above=_when_undeclared(0.2, "0.2 of the rate, nothing declared"),
            latch=True,
            level=Level.YELLOW,
            causes=("step_decay",),
            weight=STRONG,
            fix="This is step decay: compare with the config.",
        ),
    ),
    source=f"{_SOURCE}, Q2.1",
    exempt="steps are declared",
    as_written="LR jumps discontinuously",
    why="a drop is a jump if it is twice the drop before it and more: the last steps of every decay to zero "
    "halve the rate too, and rises are warm-ups and restarts",
)
def sudden_drop(view: View) -> Readings:
    """Drop of the rate from one record to the next as a share of it, less twice the drop before.

    Drops of less than 2 % of the largest of the three rates are no event.
    """
    lr = view.with_past("lr")
    if len(lr) < 3:
        return NOTHING
    first, before, now = lr[:-2], lr[1:-1], lr[2:]
    with np.errstate(invalid="ignore", divide="ignore"):
        drop = np.where(before > 0, (before - now) / before, 0.0)
        earlier = np.where(first > 0, np.abs(first - before) / first, 0.0)
    largest = np.maximum(np.maximum(first, before), now)
    counted = (before - now) > 0.02 * largest
    sizes = np.where(counted, np.maximum(drop - 2 * earlier, 0.0), 0.0)
    steps = view.steps_with_past[2:]
    return Readings(
        steps,
        sizes,
        lambda i: f"the rate goes from {before[i]:.4g} to {now[i]:.4g} at step {steps[i]}",
    )


@check(
    "Q2.1d",
    section="schedule",
    question="Does the declared warm-up start low?",
    panel="lr",
    reads=("lr", "header.schedule"),
    leaves=(
        Leaf(
            "starts at the top",
            above=Bound("0.5 of lr_max", lambda facts: 0.5 if (facts.warmup_steps or 0) >= 3 else None),
            causes=("no_warmup", "constant_lr"),
            weight=PROOF,
            fix="The warm-up is declared and not applied: step the scheduler from step 0 on.",
        ),
    ),
    exempt="no warm-up of three steps or more is declared",
    source="the seven-panels page, panel 2 (flat at lr_max from step 0)",
)
class FirstRate:
    """Learning rate at the first step as a share of lr_max, 0 once the second step's rate is a fifth higher.

    A rate that rises is warming up, at whatever scale.
    """

    def __init__(self) -> None:
        self.rates: list[float] = []

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows, of which only the first two of a log from step 0 matter."""
        peak, warmup = view.facts.lr_max, view.facts.warmup_steps or 0
        starts_late = view.first_index == 0 and view.steps[0] > 1
        count = 0 if starts_late or not peak else min(2 - len(self.rates), len(view))
        if starts_late:
            self.rates = [np.nan, np.nan]
        if count <= 0 or not peak:
            return NOTHING
        self.rates += view["lr"][:count].tolist()
        first = self.rates[0]
        shares = [0.0 if rate > 1.2 * first else first / peak for rate in self.rates][-count:]
        return Readings(
            view.steps[:count],
            np.array(shares),
            lambda i: (
                f"the first rate is {first:.4g}, lr_max {peak:.4g}, the declared warm-up {warmup:g} steps"
            ),
        )


@check(
    "Q2.2a",
    section="schedule",
    question="Is the learning rate what the declared schedule gives, at every step?",
    panel="lr",
    reads=("lr", "header.schedule"),
    passes=(None, 0.001),
    leaves=(
        Leaf(
            "not as declared",
            above=0.001,
            latch=True,
            causes=("schedule_mismatch",),
            weight=STRONG,
            fix="Compare the scheduler with the config; `tui check` names the schedule that ran.",
        ),
    ),
    source=f"{_SOURCE}, Q2.1 and Q2.2, against the closed form instead of by eye",
    as_written="LR at step W < 0.5 lr_max; within 5 % of lr_max",
    why="with every constant declared the comparison can be exact: 0.001 of lr_max is ten times what "
    "printed digits hide",
)
def distance_from_declared(view: View) -> Readings:
    """Distance of the applied from the declared rate, as a share of lr_max."""
    declared, peak = declared_lr(view), view.facts.lr_max
    if declared is None or not peak:
        return NOTHING
    lr = view["lr"]
    shares = np.abs(lr - declared) / peak
    return Readings(
        view.steps,
        shares,
        lambda i: f"the rate at step {view.steps[i]} is {lr[i]:.4g} where {declared[i]:.4g} is declared",
    )
