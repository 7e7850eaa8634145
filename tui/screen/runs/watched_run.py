"""From logs to messages: one worker thread a run, each batch handed over once and acknowledged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from textual.message import Message

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow import index
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.splits import PathFollower
from flight_recorder.tui.follow.thread import Follows, FollowThread
from flight_recorder.tui.run import Run, judged
from flight_recorder.tui.screen.runs.arrivals import Arrivals
from flight_recorder.tui.series.stored import stored
from flight_recorder.tui.sources.formats.runlog import RunlogParser

_SMALL_BATCH = 500
"""Records of a live batch at most; a few of these fall into one frame and are taken in together."""

_INDEX_GROWTH = 1.25
"""A log that has grown by this factor since its index was written gets a new one: all that is written in the
life of a run stays within some lengths of its log, and a fifth at most is read when it is opened again."""

_FAREWELL_S = 2.0
"""How long a thread is waited for when the monitor ends."""

JUDGED_EVERY_S = 0.2
"""How often a stream of records is judged, for that is a third of a frame; after a silence it is at once."""


@dataclass
class BatchArrived(Message):
    """A piece of a run, to be taken in by the owner of its state and then acknowledged."""

    number: int
    batch: Batch


@dataclass
class JudgedAtLast(Message):
    """All that the index of a log knew is judged."""

    number: int
    judge: Judge
    thresholds: Thresholds


@dataclass
class FollowingEnded(Message):
    """A log can be read no further; `reason` is a sentence."""

    number: int
    reason: str


class Watched:
    """A run, and the thread that follows its log.

    While the past of a large log is being read, `run` is its newest part, unjudged; then, in one step, all of
    it takes that place, and what is known of it goes into its index. With an index nothing is read twice; the
    thread that would read then judges.
    """

    def __init__(
        self, number: int, path: str, follower: Follows, thresholds: Thresholds | None = None
    ) -> None:
        self.number = number
        self._whole = Run(path, thresholds)
        self._preview: Run | None = None
        self.worst_level = Level.GREEN  # since it was last below orange: the bell rings once
        self.arrivals = Arrivals()
        self.num_batches = 0
        self.follower = follower
        self._thread: FollowThread | None = None
        self._is_posted = False
        self._pending: list[Batch] = []
        self._has_news = False
        self._has_caught_up = False
        self._is_being_judged = False
        self._judged_at = -math.inf
        self._indexed_to = 0
        self._post: Callable[[Message], object] = lambda message: None

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
        is_read = self.follower.is_caught_up or bool(self._whole.failure)
        return is_read and not self._is_posted and not self._pending

    @property
    def is_unjudged(self) -> bool:
        """Whether something has come since the last judgement, too soon after it for another."""
        return not (self._whole.is_settled or self._is_being_judged)

    @property
    def is_reading_the_past(self) -> bool:
        """Whether the end of what was there at opening has not been reached yet."""
        return not (self._has_caught_up or self.is_caught_up)

    def start(self, post: Callable[[Message], object]) -> None:
        """Begin to follow; messages are posted from the thread."""

        def hand_over(batch: Batch) -> None:
            self._is_posted = True
            post(BatchArrived(self.number, batch))

        self._post = post
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
        elif batch.stored is not None:
            self._take_stored(batch)
        else:
            self._pending.append(batch)
        is_large = len(batch.records) >= _SMALL_BATCH
        if is_large:
            self._take_in()
        if is_large or self.is_reading_the_past:
            self._acknowledge()

    def fail(self, reason: str) -> None:
        """The log can be read no further; what was read of it is shown, and said to be all."""
        self._is_posted = self._is_being_judged = False
        self._take_in()
        self._whole.stop_reading(reason)
        self._show_whole()
        self._has_news = True

    def settle(self) -> bool:
        """The run with everything that there is by now, judged once; whether there was anything."""
        self._take_newest()
        self._take_in()
        was_live, self._has_caught_up = self._has_caught_up, self._has_caught_up or self.is_caught_up
        has_news, self._has_news = self._has_news, False
        if has_news and self._has_caught_up:
            self.arrivals.see(self._whole.recording.num_steps, time.monotonic())
        has_verdicts = self._judge(was_live)
        if self._has_caught_up:
            self._show_whole()
            self._keep_index()
        return has_news or has_verdicts

    def alarms(self) -> bool:
        """Whether the run has become red or black and was neither since it was last below orange."""
        level, before = self.run.judge.level, self.worst_level
        self.worst_level = max(level, before) if level >= Level.ORANGE else level
        return level >= Level.RED > before

    def _judge(self, is_live: bool) -> bool:
        """Judge what is new, in a live run unless that was done a moment ago; whether it was done now."""
        now = time.monotonic()
        if not self.is_unjudged or (is_live and now < self._judged_at + JUDGED_EVERY_S):
            return False
        self._judged_at = now
        self._whole.settle()
        return True

    def _take_newest(self) -> None:
        """Of a live run, what has come since the thread last looked: a frame shows the newest there is.

        Until then the thread waits, so that there is one message a frame however fast records come.
        """
        if self._thread is None or self._is_posted or self.is_reading_the_past:
            return
        self._acknowledge()
        batch = self._thread.poll_now()
        if batch is not None:
            self.take(batch)

    def _show_whole(self) -> None:
        if self._preview is None:
            return
        if self._preview.thresholds is not self._whole.thresholds:  # they were edited meanwhile
            self._whole.judge_by(self._preview.thresholds)
        self._preview = None

    def _take_stored(self, batch: Batch) -> None:
        """Show all that the index knows; a million steps take seconds to judge, so that is done elsewhere."""
        self._pending.clear()
        self._whole.take(batch)
        self._show_whole()
        self._has_news = True
        self._indexed_to = batch.next_offset
        if self._thread is not None and not self._whole.is_judged:
            self._is_being_judged = True
            recording, thresholds = self._whole.recording, self._whole.thresholds
            self._thread.run_errand(
                lambda: self._post(JudgedAtLast(self.number, judged(recording, thresholds), thresholds))
            )

    def take_judge(self, judge: Judge, thresholds: Thresholds) -> None:
        """The verdicts on what the index knew; if other bounds are in force by now, those were judged by."""
        self._is_being_judged = False
        self._has_news = True
        if judge.recording is self._whole.recording and thresholds is self._whole.thresholds:
            self._whole.adopt(judge)

    def _keep_index(self) -> None:
        """Have the index written when there is much that it does not know."""
        run, thread = self._whole, self._thread
        has_ended = run.pulse in (Pulse.FINISHED, Pulse.CRASHED)
        due_at = self._indexed_to + 1 if has_ended else _INDEX_GROWTH * self._indexed_to
        if (
            thread is None
            or run.failure
            or not isinstance(self.follower, PathFollower)
            or run.format != RunlogParser.format
            or run.next_offset < max(due_at, index.LEAST_BYTES)
            or run.num_waiting
            or not self.is_caught_up
        ):
            return
        self._indexed_to = run.next_offset
        recording, num_resets = run.recording, run.recording.num_resets
        content = stored(recording, run.next_offset, run.damaged)

        def is_true() -> bool:
            is_same = run.recording is recording and recording.num_resets == num_resets
            return is_same and not thread.is_stopping and not any(one.restarted for one in self._pending)

        follower = self.follower
        thread.run_errand(lambda: follower.store(content, is_true))

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
        """Let the thread end; what it is writing is given up."""
        if self._thread is not None:
            self._thread.stop()
            self._thread.join(_FAREWELL_S)


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
