"""D6, pace and bookkeeping of the run: throughput, silence, stragglers, evaluations that never come."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, STRONG, Floats, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.signals.rolling import Running
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


@check(
    "D6.1",
    question="Does a step take as long as it used to?",
    panel="loss",
    reads=("signal.step_s.blocks.pace", "signal.step_s.blocks.wait"),
    window=lambda p: int(p["num_blocks"]),
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
    why="a machine that others use is no fault of the run: watched, no more",
)
def slowdown(view: View, *, num_blocks: int = 5) -> Readings:
    """Mean wall time of a step over 100 records, over the smallest such mean so far."""
    paces, waits = (view.with_past(f"signal.step_s.blocks.{name}") for name in ("pace", "wait"))
    ready = min(len(paces) - num_blocks + 1, len(view))
    if ready <= 0:
        return NOTHING
    first = len(paces) - ready - num_blocks + 1
    now = sum((paces[first + k : first + k + ready] for k in range(num_blocks)), np.zeros(1)) / num_blocks
    fastest = view.kept("fastest", Running, np.fmin, np.inf).take(now)
    shares = np.minimum(waits[-ready:] / paces[-ready:], 1.0)
    measured = np.isfinite(now)
    now, fastest, shares = now[measured], fastest[measured], shares[measured]
    return Readings(
        view.steps[-ready:][measured],
        now / fastest,
        lambda i: (
            f"{now[i] * 1e3:.3g} ms a step, it has been {fastest[i] * 1e3:.3g}"
            + (f"; {shares[i]:.0%} of it is waiting for data" if shares[i] > 0.5 else "")
        ),
    )


@check(
    "D6.2",
    question="Did the run fall silent for long?",
    panel="loss",
    reads=("time",),
    window=lambda p: int(p["recent"] + p["every"]) + 1,
    leaves=(
        Leaf(
            "stalled",
            above=20.0,
            unless=("short_pause", "pause_like_before"),
            level=Level.YELLOW,
            causes=("stalled",),
            weight=STRONG,
            fix="Look at what happened then: a hung data loader, a lost rank, a suspended machine.",
        ),
    ),
    why="against the run's own pace; two minutes at least, and longer than any pause before",
)
def silence(
    view: View, *, recent: int = 50, every: int = 20, least_s: float = 120.0, times_longest: float = 3.0
) -> Readings:
    """Seconds between two records over the median of the 50 before, which is renewed every 20."""
    gaps = np.diff(view.with_past("time"))[-len(view) :]
    if len(gaps) < len(view):
        gaps = np.concatenate([[0.0], gaps])
    usual = view.kept("longest", Running, np.fmax, 0.0).before(gaps)
    ends = (view.first_index + np.arange(len(view))) // every * every
    chosen = np.flatnonzero(ends >= recent)
    gaps, usual = gaps[chosen], usual[chosen]
    values = gaps / np.maximum(_median_gaps(view, ends[chosen], recent), 1e-9)
    return Readings(
        view.steps[chosen],
        values,
        lambda i: f"silent for {gaps[i]:.0f} s, {values[i]:.0f} x its pace",
        {"short_pause": gaps <= least_s, "pause_like_before": gaps <= times_longest * usual},
    )


def _median_gaps(view: View, ends: Steps, recent: int) -> Floats:
    """Median seconds between two of the records before each of these rows."""
    distinct, place = np.unique(ends, return_inverse=True)
    first = distinct - recent - (view.first_index - view.num_past)
    times = view.with_past("time")[first[:, None] + np.arange(recent)[None, :]]
    return np.asarray(np.median(np.diff(times, axis=1), axis=1)[place])


@check(
    "D6.3",
    question="Is there a validation loss at all?",
    panel="loss",
    reads=("loss",),
    leaves=(
        Leaf(
            "no validation",
            above=1.0,
            level=Level.GREEN,
            unless=("evaluated_since",),
            causes=("no_validation",),
            weight=PROOF,
            fix="Evaluate on held-out data now and then: overfitting cannot be seen without it.",
        ),
    ),
    why="many honest runs do without, and a policy has nothing to hold out: a note",
)
def steps_without_validation(view: View, *, patience: float = 1000.0) -> Readings:
    """Steps before the first validation loss over 1,000, or over half of those planned if that is fewer."""
    planned = view.facts.number("planned_steps")
    patience = min(patience, planned / 2) if planned else patience
    evaluated = view.recording.evaluations["val_loss"].steps  # one that is not finite is D1's to say
    first = evaluated[0] if len(evaluated) else np.inf
    without = np.minimum(view.steps, first)
    return Readings(
        view.steps,
        without / patience,
        lambda i: f"no validation loss in {without[i]:.0f} steps",
        {"evaluated_since": first < view.steps},
    )


def _across_ranks(view: View, field: str) -> Floats:
    """One column for each rank: shape (evaluations, ranks)."""
    items = list(view.items(field).values())
    return np.stack(items, axis=1) if items else np.empty((len(view), 0))


@check(
    "D6.4",
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
