"""D6, pace and bookkeeping of the run: throughput, silence, stragglers, evaluations that never come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, STRONG, Floats, Leaf, Readings, check
from flight_recorder.tui.checks.signals.blocks import BLOCK
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_OURS = "ours"

_BLOCKS = 5
"""Blocks of 20 records whose mean is the pace."""


@check(
    "D6.1",
    section="pace",
    question="Does a step take as long as it used to?",
    panel="loss",
    reads=("step_s",),
    optional=("data_s",),
    window=BLOCK,
    leaves=(
        Leaf(
            "throughput drop",
            above=5.0,
            level=Level.YELLOW,
            hold=3,
            keep=3,
            causes=("throughput_drop",),
            weight=STRONG,
            fix="Look at the machine: another job, heat, a disk, the data loader.",
        ),
    ),
    source=_OURS,
    why="a machine that others use is no fault of the run: watched, no more",
)
class Slowdown:
    """Mean wall time of a step over 100 records, over the smallest such mean so far.

    The longest of each 20 records is left out: a checkpoint or an evaluation is no pace.
    """

    def __init__(self) -> None:
        self._past: Floats = np.empty(0)
        self._fastest = np.inf

    def __call__(self, view: View) -> Readings:
        """One reading every 20 records, from the 100th on."""
        lead = -(view.first_index - view.num_past) % BLOCK
        times, waits = (view.with_past(name)[lead:] for name in ("step_s", "data_s"))
        count = len(times) // BLOCK
        if not count:
            return NOTHING
        blocks, waits = (column[: count * BLOCK].reshape(count, BLOCK) for column in (times, waits))
        known = np.concatenate([self._past, _paces_of(blocks)])
        self._past = known[-(_BLOCKS - 1) :]
        ready = len(known) - _BLOCKS + 1
        if ready <= 0:
            return NOTHING
        steps = view.steps_with_past[lead:][BLOCK - 1 : count * BLOCK : BLOCK][count - ready :]
        now = sum((known[k : k + ready] for k in range(_BLOCKS)), np.zeros(1)) / _BLOCKS
        fastest = np.fmin.accumulate(np.concatenate([[self._fastest], now]))[1:]
        self._fastest = float(fastest[-1])
        shares = np.minimum(_paces_of(waits) / _paces_of(blocks), 1.0)[count - ready :]
        values = np.where(np.isfinite(now), now / fastest, 1.0)
        return Readings(
            steps,
            values,
            lambda i: (
                f"{now[i] * 1e3:.3g} ms a step, it has been {fastest[i] * 1e3:.3g}"
                + (f"; {shares[i]:.0%} of it is waiting for data" if shares[i] > 0.5 else "")
            ),
        )


def _paces_of(blocks: Floats) -> Floats:
    """Mean of each block of records less its longest; NaN where nothing above 0 was measured."""
    finite = np.where(np.isfinite(blocks), blocks, 0.0)
    means = (finite.sum(axis=1) - finite.max(axis=1)) / (BLOCK - 1)
    return np.asarray(np.where((means > 0) & np.isfinite(blocks).all(axis=1), means, np.nan))


@check(
    "D6.2",
    section="pace",
    question="Did the run fall silent for long?",
    panel="loss",
    reads=("time",),
    window=71,
    leaves=(
        Leaf(
            "stalled",
            above=20.0,
            level=Level.YELLOW,
            causes=("stalled",),
            weight=STRONG,
            fix="Look at what happened then: a hung data loader, a lost rank, a suspended machine.",
        ),
    ),
    source=_OURS,
    why="against the run's own pace; two minutes at least, and longer than any pause before",
)
class Silence:
    """Seconds between two records over the median of the 50 before; 1 for a pause like one before."""

    _LEAST_S = 120.0

    def __init__(self) -> None:
        self._longest = 0.0

    def __call__(self, view: View) -> Readings:
        """One reading for each step with 70 records behind it."""
        chosen = np.flatnonzero((view.first_index + np.arange(len(view))) // 20 * 20 >= 50)
        gaps = np.diff(view.with_past("time"))[-len(view) :]
        if len(gaps) < len(view):
            gaps = np.concatenate([[0.0], gaps])
        usual = np.fmax.accumulate(np.concatenate([[self._longest], gaps]))
        self._longest = float(usual[-1])
        gaps, usual = gaps[chosen], usual[:-1][chosen]
        values = np.ones(len(chosen))
        unheard = np.flatnonzero((gaps > self._LEAST_S) & (gaps > 3 * usual))
        if len(unheard):
            values[unheard] = gaps[unheard] / np.maximum(_paces(view, chosen[unheard]), 1e-9)
        return Readings(
            view.steps[chosen], values, lambda i: f"silent for {gaps[i]:.0f} s, {values[i]:.0f} x its pace"
        )


def _paces(view: View, rows: NDArray[np.intp]) -> Floats:
    """Median seconds between two of the 50 records before each of these new rows, anew every 20 records."""
    times = view.with_past("time")
    ends = (view.first_index + rows) // 20 * 20 - (view.first_index - view.num_past)
    return np.array([np.median(np.diff(times[end - 50 : end])) for end in ends.tolist()], np.float64)


@check(
    "D6.3",
    section="pace",
    question="Is there a validation loss at all?",
    panel="loss",
    reads=("loss",),
    leaves=(
        Leaf(
            "no validation",
            above=1.0,
            level=Level.GREEN,
            causes=("no_validation",),
            weight=PROOF,
            fix="Evaluate on held-out data now and then: overfitting cannot be seen without it.",
        ),
    ),
    source=_OURS,
    why="many honest runs do without, and a policy has nothing to hold out: a note",
)
def steps_without_validation(view: View) -> Readings:
    """Steps so far over 1,000 (or half of those planned) while no validation loss was recorded; else 0."""
    planned = view.facts.number("planned_steps")
    patience = min(1000.0, planned / 2) if planned else 1000.0
    evaluated = view.recording.evaluations["val_loss"].steps  # one that is not finite is D1's to say
    seen = np.searchsorted(evaluated, view.steps, side="left") > 0
    values = np.where(seen, 0.0, view.steps / patience)
    return Readings(view.steps, values, lambda i: f"no validation loss in {view.steps[i]} steps")


def _across_ranks(view: View, field: str) -> Floats:
    """One column for each rank: shape (evaluations, ranks)."""
    items = list(view.items(field).values())
    return np.stack(items, axis=1) if items else np.empty((len(view), 0))


@check(
    "D6.4",
    section="pace",
    question="Is one rank slower than the others?",
    panel="loss",
    reads=("evaluation.rank_step_s",),
    leaves=(
        Leaf(
            "straggler",
            above=1.5,
            level=Level.YELLOW,
            hold=2,
            keep=2,
            causes=("throughput_drop",),
            weight=STRONG,
            fix="All ranks wait for the slowest: look at its machine and its share of the data.",
        ),
    ),
    source=_OURS,
    why="over two evaluations: a machine that others use for a while is no straggler",
)
def straggler(view: View) -> Readings:
    """Longest mean step time of a rank over the median of the others; their waiting for it left out."""
    times = np.sort(_across_ranks(view, "rank_step_s"), axis=1)
    if times.shape[1] < 2:
        return NOTHING
    values = times[:, -1] / np.maximum(np.median(times[:, :-1], axis=1), 1e-12)
    slowest = _across_ranks(view, "rank_step_s").argmax(axis=1)
    return Readings(
        view.steps, values, lambda i: f"rank {slowest[i]} takes {values[i]:.2f} x the time of the others"
    )


@check(
    "D6.5",
    section="pace",
    question="Does one rank wait for its data?",
    panel="loss",
    reads=("evaluation.rank_data_s", "evaluation.rank_step_s"),
    leaves=(
        Leaf(
            "starved rank",
            above=0.5,
            level=Level.YELLOW,
            hold=2,
            keep=2,
            causes=("throughput_drop",),
            weight=HINT,
            fix="More loader workers, or data nearer to the rank.",
        ),
    ),
    source=_OURS,
)
def starved_rank(view: View) -> Readings:
    """Largest share of a rank's step time that it waits for data."""
    waits, times = _across_ranks(view, "rank_data_s"), _across_ranks(view, "rank_step_s")
    if not waits.shape[1] or waits.shape != times.shape:
        return NOTHING
    shares = waits / np.maximum(times, 1e-12)
    values = shares.max(axis=1)
    return Readings(
        view.steps, values, lambda i: f"rank {shares[i].argmax()} waits {values[i]:.0%} of its time"
    )
