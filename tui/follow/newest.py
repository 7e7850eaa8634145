"""The newest part of a large log, read before the rest: what anyone who opens it wants to see first."""

from __future__ import annotations

import os

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.follow.pulse import Heart
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.formats.runlog import RunlogParser
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.parser import SourceOptions

LARGE_BYTES = 8 * 2**20
"""A log from this size on takes longer to read than a screen takes to appear."""

HEAD_BYTES = 2**16
"""Where the facts of a run stand; its header and first measurements are a few kilobytes."""

NEWEST_BYTES = 3 * 2**20
"""What is read of the end: some thousand steps, as quickly there as a short run."""

_FACTS = frozenset({"header", "initial"})


def newest_part(
    descriptor: int, size: int, now: float, silent_s: float, options: SourceOptions | None
) -> Batch | None:
    """The facts of the run and its newest records, out of a log of our own of `size` bytes.

    None for a small log, for one in another format (where a record can depend on all before it), and where
    no line begins in the part that is read. Damage is not counted: whoever reads the rest will.
    """
    if size < LARGE_BYTES:
        return None
    try:
        facts = _facts(os.pread(descriptor, HEAD_BYTES, 0), options)
        if facts is None:
            return None
        _, newline, tail = os.pread(descriptor, NEWEST_BYTES, size - NEWEST_BYTES).partition(b"\n")
        records = facts + RunlogParser(options).feed(tail) if newline else []
    except CannotRead:
        return None  # reading from the first byte on says why
    if len(records) == len(facts):
        return None
    heart = Heart()
    heart.silent_for(silent_s)
    heart.see(records, None)
    pulse = heart.pulse(now, RunlogParser.promises_exit)
    return Batch(tuple(records), (), 0, size, pulse, RunlogParser.format, is_preview=True)


def _facts(head: bytes, options: SourceOptions | None) -> list[Record] | None:
    """What the head says of the whole run; None if it is no log of our own."""
    parser = Recognising("", options)
    records = parser.feed(head)
    if parser.format != RunlogParser.format:
        return None
    return [record for record in records if record["kind"] in _FACTS]
