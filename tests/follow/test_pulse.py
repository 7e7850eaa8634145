"""How a log is doing, against its own pace, on a clock that the test holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_recorder.engine.runlog.codec import encode
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.follow.pulse import (
    CRASH_FLOOR_S,
    DONE_AFTER_S,
    STALL_FACTOR,
    STALL_FLOOR_S,
    UNKNOWN_PACE_S,
    Heart,
)
from flight_recorder.tui.follow.tail import Follower
from tests.follow.files import Clock, append, drain, step


def _heart(times: list[float]) -> Heart:
    heart = Heart()
    heart.grew(0.0)
    heart.see([{"kind": "step", "step": i, "time": time} for i, time in enumerate(times)], None)
    return heart


def test_nothing_in_the_file_is_waiting() -> None:
    assert Heart().pulse(0.0, promises_exit=True) is Pulse.WAITING


def test_silence_of_twenty_times_its_own_pace_is_a_stall() -> None:
    heart = _heart([3.0 * i for i in range(30)])
    assert heart.pulse(3.0 * STALL_FACTOR, promises_exit=False) is Pulse.LIVE
    assert heart.pulse(3.0 * STALL_FACTOR + 0.1, promises_exit=False) is Pulse.STALLED


def test_a_fast_run_may_pause_for_an_evaluation() -> None:
    heart = _heart([0.01 * i for i in range(100)])
    assert heart.pulse(STALL_FLOOR_S, promises_exit=False) is Pulse.LIVE
    assert heart.pulse(STALL_FLOOR_S + 0.1, promises_exit=False) is Pulse.STALLED


def test_a_run_that_pauses_regularly_is_not_stalled_by_one_more_pause() -> None:
    times = [i + 30.0 * (i // 20) for i in range(60)]
    assert _heart(times).pulse(45.0, promises_exit=False) is Pulse.LIVE


def test_an_unknown_pace_is_given_ten_minutes() -> None:
    heart = _heart([0.0])
    assert heart.pulse(STALL_FACTOR * UNKNOWN_PACE_S, promises_exit=False) is Pulse.LIVE
    assert heart.pulse(STALL_FACTOR * UNKNOWN_PACE_S + 1, promises_exit=False) is Pulse.ENDED
    assert heart.pulse(STALL_FACTOR * UNKNOWN_PACE_S + 2, promises_exit=True) is Pulse.STALLED


def test_without_a_plan_only_a_format_that_promises_an_exit_can_crash() -> None:
    silence = CRASH_FLOOR_S + 1
    times = [0.01 * i for i in range(100)]
    assert _heart(times).pulse(silence, promises_exit=True) is Pulse.CRASHED
    assert _heart(times).pulse(silence, promises_exit=False) is Pulse.ENDED


def _foreign(steps: list[int], planned: int | None, **facts: object) -> Heart:
    """A run without times whose plan is known, opened when it had been silent for a while."""
    heart = Heart()
    heart.grew(0.0)
    header = {"kind": "header", "planned_steps": planned, **facts}
    heart.see([header, *({"kind": "step", "step": step} for step in steps)], None)
    return heart


@pytest.mark.parametrize(
    "steps, planned, facts, pulse",
    [
        ([0, 10, 20, 29], 30, {}, Pulse.FINISHED),
        ([10, 20, 30], 30, {}, Pulse.FINISHED),
        ([10, 20, 30], 30, {"lr_lag": 1}, Pulse.FINISHED),
        ([10, 20, 29], 30, {}, Pulse.STALLED),
        ([0, 20, 29], 30, {"lr_lag": 1}, Pulse.STALLED),
        ([0, 10, 20], 30, {}, Pulse.STALLED),
        ([0, 10, 20], 300, {}, Pulse.CRASHED),
        ([0, 10, 20, 30, 40], 30, {}, Pulse.STALLED),
        ([0, 10, 20], None, {}, Pulse.ENDED),
    ],
    ids=str,
)
def test_a_silent_run_has_finished_only_if_its_last_planned_step_was_made(
    steps: list[int], planned: int | None, facts: dict[str, object], pulse: Pulse
) -> None:
    assert _foreign(steps, planned, **facts).pulse(1e6, promises_exit=False) is pulse


def test_a_run_that_went_back_has_not_made_its_last_step() -> None:
    heart = _foreign([0, 10, 20, 29], 30)
    heart.see([{"kind": "resume", "step": 10}, {"kind": "step", "step": 10}], None)
    assert heart.pulse(1e6, promises_exit=False) is Pulse.CRASHED


def test_a_run_that_promises_an_exit_has_not_finished_without_one() -> None:
    assert _foreign([0, 29], 30).pulse(1e6, promises_exit=True) is Pulse.CRASHED


def test_what_may_still_follow_the_last_step_is_waited_for() -> None:
    assert _foreign([10, 20, 30], 30).pulse(DONE_AFTER_S, promises_exit=False) is Pulse.LIVE
    assert _foreign([10, 20, 30], 30).pulse(DONE_AFTER_S + 1, promises_exit=False) is Pulse.FINISHED


def test_an_exit_record_is_the_end_and_a_resume_takes_it_back() -> None:
    heart = _heart([0.0, 1.0, 2.0, 3.0])
    heart.see([{"kind": "exit", "reason": "finished"}], 0.0)
    assert heart.pulse(10_000.0, promises_exit=True) is Pulse.FINISHED
    heart.grew(10_000.0)
    heart.see([{"kind": "resume", "step": 2}], 10_000.0)
    assert heart.pulse(10_001.0, promises_exit=True) is Pulse.LIVE


def test_the_night_before_a_resume_is_no_pace() -> None:
    heart = _heart([float(i) for i in range(10)])
    heart.see(
        [{"kind": "resume", "step": 9, "time": 50_000.0}, {"kind": "step", "step": 9, "time": 50_001.0}], None
    )
    assert heart.pace.stalled_after_s() == STALL_FACTOR * 1.0


def test_a_clock_set_back_is_no_pace_and_no_growth_of_silence() -> None:
    heart = _heart([10.0, 20.0, 30.0, 5.0, 15.0, 25.0])
    assert heart.pace.stalled_after_s() == STALL_FACTOR * 10.0
    assert heart.pulse(100.0, promises_exit=False) is Pulse.LIVE
    assert heart.pulse(-1e6, promises_exit=False) is Pulse.LIVE
    assert heart.pulse(-1e6 + 99.0, promises_exit=False) is Pulse.LIVE
    assert heart.pulse(-1e6 + 200.0, promises_exit=False) is Pulse.STALLED


def test_without_times_of_their_own_records_are_timed_by_their_arrival() -> None:
    heart = Heart()
    heart.see([{"kind": "step", "step": 0}] * 100, None)
    for now in (0.0, 60.0, 120.0, 180.0, 240.0):
        heart.grew(now)
        heart.see([{"kind": "step", "step": 1}] * 3, now)
    assert heart.pace.stalled_after_s() == STALL_FACTOR * 60.0


def test_the_end_of_a_pipe_without_an_exit_is_a_crash_where_one_was_promised() -> None:
    assert _heart([0.0]).pulse(0.0, promises_exit=True, is_closed=True) is Pulse.CRASHED
    assert _heart([0.0]).pulse(0.0, promises_exit=False, is_closed=True) is Pulse.ENDED
    assert _foreign([0, 29], 30).pulse(0.0, promises_exit=False, is_closed=True) is Pulse.FINISHED


def test_a_change_of_the_pulse_alone_is_news_once(tmp_path: Path) -> None:
    log, clock = tmp_path / "log", Clock()
    log.write_bytes(b"".join(step(i, time=1000.0 + i) for i in range(10)))
    follower = Follower(log, clock=clock, wall=lambda: log.stat().st_mtime)
    assert [batch.pulse for batch in drain(follower)] == [Pulse.LIVE]
    clock.now += 30
    assert [batch.pulse for batch in drain(follower)] == [Pulse.STALLED]
    clock.now += 1000
    assert [batch.pulse for batch in drain(follower)] == [Pulse.CRASHED]
    append(log, step(10, time=2000.0))
    assert [batch.pulse for batch in drain(follower)] == [Pulse.LIVE]
    append(log, encode({"kind": "exit", "reason": "finished"}))
    assert [batch.pulse for batch in drain(follower)] == [Pulse.FINISHED]


@pytest.mark.parametrize("age_s, pulse", [(0.0, Pulse.LIVE), (1e6, Pulse.CRASHED), (-1e6, Pulse.LIVE)])
def test_an_old_file_without_an_exit_has_crashed_at_first_sight(
    tmp_path: Path, age_s: float, pulse: Pulse
) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"".join(step(i, time=1000.0 + i) for i in range(10)))
    written = log.stat().st_mtime
    (batch,) = drain(Follower(log, clock=Clock(), wall=lambda: written + age_s))
    assert batch.pulse is pulse


@pytest.mark.parametrize(
    "reason, pulse",
    [
        ("finished", Pulse.FINISHED),
        ("early_stopping", Pulse.FINISHED),
        ("error", Pulse.CRASHED),
        ("interrupted", Pulse.ENDED),
        ("terminated", Pulse.ENDED),
    ],
)
def test_only_a_run_that_ended_as_it_was_meant_to_has_finished(reason: str, pulse: Pulse) -> None:
    heart = _heart([0.0, 1.0])
    heart.see([{"kind": "exit", "reason": reason}], 1.0)
    assert heart.pulse(2.0, promises_exit=True) is pulse


@pytest.mark.parametrize("kind, goes_on", [("step", True), ("evaluation", True), ("checkpoint", False)])
def test_a_run_that_records_more_had_not_crashed(kind: str, goes_on: bool) -> None:
    heart = _heart([0.0, 1.0])
    heart.see([{"kind": "exit", "reason": "error"}], 1.0)
    heart.see([{"kind": kind, "step": 2}], 1.0)
    assert heart.pulse(2.0, promises_exit=False) is (Pulse.LIVE if goes_on else Pulse.CRASHED)


def test_an_evaluation_may_follow_the_end() -> None:
    heart = _heart([0.0, 1.0])
    heart.see([{"kind": "exit", "reason": "finished"}, {"kind": "evaluation", "step": 1}], 1.0)
    assert heart.pulse(2.0, promises_exit=False) is Pulse.FINISHED
