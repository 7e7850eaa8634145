"""Each evaluation against the best one before it, and against what noise explains."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.onset import train_beside
from flight_recorder.tui.checks.signals.signal import signal
from flight_recorder.tui.checks.view import View

Steps = NDArray[np.int64]
Evaluated = tuple[int, float, float]
"""(step, validation loss, training loss beside it)"""


@dataclass(frozen=True, slots=True)
class Standing:
    """An evaluation against the best one so far, as it was known at that evaluation.

    Attributes:
        train: training loss beside it, NaN where unknown.
        rises: evaluations in a row, this one the last, that were worse than the one before.
        num_since: evaluations since the best one.
        since: the evaluation at which validation last improved by more than a trifle.
        has_climbed: whether it has risen twice in a row since the best, while training was lower than there.
        of_one, of_each: rise over the best, in logarithms, that noise explains of this one, of each of three.
        is_plain: whether a rise is plain to see where too few evaluations are known to tell their noise.
        is_turn_noise: whether so few evaluations that have turned back since the best are noise whatever they
            read: of those some always rise twice in a row.
    """

    step: int
    val: float
    train: float
    best_step: int
    best_val: float
    best_train: float
    rises: int
    num_since: int
    since: Evaluated
    has_climbed: bool
    of_one: float
    of_each: float
    is_plain: bool
    is_turn_noise: bool

    @property
    def over_best(self) -> float:
        """How far validation is above its best, as a share of it."""
        return self.val / self.best_val - 1

    @property
    def is_noise_of_three(self) -> bool:
        """Whether noise explains that three such evaluations in a row are so far above the best."""
        return math.log1p(self.over_best) <= self.of_each and not self.is_plain

    @property
    def is_noise(self) -> bool:
        """Whether noise explains that this evaluation is so far above the best, or that it is the newest."""
        return not self.is_plain and (math.log1p(self.over_best) <= self.of_one or self.is_turn_noise)

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
        known = math.isfinite(self.best_train) and math.isfinite(self.train)
        trained = f"train {self.best_train:.4g} → {self.train:.4g}" if known else ""
        return (
            f"validation is {self.val:.4g}, {self.over_best:.1%} over its best ({self.best_val:.4g} at step "
            f"{self.best_step})" + (f"; since then {trained}" if trained else "")
        )


@signal(
    "val.standing",
    reads=(
        "evaluation.val_loss",
        "signal.val.learned_below",
        "signal.val.noise.of_one",
        "signal.val.noise.of_each",
        "signal.val.noise.num_known",
    ),
    optional=("evaluation.train_loss",),
    window=2,
    columns=(),
    why="a rise of validation is overfitting only against the best evaluation before it, with the training "
    "loss of that evaluation beside it, and only beyond what the noise of the evaluations explains",
    reference="https://doi.org/10.1007/3-540-49430-8_3",
)
class Standings:
    """Each evaluation against the best one before it, as of its step.

    Each finite one from the first on that beats a guess: before it there is nothing to lose. None any more
    after a validation loss below zero: such a loss has no zero of its own, and no shares. After a training
    loss below zero only those that are worse than the first was: that is no noise near its zero.
    """

    def __init__(
        self,
        *,
        improved: float = 0.995,
        many: int = 24,
        least_known: int = 5,
        plain_rises: int = 2,
        plain_share: float = 0.2,
    ) -> None:
        self._improved, self._many, self._least_known = improved, many, least_known
        self._plain_rises, self._plain_share = plain_rises, plain_share
        self._by_step: dict[int, Standing] = {}
        self._best: Evaluated | None = None
        self._since: Evaluated | None = None
        self._climbed_from = -1
        self._first, self._last = 0.0, math.inf
        self._rises = self._num_since = 0
        self._is_signed = self._is_train_signed = False

    def among(self, steps: Steps) -> list[Standing]:
        """Those of the evaluations at these steps that are compared."""
        return [self._by_step[step] for step in steps.tolist() if step in self._by_step]

    def __call__(self, view: View) -> None:
        """Go on by the new evaluations."""
        for standing in self._walk(view):
            self._by_step[standing.step] = standing

    def _walk(self, view: View) -> Iterator[Standing]:
        trains = train_beside(view.recording, view.steps_with_past)[view.num_past :].tolist()
        limits = view["signal.val.learned_below"].tolist()
        noise = zip(
            *(view[f"signal.val.noise.{name}"].tolist() for name in ("of_one", "of_each", "num_known")),
            strict=True,
        )
        rows = zip(view.steps.tolist(), view["val_loss"].tolist(), trains, limits, noise, strict=True)
        for step, val, train, learned, (of_one, of_each, num_known) in rows:
            self._is_signed = self._is_signed or val < 0
            self._is_train_signed = self._is_train_signed or train < 0
            if self._is_signed or not (math.isfinite(val) and val > 0):
                continue
            best = self._advance((step, val, train))
            if best[1] < learned and (val > self._first or not self._is_train_signed):
                yield self._standing((step, val, train), best, of_one, of_each, int(num_known))

    def _advance(self, now: Evaluated) -> Evaluated:
        """Go on by one evaluation: the best so far."""
        val = now[1]
        self._first = self._first or val
        self._rises = self._rises + 1 if val > self._last else 0
        self._last = val
        self._num_since += 1
        if self._best is None or val < self._best[1]:
            self._best, self._num_since = now, 0
        return self._best

    def _standing(
        self, now: Evaluated, best: Evaluated, of_one: float, of_each: float, num_known: int
    ) -> Standing:
        if self._since is None or now[1] < self._improved * self._since[1]:
            self._since = now
        train_fell = not now[2] >= best[2]
        if self._rises >= self._plain_rises and train_fell:
            self._climbed_from = best[0]
        over_best = now[1] / best[1] - 1
        is_early = num_known < self._least_known
        return Standing(
            *now,
            *best,
            rises=self._rises,
            num_since=self._num_since,
            since=self._since,
            has_climbed=self._climbed_from == best[0],
            of_one=of_one,
            of_each=of_each,
            is_plain=is_early and self._rises >= self._plain_rises and over_best > self._plain_share,
            is_turn_noise=not (self._is_steady(num_known) or num_known > self._many),
        )

    def _is_steady(self, num_known: int) -> bool:
        """Whether validation has done nothing but rise since its best.

        Five values that are noise rise from first to last once in 120 times; if it fell before, less will do.
        """
        fell_before = self._num_since < num_known - 1
        return self._rises >= self._num_since and (fell_before or self._rises >= self._least_known - 1)
