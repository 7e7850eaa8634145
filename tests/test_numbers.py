"""Numbers, steps, durations and shares are written in one way, whoever shows them."""

from __future__ import annotations

import math

import pytest

from flight_recorder.tui.numbers import count, duration, exact, memory, number, percent, steps


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (None, 4, "unknown"),
        (0.0, 4, "0"),
        (1.89, 4, "1.890"),
        (123456.0, 4, "123,456"),
        (1.23e-7, 4, "1.230e-7"),
        (math.nan, 4, "NaN"),
        (-math.inf, 4, "-inf"),
        (0.00019053, 4, "1.905e-4"),
        (1e9, 4, "1.000e9"),
        (0.712, 3, "0.712"),
        (0.0123, 3, "0.0123"),
        (2.4312, 3, "2.43"),
        (1050.4, 3, "1,050"),
        (0.0021, 3, "0.00210"),
        (9.996, 3, "10.0"),
        (-0.5, 3, "-0.500"),
    ],
)
def test_a_number_has_as_many_significant_digits_as_asked(
    value: float | None, digits: int, shown: str
) -> None:
    assert number(value, digits) == shown


def test_a_number_gives_up_digits_where_there_is_no_room_for_them() -> None:
    values = (0.55934, 2.4312, 12.432, 1235.0, 0.023451)
    assert [number(value, width=5) for value in values] == ["0.559", "2.431", "12.43", "1,235", "0.023"]


def test_what_was_logged_is_shown_with_the_digits_it_has() -> None:
    assert [exact(value) for value in (0.5, 2.25, 1e-7, math.nan)] == ["0.5", "2.25", "1e-07", "NaN"]


def test_counts_are_whole_and_have_thousands_apart() -> None:
    assert [count(value) for value in (12345.0, None, math.nan)] == ["12,345", "unknown", "NaN"]
    assert [steps(number_of) for number_of in (1, 2500)] == ["1 step", "2,500 steps"]


def test_durations_shares_and_memory_are_short() -> None:
    seconds = (None, -1.0, 8.43, 59.7, 140, 42045, 100_000, 273_600)
    assert [duration(one) for one in seconds] == [
        "unknown", "unknown", "8.4 s", "59 s", "2 min 20 s", "11 h 40 min", "27 h 46 min", "3 d 4 h",
    ]  # fmt: skip
    assert [duration(one, short=True) for one in (9.0, 80, 7400, 273_600)] == [
        "9 s", "1:20", "2:03:20", "3 d 4 h",
    ]  # fmt: skip
    fractions = (None, 0, 0.05, 0.0123, 0.85, 3.57)
    assert [percent(one) for one in fractions] == ["unknown", "0 %", "5 %", "1.2 %", "85 %", "357 %"]
    assert [memory(size) for size in (812 * 2**20, 11.4 * 2**30)] == ["812 MiB", "11.4 GiB"]
