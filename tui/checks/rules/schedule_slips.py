"""Section 2 once more: which slip turns the declared schedule into the one that runs.

Each node tries one explanation at every step, for as long as it holds for all steps so far; at the first
step that refutes it the node reads its neutral number, and then nothing more.
"""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, PROOF, Leaf, Readings, check
from flight_recorder.tui.checks.schedules.declared import declared_lr, implied_end, values_of
from flight_recorder.tui.checks.schedules.shapes import Schedule
from flight_recorder.tui.checks.view import View

_SOURCE = "the stability checklist"
_CLOSE = 1e-4
"""Share of lr_max within which two rates are the same."""


def _schedule(view: View) -> Schedule | None:
    declared_lr(view)
    found: Schedule | None = view.facts.memo["schedule"]
    return found


@check(
    "Q2.2b",
    section="schedule",
    question="Is the learning rate of the declared size?",
    panel="lr",
    reads=("lr", "header.schedule"),
    leaves=(
        Leaf(
            "a multiple of the declared rate",
            above=1.05,
            hold=2,
            latch=True,
            causes=("lr_too_high",),
            weight=PROOF,
            fix="Something multiplies the learning rate: look for scaling by batch size or number of ranks.",
        ),
        Leaf(
            "a fraction of the declared rate",
            above=1e-12,
            below=0.95,
            hold=2,
            latch=True,
            causes=("lr_too_low",),
            weight=PROOF,
            fix="Something divides the learning rate: look for a second scheduler or a wrong unit.",
        ),
    ),
    source="an exact probe of ours: the declared closed form",
)
class DeclaredMultiple:
    """Applied over declared rate, for as long as it is the same at every step."""

    def __init__(self) -> None:
        self.ratio: float | None = None
        self.holds = True

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows."""
        declared, lr = declared_lr(view), view["lr"]
        if declared is None or not self.holds:
            return NOTHING
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = np.where(declared > 0, lr / declared, np.nan)
        rows = np.flatnonzero(np.isfinite(ratios))
        if not len(rows):
            return NOTHING
        if self.ratio is None:
            self.ratio = float(ratios[rows[0]])
        broken = np.flatnonzero(np.abs(ratios[rows] - self.ratio) > 1e-3 * abs(self.ratio))
        values = ratios[rows]
        if len(broken):
            self.holds = False
            rows, values = rows[: broken[0] + 1], values[: broken[0] + 1].copy()
            values[-1] = 1.0
        return Readings(
            view.steps[rows],
            values,
            lambda i: f"the rate has been {values[i]:.4g} x the declared one at every step",
        )


@check(
    "Q2.2c",
    section="schedule",
    question="Does the warm-up count its steps from one, as declared?",
    panel="lr",
    reads=("lr", "header.schedule"),
    leaves=(
        Leaf(
            "one step behind",
            above=1.5,
            latch=True,
            causes=("warmup_off_by_one",),
            weight=PROOF,
            fix="The warm-up is t / W where (t + 1) / W is declared: the first update is lost.",
        ),
    ),
    source=f"{_SOURCE}, Q2.2",
    as_written="LR at step W < 0.5 lr_max",
    why="at W = 100 an off-by-one moves the rate by 1 %, which no look at step W finds; the closed form does",
)
class OneBehind:
    """Steps in a row, from the first, whose rate is the one declared for the step before."""

    def __init__(self) -> None:
        self.count = 0
        self.holds = True

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows."""
        schedule, declared, lr = _schedule(view), declared_lr(view), view["lr"]
        if schedule is None or declared is None or not self.holds:
            return NOTHING
        before = values_of(schedule, view.steps - 1)
        near = _CLOSE * schedule.lr_max
        in_warmup = view.steps - schedule.lag < schedule.warmup_steps
        behind = in_warmup & (np.abs(lr - before) <= near) & (np.abs(declared - before) > near)
        ahead = np.flatnonzero(~behind)
        end = int(ahead[0]) if len(ahead) else len(lr)
        counts = np.arange(self.count + 1, self.count + 1 + end, dtype=np.float64)
        self.count += end
        if len(ahead):
            self.holds = False
            end, counts = end + 1, np.append(counts, 0.0)
        return Readings(
            view.steps[:end], counts, lambda i: f"{counts[i]:.0f} rates, each the one of the step before"
        )


