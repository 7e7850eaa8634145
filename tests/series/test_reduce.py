from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flight_recorder.tui.series.axis import step_axis
from flight_recorder.tui.series.columns import Column, Table
from flight_recorder.tui.series.pyramid import FACTOR, Pyramid
from flight_recorder.tui.series.reduce import Reduced, highest_by_cell, reduced, window_of

numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
series = st.lists(st.one_of(numbers, st.just(float("nan"))), min_size=1, max_size=400)


def column_of(values: list[float], every: int = 1) -> Column:
    table = Table()
    table.extend([{"step": place * every, "y": value} for place, value in enumerate(values)])
    return table["y"]


def cell_by_cell(values: list[float], first: int, last: int, width: int) -> list[list[float]]:
    """The values of steps first to last by the cell they fall into, computed one by one."""
    cells: list[list[float]] = [[] for _ in range(width)]
    edges = np.linspace(first, last, width + 1)
    for step in range(first, min(last + 1, len(values))):
        cells[max(0, int(np.searchsorted(edges[1:-1], step, side="right")))].append(values[step])
    return [cell for cell in cells if cell]


def finite(values: list[float]) -> list[float]:
    return [value for value in values if np.isfinite(value)]


@given(series, st.integers(1, 60), st.data())
def test_each_cell_keeps_its_smallest_largest_and_last_value(
    values: list[float], width: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(values) - 1))
    last = data.draw(st.integers(first, len(values) - 1))
    cells = inside(reduced(column_of(values), window_of(step_axis(), first, last, width)), first, last)
    expected = [finite(cell) for cell in cell_by_cell(values, first, last, width)]
    np.testing.assert_array_equal(cells.low, [min(cell, default=np.nan) for cell in expected])
    np.testing.assert_array_equal(cells.high, [max(cell, default=np.nan) for cell in expected])
    np.testing.assert_array_equal(cells.last, [cell[-1] if cell else np.nan for cell in expected])


def inside(cells: Reduced, first: int, last: int) -> Reduced:
    """The entries of the window itself, without the neighbour on each side."""
    kept = (cells.x >= first) & (cells.x <= last)
    holes = cells.nonfinite[(cells.nonfinite >= first) & (cells.nonfinite <= last)]
    return Reduced(cells.x[kept], cells.low[kept], cells.high[kept], cells.last[kept], holes)


@given(series, st.integers(1, 60))
def test_every_cell_with_a_value_that_is_not_finite_says_where(values: list[float], width: int) -> None:
    window = window_of(step_axis(), 0, len(values) - 1, width)
    cells = reduced(column_of(values), window)
    holes = np.flatnonzero(~np.isfinite(values))
    by_cell = np.searchsorted(window.cuts, holes, side="right")
    assert cells.nonfinite.tolist() == [float(holes[by_cell == cell][0]) for cell in np.unique(by_cell)]


@given(series, st.integers(1, 60))
def test_a_heat_row_holds_the_largest_value_and_shows_holes(values: list[float], width: int) -> None:
    row = highest_by_cell(column_of(values), window_of(step_axis(), 0, len(values) - 1, width))
    expected = [
        np.inf if len(finite(cell)) < len(cell) else max(cell)
        for cell in cell_by_cell(values, 0, len(values) - 1, width)
    ]
    np.testing.assert_array_equal(row[~np.isnan(row)], expected)


@given(series, st.lists(st.integers(0, 400), max_size=6), st.integers(1, 60))
def test_how_values_arrive_changes_nothing(values: list[float], cuts: list[int], width: int) -> None:
    whole, chunked = Table(), Table()
    records: list[dict[str, Any]] = [{"step": step, "y": value} for step, value in enumerate(values)]
    whole.extend(records)
    bounds = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    for start, stop in pairwise(bounds):
        chunked.extend(records[start:stop])
        chunked["y"].pyramid, chunked["y"].averaged(10)
    window = window_of(step_axis(), 0, len(values) - 1, width)
    assert_same(reduced(whole["y"], window), reduced(chunked["y"], window))
    np.testing.assert_allclose(whole["y"].averaged(10).values, chunked["y"].averaged(10).values, rtol=1e-9)


