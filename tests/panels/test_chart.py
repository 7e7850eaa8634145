from __future__ import annotations

import numpy as np
import pytest

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.panels.drawing.chart import chart
from flight_recorder.tui.panels.drawing.palette import DARK
from flight_recorder.tui.panels.figure import Figure, Mark, Rule, Tint
from tests.panels.test_draw import figure_of, line_of


def shape(text: str) -> tuple[int, set[int]]:
    lines = text.split("\n")
    return len(lines), {len(line) for line in lines}


@pytest.mark.parametrize(("width", "height"), [(20, 6), (60, 14), (200, 50)])
def test_a_chart_has_the_size_that_was_asked_for_whatever_the_terminal(width: int, height: int) -> None:
    figure = figure_of(line_of([float(value) for value in range(50)]))
    assert shape(chart(figure, width, height)) == (height, {width})


def test_a_chart_has_round_ticks_rules_and_the_best_mark() -> None:
    figure = figure_of(
        line_of([5.0, 3.0, 2.0, 2.5] * 500),
        rules=(Rule(4.0, "baseline 4"),),
        marks=(Mark(400.0, "best", 2.0),),
    )
    text = chart(figure, 80, 20)
    assert "baseline 4" in text and "●" in text
    assert text.split("\n")[-1].split() == ["0", "500", "1,000", "1,500"]


def test_a_spike_reaches_the_top_of_the_chart() -> None:
    y = [1.0] * 2000
    y[700] = 50.0
    plot = chart(figure_of(line_of(y)), 80, 20).split("\n")[1:-2]
    assert any("\u2800" < character <= "\u28ff" for character in plot[0] + plot[1])


def test_a_chart_has_colours_only_when_given_some() -> None:
    figure = figure_of(line_of([1.0, 2.0, 3.0]), tints=(Tint(1, 2, Level.RED),))
    assert "\x1b" not in chart(figure, 40, 10)
    assert "\x1b[38;2;214;228;242m" in chart(figure, 40, 10, DARK)


def test_one_chart_leaves_nothing_behind_for_the_next() -> None:
    lonely = figure_of(line_of([1.0, 2.0, 1.5]))
    first = chart(lonely, 50, 12)
    chart(figure_of(line_of([9.0, -3.0] * 9), rules=(Rule(2.0, "a rule"),)), 77, 20, DARK)
    assert chart(lonely, 50, 12) == first


@pytest.mark.parametrize(
    "values",
    [[], [1.0], [7.0] * 5, [float("nan")] * 5, [1e308, -1e308, float("inf")], [0.0, -1.0, 1e-300]],
    ids=["nothing", "one point", "all equal", "only NaN", "huge", "not positive"],
)
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_any_line_makes_a_chart(values: list[float], scale: str) -> None:
    assert shape(chart(figure_of(line_of(values), y_scale=scale), 40, 10)) == (10, {40})


def test_values_that_are_not_finite_are_marked() -> None:
    assert "×" in chart(figure_of(line_of([1.0, float("nan"), 2.0, 1.0])), 40, 10)


def test_an_empty_figure_makes_an_empty_chart() -> None:
    figure = Figure("lr", 2, "Rate", x_range=(0.0, 0.0))
    assert shape(chart(figure, 30, 8)) == (8, {30})
    assert np.isfinite(figure.x_range).all()
