"""What the worker thread hands over: a frozen piece of the run, and how the run is doing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.follow.stored import Stored


class Pulse(StrEnum):
    """How the writer of a log is doing, judged from the file alone."""

    WAITING = "waiting"  # no file yet, or nothing in it
    LIVE = "live"  # growing at its own pace
    STALLED = "stalled"  # silent for twenty times its own pace, and no sign of an end
    FINISHED = "finished"  # an exit record that says so, or every planned step made
    ENDED = "ended"  # stopped from outside, or silent for good with nothing known of a plan
    CRASHED = "crashed"  # ended with an error, or silent for good before its exit or its last planned step
    UNREAD = "reading stopped"  # the log can be read no further: how its writer is doing is not known


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that arrived together, in order, and the state of the file they came from.

    `restarted` says that the file was truncated or replaced: everything known before this batch is void.
    `is_preview` says that these are the facts and the newest records of a log of which the batches that
    follow have everything, from its first byte on: something to show meanwhile, nothing to judge by.
    `stored` is everything before `next_offset`, as the index of the log had it.
    `num_waiting` records before `next_offset` are not in this batch, but in the next ones.
    `reading_stopped` is a sentence once the program itself failed at `next_offset`: nothing more will come.
    """

    records: tuple[Record, ...]
    damaged: tuple[Damaged, ...]
    next_offset: int
    size_bytes: int
    pulse: Pulse
    format: str
    restarted: bool = False
    is_preview: bool = False
    stored: Stored | None = None
    num_waiting: int = 0
    reading_stopped: str = ""
