"""Batches that fall into one frame are taken in as one, whatever they are."""

from __future__ import annotations

import pytest

from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.screen.runs import watched_run as feed
from flight_recorder.tui.screen.runs.watched_run import BatchArrived, Watched, joined
from tests.screen.builders import Script, batch, header, step


def test_joined_batches_have_all_records_and_the_newest_pulse() -> None:
    first = batch([header(), step(0)], damaged=(Damaged(1, 2, "x"),))
    second = batch([step(1)], Pulse.STALLED, damaged=(Damaged(5, 6, "y"),))
    one = joined([first, second])
    assert one.records == first.records + second.records
    assert [damaged.offset for damaged in one.damaged] == [1, 5]
    assert one.pulse is Pulse.STALLED and not one.restarted


def test_what_came_before_a_restart_is_left_out() -> None:
    again = batch([step(0)], restarted=True)
    one = joined([batch([step(7)]), again, batch([step(1)])])
    assert [record["step"] for record in one.records] == [0, 1]
    assert one.restarted


def test_run_is_judged_once_for_all_that_was_put_aside() -> None:
    watched = Watched(0, "x", Script())
    watched.take(batch([header()]))
    for at in range(5):
        watched.take(batch([step(at)]))
    assert watched.run.recording.last_step is None
    assert watched.settle()
    assert watched.run.recording.last_step == 4
    assert not watched.settle()


def test_a_frame_of_a_live_run_asks_for_what_has_come_since_the_last_batch() -> None:
    script, posted = Script(batch([header(), step(0)])), list[BatchArrived]()
    watched = Watched(0, "x", script)
    watched.start(lambda message: posted.append(message) if isinstance(message, BatchArrived) else None)
    num_posted = 0
    for at in range(30):
        while watched.run.recording.last_step != at:
            while posted:
                watched.take(posted.pop(0).batch)
                num_posted += 1
            watched.settle()
        script.batches.append(batch([step(at + 1)]))
    watched.stop()
    assert num_posted < 15  # the thread looks every 25 ms, these frames all the time
    assert watched.run.recording.steps.steps.tolist() == list(range(30))


def test_a_stream_is_judged_now_and_then_and_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(0, "x", Script())
    judged: list[int | None] = []
    monkeypatch.setattr(watched.run.judge, "update", lambda: judged.append(watched.run.recording.last_step))
    monkeypatch.setattr(feed, "JUDGED_EVERY_S", 1e9)
    for at in range(5):
        watched.take(batch([step(at)]))
        watched.settle()
    assert judged == [0] and watched.is_unjudged
    monkeypatch.setattr(feed, "JUDGED_EVERY_S", 0.0)
    assert watched.settle() and judged == [0, 4]
    assert not watched.is_unjudged and not watched.settle()
