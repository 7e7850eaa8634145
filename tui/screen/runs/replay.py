"""A recorded run played again as if it were live: the same records, at their own times or faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.sources.parser import SourceOptions

STEPS_PER_S = 10.0
"""Pace of records without a time, before the speed multiplies it."""

LONGEST_PAUSE_S = 60.0
"""Longer silences of the recording, nights between a crash and its resume, are cut to this."""


class ReplayFollower:
    """Follows a recording by a clock; same methods as Follower.

    Attributes:
        speed: recorded seconds in one second of the clock.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        speed: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.speed = speed
        self._clock = clock
        self._start: float | None = None
        known = list(batches)
        self._last = known[-1] if known else None
        self._records = [record for batch in known for record in batch.records]
        self._times = _due_times(self._records)
        self._next = 0
        self._has_ended = False

    @classmethod
    def of(cls, path: str, options: SourceOptions | None, speed: float) -> ReplayFollower:
        """The recording at this path.

        Raises:
            CannotRead: it is not there or of no known format.
        """
        return cls(read_all(path, options), speed)

    @property
    def is_caught_up(self) -> bool:
        """Whether nothing more is due now."""
        return self._next == len(self._records) or self._due() == self._next

    def poll(self, limit_records: int, limit_s: float) -> Batch | None:
        """The records that are due, at most `limit_records`; None for nothing."""
        if self._start is None:
            self._start = self._clock()
        end = min(self._due(), self._next + limit_records)
        if end == self._next and not self._is_last_news():
            return None
        records = tuple(self._records[self._next : end])
        self._next = end
        return self._batch(records)

    def close(self) -> None:
        """Nothing to let go of: the recording was read at the beginning."""

    def _is_last_news(self) -> bool:
        return self._next == len(self._records) and not self._has_ended

    def _batch(self, records: tuple[Record, ...]) -> Batch:
        last = self._last
        has_ended = self._next == len(self._records)
        self._has_ended = has_ended
        if last is None:
            return Batch(records, (), 0, 0, Pulse.WAITING, "")
        pulse = last.pulse if has_ended else Pulse.LIVE
        return Batch(records, (), last.next_offset, last.size_bytes, pulse, last.format)

    def _due(self) -> int:
        """How many records are due by now."""
        if self._start is None:
            return 0
        elapsed = (self._clock() - self._start) * self.speed
        end = self._next
        while end < len(self._times) and self._times[end] <= elapsed:
            end += 1
        return end


def _due_times(records: list[Record]) -> list[float]:
    """Seconds after the first record at which each came, never falling."""
    times: list[float] = []
    now, before = 0.0, None
    for record in records:
        stamp = record.get("time")
        if isinstance(stamp, int | float):
            if before is not None:
                now += min(max(0.0, stamp - before), LONGEST_PAUSE_S)
            before = float(stamp)
        elif record.get("kind") == "step":
            now += 1 / STEPS_PER_S
        times.append(now)
    return times
