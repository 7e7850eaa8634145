"""The overfitting of a run as a report tells it: the numbers of the checks, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from flight_recorder.tui.checks.signals.onset import Evaluations, evaluations_of, patience_stop
from flight_recorder.tui.run import Run

MEMORISED_SHARE = 0.1
"""A gap at the best evaluation beyond this share of its loss: memorising had begun before the best."""


@dataclass(frozen=True, slots=True)
class Story:
    """Evaluations, and the summary that the checks made of them (tui.checks: overfit_summary)."""

    seen: Evaluations
    facts: dict[str, Any]
    last_step: int
    train_source: str
    """How the training losses beside the evaluations came about, in words."""

    @property
    def overfit(self) -> bool:
        """Whether an onset was called."""
        return self.facts.get("onset") is not None

    @property
    def train_final(self) -> float | None:
        """Training loss at the last evaluation."""
        value = float(self.seen.train[-1])
        return value if math.isfinite(value) else None

    @property
    def gap_at_best(self) -> float | None:
        """Validation minus training loss at the best evaluation."""
        train = self.facts.get("train_at_val_min")
        return None if train is None else self.facts["val_min"] - train

    @property
    def memorised_before_best(self) -> bool:
        """Whether the gap was wide already where validation was best."""
        gap = self.gap_at_best
        return gap is not None and gap > MEMORISED_SHARE * abs(self.facts["val_min"])

    def stop(self, patience: int) -> int | None:
        """Step at which early stopping with this patience, in evaluations, would have ended the run."""
        return patience_stop(self.seen, patience)

    def best_before(self, step: int) -> tuple[int, float]:
        """Step and loss of the best evaluation up to this step: what early stopping would have kept."""
        count = int(np.searchsorted(self.seen.steps, step, side="right"))
        at = int(np.argmin(self.seen.val[:count]))
        return int(self.seen.steps[at]), float(self.seen.val[at])


def story_of(run: Run) -> Story | None:
    """The story of this run; None without a finite validation loss."""
    facts, seen = run.judge.overfit, evaluations_of(run.recording)
    if facts is None or not len(seen):
        return None
    measured = len(run.recording.evaluations["train_loss"]) > 0
    source = (
        "measured the same way at the same step" if measured else "the mean of the logged losses just before"
    )
    return Story(seen, facts, int(seen.steps[-1]), source)