def assert_same(one: Reduced, other: Reduced) -> None:
    for name in ("x", "low", "high", "last", "nonfinite"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(series, series, st.integers(0, 400), st.integers(1, 60))
@example([9.0] * 300, [1.0] * 300, 40, 3)
@example([float("nan")] * 300, [1.0] * 300, 40, 3)
def test_a_resume_leaves_no_trace_of_what_it_took_away(
    values: list[float], later: list[float], kept: int, width: int
) -> None:
    resumed = Table()
    resumed.extend([{"step": step, "y": value} for step, value in enumerate(values)])
    resumed["y"].pyramid, resumed["y"].averaged(5)
    resumed.keep_steps_before(kept)
    joined = [*values[:kept], *later]
    resumed.extend([{"step": step, "y": joined[step]} for step in range(len(values[:kept]), len(joined))])
    fresh = column_of(joined)
    window = window_of(step_axis(), 0, len(joined) - 1, width)
    assert_same(reduced(resumed["y"], window), reduced(fresh, window))
    np.testing.assert_allclose(resumed["y"].averaged(5).values, fresh.averaged(5).values, rtol=1e-9)


@pytest.mark.parametrize("every", [1, 7])
def test_a_single_spike_in_a_million_steps_is_in_the_picture(every: int) -> None:
    values = np.ones(1_000_000 // every)
    values[len(values) // 3] = 1e6
    column = column_of(values.tolist(), every)
    cells = reduced(column, window_of(step_axis(), 0, int(column.steps[-1]), 200))
    assert cells.high.max() == 1e6
    assert cells.x[cells.high.argmax()] == pytest.approx(column.steps[len(values) // 3], abs=5_000)


def reads_of_a_redraw(num_values: int, width: int) -> int:
    column = column_of(np.random.default_rng(0).standard_normal(num_values).tolist())
    window = window_of(step_axis(), 0, num_values - 1, width)
    before = column.pyramid.num_reads
    reduced(column, window)
    return column.pyramid.num_reads - before


def test_a_redraw_reads_of_the_order_of_the_width_however_long_the_run() -> None:
    levels = 5  # the logarithm of a million to the base FACTOR
    assert reads_of_a_redraw(1_000_000, 200) < 200 * 2 * 2 * FACTOR * levels
    assert reads_of_a_redraw(1_000_000, 200) < 5 * reads_of_a_redraw(10_000, 200)


def test_new_points_are_taken_in_without_reading_the_old_ones() -> None:
    pyramid = Pyramid()
    values = np.arange(100_000.0)
    pyramid.extend(values[:99_000])
    old = values[:99_000].copy()
    values[:98_900] = np.nan  # whoever read them again would find holes
    pyramid.extend(values)
    values[:99_000] = old
    starts, stops = np.array([0]), np.array([100_000])
    assert [end[0] for end in pyramid.extremes(values, starts, stops)] == [0, 99_999]
    assert len(pyramid.first_holes(starts, stops)) == 0


def test_a_line_enters_the_window_from_the_neighbouring_values() -> None:
    cells = reduced(column_of([float(i) for i in range(10)], every=100), window_of(step_axis(), 250, 650, 40))
    assert cells.x.tolist() == [200, 300, 400, 500, 600, 700]


def test_a_moving_average_starts_at_the_first_value_and_skips_what_is_not_finite() -> None:
    average = column_of([2.0, float("nan"), float("inf"), 2.0, 5.0]).averaged(3).values
    np.testing.assert_allclose(average[:4], [2.0, np.nan, np.nan, 2.0])
    assert 2.0 < average[4] < 5.0


def test_a_moving_average_is_the_recurrence_with_its_weights_divided_out() -> None:
    values = np.random.default_rng(1).standard_normal(500)
    keep = 1 - 2 / 51
    numerator = denominator = 0.0
    expected = []
    for value in values:
        numerator, denominator = keep * numerator + value, keep * denominator + 1
        expected.append(numerator / denominator)
    np.testing.assert_allclose(column_of(values.tolist()).averaged(50).values, expected)
