"""What a user is told when a log cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.defect import with_traceback


class CannotRead(Exception):
    """Nothing can be read from here. The message is one sentence for the user: what is wrong, what to do."""


class ReadingStopped(CannotRead):
    """The program failed in the middle of a log. What was read before stays true."""


class Interrupted(Exception):
    """A parser failed, which is its `cause`; `records` are those that it had completed before."""

    def __init__(self, records: Sequence[Record], cause: Exception) -> None:
        super().__init__(str(cause))
        self.records, self.cause = records, cause


def stopped(error: BaseException, offset: int) -> str:
    """What to say of a defect that ended the reading of a log at a byte."""
    return f"reading stopped at byte {offset:,}: {with_traceback(error)}"
