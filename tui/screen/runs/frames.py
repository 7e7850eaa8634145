"""When a frame is drawn: soon after something came, never too often, and rarely while a long past is read."""

from __future__ import annotations

import time

FRAMES_PER_S = 30
"""Redraws in a second at most."""

LONGEST_WAIT_S = 0.07
"""Until a record is seen: with 25 ms of polling and the drawing itself it stays under a tenth of a second."""

READING_FRAME_S = 0.3
"""Between two frames while a long past is being read for the first time."""

CPU_SHARE = 0.15
"""Of a core, for everything: frames become rarer, down to the longest wait, when they cost more."""


class Frames:
    """The pace of drawing. It draws nothing and sets no timer.

    Attributes:
        is_due: a frame was announced by `due_in` and has not begun.
        is_asked_for: the user or a change of what is shown wants one, reading or not.
        num_drawn: frames so far, between `first_at` and `last_at` of the monotonic clock.
    """

    def __init__(self) -> None:
        self.is_due = self.is_asked_for = False
        self.num_drawn = 0
        self.first_at = self.last_at = 0.0
        self._cpu_s = time.process_time()
        self._wait_s = 1 / FRAMES_PER_S

    def due_in(self) -> float:
        """Seconds until the next frame, which is due from now on."""
        self.is_due = True
        return max(0.001, self.last_at + self._wait_s - time.monotonic())

    def gives_way(self, is_reading: bool) -> bool:
        """Whether a frame now would only take time from the reading of a long past."""
        return is_reading and not self.is_asked_for and time.monotonic() < self.last_at + READING_FRAME_S

    def begin(self) -> None:
        """A frame is being drawn; what the last one and all since then cost decides when the next one is."""
        self.is_due = self.is_asked_for = False
        spent, self._cpu_s = time.process_time() - self._cpu_s, time.process_time()
        self._wait_s = min(max(1 / FRAMES_PER_S, spent / CPU_SHARE), LONGEST_WAIT_S)
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at
        self.num_drawn += 1
