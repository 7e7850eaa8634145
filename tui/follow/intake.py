"""What every follower does with the bytes it got: parse, judge the pulse, hand out bounded batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.pulse import Heart
from flight_recorder.tui.follow.stored import Stored
from flight_recorder.tui.sources.errors import CannotRead, Interrupted, stopped
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.parser import SourceOptions
from flight_recorder.tui.sources.timeline import since_restart

SETTLE_S = 5.0
"""Silence after which a source gives up waiting for what would complete a held-back record."""


class Intake:
    """Bytes of one log in, batches out. It reads no file and no clock.

    Attributes:
        heart: knows how the writer is doing; told about growth by the owner.
        pulse: the pulse that the last batch showed.
        reading_stopped: why nothing more is read, a sentence; empty while all is well.
    """

    def __init__(self, name: str, options: SourceOptions | None) -> None:
        self.heart = Heart()
        self.pulse = Pulse.WAITING
        self.reading_stopped = ""
        self._told_stopped = ""
        self._name = name
        self._options = options
        self._parser = Recognising(name, options)
        self._queue: list[Record] = []
        self._num_damaged = 0
        self._restarted = False
        self._is_rewriting = False
        self._has_handed_out = False
        self._is_settled = True
        self._stored: Stored | None = None

    @property
    def format(self) -> str:
        """Name of the format; empty while it is unknown."""
        return self._parser.format

    @property
    def is_whole(self) -> bool:
        """Whether the file is one document that is written anew."""
        return self._parser.is_whole

    @property
    def num_waiting(self) -> int:
        """Records that were parsed and not handed out yet."""
        return len(self._queue)

    def is_at(self, path: Path) -> None:
        """The log is this file; facts may lie beside it."""
        self._parser.path = path

    def start_over(self) -> None:
        """Everything so far is void: the file was replaced or written anew."""
        self.reading_stopped = self._told_stopped = ""
        self._is_rewriting = self._parser.is_whole
        self._parser = Recognising(self._name, self._options)
        self.heart = Heart()
        self._queue.clear()
        self._num_damaged = 0
        self._restarted = self._has_handed_out
        self._stored = None
        self._is_settled = True

    def go_on_from(self, stored: Stored) -> None:
        """What stands before byte `stored.offset` is known; the bytes after it come next."""
        self._parser.goes_on_at(stored.offset)
        self.heart.see(stored.newest(), None)
        self._stored = stored

    def take(self, data: bytes) -> None:
        """Parse the next bytes.

        Raises:
            CannotRead: they are of no known format.
        """
        self._read(lambda: self._parser.feed(data))
        self._is_settled = False

    def settle(self, now: float) -> None:
        """Once nothing has come for a while, take what was held back for what might have followed."""
        if not self._is_settled and self.heart.is_silent(now, SETTLE_S):
            self._is_settled = True
            self._read(self._parser.settle)

    def finish(self) -> None:
        """Nothing follows: take what only the end completes.

        Raises:
            CannotRead: there was no record of any known format.
        """
        self._read(self._parser.finish)

    def _read(self, parse: Callable[[], list[Record]]) -> None:
        """Take what this gives; should it fail, nothing more is read, and what was read stays."""
        if self.reading_stopped:
            return
        try:
            self._queue_up(parse())
        except CannotRead:
            raise
        except Interrupted as interrupted:
            self._queue_up(interrupted.records)
            self.reading_stopped = stopped(interrupted.cause, self._parser.offset)
        except Exception as error:
            self.reading_stopped = stopped(error, self._parser.offset)

    def _queue_up(self, records: Sequence[Record]) -> None:
        """Records come in line; where they are given anew, all before them are void."""
        kept, are_anew = since_restart(records)
        if are_anew:
            self._queue.clear()
            self._restarted = self._restarted or self._has_handed_out
        self._queue += kept

    def batch(
        self,
        limit_records: int,
        now: float,
        size_bytes: int,
        is_live: bool = False,
        is_closed: bool = False,
        is_last: bool = False,
    ) -> Batch | None:
        """The next records in line, or None if there is nothing to tell.

        A new pulse is something to tell; that a document is being written anew is not, until it is whole.
        `is_live` says that the records arrived now, `is_closed` that none can come any more, `is_last` that
        nobody will ask again: size and format are something to tell then.
        """
        records, self._queue = tuple(self._queue[:limit_records]), self._queue[limit_records:]
        damaged = self._new_damage()
        self.heart.see(records, now if is_live else None)
        pulse = self.heart.pulse(now, self._parser.promises_exit, is_closed and not self._queue)
        is_half = self._is_rewriting and not records
        has_stopped = self.reading_stopped != self._told_stopped and not self._queue
        is_news = self._restarted or self._stored or has_stopped or pulse is not self.pulse
        if (is_half and not has_stopped) or not (records or damaged or is_news or is_last):
            return None
        self.pulse = pulse
        self._told_stopped = self.reading_stopped if has_stopped else self._told_stopped
        restarted, self._restarted = self._restarted, False
        stored, self._stored = self._stored, None
        self._has_handed_out = True
        return Batch(
            records,
            damaged,
            self._parser.offset,
            size_bytes,
            pulse,
            self.format,
            restarted,
            stored=stored,
            num_waiting=len(self._queue),
            reading_stopped=self._told_stopped,
        )

    def _new_damage(self) -> tuple[Damaged, ...]:
        new = tuple(self._parser.damaged[self._num_damaged :])
        self._num_damaged += len(new)
        return new
