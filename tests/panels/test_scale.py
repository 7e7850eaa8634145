from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_recorder.tui.panels.figure import Scale
from flight_recorder.tui.panels.numbers import count, short
from flight_recorder.tui.panels.scale import YScale, linear_ticks, x_label, x_ticks, y_ticks

bounds = st.floats(-1e300, 1e300)


@pytest.mark.parametrize(
    ("scale", "most", "labels"),
    [
        (YScale("linear", 0, 0.0031), 4, ["0", "0.001", "0.002", "0.003"]),
        (YScale("linear", 0, 1500), 4, ["0", "500", "1,000", "1,500"]),
        (YScale("linear", -1.2, 1.2), 3, ["-1", "0", "1"]),
        (YScale("linear", 0, 0.0011), 4, ["0", "5e-4", "1.0e-3"]),
        (YScale("log", 0.45, 6.4), 5, ["0.5", "1", "2", "3", "5"]),
        (YScale("log", 0.45, 6.4), 4, ["0.5", "1", "2", "5"]),
        (YScale("log", 0.9, 1100), 4, ["1", "10", "100", "1,000"]),
        (YScale("log", 1e-8, 1e8), 3, ["1e-5", "1", "100,000"]),
        (YScale("log", 14, 42), 8, ["15", "20", "25", "30", "35", "40"]),
        (YScale("log", 1.9, 2.4), 6, ["1.9", "2.0", "2.1", "2.2", "2.3", "2.4"]),
    ],
)
def test_ticks_are_round_numbers(scale: YScale, most: int, labels: list[str]) -> None:
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
    ticks = y_ticks(YScale("log", low, high), most) if low < high else []
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
    assert [label for _, label in y_ticks(YScale("linear", 0, 1.03), 6, whole=True)] == ["0", "1"]


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_an_axis_puts_its_ends_at_nought_and_one(kind: Scale) -> None:
    scale = YScale(kind, 1.0, 100.0)
    np.testing.assert_allclose(scale.fraction(np.array([1.0, 100.0, 1e9, -1.0])), [0, 1, 1, 0])
    assert math.isnan(scale.fraction(np.array([np.nan]))[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.7123, "0.712"), (2.431, "2.43"), (1050.4, "1,050"), (0.0021, "2.10e-3"), (0.0, "0"),
        (float("nan"), "NaN"), (float("-inf"), "-inf"), (1.2e9, "1.20e9"), (-0.05, "-0.050"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert short(value) == text


def test_counts_are_whole_and_have_thousands_separated() -> None:
    assert count(12345.0) == "12,345"
    assert count(float("nan")) == "NaN"
