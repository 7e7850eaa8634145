"""Section 2 once more: which slip turns the declared schedule into the one that runs.

Each node tries one explanation, which has to hold at every step so far: from the first step on that refutes
it, it explains nothing, whatever the number reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flight_recorder.engine.runlog.schedules import Schedule
from flight_recorder.tui.checks.rule import NOTHING, PROOF, Floats, Leaf, Readings, check
from flight_recorder.tui.checks.schedules.declared import implied_end
from flight_recorder.tui.checks.signals.rates import declared
from flight_recorder.tui.checks.signals.rolling import has_left_first, unbroken
from flight_recorder.tui.checks.view import View

_OTHERWISE = "explained_otherwise"
_GIVE_STEPS = "The scheduler was given another number of steps than the run: give it planned_steps."


def _slip(symptom: str, cause: str, fix: str, **bounds: Any) -> Leaf:
    """A leaf that proves one slip, as long as no step has refuted it."""
    proof: dict[str, Any] = {"latch": True, "weight": PROOF, "unless": (_OTHERWISE,)}
    return Leaf(symptom, causes=(cause,), fix=fix, **bounds, **proof)


@check(
    "Q2.2b",
    question="Is the learning rate of the declared size?",
    panel="lr",
    reads=("lr", "header.schedule", "signal.lr.declared"),
    leaves=(
        _slip(
            "a multiple of the declared rate",
            "lr_too_high",
            "Something multiplies the learning rate: look for scaling by batch size or number of ranks.",
            above=1.05,
            hold=2,
        ),
        _slip(
            "a fraction of the declared rate",
            "lr_too_low",
            "Something divides the learning rate: look for a second scheduler or a wrong unit.",
            above=1e-12,
            below=0.95,
            hold=2,
        ),
    ),
    source="our own proposal: the declared closed form",
)
def declared_multiple(view: View, *, agree: float = 1e-3) -> Readings:
    """Applied over declared rate; the explanation is that it is the same at every step."""
    expected, lr = view["signal.lr.declared"], view["lr"]
    known = (expected > 0) & np.isfinite(lr)
    if not known.any():
        return NOTHING
    ratios = lr[known] / expected[known]
    differs = has_left_first(view, ratios, agree)
    return Readings(
        view.steps[known],
        ratios,
        lambda i: (
            f"the rate is {ratios[i]:.4g} x the declared one"
            + ("" if differs[i] else ", as at every step so far")
        ),
        {_OTHERWISE: differs},
    )


@check(
    "Q2.2c",
    question="Does the warm-up count its steps from one, as declared?",
    panel="lr",
    reads=("lr", "header.schedule", "signal.lr.declared"),
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
    source="our own proposal: the declared closed form one step before",
    as_written="LR at step W < 0.5 lr_max",
    why="at W = 100 an off-by-one moves the rate by 1 %, which no look at step W finds; the closed form does",
)
def num_behind(view: View, *, close: float = 1e-4) -> Readings:
    """Steps in a row, from the first, whose rate is the one declared for the step before."""
    schedule, lr = _declared(view), view["lr"]
    before = schedule.value(view.steps - 1)
    near = close * schedule.lr_max
    in_warmup = view.steps - schedule.lag < schedule.warmup_steps
    counts = unbroken(
        view, in_warmup & (np.abs(lr - before) <= near) & (np.abs(view["signal.lr.declared"] - before) > near)
    )
    return Readings(view.steps, counts, lambda i: f"{counts[i]:.0f} rates, each the one of the step before")


@check(
    "Q2.2d",
    question="Does the scheduler advance once per optimizer step?",
    panel="lr",
    reads=("lr", "header.schedule", "signal.lr.declared"),
    leaves=(
        _slip(
            "advances several times per step",
            "scheduler_overstepped",
            "Step the scheduler once per update: not per micro-batch, not per rank, not twice.",
            above=1.5,
            hold=2,
        ),
    ),
    window=2,
    source="our own proposal: the declared closed form at k times the step",
)
def scheduler_speed(view: View, *, close: float = 1e-4, most: int = 16, num_read: int = 32) -> Readings:
    """The smallest k for which every rate so far is the declared one at k times its step.

    Only the first rates that moved and tell one k from another are read: a rate that stands still fits every
    k. A k that fails at one of them is out for good.
    """
    fits, read = view.kept("fits", _speeds, most), view.kept("read", list[int])
    schedule, lr = _declared(view), view["lr"]
    near = close * schedule.lr_max
    moves = np.abs(lr - _before(view)) > near
    differs = np.abs(lr - view["signal.lr.declared"]) > near
    found: list[tuple[int, float, bool]] = []
    for row in np.flatnonzero(moves | differs).tolist():
        if not fits or len(read) == num_read:
            break
        step, factor = int(view.steps[row]), float(fits[0][0])
        fits[:] = [fit for fit in fits if _predicts(fit, schedule, step, float(lr[row]), near)]
        is_told = differs[row] or fits == [(1, 0)]
        if not fits or (moves[row] and is_told):
            read.append(step)
            found.append((step, float(fits[0][0]) if fits else factor, not fits))
    return Readings(
        np.array([step for step, _, _ in found], np.int64),
        np.array([factor for _, factor, _ in found], np.float64),
        lambda i: f"the rate at step {found[i][0]} is the one declared for {found[i][1]:.0f} x that step",
        {_OTHERWISE: np.array([is_refuted for _, _, is_refuted in found], np.bool_)},
    )


def _speeds(most: int) -> list[tuple[int, int]]:
    """(factor, shift) of every speed up to this: the counter may begin at the factor or at 0."""
    return [(factor, shift) for factor in range(1, most + 1) for shift in {0, factor - 1}]


def _declared(view: View) -> Schedule:
    """The declared schedule; there is one wherever there is a declared rate."""
    schedule = declared(view)
    assert schedule is not None
    return schedule


def _before(view: View) -> Floats:
    """The rate of the record before each new one; NaN before the first."""
    return np.concatenate([[np.nan], view.with_past("lr")])[-len(view) - 1 : -1]


def _predicts(fit: tuple[int, int], schedule: Schedule, step: int, lr: float, near: float) -> bool:
    """Whether the declared rate at this multiple of the scheduler's counter is the applied one."""
    factor, shift = fit
    value = schedule.value(np.array([float(step - schedule.lag) * factor + shift + schedule.lag]))
    return bool(abs(value[0] - lr) <= near)


