from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_recorder.tui.panels.drawing.axis import AxisRange, linear_ticks, x_label, x_ticks, y_ticks

bounds = st.floats(-1e300, 1e300)


@pytest.mark.parametrize(
    ("scale", "most", "labels"),
    [
        (AxisRange("linear", 0, 0.0031), 4, ["0", "0.001", "0.002", "0.003"]),
        (AxisRange("linear", 0, 1500), 4, ["0", "500", "1,000", "1,500"]),
        (AxisRange("linear", -1.2, 1.2), 3, ["-1", "0", "1"]),
        (AxisRange("linear", 0, 0.0011), 4, ["0", "5e-4", "1.0e-3"]),
        (AxisRange("log", 0.45, 6.4), 5, ["0.5", "1", "2", "3", "5"]),
        (AxisRange("log", 0.45, 6.4), 4, ["0.5", "1", "2", "5"]),
        (AxisRange("log", 0.9, 1100), 4, ["1", "10", "100", "1,000"]),
        (AxisRange("log", 1e-8, 1e8), 3, ["1e-5", "1", "100,000"]),
        (AxisRange("log", 14, 42), 8, ["15", "20", "25", "30", "35", "40"]),
        (AxisRange("log", 1.9, 2.4), 6, ["1.9", "2.0", "2.1", "2.2", "2.3", "2.4"]),
    ],
)
def test_ticks_are_round_numbers(scale: AxisRange, most: int, labels: list[str]) -> None:
    assert [label for _, label in y_ticks(scale, most)] == labels


@given(bounds, bounds, st.integers(0, 12))
def test_linear_ticks_lie_inside_and_are_not_too_many(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    ticks = linear_ticks(low, high, most)
    assert len(ticks) <= most
    slack = 1e-9 * high - 1e-9 * low
    assert all(low - slack <= value <= high + slack for value, _ in ticks)


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 12))
def test_log_ticks_lie_inside_and_are_not_too_many(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    ticks = y_ticks(AxisRange("log", low, high), most) if low < high else []
    assert len(ticks) <= most


@given(st.floats(0, 1e12), st.floats(0, 1e12), st.integers(1, 200))
def test_x_labels_fit_the_width(one: float, other: float, width: int) -> None:
    ticks = x_ticks(min(one, other), max(one, other), width)
    assert sum(len(label) for _, label in ticks) + max(len(ticks) - 1, 0) <= width


def test_large_steps_are_abbreviated() -> None:
    assert [x_label(value, 1000) for value in (0, 20_000, 250_000, 1.5e6, 3.2e9)] == [
        "0", "20,000", "250k", "1.5M", "3.2B",
    ]  # fmt: skip


def test_counts_have_no_ticks_between_whole_numbers() -> None:
    assert [label for _, label in y_ticks(AxisRange("linear", 0, 1.03), 6, whole=True)] == ["0", "1"]
