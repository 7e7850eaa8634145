"""A run whose splits are written into folders or tables of their own, read or followed as one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.stored import Stored
from flight_recorder.tui.follow.tail import RELOCATE_INTERVAL_S, Clock, Follower
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recorded import logs_in, splits_of
from flight_recorder.tui.sources.locate.split_tables import held_out_of, note_on
from flight_recorder.tui.sources.locate.splits import event_files, split_folders
from flight_recorder.tui.sources.naming.options import SourceOptions
from flight_recorder.tui.sources.naming.words import is_held_out

_LIVELIEST_FIRST = (*(Pulse.LIVE, Pulse.STALLED, Pulse.CRASHED, Pulse.ENDED, Pulse.FINISHED, Pulse.WAITING),)


def options_of(part: Path, parts: Sequence[Path], options: SourceOptions | None) -> SourceOptions:
    """The options for one of a run's parts: those of a split put its name in front of the tags.

    A table of the training split names its numbers as any other log does; the held-out ones are all "val".
    """
    options = options or SourceOptions()
    if part.is_file():
        beside = {**options.beside, "notes": [note_on(parts)]}
        return replace(options, split="val" if part in held_out_of(parts) else "", beside=beside)
    is_split = part.parent == parts[-1].parent
    return replace(options, split=part.name if is_split else "")


def newest_event_files_first(folder: Path) -> list[Path]:
    """The event files of a folder itself."""
    return event_files(folder)[::-1]


def joined(batches: Sequence[tuple[Path, Batch]], restarted: bool = False) -> Batch:
    """Batches of several folders as one, in the order in which the records were written."""
    last = {folder: batch for folder, batch in batches}.values()
    return Batch(
        tuple(_in_order((part, batch.records) for part, batch in batches)),
        tuple(damaged for _, batch in batches for damaged in batch.damaged),
        sum(batch.next_offset for batch in last),
        sum(batch.size_bytes for batch in last),
        min((batch.pulse for batch in last), key=_LIVELIEST_FIRST.index),
        next(iter(last)).format,
        restarted,
        reading_stopped=next((batch.reading_stopped for batch in last if batch.reading_stopped), ""),
    )


def _in_order(streams: Iterable[tuple[Path, Sequence[Record]]]) -> list[Record]:
    """By time, or by steps where a part has no times."""
    written: dict[Path, list[Record]] = {}
    for part, records in streams:
        written.setdefault(part, []).extend(records)
    have_times = all(any("time" in one for one in records) for records in written.values() if records)
    by = _with_times if have_times else _with_steps
    placed = [
        pair for part, records in written.items() for pair in by(_of_its_own(part, records, list(written)))
    ]
    return [record for _, record in sorted(placed, key=lambda pair: pair[0])]


def _of_its_own(part: Path, records: Sequence[Record], parts: Sequence[Path]) -> list[Record]:
    """What a part says that is not for the training to say: a resume takes back its steps."""
    if part.is_file():
        others = {"resume", "header"} if part in held_out_of(parts) else set()
    else:
        others = {"resume"} if is_held_out(part.name) else set()
    return [record for record in records if record["kind"] not in others]


def _with_times(records: Sequence[Record]) -> Iterator[tuple[tuple[float, ...], Record]]:
    """Each record and its time; a header or resume goes with what follows it, and time never falls."""
    newest, waiting = 0.0, []
    for record in records:
        waiting.append(record)
        if "time" in record:
            newest = max(newest, float(record["time"]))
            yield from (((newest,), one) for one in waiting)
            waiting = []
    yield from (((newest,), one) for one in waiting)


def _with_steps(records: Sequence[Record]) -> Iterator[tuple[tuple[float, ...], Record]]:
    """Each record and its step, of the first, second ... start; an evaluation comes after the step itself."""
    newest, start = -1.0, 0
    for record in records:
        start += record["kind"] == "resume"
        newest = float(record.get("step", newest))
        yield (start, newest, record["kind"] == "evaluation"), record


class PathFollower:
    """Follows whatever a path is, with Follower's methods: one log, or a folder with a log for each split."""

    def __init__(
        self,
        path: Path,
        options: SourceOptions | None = None,
        clock: Clock = time.monotonic,
        newest_first: bool = False,
    ) -> None:
        self._path, self._options, self._clock = path, options, clock
        self._find = partial(logs_in, options=options)
        self._one = Follower(path, options, clock, find=self._find, newest_first=newest_first)
        self._splits: dict[Path, Follower] = {}
        self._newest: dict[Path, Batch] = {}
        self._held: list[tuple[Path, Batch]] = []
        self._looked_at: float | None = None
        self._restarted = False

    @property
    def is_caught_up(self) -> bool:
        """Whether everything there was handed out at the last poll."""
        return not self._held and all(one.is_caught_up for one in self._splits.values() or [self._one])

    def poll(self, limit_records: int = 2000, limit_s: float = 0.05) -> Batch | None:
        """What is new; None for nothing. Splits are handed out together, once all of them were read.

        Raises:
            CannotRead: a file is of no known format or may not be read.
        """
        self._look()
        if not self._splits:
            return self._one.poll(limit_records, limit_s)
        for folder, follower in self._splits.items():
            if batch := follower.poll(limit_records, limit_s):
                if batch.restarted:
                    self._follow(list(self._splits))
                    return None
                self._held.append((folder, batch))
        if not self._held or not all(one.is_caught_up for one in self._splits.values()):
            return None
        return self._handed_out()

    def store(self, stored: Stored, is_true: Callable[[], bool]) -> None:
        """Write the index of a log that is alone; see Follower."""
        if not self._splits:
            self._one.store(stored, is_true)

    def close(self) -> None:
        """Let go of the files."""
        for follower in (self._one, *self._splits.values()):
            follower.close()

    def _handed_out(self) -> Batch:
        held, self._held = self._held, []
        self._newest |= {folder: batch for folder, batch in held}
        silent = [
            (folder, replace(batch, records=(), damaged=()))
            for folder, batch in self._newest.items()
            if folder not in dict(held)
        ]
        restarted, self._restarted = self._restarted, False
        return joined([*silent, *held], restarted)

    def _look(self) -> None:
        """Notice, now and then, that there are splits, or one more."""
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < RELOCATE_INTERVAL_S:
            return
        self._looked_at = now
        folders = self._folders()
        if folders and set(folders) != set(self._splits):
            self._follow(folders)

    def _follow(self, folders: list[Path]) -> None:
        """Read these folders from their beginning; what was handed out is void."""
        self.close()
        self._held, self._newest, self._restarted = [], {}, True
        self._splits = {
            folder: Follower(
                folder, options_of(folder, folders, self._options), self._clock, find=newest_event_files_first
            )
            for folder in folders
        }

    def _folders(self) -> list[Path]:
        """The folders of the run that is followed; of the newest one while none is. It stays that run."""
        if not self._path.is_dir():
            return []
        try:
            if self._splits:
                parts = list(self._splits)
                return parts if parts[-1].is_file() else split_folders(parts[-1].parent)
            log = self._one.log or next(iter(self._find(self._path)), None)
        except (OSError, CannotRead):
            return []
        return splits_of(self._path, log, self._options) if log else []
