import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import log, verdict


@pytest.mark.parametrize(("slower", "fires"), [(5.1, True), (4.9, False)])
def test_a_throughput_drop_is_watched_and_no_more(slower: float, fires: bool) -> None:
    found = verdict("D6.1", log(step_s=[0.01] * 600 + [0.01 * slower] * 500))
    assert (found.symptom == "throughput drop") is fires
    assert found.level <= Level.YELLOW


@pytest.mark.parametrize(("num_slow", "fires"), [(160, True), (60, False)])
def test_a_slow_half_of_a_short_run_is_held_against_its_fast_one(num_slow: int, fires: bool) -> None:
    found = verdict("D6.1", log(step_s=f"0.01x100 0.11x{num_slow}"))
    assert (found.symptom == "throughput drop" and bool(found.spans)) is fires


def test_what_waits_for_data_is_said() -> None:
    slow = log(step_s="0.02x200 0.23x200", data_s="0.001x200 0.21x200")
    assert "91% of it is waiting for data" in verdict("D6.1", slow).evidence
    assert "waiting" not in verdict("D6.1", log(step_s="0.02x200 0.23x200")).evidence


def test_one_long_step_in_twenty_is_no_pace() -> None:
    assert verdict("D6.1", log(step_s="0.01x200" + " 20 0.01x19" * 20)).state is State.PASS


def _times(pause_s: float, earlier_pause_s: float = 0.0) -> list[float]:
    times, now = [], 0.0
    for row in range(200):
        now += 1.0 + (pause_s if row == 150 else 0.0) + (earlier_pause_s if row == 100 else 0.0)
        times.append(now)
    return times


@pytest.mark.parametrize(("pause_s", "fires"), [(130.0, True), (100.0, False)])
def test_silence_is_measured_against_the_runs_own_pace(pause_s: float, fires: bool) -> None:
    found = verdict("D6.2", log(time=_times(pause_s)))
    assert bool(found.spans) is fires
    assert all(span.level is Level.YELLOW for span in found.spans)


@pytest.mark.parametrize(("pace_s", "fires"), [(6.0, True), (7.5, False)])
def test_a_run_is_stalled_at_twenty_times_its_pace(pace_s: float, fires: bool) -> None:
    times = [pace_s * row + (130.0 if row >= 150 else 0.0) for row in range(200)]
    assert bool(verdict("D6.2", log(time=times)).spans) is fires


def test_a_pause_such_as_there_was_before_is_usual() -> None:
    assert not verdict("D6.2", log(time=_times(130.0, earlier_pause_s=100.0))).spans


def test_a_slow_run_is_not_silent_between_its_steps() -> None:
    assert not verdict("D6.2", log(time=[200.0 * row for row in range(200)])).spans


def test_no_validation_is_a_note_and_no_more() -> None:
    found = verdict("D6.3", log(loss="2x1100", header={"planned_steps": 5000}))
    assert (found.symptom, found.level) == ("no validation", Level.GREEN)
    assert verdict("D6.3", log(loss="2x900", header={"planned_steps": 5000})).state is State.PASS
    seen = log(loss="2x1100", evaluations={"val_loss": "2x3"}, header={"planned_steps": 5000})
    assert verdict("D6.3", seen).state is State.PASS


@pytest.mark.parametrize(("slowest", "fires"), [(1.6, True), (1.4, False)])
@pytest.mark.parametrize("num_others", [1, 3])
def test_a_straggler_is_slower_than_the_others_twice(slowest: float, fires: bool, num_others: int) -> None:
    ranks = [[1.0] * num_others + [slowest]]
    once = verdict("D6.4", log(loss="2x50", evaluations={"rank_step_s": ranks}))
    assert once.state is not State.FIRING
    found = verdict("D6.4", log(loss="2x100", evaluations={"rank_step_s": ranks * 2}))
    assert (found.symptom == "straggler") is fires
    assert (found.level if fires else Level.YELLOW) is Level.YELLOW
    assert (f"rank {num_others}" in found.evidence) or not fires


@pytest.mark.parametrize(("wait", "fires"), [(0.6, True), (0.4, False)])
def test_a_rank_that_waits_for_its_data_is_named(wait: float, fires: bool) -> None:
    evaluations = {"rank_step_s": [[1.0, 1.0]] * 2, "rank_data_s": [[0.0, wait]] * 2}
    found = verdict("D6.5", log(loss="2x100", evaluations=evaluations))
    assert (found.symptom == "starved rank") is fires


def test_a_short_pause_keeps_its_number_and_is_excused_for_what_it_is() -> None:
    found = verdict("D6.2", log(time="0 +1x99 +100x1"))
    assert (found.state, found.reading, found.excused_by) == (State.EXCUSED, 100.0, "short_pause")


def test_a_validation_loss_that_came_late_is_told_with_its_step() -> None:
    records = log(
        loss="2x1500", evaluations={"val_loss": "2"}, eval_every=1200, header={"planned_steps": None}
    )
    found = verdict("D6.3", records)
    assert (found.state, found.reading, found.excused_by) == (State.EXCUSED, 1.2, "evaluated_since")
