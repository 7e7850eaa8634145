"""One evaluation against the best one before it, and against what noise explains."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flight_recorder.tui.checks.signals.evaluation_noise import LEAST_KNOWN, Jitter

_MANY = 24
"""Evaluations up to which a climb must not have turned back once since the best: of so few that are noise,
some always rise twice in a row."""

_PLAIN_RISES, _PLAIN_SHARE = 2, 0.2
"""Rises in a row, and how far above the best, that need no knowledge of the noise."""


@dataclass(slots=True)
class Standing:
    """An evaluation against the best one so far."""

    step: int
    val: float
    train: float
    best_step: int
    best_val: float
    best_train: float
    rises: int
    """Evaluations in a row, this one the last, that were worse than the one before."""
    num_since: int
    """Evaluations since the best one."""
    jitter: Jitter
    """The noise of validation, up to this evaluation."""

    @property
    def over_best(self) -> float:
        """How far validation is above its best, as a share of it."""
        return self.val / self.best_val - 1

    @property
    def is_noise(self) -> bool:
        """Whether noise explains that three such evaluations in a row are so far above the best."""
        return math.log1p(self.over_best) <= self.jitter.of_each() and not self.is_plain

    @property
    def is_noise_of_one(self) -> bool:
        """Whether noise explains that this evaluation is so far above the best, or that it is the newest."""
        return not self.is_plain and (
            math.log1p(self.over_best) <= self.jitter.of_one()
            or not (self.is_steady or len(self.jitter) > _MANY)
        )

    @property
    def is_plain(self) -> bool:
        """Whether a rise is plain to see where too few evaluations are known to tell their noise."""
        is_early = len(self.jitter) < LEAST_KNOWN
        return is_early and self.rises >= _PLAIN_RISES and self.over_best > _PLAIN_SHARE

    @property
    def is_steady(self) -> bool:
        """Whether validation has done nothing but rise since its best.

        Five values that are noise rise from first to last once in 120 times; if it fell before, less will do.
        """
        fell_before = self.num_since < len(self.jitter) - 1
        return self.rises >= self.num_since and (fell_before or self.rises >= LEAST_KNOWN - 1)

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
