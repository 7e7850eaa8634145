"""How far a validation loss can lie above its best by noise alone.

The best of n noisy evaluations is an extreme one: it lies about sigma sqrt(2 ln n) below their level, and the
one that looks worst so far above it. What is said here is therefore measured against the scatter of the
evaluations themselves, and against the largest rise that validation has already undone. All of it is in
logarithms: validation scatters in proportion to its size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_KNOWN = 5
"""Evaluations from which something is known of their scatter: a parabola takes three of them."""

_RECENT, _WINDOWS = 512, 24
"""Evaluations looked back on at most; windows for each distance (an overlap of 4 distances, so that a bend of
the curve is in a sixth of them)."""

_FEW = 9
"""Evaluations below which a median of their contrasts would be one of one or two."""

_ALL_UP_TO, _EVERY = 64, 8
"""Renewed at every evaluation so far, then at every eighth: it hardly moves any more."""

_RANGE, _RUN, _UNDONE, _SHORT = 1.2, 2.0, 2.0, 1.4
"""[ours] chosen on simulated curves: flat, exponential, power law and stepwise, 5 to 500 evaluations, white
and correlated (rho 0.5, 0.9) noise of 0 to 20 %, so that an honest curve with white noise of up to 5 % is
called in a few runs of a hundred; reported on other seeds."""


class Jitter:
    """Takes the evaluations one by one, each above zero, and knows which rise their noise explains."""

    def __init__(self) -> None:
        self._logs: list[float] = []
        self._lowest = math.inf
        self._risen = self._undone = 0.0
        self._known = 0
        self._scatter = math.inf

    def take(self, value: float) -> None:
        """Go on by one evaluation."""
        now = math.log(value)
        self._logs.append(now)
        if now < self._lowest:
            self._undone = max(self._undone, self._risen)
            self._lowest, self._risen = now, 0.0
        self._risen = max(self._risen, now - self._lowest)

    def __len__(self) -> int:
        return len(self._logs)

    def of_one(self) -> float:
        """Rise over the best, in logarithms, up to which noise explains a single evaluation.

        1.2 x the expected range of n normal draws, 2 sigma sqrt(2 ln n).
        """
        return self._limit(2 * _RANGE * self._extreme())

    def of_each(self) -> float:
        """The same for each of three evaluations in a row, all of which are higher still only by 2 sigma."""
        return self._limit(self._extreme() + _RUN)

    def _extreme(self) -> float:
        """How many deviations the lowest of so many normal draws lies below their mean, at most."""
        return math.sqrt(2 * math.log(len(self._logs)))

    def _limit(self, deviations: float) -> float:
        count = len(self._logs)
        if count < LEAST_KNOWN:
            return math.inf
        # A scatter known from so few is itself uncertain, as Student's t is.
        uncertain = 1 + _SHORT / (count - 3) ** 2
        return max(deviations * uncertain * self.scatter(), _UNDONE * self._undone)

    def scatter(self) -> float:
        """Standard deviation of the evaluations about a smooth curve, in logarithms; infinite below five."""
        count = len(self._logs)
        due = count if count <= _ALL_UP_TO else count // _EVERY * _EVERY
        if due != self._known:
            self._known = due
            self._scatter = _scatter_of(np.array(self._logs[max(due - _RECENT, 0) : due]))
        return self._scatter


def _scatter_of(logs: Floats) -> float:
    """The largest of the scatters at distances 1, 2, 4 ...: noise that is correlated shows at the larger."""
    if len(logs) < LEAST_KNOWN:
        return math.inf
    distance, largest = 1, 0.0
    while distance == 1 or len(logs) >= _WINDOWS // 2 * distance:
        contrasts = _contrasts(logs, distance)[:, -_WINDOWS * distance :]
        robust = float(np.median(contrasts)) / 0.6745 if len(logs) >= _FEW else _root_mean_square(contrasts)
        largest = max(largest, robust)
        distance *= 2
    return largest


def _contrasts(logs: Floats, distance: int) -> NDArray[Any]:
    """What the best parabola through five values so far apart leaves: two of the noise's size."""
    a, b, c, d, e = (logs[k * distance : len(logs) - (4 - k) * distance] for k in range(5))
    cubic = (e - a - 2 * (d - b)) / math.sqrt(10)
    quartic = (a + e - 4 * (b + d) + 6 * c) / math.sqrt(70)
    return np.abs(np.stack([cubic, quartic]))


def _root_mean_square(values: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(values**2)))
