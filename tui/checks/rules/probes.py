"""P, exact probes: facts that are cheaper than a threshold and cannot be otherwise."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, PROOF, Leaf, Readings, check
from flight_recorder.tui.checks.scope import CAUSAL
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


def _at_start(value: float, words: str) -> Readings:
    return Readings(np.array([0]), np.array([float(value)]), lambda i: words)


@check(
    "P1",
    question="Do logits stay the same when a later token changes?",
    panel="loss",
    reads=("initial.causality",),
    applies=(CAUSAL,),
    leaves=(
        Leaf(
            "the model sees what it has to predict",
            above=1e-4,
            level=Level.RED,
            latch=True,
            causes=("broken_mask",),
            weight=PROOF,
            fix="The attention mask lets the future through: mask above the diagonal before the softmax.",
        ),
    ),
    why="0 for a causal model in exact arithmetic; 1e-4 leaves room for half precision",
)
def causality(view: View) -> Readings:
    """Largest change of any logit before the position whose token was changed; 0 for a causal model."""
    moved = float(view.facts.initial.get("causality", 0.0))
    return _at_start(moved, f"logits before the changed token move by {moved:.3g}")


@check(
    "P2",
    question="Are validation examples in the training set?",
    panel="loss",
    reads=("initial.num_validation", "initial.num_validation_in_training"),
    leaves=(
        Leaf(
            "validation is in training",
            above=0.02,
            level=Level.ORANGE,
            latch=True,
            causes=("data_leak",),
            weight=PROOF,
            fix="Split before duplicating or augmenting, and take by hash what is in both out of validation.",
        ),
        Leaf(
            "a few validation examples are in training",
            above=0.0,
            level=Level.YELLOW,
            latch=True,
            causes=("data_leak",),
            weight=PROOF,
            fix="Take them out of validation by hash.",
        ),
    ),
    why="short honest texts repeat; 2 % of them move a validation loss by less than its noise",
)
def overlap(view: View) -> Readings:
    """Share of the validation examples whose content is also in the training set, by hash."""
    total = view.facts.initial.get("num_validation") or 0
    shared = view.facts.initial.get("num_validation_in_training") or 0
    return (
        _at_start(shared / total, f"{shared} of {total} validation examples are in training")
        if total
        else NOTHING
    )


@check(
    "P3",
    question="Does each step see another batch?",
    panel="loss",
    reads=("batch_hash",),
    window=lambda p: int(p["look_back"]) + 1,
    leaves=(
        Leaf(
            "repeated batch",
            above=0.0,
            level=Level.RED,
            hold=2,
            keep=2,
            causes=("repeated_batch",),
            weight=PROOF,
            fix="The loader gives the same batch again: look at the sampler's seed and at its resets.",
        ),
    ),
    why="an epoch later the same examples come in other company, so no whole batch repeats honestly; two "
    "in a row, for a data set of one batch has no choice",
)
def num_repeats(view: View, *, look_back: int = 32) -> Readings:
    """How many of the 32 batches before, of the same epoch where it is known, were this very batch."""
    epoch = view.facts.number("steps_per_epoch") or look_back + 1.0
    if epoch <= 1:
        return NOTHING
    missing = look_back - view.num_past
    hashes = np.concatenate([np.full(missing, np.nan), view.with_past("batch_hash")])
    steps = np.concatenate([np.zeros(missing, np.int64), view.steps_with_past])
    before = np.lib.stride_tricks.sliding_window_view(hashes, look_back)[: len(view)]
    rows, places = np.nonzero(before == view["batch_hash"][:, None])
    rows = rows[view.steps[rows] - steps[rows + places] <= min(int(epoch) - 1, look_back)]
    values = np.bincount(rows, minlength=len(view)).astype(np.float64)
    return Readings(
        view.steps, values, lambda i: f"batch of step {view.steps[i]} came {values[i]:.0f} times before"
    )


@check(
    "P4",
    question="Do all ranks hold the same parameters?",
    panel="loss",
    reads=("evaluation.parameter_checksums",),
    leaves=(
        Leaf(
            "ranks out of sync",
            above=1.0,
            level=Level.RED,
            latch=True,
            causes=("ranks_out_of_sync",),
            weight=PROOF,
            fix="Gradients are not averaged over the ranks, or they started apart: wrap the model before the "
            "optimizer is made, and never step a module behind the wrapper.",
        ),
    ),
)
def distinct_checksums(view: View) -> Readings:
    """Different checksums of the parameters among the ranks; 1 when all agree."""
    items = list(view.items("parameter_checksums").values())
    if not items:
        return NOTHING
    sums = np.sort(np.stack(items, axis=1), axis=1)
    values = 1.0 + (np.diff(sums, axis=1) != 0).sum(axis=1)
    return Readings(
        view.steps, values, lambda i: f"{values[i]:.0f} different parameter sets on {sums.shape[1]} ranks"
    )


@check(
    "P5",
    question="Did the optimizer's state come back with each resume?",
    panel="loss",
    reads=("header.format",),
    leaves=(
        Leaf(
            "optimizer state lost on resume",
            above=0.0,
            level=Level.ORANGE,
            latch=True,
            causes=("resume_lost_optimizer",),
            weight=PROOF,
            fix="Save and load the optimizer with the model: its moments are part of the run.",
        ),
    ),
)
def resumes_without_optimizer(view: View) -> Readings:
    """1 for a resume that says its optimizer state was not restored, else 0."""
    resumes = [record for record in view.recording.resumes if "optimizer_restored" in record]
    if not resumes:
        return NOTHING
    by_step = {
        int(record["step"]): float(record["optimizer_restored"] in (False, "false", "no"))
        for record in resumes
    }
    steps = np.array(sorted(by_step), np.int64)
    values = np.array([by_step[step] for step in steps.tolist()])
    return Readings(
        steps, values, lambda i: f"resumed at step {steps[i]}, optimizer restored: {not values[i]}"
    )


@check(
    "P6",
    question="Does the optimizer's step counter ever fall?",
    panel="loss",
    reads=("adam_step",),
    window=2,
    leaves=(
        Leaf(
            "the step counter fell",
            above=10.0,
            level=Level.ORANGE,
            latch=True,
            causes=("resume_lost_optimizer", "optimizer_rebuilt"),
            weight=PROOF,
            fix="The optimizer was made anew in the middle of the run: load its state with the model's.",
        ),
    ),
)
def counter_fall(view: View) -> Readings:
    """By how much Adam's step counter is below that of the record before."""
    counters = view.with_past("adam_step")
    values = np.maximum(-np.diff(counters), 0.0)[-len(view) :]
    steps = view.steps[len(view) - len(values) :]
    return Readings(
        steps, values, lambda i: f"Adam's step counter fell by {values[i]:.0f} at step {steps[i]}"
    )
