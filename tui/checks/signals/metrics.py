"""The metrics of a run that are no losses: of each the level as a curve, and what it has lost.

Which columns they are is told by their names (tui/sources/naming/directions.py); only those of which more is
better are followed: what is better when small is a loss or its kin, and rises where a model is too sure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.level_curve import Levels, Shape
from flight_recorder.tui.checks.signals.signal import signal
from flight_recorder.tui.checks.view import View
from flight_recorder.tui.sources.naming.directions import UP, direction_of

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

_REWARDS = frozenset({"reward", "rewards", "rew", "return", "returns"})
_SHARES = frozenset({"acc", "accuracy", "top1", "acc1"})
_NO_MEASUREMENT = frozenset({"best", "max", "target", "smoothed", "baseline"})

_WHY = (
    "a metric is judged like a loss turned round, by medians of equal blocks and the noise that second "
    "differences leave; it may be negative, so it is never taken as a logarithm"
)
_REFERENCE = "https://doi.org/10.1093/biomet/73.3.625"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as of a row: its name and the newest shape of its curve, turned round so that down is better.

    Attributes:
        is_reward, is_share: what its name says: a return of a policy, an accuracy from 0 to 1.
    """

    step: int
    name: str
    shape: Shape
    is_reward: bool
    is_share: bool

    @property
    def lost(self) -> float:
        """The share of what it had gained, or of its best if that is less, that it has lost for good."""
        return min(self.shape.given_back, self.share_of_level)

    @property
    def share_of_level(self) -> float:
        """The share of its best level that it has lost for good."""
        return self.shape.rise / max(abs(self.shape.best), 1e-12)

    @property
    def whole(self) -> float:
        """What an accuracy is a share of: 100 where it is printed in per cent."""
        return 100.0 if self.best > 1 else 1.0

    @property
    def gain(self) -> float:
        """How far it has risen above where it began, as a share of the whole."""
        return (self.shape.first - self.shape.best) / self.whole

    @property
    def best(self) -> float:
        """The best level of all."""
        return -self.shape.best

    @property
    def late(self) -> float:
        """The best level of late."""
        return -self.shape.late

    def words(self) -> str:
        """What it has lost, in a sentence."""
        return f"{self.name} was {self.best:.4g} at step {self.shape.best_step} and is {self.late:.4g}"


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower()))


class _Curve(Levels):
    """One metric; of a reward the repeats of the first value are left out: nothing was collected yet."""

    def __init__(self, name: str) -> None:
        super().__init__(least_blocks=8)
        words = _words(name)
        self.name, self.is_reward, self.is_share = name, bool(words & _REWARDS), bool(words & _SHARES)
        self._first: float | None = None
        self._has_moved = not self.is_reward

    def go_on(self, steps: Steps, values: Floats) -> None:
        """Go on by these rows; NaN where there is none."""
        there = np.isfinite(values)
        steps, values = steps[there], values[there]
        if not self._has_moved and len(values):
            self._first = values[0] if self._first is None else self._first
            moved = np.flatnonzero(values != self._first)
            self._has_moved = len(moved) > 0
            start = moved[0] if len(moved) else len(values)
            steps, values = steps[start:], values[start:]
        self.take(steps, -values)

    def held(self, steps: Steps) -> NDArray[np.bool_]:
        """Whether it has gained beyond its noise, and lost nothing beyond it, as of each of these steps."""
        shapes = self.shapes
        holds = [False, *(s.is_real(s.first - s.best) and not s.is_real(s.rise) for s in shapes)]
        ends = np.array([shape.step for shape in shapes], np.int64)
        return np.array(holds)[np.searchsorted(ends, steps, side="right")]


class Metrics:
    """The metrics of one table, asked as of a row."""

    def __init__(self) -> None:
        self._curves: dict[str, _Curve] = {}

    def __call__(self, view: View) -> None:
        """Go on by the new rows."""
        for name, values in view.metrics().items():
            if direction_of(name) == UP and not _words(name) & _NO_MEASUREMENT:
                curve = self._curves.setdefault(name, _Curve(name))
                curve.go_on(view.steps, values)

    def among(self, steps: Steps) -> Iterator[list[Metric]]:
        """All metrics as of each of these steps after which a block of one of them ends."""
        ended = {shape.step for curve in self._curves.values() for shape in curve.among(steps)}
        return (self.at(step) for step in sorted(ended))

    def hold(self, steps: Steps) -> list[bool]:
        """Whether one of them, as of each of these steps, has gained and lost nothing of it."""
        found = np.zeros(len(steps), np.bool_)
        for curve in self._curves.values():
            found |= curve.held(steps)
        return found.tolist()

    def at(self, step: int) -> list[Metric]:
        """Every metric as of a step of its own table, this one included."""
        found = ((curve, curve.before(step + 1)) for curve in self._curves.values())
        return [
            Metric(step, c.name, shape, c.is_reward, c.is_share) for c, shape in found if shape is not None
        ]


@signal(
    "metrics.of_steps",
    reads=("step",),
    optional=("metrics",),
    columns=(),
    why=_WHY,
    reference=_REFERENCE,
)
class MetricsOfSteps(Metrics):
    """The metrics of the step records, each as a curve of few points."""


@signal(
    "metrics.of_evaluations",
    reads=("evaluation.step",),
    optional=("evaluation.metrics",),
    columns=(),
    why=_WHY,
    reference=_REFERENCE,
)
class MetricsOfEvaluations(Metrics):
    """The metrics of the evaluations, each as a curve of few points."""
