"""From logs to messages: one worker thread a run, each batch handed over once and acknowledged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textual.message import Message

from tui.checks.thresholds import Thresholds
from tui.follow.batch import Batch
from tui.follow.pipe import PipeFollower
from tui.follow.splits import PathFollower
from tui.follow.thread import Follows, FollowThread
from tui.run import Run
from tui.screen.replay import ReplayFollower
from tui.sources.errors import CannotRead
from tui.sources.parser import SourceOptions
from tui.sources.runs import runs_of

MOST_RUNS = 8
"""Runs of one folder that are opened together, the newest ones; more cannot be told apart on a panel."""

_SMALL_BATCH = 500
"""Records of a live batch at most; a few of these fall into one frame and are taken in together."""


@dataclass
class BatchArrived(Message):
    """A piece of a run, to be taken in by the owner of its state and then acknowledged."""

    number: int
    batch: Batch


@dataclass
class FollowingEnded(Message):
    """A log cannot be read; `reason` is a sentence for the user."""

    number: int
    reason: str


class Watched:
    """A run, and the thread that follows its log.

    While the past of a large log is being read, `run` is its newest part, unjudged; then, in one step, all of
    it takes that place.
    """

    def __init__(
        self, number: int, path: str, follower: Follows, thresholds: Thresholds | None = None
    ) -> None:
        self.number = number
        self._whole = Run(path, thresholds)
        self._preview: Run | None = None
        self.failure = ""
        self.num_batches = 0
        self.follower = follower
        self._thread: FollowThread | None = None
        self._is_posted = False
        self._pending: list[Batch] = []
        self._has_news = False
        self._has_caught_up = False

    @property
    def run(self) -> Run:
        """The run to show: the whole of it, or its newest part while the whole is being read."""
        return self._preview or self._whole

    @property
    def part_read(self) -> float | None:
        """How much of the log has been read while only its newest part is shown, else None."""
        if self._preview is None:
            return None
        return min(1.0, self._whole.next_offset / max(1, self._preview.size_bytes))

    @property
    def is_caught_up(self) -> bool:
        """Whether everything there is was handed out and taken in."""
        return self.follower.is_caught_up and not self._is_posted and not self._pending

    @property
    def is_reading_the_past(self) -> bool:
        """Whether the end of what was there at opening has not been reached yet."""
        return not (self._has_caught_up or self.is_caught_up)

    def start(self, post: Callable[[Message], object]) -> None:
        """Begin to follow; messages are posted from the thread."""

        def hand_over(batch: Batch) -> None:
            self._is_posted = True
            post(BatchArrived(self.number, batch))

        self._thread = FollowThread(
            self.follower,
            hand_over,
            lambda error: post(FollowingEnded(self.number, str(error))),
        )
        self._thread.start()

    def take(self, batch: Batch) -> None:
        """Put the batch aside for `settle`; a large one becomes part of the run while it is in the cache."""
        self.num_batches += 1
        self._is_posted = False
        if batch.is_preview:
            self._preview = Run(self._whole.path, self._whole.thresholds, is_partial=True)
            self._preview.take(batch)
            self._has_news = True
        else:
            self._pending.append(batch)
        if len(batch.records) >= _SMALL_BATCH:
            self._take_in()
        self._acknowledge()

    def settle(self) -> bool:
        """The run with everything that was put aside, judged once; whether there was anything."""
        self._take_in()
        self._has_caught_up = self._has_caught_up or self.is_caught_up
        has_news, self._has_news = self._has_news, False
        self._whole.settle()
        if self._has_caught_up:
            self._show_whole()
        return has_news

    def _show_whole(self) -> None:
        if self._preview is None:
            return
        if self._preview.thresholds is not self._whole.thresholds:  # they were edited meanwhile
            self._whole.judge_by(self._preview.thresholds)
        self._preview = None

    def _take_in(self) -> None:
        if self._pending:
            self._has_news = True
            batch, self._pending = joined(self._pending), []
            if batch.restarted:
                self._preview = None
            self._whole.take(batch)

    def _acknowledge(self) -> None:
        if self._thread is not None:
            self._thread.acknowledge()

    def stop(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._thread.stop()


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches that came one after another as one; what came before a restart is void."""
    first = max((place for place, batch in enumerate(batches) if batch.restarted), default=0)
    rest = batches[first:]
    if len(rest) == 1:
        return rest[0]
    return replace(
        rest[-1],
        records=tuple(record for batch in rest for record in batch.records),
        damaged=tuple(damaged for batch in rest for damaged in batch.damaged),
        restarted=rest[0].restarted,
    )


def open_all(
    paths: Sequence[str], options: SourceOptions | None, thresholds: Thresholds | None, speed: float | None
) -> list[Watched]:
    """One followed run for each path, for each log of a folder of runs.

    Raises:
        CannotRead: a log to replay is not there, or a pattern fits nothing.
    """
    opened: list[Watched] = []
    for path in paths:
        for run in runs_of(path)[:MOST_RUNS] if speed is None else [path]:
            follower = _follower(run, options, speed)
            opened.append(Watched(len(opened), run, follower, thresholds))
    return opened


def _follower(path: str, options: SourceOptions | None, speed: float | None) -> Follows:
    if speed is not None:
        recording = ReplayFollower.of(path, options, speed)
        if path == "-":
            os.close(_keyboard_instead_of_stdin())  # read to its end: keys come from the terminal now
        return recording
    if path == "-":
        return PipeFollower(_keyboard_instead_of_stdin(), options)
    return PathFollower(Path(path), options, newest_first=True)


def _keyboard_instead_of_stdin() -> int:
    """A descriptor of standard input; the terminal takes its place, so that keys can be read.

    Raises:
        CannotRead: nothing is piped in, or there is no terminal.
    """
    if sys.stdin.isatty():
        raise CannotRead("Standard input is the terminal; pipe a log into it: python train.py | tui watch -")
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise CannotRead("There is no terminal to read keys from; use tui check - or tui show -.") from None
    piped = os.dup(0)
    os.dup2(terminal, 0)
    os.close(terminal)
    return piped
