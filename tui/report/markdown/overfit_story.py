"""The overfitting of a run as a report tells it: the numbers of the checks, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from flight_recorder.tui.checks.rule import REGISTRY
from flight_recorder.tui.checks.signals.onset import Evaluations, evaluations_of, patience_stop
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.numbers import percent
from flight_recorder.tui.run import Run

SIGNS = frozenset({"overfit", "memorised"})
"""Causes whose evidence is told as the story of overfitting."""

USUAL_PATIENCE = 3
"""Evaluations without a new best after which the texts let early stopping act."""

Call = tuple[int, str, str, Level]


def overfitting_calls(run: Run) -> list[Call]:
    """(step, check, symptom, level) at which each sign of overfitting could first be called, by step."""
    checks = {
        check.id for check in REGISTRY.values() for leaf in check.leaves if SIGNS.intersection(leaf.causes)
    }
    first: dict[tuple[str, str], Call] = {}
    for call in run.judge.calls():
        if call[1] in checks and call[3] > Level.GREEN:
            first.setdefault(call[1:3], call)
    return list(first.values())


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
    def rise(self) -> float:
        """What stopping at the best would have won: the last validation loss over the best."""
        return float(self.facts["val_final"] - self.facts["val_min"])

    @property
    def is_data_first(self) -> bool:
        """Whether more data, which can win the gap at the best at most, could win more than stopping."""
        return self.gap_at_best is not None and self.gap_at_best > self.rise

    @property
    def last_is_best(self) -> bool:
        """Whether validation was still improving when the run ended."""
        return self.seen.best == len(self.seen) - 1

    def saved(self, patience: int) -> str:
        """Share of the steps that early stopping with this patience would have saved."""
        stop = self.stop(patience)
        left = 0 if stop is None else self.last_step - stop
        return percent(left / (self.last_step or 1))

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
