"""How much a validation loss goes up and down without going anywhere."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median

RECENT = 24
"""Evaluations looked back on."""

_LEAST_PAIRS = 4


class Jitter:
    """Takes the evaluations one by one; knows noise from a bend by its turning back at once."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)

    def take(self, value: float) -> float:
        """Size of a typical swing among the recent values; 0 where they rather keep their direction.

        Of white noise two changes in a row have opposite signs in two cases of three, of a smooth curve
        only at its bottom. The smaller of two such changes is the swing: a trend makes the other larger.
        """
        self._recent.append(value)
        changes = [after - before for before, after in pairwise(self._recent)]
        pairs = list(pairwise(changes))
        swings = [min(abs(first), abs(second)) for first, second in pairs if first * second < 0]
        if len(pairs) < _LEAST_PAIRS or 3 * len(swings) < len(pairs):
            return 0.0
        return median(swings)
