"""How far a validation loss can lie above its best by noise alone.

The best of n noisy evaluations is an extreme one: it lies about sigma sqrt(2 ln n) below their level, and the
one that looks worst so far above it. What is said here is therefore measured against the scatter of the
evaluations themselves, and against the largest rise that validation has already undone. All of it is in
logarithms: validation scatters in proportion to its size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]


@signal(
    "val.noise",
    reads=("evaluation.val_loss",),
    columns=("of_one", "of_each", "scatter", "num_known"),
    why="the best of n noisy evaluations lies about sigma sqrt(2 ln n) below their level, so a rise over it "
    "is compared with the range of n normal draws. Sigma is what a parabola through five evaluations leaves, "
    "which no trend enters, at distances 1, 2, 4 ..., of which correlated noise shows at the larger. The "
    "factors were chosen on simulated curves (flat, exponential, power law and stepwise, 5 to 500 "
    "evaluations, white and correlated noise of 0 to 20 %), so that an honest curve with white noise of up "
    "to 5 % is called in a few runs of a hundred; reported on other seeds",
    reference="https://en.wikipedia.org/wiki/Savitzky%E2%80%93Golay_filter",
)
class EvaluationNoise:
    """Rise of validation over its best, in logarithms, up to which noise explains a single evaluation, and
    each of three in a row; their scatter, and how many are known.

    NaN at an evaluation that is not above zero, and from the first below zero on: that one has no logarithm.
    """

    def __init__(
        self,
        *,
        least_known: int = 5,
        few: int = 9,
        recent: int = 512,
        windows: int = 24,
        renewed_up_to: int = 64,
        renewed_every: int = 8,
        ranges: float = 1.2,
        run: float = 2.0,
        undone: float = 2.0,
        short: float = 1.4,
    ) -> None:
        self._least_known, self._few, self._recent, self._windows = least_known, few, recent, windows
        self._renewed_up_to, self._renewed_every = renewed_up_to, renewed_every
        self._ranges, self._run, self._undone_times, self._short = ranges, run, undone, short
        self._logs: list[float] = []
        self._lowest = math.inf
        self._risen = self._undone = 0.0
        self._known = 0
        self._scatter = math.inf
        self._is_signed = False

    def __call__(self, view: View) -> Derived:
        """Go on by the new evaluations."""
        return Derived(view.steps, self.take(view["val_loss"]))

    def take(self, values: Floats) -> Mapping[str, Floats]:
        """Go on by these evaluations: what is known of their noise at each."""
        rows = [self._one(value) for value in values.tolist()]
        columns = np.array(rows, np.float64).reshape(-1, 4).T
        return dict(zip(("of_one", "of_each", "scatter", "num_known"), columns, strict=True))

    def _one(self, value: float) -> tuple[float, float, float, int]:
        self._is_signed = self._is_signed or value < 0
        if self._is_signed or not 0 < value < math.inf:
            return math.nan, math.nan, math.nan, len(self._logs)
        now = math.log(value)
        self._logs.append(now)
        if now < self._lowest:
            self._undone = max(self._undone, self._risen)
            self._lowest, self._risen = now, 0.0
        self._risen = max(self._risen, now - self._lowest)
        # 1.2 x the expected range of n normal draws; of three in a row all are higher still only by 2 sigma.
        extreme = math.sqrt(2 * math.log(len(self._logs)))
        limits = self._limit(2 * self._ranges * extreme), self._limit(extreme + self._run)
        return *limits, self._scatter, len(self._logs)

    def _limit(self, deviations: float) -> float:
        count = len(self._logs)
        if count < self._least_known:
            return math.inf
        # A scatter known from so few is itself uncertain, as Student's t is.
        uncertain = 1 + self._short / (count - 3) ** 2
        return max(deviations * uncertain * self._renewed(), self._undone_times * self._undone)

    def _renewed(self) -> float:
        """Standard deviation of the evaluations about a smooth curve; renewed ever more rarely."""
        count = len(self._logs)
        due = count if count <= self._renewed_up_to else count // self._renewed_every * self._renewed_every
        if due != self._known:
            self._known = due
            self._scatter = self._scatter_of(np.array(self._logs[max(due - self._recent, 0) : due]))
        return self._scatter

    def _scatter_of(self, logs: Floats) -> float:
        """The largest of the scatters at distances 1, 2, 4 ...: noise that is correlated shows at the larger.

        The median of the contrasts, which one wild evaluation does not move; their root mean square where
        it would be the median of one or two.
        """
        if len(logs) < self._least_known:
            return math.inf
        distance, largest = 1, 0.0
        while distance == 1 or len(logs) >= self._windows // 2 * distance:
            contrasts = _contrasts(logs, distance)[:, -self._windows * distance :]
            median = float(np.median(contrasts)) / 0.6745  # the median of |x| of a unit normal
            largest = max(largest, median if len(logs) >= self._few else _root_mean_square(contrasts))
            distance *= 2
        return largest


def _contrasts(logs: Floats, distance: int) -> NDArray[Any]:
    """What the best parabola through five values so far apart leaves: two of the noise's size.

    The cubic and the quartic orthogonal polynomials on five points, (-1 2 0 -2 1) and (1 -4 6 -4 1): no
    parabola has a share in either, and divided by the roots of their sums of squares, 10 and 70, white noise
    keeps its variance.
    """
    a, b, c, d, e = (logs[k * distance : len(logs) - (4 - k) * distance] for k in range(5))
    cubic = (e - a - 2 * (d - b)) / math.sqrt(10)
    quartic = (a + e - 4 * (b + d) + 6 * c) / math.sqrt(70)
    return np.abs(np.stack([cubic, quartic]))


def _root_mean_square(values: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(values**2)))
