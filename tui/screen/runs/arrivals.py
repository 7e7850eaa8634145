"""The pace of a run whose log has no times, from when the watcher saw its steps arrive."""

from __future__ import annotations

from collections import deque

MOST_ARRIVALS = 50
LEAST_S = 1.0
"""Shortest time from which a pace is told: less says how the output is buffered, not how fast the run is."""


class Arrivals:
    """Steps done and when they were seen. What was there at opening says nothing of the pace."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque(maxlen=MOST_ARRIVALS)

    def see(self, num_steps: int, now: float) -> None:
        """So many steps are done at `now` on the monotonic clock; a run that went back begins anew."""
        if self._seen and num_steps < self._seen[-1][0]:
            self._seen.clear()
        if not self._seen or num_steps > self._seen[-1][0]:
            self._seen.append((num_steps, now))

    def steps_per_s(self) -> float | None:
        """Steps in a second over the newest arrivals; None while too few were seen."""
        if len(self._seen) < 3:
            return None
        (first, start), (last, end) = self._seen[0], self._seen[-1]
        return (last - first) / (end - start) if end - start >= LEAST_S else None
