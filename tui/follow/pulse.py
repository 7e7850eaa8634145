"""How the writer of a log is doing, judged from its silence against its own pace."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Any, TypeGuard

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.schema import is_number
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.sources.endings import SUCCESSES, takes_back

STALL_FACTOR = 20.0
"""A log that is silent for this many times its own pace has stalled."""

STALL_FLOOR_S = 10.0
"""Shortest silence that is called a stall: an evaluation or a checkpoint of a small run fits into it."""

UNKNOWN_PACE_S = 30.0
"""Pace that is assumed until three intervals were seen; ten silent minutes are a stall then."""

CRASH_FACTOR = 10.0
"""How many times longer than a stall the silence is before a log that promises an exit is called crashed."""

CRASH_FLOOR_S = 120.0
"""Shortest silence that is called a crash: a suspended process comes back."""

DONE_AFTER_S = 30.0
"""Silence after which a run of unknown pace that has made all its steps is over: an evaluation may follow."""

NUM_INTERVALS = 64
LONGEST_PAUSE_FACTOR = 2.0
"""A run that pauses regularly (evaluations) may pause for this many times its longest recent pause."""


class Pace:
    """Seconds between records, from their own times where they have them, else from when they arrived."""

    def __init__(self) -> None:
        self._intervals: deque[float] = deque(maxlen=NUM_INTERVALS)
        self._written_at: float | None = None
        self._arrived_at: float | None = None

    def see(self, records: Sequence[Record], arrived_at: float | None) -> None:
        """Take in records; `arrived_at` on the monotonic clock, None for what was in the file at opening.

        Records that arrive together count once: block-buffered output is silent between its blocks.
        """
        newest = records[-NUM_INTERVALS - 1 :]
        if any(_is_time(record.get("time")) for record in newest):
            self._see_times(newest)
            return
        if arrived_at is not None and self._arrived_at is not None:
            self._intervals.append(arrived_at - self._arrived_at)
        self._arrived_at = arrived_at

    def _see_times(self, records: Sequence[Record]) -> None:
        for record in records:
            time = record.get("time")
            if not _is_time(time):
                continue
            # A clock that was set back says nothing about the pace, nor does the night before a resume.
            if self._written_at is not None and time >= self._written_at and record["kind"] != "resume":
                self._intervals.append(time - self._written_at)
            self._written_at = time

    def done_after_s(self) -> float:
        """Silence that is the end of a run which has made all its steps."""
        return (
            min(self.stalled_after_s(), DONE_AFTER_S) if len(self._intervals) < 3 else self.stalled_after_s()
        )

    def stalled_after_s(self) -> float:
        """Silence that is a stall: twenty times the median interval, never under the floor."""
        if len(self._intervals) < 3:
            return STALL_FACTOR * UNKNOWN_PACE_S
        usual = STALL_FACTOR * median(self._intervals)
        return max(STALL_FLOOR_S, usual, LONGEST_PAUSE_FACTOR * max(self._intervals))

    def crashed_after_s(self) -> float:
        """Silence that is a crash for a format that promises an exit record."""
        return max(CRASH_FLOOR_S, CRASH_FACTOR * self.stalled_after_s())

    def ended_after_s(self) -> float:
        """Silence that is the end of a run of which nothing says how long it was meant to be."""
        return self.stalled_after_s() if len(self._intervals) < 3 else self.crashed_after_s()


_SERIAL = ("step", "evaluation")
_FIRST, _NEWEST = 4, 16
"""Records at either end of a batch that say where a run stands."""


class Way:
    """How far a run has come of the steps that its header plans, where that says so."""

    def __init__(self) -> None:
        self._planned: float | None = None
        self._counts_done = False
        self._first = self._newest = -1
        self._interval = 1

    def see(self, records: Sequence[Record]) -> None:
        """Take in records in order; of many only the facts, the first and the newest are looked at."""
        for header in [record for record in records if record["kind"] == "header"]:
            planned = header.get("planned_steps")
            self._planned = planned if _is_time(planned) and planned > 0 else None
            self._counts_done = bool(header.get("lr_lag"))
        steps = [record["step"] for record in records[:_FIRST] if record["kind"] in _SERIAL]
        self._first = steps[0] if steps and self._first < 0 else self._first
        for record in records[-_NEWEST:]:
            self._see_newest(record)

    def _see_newest(self, record: Record) -> None:
        step = record.get("step", self._newest)
        if record["kind"] == "resume":
            self._newest = step - 1
        elif record["kind"] in _SERIAL and step > self._newest:
            self._interval = step - self._newest
            self._newest = step

    @property
    def is_done(self) -> bool:
        """Whether the last planned step was made; a run that went beyond its plan has another one."""
        counts_from_0 = self._first == 0 and not self._counts_done
        return self._planned is not None and self._planned - counts_from_0 <= self._newest <= self._planned

    @property
    def is_planned(self) -> bool:
        """Whether it is known how many steps were meant."""
        return self._planned is not None

    @property
    def is_short(self) -> bool:
        """Whether at least one more line would have come before the last planned step."""
        return self._planned is not None and self._newest + self._interval < self._planned - 1


def _unless_taken_back(exit_record: Record | None, later: Sequence[Record]) -> Record | None:
    has_gone_on = exit_record is not None and any(takes_back(exit_record, record) for record in later)
    return None if has_gone_on else exit_record


_PULSE_OF_REASON = {"error": Pulse.CRASHED} | dict.fromkeys(SUCCESSES, Pulse.FINISHED)


class Heart:
    """Pulse of one log. It is told about records, growth and time, and looks at nothing itself."""

    def __init__(self) -> None:
        self.pace = Pace()
        self._way = Way()
        self._has_records = False
        self._exit: Record | None = None
        self._silent_s = 0.0
        self._now: float | None = None

    def silent_for(self, seconds: float) -> None:
        """The file was last written to that long ago when it was opened; negative for a clock that is off."""
        self._silent_s = max(0.0, seconds)

    def grew(self, now: float) -> None:
        """Bytes arrived."""
        self._tick(now)
        self._silent_s = 0.0

    def see(self, records: Sequence[Record], arrived_at: float | None) -> None:
        """Records arrived; `arrived_at` is None for what was in the file when it was opened."""
        if not records:
            return
        self._has_records = True
        self.pace.see(records, arrived_at)
        self._way.see(records)
        self._exit = self._exit_after(records)

    def _exit_after(self, records: Sequence[Record]) -> Record | None:
        """The exit record that still holds after these; the newest ones say."""
        later: list[Record] = []
        for record in reversed(records):
            if record["kind"] in ("step", "resume"):
                return None
            if record["kind"] == "exit":
                return _unless_taken_back(record, later)
            later.append(record)
        return _unless_taken_back(self._exit, later)

    def pulse(self, now: float, promises_exit: bool, is_closed: bool = False) -> Pulse:
        """The pulse at `now`; `is_closed` says that nothing can come any more (end of a pipe)."""
        self._tick(now)
        if not self._has_records:
            return Pulse.WAITING
        if self._exit is not None:
            return _PULSE_OF_REASON.get(str(self._exit.get("reason")), Pulse.ENDED)
        is_cut_off = promises_exit or self._way.is_short
        if not promises_exit and self._way.is_done and (is_closed or self._is_over(self.pace.done_after_s())):
            return Pulse.FINISHED
        if is_closed:
            return Pulse.CRASHED if promises_exit else Pulse.ENDED
        return self._pulse_of_silence(is_cut_off, is_cut_off or self._way.is_planned)

    def _pulse_of_silence(self, is_cut_off: bool, has_aim: bool) -> Pulse:
        """How a log without a closing record is doing; of one without an aim nothing is missed."""
        if is_cut_off and self._is_over(self.pace.crashed_after_s()):
            return Pulse.CRASHED
        if not has_aim and self._is_over(self.pace.ended_after_s()):
            return Pulse.ENDED
        return Pulse.STALLED if self._is_over(self.pace.stalled_after_s()) else Pulse.LIVE

    def _is_over(self, seconds: float) -> bool:
        return self._silent_s > seconds

    def is_silent(self, now: float, seconds: float) -> bool:
        """Whether nothing has arrived for that long."""
        self._tick(now)
        return self._silent_s > seconds

    def _tick(self, now: float) -> None:
        if self._now is not None:
            self._silent_s += max(0.0, now - self._now)
        self._now = now


def _is_time(value: Any) -> TypeGuard[float]:
    return is_number(value) and math.isfinite(value)
