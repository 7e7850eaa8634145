"""D4, overfitting: the flags of the fine-tune post-mortem as leaves, judged at every evaluation.

Every reading compares an evaluation with the best one before it, and speaks only while the training loss is
below what it was there: a validation loss that rises together with the training loss is no overfitting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.signals.evaluation_noise import Jitter
from flight_recorder.tui.checks.signals.onset import (
    PATIENCE,
    RISEN,
    Floats,
    learned_below_at,
    overfit_summary,
    train_beside,
)
from flight_recorder.tui.checks.signals.standing import Standing
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

__all__ = ["overfit_summary"]

_FLAGS = "the fine-tune post-mortem, signs visible during training"
_READS = ("evaluation.val_loss",)
_OPTIONAL = ("evaluation.train_loss",)

_LEAST_RISE = 0.003
"""Nats below which a rise is noise however small the loss: it is printed with four decimals."""

_HALF = 0.5
"""Validation loss over its best, less 1, from which damage is being done."""

RUINED = 2.0
"""Validation loss over its best from which memorising has ruined the model ("doubled from optimal")."""


class _Evaluations:
    """Walks the evaluations in order and keeps the best; a measure says what to make of each."""

    def __init__(self) -> None:
        self._best: tuple[int, float, float] | None = None
        self._last = math.inf
        self._rises = self._num_since = 0
        self._jitter = Jitter()
        self._is_signed = self._is_train_signed = False
        self._first = 0.0
        self.uniform = math.inf

    def __call__(self, view: View) -> Readings:
        train = train_beside(view.recording, view.steps_with_past)[view.num_past :]
        judged = [(standing, self.reading(standing)) for standing in self._walk(view, train)]
        if not judged:
            return NOTHING
        steps = np.array([standing.step for standing, _ in judged], np.int64)
        values = np.array([value for _, value in judged])
        return Readings(steps, values, lambda i: self.words(judged[i][0]))

    def _walk(self, view: View, train: Floats) -> Iterator[Standing]:
        """Each finite evaluation from the first on that beats a guess: before it there is nothing to lose.

        None any more after a validation loss below zero: such a loss has no zero of its own, and no shares.
        After a training loss below zero only those that are worse than the first one was: that is no noise
        of a loss near its zero.
        """
        limits = learned_below_at(view.recording, view.facts, view.steps).tolist()
        self.uniform = view.facts.ln_vocab or math.inf
        for step, val, trained, learned in zip(
            view.steps.tolist(), view["val_loss"].tolist(), train.tolist(), limits, strict=True
        ):
            self._is_signed = self._is_signed or val < 0
            self._is_train_signed = self._is_train_signed or trained < 0
            if self._is_signed or not (math.isfinite(val) and val > 0):
                continue
            self._first = self._first or val
            self._rises = self._rises + 1 if val > self._last else 0
            self._last = val
            self._jitter.take(val)
            self._num_since += 1
            if self._best is None or val < self._best[1]:
                self._best, self._num_since = (step, val, trained), 0
            if self._best[1] < learned and (val > self._first or not self._is_train_signed):
                yield Standing(step, val, trained, *self._best, self._rises, self._num_since, self._jitter)

    def reading(self, now: Standing) -> float:
        raise NotImplementedError

    def words(self, now: Standing) -> str:
        """The comparison in a sentence."""
        return now.words()


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
            causes=("memorised",),
            weight=PROOF,
            fix="Kill the run: nothing is left to learn and the loss mask is not to blame. Restart with more "
            "data, fewer epochs, dropout, and early stopping.",
        ),
    ),
    source=f"{_FLAGS}: black",
    as_written="training loss is literally zero, gradients vanishing, eval loss 3-4x worse than optimal",
    why="zero depends on the digits printed: below 2 % of what training was at the best evaluation, with "
    "validation at twice its best or more; where the best is more than half of ln V it is ruined at ln V",
)
class TrainShare(_Evaluations):
    """Training loss over what it was at the best evaluation, once validation is ruined; else 1.

    Ruined is twice its best, or worse than a uniform guess.
    """

    def reading(self, now: Standing) -> float:
        """1 until validation is ruined; NaN never: without a training loss nothing is memorised."""
        ruined = now.val >= min(RUINED * now.best_val, self.uniform)
        if not ruined or not math.isfinite(now.train) or not now.best_train > 0:
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
            above=_HALF,
            level=Level.RED,
            keep=3,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop now: every further step damages the model. Take the checkpoint of the best evaluation.",
        ),
    ),
    source=f"{_FLAGS}: orange and red; the overfit lab's onset",
    as_written="eval loss is increasing; eval loss doubled from optimal",
    why="1.02 x best at three evaluations in a row made no false call on five long healthy runs; counted is "
    "only what the scatter of the evaluations, of which the best is the luckiest, does not explain",
)
class OverBest(_Evaluations):
    """Validation loss over its best so far minus 1, while training is below what it was there; else 0."""

    def reading(self, now: Standing) -> float:
        """0 while the training loss is above what it was at the best, and within the noise of validation.

        At most a half where it takes three evaluations in a row to know that it is no noise.
        """
        if not now.train_fell or now.over_best <= RISEN - 1 or now.is_noise:
            return 0.0
        return min(now.over_best, _HALF) if now.over_best > _HALF and now.is_noise_of_one else now.over_best


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
    "its best, with the gap grown as much, and further than the noise of a single one reaches",
)
class Climb(_Evaluations):
    """Share by which validation is over its best once it rose twice in a row, the gap grown as much."""

    _climbed_from = -1

    def reading(self, now: Standing) -> float:
        """The smaller of the rise and the growth of the gap; 0 until validation has risen twice."""
        if now.rises >= 2 and now.train_fell:
            self._climbed_from = now.best_step
        climbed = self._climbed_from == now.best_step and now.train_fell
        worth_it = now.val - now.best_val >= _LEAST_RISE and not now.is_noise_of_one
        return min(now.over_best, now.gap_growth) if climbed and worth_it else 0.0


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
    why="one evaluation that is not the best says nothing: the gap must have grown by 2 % of the best loss, "
    "and of that four times as much where it is the best so far, as in a run that converges it is to the end",
)
class GapGrowth(_Evaluations):
    """Growth of validation minus training loss since validation last improved, as a share of it; else 0.

    An improvement is half a percent.
    """

    _IMPROVED = 0.995
    _AT_A_BEST = 4.0

    def __init__(self) -> None:
        super().__init__()
        self._since: tuple[int, float, float] | None = None
        self._said: dict[int, str] = {}

    def reading(self, now: Standing) -> float:
        """0 at an improvement, and while training is above what it was there; a quarter at a new best."""
        if self._since is None or now.val < self._IMPROVED * self._since[1]:
            self._since = now.step, now.val, now.train
        since, val, train = self._since
        self._said[now.step] = f"since step {since} validation went from {val:.4g} to {now.val:.4g}" + (
            f", train from {train:.4g} to {now.train:.4g}" if math.isfinite(train + now.train) else ""
        )
        grown = ((now.val - now.train) - (val - train)) / val
        if math.isnan(grown):
            return max(now.over_best, 0.0)
        if now.num_since == 0:
            grown /= self._AT_A_BEST
        return grown if now.train < train else 0.0

    def words(self, now: Standing) -> str:
        """What both losses did since the improvement."""
        return self._said[now.step]
