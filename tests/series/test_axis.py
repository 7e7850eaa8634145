from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flight_recorder.tui.series.axis import Axis, axis_of, known_axes, recorded_steps
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.series.reduce import reduced, window_of


def recording_of(*records: dict[str, Any]) -> Recording:
    recording = Recording()
    recording.extend(records)
    return recording


def known(axis: Axis | None) -> Axis:
    assert axis is not None
    return axis


def steps(times: list[float]) -> list[dict[str, Any]]:
    return [{"kind": "step", "step": step, "time": time, "loss": 1.0} for step, time in enumerate(times)]


def test_a_log_without_epochs_tokens_and_times_has_only_steps() -> None:
    recording = recording_of(
        {"kind": "step", "step": 0, "loss": 1.0}, {"kind": "step", "step": 1, "loss": 1.0}
    )
    assert known_axes(recording) == ("step",)


def test_the_header_turns_steps_into_epochs_and_tokens() -> None:
    recording = recording_of({"kind": "header", "steps_per_epoch": 125, "tokens_per_step": 300})
    assert known(axis_of(recording, "epoch")).x_of(np.array([250.0])).tolist() == [2.0]
    assert known(axis_of(recording, "tokens")).x_of(np.array([250.0])).tolist() == [75_000.0]


def test_measured_tokens_win_over_the_header() -> None:
    records = [{"kind": "step", "step": step, "tokens": step * 1000} for step in range(3)]
    recording = recording_of({"kind": "header", "tokens_per_step": 300}, *records)
    assert known(axis_of(recording, "tokens")).x_of(np.array([1.5])).tolist() == [1500.0]


@pytest.mark.parametrize(
    ("seconds", "label"),
    [(100, "wall time (s)"), (1000, "wall time (min)"), (90_000, "wall time (h)")],
)
def test_wall_time_has_the_unit_that_fits_the_run(seconds: float, label: str) -> None:
    axis = known(axis_of(recording_of(*steps([1.7e9, 1.7e9 + seconds])), "time"))
    assert axis.label == label
    assert axis.x_of(np.array([0.0])).tolist() == [0.0]


def test_an_axis_leads_back_to_the_step_it_came_from() -> None:
    axis = known(axis_of(recording_of(*steps([10.0, 11.0, 15.0, 16.0])), "time"))
    wanted = np.array([0.0, 0.5, 1.25, 3.0])
    np.testing.assert_allclose(axis.step_of(axis.x_of(wanted)), wanted)


def test_a_pause_of_the_run_is_a_gap_on_wall_time() -> None:
    recording = recording_of(*steps([0.0, 1.0, 2.0, 102.0, 103.0]))
    window = window_of(known(axis_of(recording, "time")), 0, 4, 10)
    assert reduced(recording.steps["loss"], window).x.tolist() == [2.0, 103.0]


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=40), st.integers(1, 50))
@example([0.0, 990.0, 10.0, 20.0, 1000.0], 50)
@example([0.0, 100.0, 90.0, 30.0, 20.0, 110.0, 40.0, 120.0], 12)
def test_a_clock_that_was_set_back_loses_no_value(times: list[float], width: int) -> None:
    recording = recording_of(*steps(times))
    window = window_of(known(axis_of(recording, "time")), 0, len(times) - 1, width)
    assert np.all(np.diff(window.cuts) >= 0)
    assert (window.cuts[0], window.cuts[-1]) == (0, len(times))


def test_times_that_are_not_numbers_do_not_break_the_axis() -> None:
    recording = recording_of(*steps([0.0, float("nan"), 100.0]))
    window = window_of(known(axis_of(recording, "time")), 0, 2, 4)
    assert (window.cuts[0], window.cuts[-1]) == (0, 3)


def test_the_range_of_a_run_counts_evaluations_too() -> None:
    recording = recording_of(
        {"kind": "step", "step": 3, "loss": 1.0}, {"kind": "evaluation", "step": 10, "val_loss": 1.0}
    )
    assert recorded_steps(recording) == (3, 10)
    assert recorded_steps(Recording()) == (0, 0)
