"""D4, after the best evaluation: whether its parameters were kept, and how much of the run came later."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, Leaf, Readings, check
from flight_recorder.tui.checks.signals.onset import bottom, called_at, evaluations_of, kept_at
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


@check(
    "D4.5",
    section="overfitting",
    question="Was a checkpoint kept near the best evaluation?",
    panel="loss",
    reads=("evaluation.val_loss",),
    whole=True,
    leaves=(
        Leaf(
            "best checkpoint missing",
            above=1.0,
            level=Level.ORANGE,
            causes=("best_checkpoint_missing",),
            weight=PROOF,
            fix="Save a checkpoint whenever validation improves and never overwrite it, or save as often as "
            "you evaluate.",
        ),
    ),
    source="our own proposal",
    as_written="checkpoint at or near t_val_min",
    why="near means within one evaluation of the bottom of the curve, which is broad",
)
def checkpoint_distance(view: View) -> Readings:
    """Steps from the bottom of the validation curve to the nearest kept checkpoint, in evaluation intervals.

    Judged once an onset was called and while the log names checkpoints at all.
    """
    seen = evaluations_of(view.recording)
    called = called_at(seen) if len(seen) else None
    checkpoints = view.recording.checkpoints
    if called is None or not checkpoints:
        return NOTHING
    first, last = bottom(seen)
    steps = seen.steps[called:]
    steps = steps[steps >= checkpoints[0]["step"]]
    best, spacing = int(seen.steps[seen.best]), float(np.median(np.diff(seen.steps)))
    nearest = [
        min(kept, key=lambda at: (max(first - at, at - last, 0), abs(at - best)))
        for kept in kept_at(steps.tolist(), checkpoints)
    ]
    distances = np.array([max(first - at, at - last, 0) for at in nearest]) / spacing
    return Readings(
        steps, distances, lambda i: f"best validation at step {best}, nearest checkpoint at {nearest[i]}"
    )


@check(
    "D4.6",
    section="overfitting",
    question="How much of the run came after its best evaluation?",
    panel="loss",
    reads=("evaluation.val_loss",),
    whole=True,
    leaves=(
        Leaf(
            "most of the compute was wasted",
            above=0.5,
            level=Level.YELLOW,
            causes=("overfit",),
            weight=HINT,
            fix="Stop early: patience counted in evaluations, with the best checkpoint kept.",
            unless=("no_onset",),
        ),
    ),
    source="our own proposal",
    as_written="83 % of the time was wasted",
)
def wasted_share(view: View) -> Readings:
    """Share of the steps that came after the best evaluation."""
    seen = evaluations_of(view.recording)
    if not len(seen):
        return NOTHING
    best, has_onset = int(seen.steps[seen.best]), called_at(seen) is not None
    steps = seen.steps[seen.steps > 0]
    return Readings(
        steps,
        np.maximum(steps - best, 0) / steps,
        lambda i: f"{max(int(steps[i]) - best, 0)} of {steps[i]} steps came after step {best}",
        {"no_onset": np.full(len(steps), not has_onset)},
    )