@check(
    "Q2.2d",
    section="schedule",
    question="Does the scheduler advance once per optimizer step?",
    panel="lr",
    reads=("lr", "header.schedule"),
    leaves=(
        Leaf(
            "advances several times per step",
            above=1.5,
            hold=2,
            latch=True,
            causes=("scheduler_overstepped",),
            weight=PROOF,
            fix="Step the scheduler once per update: not per micro-batch, not per rank, not twice.",
        ),
    ),
    source="an exact probe of ours: the declared closed form at k times the step",
)
class SchedulerSpeed:
    """The smallest k for which every rate so far is the declared one at k times its step.

    Only the first rates that differ both from the declared one and from the rate before are read: a rate that
    stands still fits every k.
    """

    FACTORS = tuple(range(2, 17))
    READ = 32

    def __init__(self) -> None:
        self.fits = [(factor, shift) for factor in self.FACTORS for shift in (0, factor - 1)]
        self.before = np.nan
        self.num_read = 0

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows; the factors that fail at one of them are out for good."""
        schedule, declared, lr = _schedule(view), declared_lr(view), view["lr"]
        if schedule is None or declared is None or not self.fits or self.num_read >= self.READ:
            return NOTHING
        near = _CLOSE * schedule.lr_max
        moves = np.abs(lr - np.concatenate([[self.before], lr[:-1]])) > near
        differs = np.abs(lr - declared) > near
        self.before = float(lr[-1])
        steps, factors = [], []
        for row in np.flatnonzero(moves | differs):
            counter = float(view.steps[row] - schedule.lag)
            self.fits = [fit for fit in self.fits if _predicts(fit, schedule, counter, float(lr[row]), near)]
            if not self.fits or (moves[row] and differs[row]):
                self.num_read += 1
                steps.append(int(view.steps[row]))
                factors.append(float(self.fits[0][0]) if self.fits else 1.0)
            if not self.fits or self.num_read >= self.READ:
                break
        return Readings(
            np.array(steps, np.int64),
            np.array(factors),
            lambda i: f"the rate at step {steps[i]} is the one declared for {factors[i]:.0f} x that step",
        )


def _predicts(fit: tuple[int, int], schedule: Schedule, counter: float, lr: float, near: float) -> bool:
    """Whether the declared rate at this multiple of the scheduler's counter is the applied one."""
    factor, shift = fit
    value = values_of(schedule, np.array([counter * factor + shift + schedule.lag]))
    return bool(abs(value[0] - lr) <= near)


@check(
    "Q2.2e",
    section="schedule",
    question="Does the decay end at the declared step?",
    panel="lr",
    reads=("lr", "header.schedule"),
    passes=(0.99, 1.01),
    leaves=(
        Leaf(
            "ends too late",
            above=1.01,
            hold=5,
            latch=True,
            causes=("wrong_total_steps",),
            weight=PROOF,
            fix="The scheduler was given another number of steps than the run: give it planned_steps.",
        ),
        Leaf(
            "ends too early",
            below=0.99,
            hold=5,
            latch=True,
            causes=("wrong_total_steps",),
            weight=PROOF,
            fix="The scheduler was given another number of steps than the run: give it planned_steps.",
        ),
    ),
    source="the seven-panels page, panel 2 (wrong total_steps), before the end instead of at it",
)
class ImpliedEnd:
    """The end that the rates of the decay imply, over the declared end, while all of them imply the same."""

    def __init__(self) -> None:
        self.end: float | None = None
        self.before = np.nan
        self.holds = True

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows."""
        schedule, declared, lr = _schedule(view), declared_lr(view), view["lr"]
        if schedule is None or declared is None or not schedule.total_steps or not self.holds:
            return NOTHING
        moves = lr != np.concatenate([[self.before], lr[:-1]])
        self.before = float(lr[-1])
        ends = implied_end(schedule, view.steps, lr, 0.01 if view.facts.is_foreign else 0.001)
        rows = np.flatnonzero(np.isfinite(ends) & moves)
        if not len(rows):
            return NOTHING
        if self.end is None:
            self.end = float(ends[rows[0]])
        broken = np.flatnonzero(np.abs(ends[rows] - self.end) > 0.002 * self.end)
        total = schedule.total_steps
        values = ends[rows] / total
        if len(broken):
            self.holds = False
            rows, values = rows[: broken[0] + 1], values[: broken[0] + 1].copy()
            values[-1] = 1.0
        steps = view.steps[rows]
        return Readings(
            steps,
            values,
            lambda i: f"the decay heads for step {values[i] * total:.0f}, declared is {total:.0f}",
        )
