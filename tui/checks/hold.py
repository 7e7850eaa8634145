"""The one state machine: from "does it hold at this reading" to pending, firing, resolved.

It knows nothing of gradients and compares nothing. Readings come in arrays of any length, and cutting the
same readings up differently leaves it in the same state.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.verdict import State

Steps = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Track:
    """One leaf over time.

    It fires once it has held at `hold` readings in a row, and stays firing until it has not held at `keep`
    readings in a row. A latched one never resolves: a fact of the configuration stays true.

    Attributes:
        spans: [first_step, last_step] of each stretch in which it fired, oldest first.
        called: step of the reading at which each of these stretches was called.
    """

    __slots__ = (
        "_firing",
        "_first",
        "_keep",
        "_last",
        "_latch",
        "_length",
        "_misses",
        "called",
        "hold",
        "spans",
    )

    def __init__(self, hold: int = 1, keep: int = 1, latch: bool = False) -> None:
        self.hold = hold
        self._keep = keep
        self._latch = latch
        self._firing = False
        self._length = 0  # readings in a row that held, while not firing
        self._misses = 0  # readings in a row that did not, while firing
        self._first = self._last = 0
        self.spans: list[list[int]] = []
        self.called: list[int] = []

    @property
    def state(self) -> State:
        """PASS, PENDING, FIRING or RESOLVED."""
        if self._firing:
            return State.FIRING
        if self._length:
            return State.PENDING
        return State.RESOLVED if self.spans else State.PASS

    @property
    def first_step(self) -> int | None:
        """Where the newest stretch began, the one that is only pending included."""
        if not self._firing and self._length:
            return self._first
        return self.spans[-1][0] if self.spans else None

    @property
    def last_step(self) -> int | None:
        """The newest step of that stretch."""
        if not self._firing and self._length:
            return self._last
        return self.spans[-1][1] if self.spans else None

    def consume(self, steps: Steps, holds: Flags) -> None:
        """Go on by these readings; `holds` says of each whether the leaf holds there."""
        if not holds.any() and not self._firing:
            self._length = 0
            return
        edges = np.flatnonzero(holds[1:] != holds[:-1]) + 1
        bounds = [0, *edges.tolist(), len(holds)]
        value = bool(holds[0])
        for start, end in pairwise(bounds):
            if value:
                self._hit(steps, start, end)
            else:
                self._miss(end - start)
            value = not value

    def advance(self, step: int, holds: bool) -> None:
        """Go on by one reading."""
        if holds:
            self._hit((step,), 0, 1)
        elif self._firing or self._length:
            self._miss(1)

    def _hit(self, steps: Steps | tuple[int, ...], start: int, end: int) -> None:
        self._misses = 0
        self._last = int(steps[end - 1])
        if self._firing:
            self.spans[-1][1] = self._last
            return
        if self._length == 0:
            self._first = int(steps[start])
        needed = self.hold - self._length
        self._length += end - start
        if end - start >= needed:
            self._firing = True
            self.spans.append([self._first, self._last])
            self.called.append(int(steps[start + max(needed, 1) - 1]))

    def _miss(self, count: int) -> None:
        if not self._firing:
            self._length = 0
            return
        self._misses += count
        if self._misses >= self._keep and not self._latch:
            self._firing = False
            self._length = self._misses = 0
