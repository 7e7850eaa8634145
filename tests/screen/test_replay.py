"""A recording is played again at its own times, faster, and whole."""

from __future__ import annotations

from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.screen.runs.replay import ReplayFollower
from tests.screen.builders import Record, batch, evaluation, header, step


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def replayed(records: list[Record], speed: float) -> tuple[ReplayFollower, Clock]:
    clock = Clock()
    ended = batch(records, Pulse.FINISHED)
    return ReplayFollower([ended], speed, clock), clock


def test_records_come_at_their_own_times_divided_by_the_speed() -> None:
    follower, clock = replayed([header(), *(step(at) for at in range(101))], speed=10)
    first = follower.poll(1000, 1.0)
    assert first is not None and [one["kind"] for one in first.records] == ["header", "step"]
    clock.now += 0.101  # a second of the recording, of fifty steps
    second = follower.poll(1000, 1.0)
    assert second is not None and [one["step"] for one in second.records] == list(range(1, 51))
    assert second.pulse is Pulse.LIVE
    assert follower.poll(1000, 1.0) is None


def test_replay_ends_as_the_recording_did() -> None:
    follower, clock = replayed([header(), step(0), evaluation(0), step(1)], speed=1)
    follower.poll(1000, 1.0)
    clock.now += 10
    last = follower.poll(1000, 1.0)
    assert last is not None and last.pulse is Pulse.FINISHED
    assert follower.is_caught_up and follower.poll(1000, 1.0) is None


def test_no_more_records_are_handed_out_than_asked_for() -> None:
    follower, clock = replayed([header(), *(step(at) for at in range(100))], speed=1)
    follower.poll(1000, 1.0)
    clock.now += 1000
    taken = 0
    while (one := follower.poll(7, 1.0)) is not None:
        assert len(one.records) <= 7
        taken += len(one.records)
    assert taken == 99


def test_records_without_a_time_come_at_an_even_pace() -> None:
    records = [{"kind": "step", "step": at, "loss": 1.0} for at in range(50)]
    follower, clock = replayed(records, speed=2)
    follower.poll(1000, 1.0)
    clock.now += 1.06
    found = follower.poll(1000, 1.0)
    assert found is not None and len(found.records) == 21


def test_night_between_crash_and_resume_is_cut_short() -> None:
    records = [header(), step(0), step(1, time=step(0)["time"] + 8 * 3600)]
    follower, clock = replayed(records, speed=60)
    follower.poll(10, 1.0)
    clock.now += 1.01
    found = follower.poll(10, 1.0)
    assert found is not None and found.records[0]["step"] == 1