@check(
    "Q2.2e",
    question="Does the decay end at the declared step?",
    panel="lr",
    reads=("lr", "header.schedule", "signal.lr.declared", "signal.lr.printed_unit"),
    window=2,
    passes=(0.99, 1.01),
    leaves=(
        _slip("ends too late", "wrong_total_steps", _GIVE_STEPS, above=1.01, hold=5),
        _slip("ends too early", "wrong_total_steps", _GIVE_STEPS, below=0.99, hold=5),
    ),
)
def implied_over_declared_end(view: View, *, agree: float = 0.002, least_gone: float = 0.001) -> Readings:
    """The end that a rate of the decay implies, over the declared end.

    The explanation is that all rates imply the same end.
    """
    schedule = _declared(view)
    if not schedule.total_steps:
        return NOTHING
    lr, total = view["lr"], schedule.total_steps
    # Digits that were cut off drown what is smaller: the end is off by as large a share as what is gone.
    cut = view["signal.lr.printed_unit"] / (agree * max(schedule.lr_max - schedule.lr_min, 1e-30))
    ends = implied_end(schedule, view.steps, lr, np.fmax(cut, least_gone))
    rows = np.flatnonzero(np.isfinite(ends) & (lr != _before(view)))
    if not len(rows):
        return NOTHING
    ends = ends[rows]
    differs = has_left_first(view, ends, agree)
    return Readings(
        view.steps[rows],
        ends / total,
        lambda i: f"the decay heads for step {ends[i]:.0f}, declared is {total:.0f}",
        {_OTHERWISE: differs},
    )
