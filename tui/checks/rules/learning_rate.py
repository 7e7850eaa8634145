"""Section 2, is the schedule applying: the learning rate by itself, and against what was declared."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, PROOF, STRONG, Flags, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.scope import (
    CHANGE_DECLARED,
    NO_DROPS_DECLARED,
    SCHEDULE_UNDECLARED,
    WARMUP_DECLARED,
)
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_REBUILT = "Make optimizer and scheduler once, outside the loop, and step the scheduler after each update."


@check(
    "Q2.1a",
    question="Is the learning rate above zero?",
    panel="lr",
    reads=("lr", "signal.lr.range.highest"),
    optional=("loss",),
    window=lambda p: int(p["count"]),
    leaves=(
        Leaf(
            "learning rate stays zero",
            equals=0.0,
            hold=3,
            level=Level.RED,
            causes=("zero_lr",),
            weight=PROOF,
            fix='Give the optimizer lr_max: the scheduler multiplies a group\'s "lr", and zero stays zero.',
            unless=("printed_too_coarsely",),
        ),
    ),
    as_written="LR constant = 0",
    why="a small rate printed with few digits reads 0: a loss that falls was trained at some rate, and a log "
    "that may lack digits is given 20 records to show that",
)
def largest_rate(view: View, *, count: int = 10, sigmas: float = 3.0, least_fall: float = 0.01) -> Readings:
    """Largest learning rate so far."""
    largest = view["signal.lr.range.highest"]
    rows = view.first_index + np.arange(len(view))
    fallen = np.zeros(len(view), np.bool_)
    if not largest[0] > 0:
        fallen = _has_fallen(view, rows, count, sigmas, least_fall)
    judged = (largest > 0) | (rows >= (0 if view.facts.has_every_digit else 2 * count))
    steps, largest, fallen = view.steps[judged], largest[judged], fallen[judged]
    return Readings(
        steps,
        largest,
        lambda i: (
            f"the largest learning rate so far is {largest[i]:.3g}"
            + (", and the loss has fallen" if fallen[i] and not largest[i] > 0 else "")
        ),
        {"printed_too_coarsely": fallen},
    )


def _has_fallen(view: View, rows: Steps, count: int, sigmas: float, least: float) -> Flags:
    """Whether the median of the latest losses is below that of the first ones, by more than noise explains.

    Medians, so that one batch proves nothing. The noise of one loss is estimated from differences of
    neighbours, which no trend inflates: their median size is 0.6745 sqrt(2) of its standard deviation. Two
    medians of ten losses differ by 0.56 of that; three of it are more than five times as much.
    """
    losses, column = view.with_past("loss"), view.recording.steps["loss"]
    if len(losses) < count or len(column) < 2 * count:
        return np.zeros(len(rows), np.bool_)
    early = column.values[: 2 * count]
    sigma = 1.4826 * np.median(np.abs(np.diff(early))) / np.sqrt(2)
    first = np.median(early[:count])
    latest = np.median(np.lib.stride_tricks.sliding_window_view(losses, count), axis=1)
    latest = np.concatenate([np.full(len(rows), np.inf), latest])[-len(rows) :]
    fallen = latest < first - max(sigmas * sigma, least * abs(first))
    return np.asarray((view.steps >= column.steps[2 * count - 1]) & fallen)


@check(
    "Q2.1b",
    question="Does the learning rate change at all?",
    panel="lr",
    reads=("signal.lr.range.lowest", "signal.lr.range.highest"),
    optional=("signal.lr.declared.has_moved",),
    leaves=(
        Leaf(
            "learning rate is flat",
            below=1e-6,
            applies=(CHANGE_DECLARED,),
            causes=("constant_lr", "no_warmup"),
            weight=2 * PROOF,
            fix=_REBUILT,
        ),
        Leaf(
            "learning rate is flat, nothing is declared",
            below=1e-6,
            applies=(SCHEDULE_UNDECLARED,),
            hold=20,
            level=Level.GREEN,
            causes=("constant_lr", "no_warmup"),
            weight=STRONG,
            fix=f"If a warm-up or a decay was meant, it does not run. {_REBUILT}",
        ),
    ),
    source="our own proposal; https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
    as_written="LR constant ≠ 0",
    why="a constant rate is what some runs declare; where the log declares nothing, as most "
    "loops and every policy, it is a note",
)
def spread(view: View) -> Readings:
    """Distance of the smallest from the largest rate so far, as a share of the largest.

    With a declared schedule it is read once that has moved. A rate that is 0 is for Q2.1a to judge.
    """
    lows, highs = view["signal.lr.range.lowest"], view["signal.lr.range.highest"]
    judged = (view["signal.lr.declared.has_moved"] != 0) & (highs > 0)
    steps, low, high = view.steps[judged], lows[judged], highs[judged]
    return Readings(
        steps,
        (high - low) / high,
        lambda i: f"the learning rate has stayed within {low[i]:.4g} and {high[i]:.4g}",
    )


@check(
    "Q2.1c",
    question="Is the learning rate free of sudden drops?",
    panel="lr",
    reads=("lr",),
    window=3,
    leaves=(
        Leaf(
            "drops in steps, another schedule is declared",
            above=0.2,
            applies=(NO_DROPS_DECLARED,),
            latch=True,
            causes=("step_decay",),
            weight=PROOF,
            fix="This is step decay. Configure the schedule that is meant, or declare this one.",
        ),
        Leaf(
            "drops in steps, nothing is declared",
            above=0.2,
            applies=(SCHEDULE_UNDECLARED,),
            latch=True,
            level=Level.YELLOW,
            causes=("step_decay",),
            weight=STRONG,
            fix="This is step decay: compare with the config.",
        ),
    ),
    as_written="LR jumps discontinuously",
    why="a drop is a jump if it is twice the drop before it and more: the last steps of every decay to zero "
    "halve the rate too, and rises are warm-ups and restarts",
)
def sudden_drop(view: View) -> Readings:
    """Drop of the rate from one record to the next as a share of it, less twice the change before."""
    lr = view.with_past("lr")
    if len(lr) < 3:
        return NOTHING
    first, before, now = lr[:-2], lr[1:-1], lr[2:]
    with np.errstate(invalid="ignore", divide="ignore"):
        drop = np.where(before > 0, (before - now) / before, 0.0)  # a rate of 0 has nowhere to drop
        earlier = np.where(first > 0, np.abs(first - before) / first, 0.0)
    sizes = np.maximum(drop - 2 * earlier, 0.0)
    steps = view.steps_with_past[2:]
    return Readings(
        steps,
        sizes,
        lambda i: f"the rate goes from {before[i]:.4g} to {now[i]:.4g} at step {steps[i]}",
    )


@check(
    "Q2.1d",
    question="Does the declared warm-up start low?",
    panel="lr",
    reads=("lr", "header.schedule"),
    leaves=(
        Leaf(
            "starts at the top",
            above=0.5,
            unless=("second_rate_rises",),
            causes=("no_warmup", "constant_lr"),
            weight=PROOF,
            fix="The warm-up is declared and not applied: step the scheduler from step 0 on.",
        ),
    ),
    applies=(WARMUP_DECLARED,),
    why="a rate that rises is warming up, at whatever scale",
)
def first_rate(view: View, *, rise: float = 0.2) -> Readings:
    """Learning rate at the first step as a share of lr_max, read at the first two records."""
    peak, warmup = view.facts.lr_max, view.facts.warmup_steps or 0
    column = view.recording.steps["lr"]
    count = max(2 - view.first_index, 0)
    if not count or not peak or column.steps[0] > 1:
        return NOTHING
    steps, rates, first = view.steps[:count], view["lr"][:count], float(column.values[0])
    return Readings(
        steps,
        np.full(len(steps), first / peak),
        lambda i: f"the first rate is {first:.4g}, lr_max {peak:.4g}, the declared warm-up {warmup:g} steps",
        {"second_rate_rises": rates > (1 + rise) * first},
    )


@check(
    "Q2.2a",
    question="Is the learning rate what the declared schedule gives, at every step?",
    panel="lr",
    reads=("lr", "header.schedule", "signal.lr.declared"),
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
    source="the declared closed form, https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
    as_written="LR at step W < 0.5 lr_max; within 5 % of lr_max",
    why="with every constant declared the comparison can be exact: 0.001 of lr_max is ten times what "
    "printed digits hide",
)
def distance_from_declared(view: View) -> Readings:
    """Distance of the applied from the declared rate, as a share of lr_max."""
    declared, lr, peak = view["signal.lr.declared"], view["lr"], view.facts.lr_max
    if not peak:
        return NOTHING
    shares = np.abs(lr - declared) / peak
    return Readings(
        view.steps,
        shares,
        lambda i: f"the rate at step {view.steps[i]} is {lr[i]:.4g} where {declared[i]:.4g} is declared",
    )
