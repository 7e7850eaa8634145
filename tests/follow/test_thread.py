"""The worker thread: one batch at a time, back-pressure, errors handed over, standard input."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.pipe import PipeFollower
from flight_recorder.tui.follow.tail import POLL_INTERVAL_S, Follower
from flight_recorder.tui.follow.thread import BOOT_LIMIT, QUIET_INTERVAL_S, Follows, FollowThread
from flight_recorder.tui.sources.errors import CannotRead, ReadingStopped
from tests.follow.files import append, numbers, step, steps

WAIT_S = 20.0


@contextmanager
def _running(follower: Follows) -> Iterator[tuple[FollowThread, queue.Queue[Batch | CannotRead]]]:
    news: queue.Queue[Batch | CannotRead] = queue.Queue()
    thread = FollowThread(follower, news.put, news.put)
    thread.start()
    try:
        yield thread, news
    finally:
        thread.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def _next(thread: FollowThread, news: queue.Queue[Batch | CannotRead]) -> Batch:
    batch = news.get(timeout=WAIT_S)
    assert isinstance(batch, Batch)
    thread.acknowledge()
    return batch


def test_lines_appended_in_halves_arrive_whole_and_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with _running(Follower(log)) as (thread, news):
        seen: list[int] = []
        for number in range(5):
            line = step(number)
            append(log, line[:9])
            append(log, line[9:])
            seen += numbers([_next(thread, news)])
        assert seen == list(range(5))


def test_nothing_more_is_read_while_a_batch_is_unread(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(steps(range(BOOT_LIMIT[0] * 2 + 5)))

    class Counting(Follower):
        num_polls = 0

        def poll(self, limit_records: int = 1, limit_s: float = 0.0) -> Batch | None:
            self.num_polls += 1
            return super().poll(limit_records, 60.0)

    follower = Counting(log)
    with _running(follower) as (thread, news):
        first = news.get(timeout=WAIT_S)
        assert isinstance(first, Batch)
        polls = follower.num_polls
        with pytest.raises(queue.Empty):
            news.get(timeout=0.2)
        assert follower.num_polls == polls
        thread.acknowledge()
        rest = [_next(thread, news), _next(thread, news)]
    assert len(numbers([first, *rest])) == BOOT_LIMIT[0] * 2 + 5


def test_an_owner_and_the_thread_together_take_each_record_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(steps(range(1)))
    with _running(Follower(log)) as (thread, news):
        seen = numbers([_next(thread, news)])
        for number in range(1, 40):
            append(log, step(number))
            while number not in seen:
                seen += numbers([_next_or_now(thread, news)])
        assert seen == list(range(40))


def test_an_owner_does_not_overtake_what_was_posted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(steps(range(1)))
    with _running(Follower(log)) as (thread, news):
        posted = news.get(timeout=WAIT_S)
        append(log, step(1))
        assert thread.poll_now() is None
        thread.acknowledge()
        assert isinstance(posted, Batch)
        assert numbers([posted, _next_or_now(thread, news)]) == [0, 1]


def _next_or_now(thread: FollowThread, news: queue.Queue[Batch | CannotRead]) -> Batch:
    while news.empty():
        if batch := thread.poll_now():
            return batch
    return _next(thread, news)


def test_stopping_ends_a_thread_whose_batch_is_never_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(step(0))
    with _running(Follower(log)) as (_, news):
        news.get(timeout=WAIT_S)


def test_what_cannot_be_read_is_handed_over_and_ends_the_thread(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b'{"kind":"header","format":"9.0"}\n')
    with _running(Follower(log)) as (thread, news):
        assert isinstance(news.get(timeout=WAIT_S), CannotRead)
        thread.join(WAIT_S)


def test_a_pipe_is_followed_until_its_other_end_is_closed() -> None:
    reader, writer = os.pipe()
    with _running(PipeFollower(reader)) as (thread, news):
        os.write(writer, step(0))
        assert numbers([_next(thread, news)]) == [0]
        os.write(writer, step(1) + b'{"kind":"exit","reason":"finished"}\n')
        os.close(writer)
        last = _next(thread, news)
        assert numbers([last]) == [1]
        assert last.pulse is Pulse.FINISHED
    os.close(reader)


def test_a_pipe_that_gives_nothing_is_a_sentence() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with pytest.raises(CannotRead, match="Standard input ended"):
        PipeFollower(reader).poll()
    os.close(reader)


@pytest.mark.parametrize(
    ("pulse", "interval_s"),
    [(Pulse.LIVE, POLL_INTERVAL_S), (Pulse.FINISHED, QUIET_INTERVAL_S), (Pulse.STALLED, QUIET_INTERVAL_S)],
)
def test_log_that_has_ended_is_looked_at_less_often(pulse: Pulse, interval_s: float) -> None:
    class Once:
        is_caught_up = True
        batches: ClassVar = [Batch((), (), 0, 0, pulse, "runlog")]

        def poll(self, limit_records: int, limit_s: float) -> Batch | None:
            return self.batches.pop() if self.batches else None

        def close(self) -> None:
            pass

    waits: queue.Queue[float] = queue.Queue()
    news: queue.Queue[Batch | CannotRead] = queue.Queue()
    thread = FollowThread(Once(), news.put, news.put)
    thread._stopping.wait = lambda timeout: waits.put(timeout) or time.sleep(0.001)  # type: ignore
    thread.start()
    _next(thread, news)
    assert [waits.get(timeout=WAIT_S) for _ in range(3)] == [interval_s] * 3
    thread.stop()
    thread.join(WAIT_S)


def test_a_thread_that_fails_says_so(tmp_path: Path) -> None:
    class Failing(Follower):
        def poll(self, limit_records: int = 1, limit_s: float = 0.0) -> Batch | None:
            raise OverflowError("too large")

    with _running(Failing(tmp_path / "log")) as (_, news):
        error = news.get(timeout=WAIT_S)

    assert isinstance(error, ReadingStopped)
    assert str(error).startswith("reading stopped: OverflowError: too large")
