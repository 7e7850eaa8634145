"""D4, overfitting: the flags of the fine-tune post-mortem as leaves, judged at every evaluation.

Every reading compares an evaluation with the best one before it, and speaks only while the training loss is
below what it was there: a validation loss that rises together with the training loss is no overfitting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tui.checks.form import HINT, NOTHING, STRONG, Leaf, Readings, check
from tui.checks.onset import (
    PATIENCE,
    RISEN,
    Floats,
    bottom,
    called_at,
    evaluations_of,
    overfit_summary,
    train_beside,
)
from tui.checks.verdict import Level
from tui.checks.view import View

__all__ = ["overfit_summary"]

_FLAGS = "the fine-tune post-mortem, signs visible during training"
_READS = ("evaluation.val_loss",)
_OPTIONAL = ("evaluation.train_loss",)

RUINED = 2.0
"""Validation loss over its best from which memorising has ruined the model ("doubled from optimal")."""


@dataclass(slots=True)
class _Standing:
    """An evaluation against the best one so far."""

    step: int
    val: float
    train: float
    best_step: int
    best_val: float
    best_train: float
    rises: int
    """Evaluations in a row, this one the last, that were worse than the one before."""

    @property
    def over_best(self) -> float:
        """How far validation is above its best, as a share of it."""
        return self.val / self.best_val - 1

    @property
    def train_fell(self) -> bool:
        """Whether training is below what it was at the best; true where nothing is known of it."""
        return not self.train >= self.best_train

    @property
    def gap_growth(self) -> float:
        """By how much the gap between the splits has grown since the best, as a share of the best."""
        grown = (self.val - self.train) - (self.best_val - self.best_train)
        return grown / self.best_val if math.isfinite(grown) else self.over_best

    def words(self) -> str:
        """The comparison in a sentence."""
        trained = f"train {self.best_train:.4g} -> {self.train:.4g}" if math.isfinite(self.train) else ""
        return (
            f"validation is {self.val:.4g}, {self.over_best:.1%} over its best ({self.best_val:.4g} at step "
            f"{self.best_step})" + (f"; since then {trained}" if trained else "")
        )


class _Evaluations:
    """Walks the evaluations in order and keeps the best; a measure says what to make of each."""

    def __init__(self) -> None:
        self._best: tuple[int, float, float] | None = None
        self._last = math.inf
        self._rises = 0

    def __call__(self, view: View) -> Readings:
        train = train_beside(view.recording, view.steps_with_past)[view.num_past :]
        standings = list(self._walk(view, train))
        if not standings:
            return NOTHING
        steps = np.array([standing.step for standing in standings], np.int64)
        values = np.array([self.reading(standing) for standing in standings])
        return Readings(steps, values, lambda i: standings[i].words())

    def _walk(self, view: View, train: Floats) -> Iterator[_Standing]:
        for step, val, trained in zip(
            view.steps.tolist(), view["val_loss"].tolist(), train.tolist(), strict=True
        ):
            if not (math.isfinite(val) and val > 0):
                continue
            self._rises = self._rises + 1 if val > self._last else 0
            self._last = val
            if self._best is None or val < self._best[1]:
                self._best = (step, val, trained)
            yield _Standing(step, val, trained, *self._best, self._rises)

    def reading(self, now: _Standing) -> float:
        raise NotImplementedError


@check(
    "D4.1",
    section="overfitting",
    question="Is the training set memorised and validation ruined?",
    panel="loss",
    reads=_READS,
    optional=_OPTIONAL,
    window=2,
    leaves=(
        Leaf(
            "memorised",
            below=0.02,
            level=Level.BLACK,
            latch=True,
            causes=("memorised", "overfit"),
            weight=STRONG,
            fix="Kill the run: nothing is left to learn and the loss mask is not to blame. Restart with more "
            "data, fewer epochs, dropout, and early stopping.",
        ),
    ),
    source=f"{_FLAGS}: black",
    as_written="training loss is literally zero, gradients vanishing, eval loss 3-4x worse than optimal",
    why="zero depends on the digits printed: below 2 % of what training was at the best evaluation, with "
    "validation at twice its best or more",
)
class TrainShare(_Evaluations):
    """Training loss over what it was at the best evaluation, once validation is at twice its best; else 1."""

    def reading(self, now: _Standing) -> float:
        """1 until validation is ruined; NaN never: without a training loss nothing is memorised."""
        if now.val < RUINED * now.best_val or not math.isfinite(now.train) or not now.best_train > 0:
            return 1.0
        return max(now.train, 0.0) / now.best_train


@check(
    "D4.2",
    section="overfitting",
    question="How far is validation above its best while training still falls?",
    panel="loss",
    reads=_READS,
    optional=_OPTIONAL,
    window=2,
    leaves=(
        Leaf(
            "validation loss rises",
            above=RISEN - 1,
            level=Level.ORANGE,
            hold=PATIENCE,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop, and go back to the checkpoint of the best evaluation; more data is the first remedy.",
        ),
        Leaf(
            "validation half as bad again as its best",
            above=0.5,
            level=Level.RED,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop now: every further step damages the model. Take the checkpoint of the best evaluation.",
        ),
    ),
    source=f"{_FLAGS}: orange and red; the overfit lab's onset",
    as_written="eval loss is increasing; eval loss doubled from optimal",
    why="1.02 x best at three evaluations in a row made no false call on five long healthy runs",
)
class OverBest(_Evaluations):
    """Validation loss over its best so far minus 1, while training is below what it was there; else 0."""

    def reading(self, now: _Standing) -> float:
        """0 while the training loss is above what it was at the best."""
        return now.over_best if now.train_fell else 0.0


@check(
    "D4.3",
    section="overfitting",
    question="Does validation climb from one evaluation to the next while training falls?",
    panel="loss",
    reads=_READS,
    optional=_OPTIONAL,
    window=2,
    leaves=(
        Leaf(
            "validation loss climbs",
            above=0.03,
            level=Level.ORANGE,
            keep=2,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop, and go back to the checkpoint of the best evaluation.",
        ),
    ),
    source=f"{_FLAGS}: orange",
    as_written="eval loss is increasing, gap between train and eval growing",
    why="with few evaluations three risen ones are a long wait; two rises in a row that take it 3 % over "
    "its best, with the gap grown as much, cannot be the noise of one",
)
class Climb(_Evaluations):
    """Share by which validation is over its best once it rose twice in a row, the gap grown as much."""

    _climbed_from = -1

    def reading(self, now: _Standing) -> float:
        """The smaller of the rise and the growth of the gap; 0 until validation has risen twice."""
        if now.rises >= 2 and now.train_fell:
            self._climbed_from = now.best_step
        climbed = self._climbed_from == now.best_step and now.train_fell
        return min(now.over_best, now.gap_growth) if climbed else 0.0


@check(
    "D4.4",
    section="overfitting",
    question="Has validation stopped improving while training goes on?",
    panel="loss",
    reads=_READS,
    optional=_OPTIONAL,
    window=2,
    leaves=(
        Leaf(
            "validation no longer improves",
            above=0.02,
            level=Level.YELLOW,
            keep=2,
            causes=("overfit",),
            weight=HINT,
            fix="Prepare to stop: keep the checkpoint of the best evaluation.",
        ),
    ),
    source=f"{_FLAGS}: yellow",
    as_written="eval loss stopped decreasing, train loss still going down",
    why="one evaluation that is not the best says nothing: the gap must have grown by 2 % of the best loss",
)
class GapGrowth(_Evaluations):
    """Growth of validation minus training loss since the best evaluation, as a share of the best; else 0."""

    def reading(self, now: _Standing) -> float:
        """0 at a new best, and while the training loss is above what it was at the best."""
        return now.gap_growth if now.val > now.best_val and now.train_fell else 0.0


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
            weight=STRONG,
            fix="Save a checkpoint whenever validation improves and never overwrite it, or save as often as "
            "you evaluate.",
        ),
    ),
    source="the fine-tune post-mortem, missing optimal checkpoint; the overfit lab, stop conditions",
    as_written="checkpoint at or near t_val_min",
    why="near means within one evaluation of the bottom of the curve, which is broad",
)
def checkpoint_distance(view: View) -> Readings:
    """Steps from the bottom of the validation curve to the nearest kept checkpoint, in evaluation intervals.

    Judged once an onset was called and while the log names checkpoints at all.
    """
    seen = evaluations_of(view.recording)
    called = called_at(seen) if len(seen) else None
    kept = np.array([record["step"] for record in view.recording.checkpoints], np.int64)
    if called is None or not len(kept):
        return NOTHING
    first, last = bottom(seen)
    away = np.maximum(np.maximum(first - kept, kept - last), 0)
    steps = seen.steps[called:]
    steps = steps[steps >= kept.min()]
    distances = np.array([away[kept <= step].min() for step in steps.tolist()])
    best = int(seen.steps[seen.best])
    nearest = int(kept[np.argmin(np.abs(kept - best))])
    spacing = float(np.median(np.diff(seen.steps)))
    words = f"best validation at step {best}, nearest checkpoint at {nearest}"
    return Readings(steps, distances / spacing, lambda i: words)


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
        ),
    ),
    source="the fine-tune post-mortem, computational cost analysis",
    as_written="83 % of the time was wasted",
)
def wasted_share(view: View) -> Readings:
    """Share of the steps that came after the best evaluation, once an onset was called; else 0."""
    seen = evaluations_of(view.recording)
    if not len(seen):
        return NOTHING
    best, called = int(seen.steps[seen.best]), called_at(seen)
    steps = seen.steps[seen.steps > 0]
    wasted: Floats = np.zeros(len(steps))
    if called is not None:
        wasted = np.maximum(steps - best, 0) / steps
    return Readings(steps, wasted, lambda i: f"{steps[i] - best} of {steps[i]} steps came after step {best}")
