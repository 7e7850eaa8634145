from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.panels.drawing.braille import draw, sparkline
from flight_recorder.tui.panels.drawing.canvas import ROLES, Row, plain_text
from flight_recorder.tui.panels.drawing.glyphs import GLYPHS, GlyphName
from flight_recorder.tui.panels.drawing.layout import Options, layout_of
from flight_recorder.tui.panels.drawing.palette import DARK, LIGHT
from flight_recorder.tui.panels.figure import Figure, Floats, Line, Mark, Rule, Scale, Tint

BARE = Options(axes=False, names=False)
any_number = st.floats(allow_nan=True, allow_infinity=True)
number = st.floats(allow_nan=False, allow_infinity=False)


def line_of(values: list[float], name: str = "y", **changes: object) -> Line:
    """A line with one value a column, at x = 0, 1, 2 ..."""
    y = np.array(values, np.float64)
    x = np.arange(len(y), dtype=np.float64)
    finite = np.where(np.isfinite(y), y, np.nan)
    line = Line(name, x, finite, finite, finite, x[~np.isfinite(y)], values[-1] if values else None)
    return replace(line, **changes)  # type: ignore[arg-type]


def figure_of(*lines: Line, **changes: object) -> Figure:
    last = max((float(line.x[-1]) for line in lines if len(line.x)), default=1.0)
    figure = Figure("loss", 1, "Loss", lines=lines, x_range=(0.0, last))
    return replace(figure, **changes)  # type: ignore[arg-type]


def widths(rows: list[Row]) -> set[int]:
    return {sum(len(piece.text) for piece in row) for row in rows}


def dots(figure: Figure, width: int, height: int) -> Floats:
    """The braille dots of a drawing without axes as an array of 0 and 1, row 0 at the top."""
    text = plain_text(draw(figure, width, height, BARE)).split("\n")
    grid = np.zeros((height * 4, width * 2))
    places = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1)]
    for row, line in enumerate(text):
        for column, character in enumerate(line):
            pattern = ord(character) - 0x2800 if "\u2800" <= character <= "\u28ff" else 0
            for bit, (down, across) in enumerate(places):
                grid[4 * row + down, 2 * column + across] = pattern >> bit & 1
    return grid


def test_a_rising_line_is_one_dot_in_each_column_from_the_lower_left_to_the_upper_right() -> None:
    grid = dots(figure_of(line_of([float(value) for value in range(16)])), 8, 4)
    assert grid.sum(axis=0).tolist() == [1] * 16
    rows = grid.argmax(axis=0)
    assert rows[0] == 15 and rows[-1] == 0
    assert np.all(np.diff(rows) <= 0)


def test_a_line_has_no_gap_between_values_that_are_far_apart() -> None:
    grid = dots(figure_of(line_of([0.0, 100.0, 3.0, 50.0])), 20, 6)
    assert np.all(grid.sum(axis=0) > 0)
    for left, right in zip(grid.T[:-1], grid.T[1:], strict=True):
        gap = max(np.flatnonzero(left).min(), np.flatnonzero(right).min()) - min(
            np.flatnonzero(left).max(), np.flatnonzero(right).max()
        )
        assert gap <= 1


def test_a_spike_in_one_of_a_million_points_reaches_the_top() -> None:
    y = np.ones(1_000_000)
    y[654_321] = 9.0
    grid = dots(figure_of(line_of(y.tolist())), 40, 5)
    top = int(np.flatnonzero(grid.any(axis=1))[0])
    assert top <= 1
    assert np.flatnonzero(grid[top]).tolist() == [654_321 * 80 // 1_000_000]


def test_a_hole_breaks_the_line_and_is_marked_at_the_top() -> None:
    figure = figure_of(line_of([1.0, 2.0, float("nan"), float("inf"), 2.0, 1.0]))
    rows = draw(figure, 6, 4, BARE)
    assert next(piece for piece in rows[0] if piece.role == "nonfinite").text == "××"
    assert all(line[2:4].strip() == "" for line in plain_text(rows[1:]).split("\n"))


def test_nothing_but_nan_from_the_first_step_shows_as_marks() -> None:
    rows = draw(figure_of(line_of([float("nan")] * 10)), 10, 3, BARE)
    assert rows[0][0].text == "×" * 10


def test_equal_values_are_a_level_line_inside_the_plot() -> None:
    grid = dots(figure_of(line_of([7.0] * 10)), 5, 3)
    assert grid.sum() == 10 and grid[0].sum() == 0 and grid[-1].sum() == 0


def test_zero_and_below_lie_on_the_floor_of_a_log_axis() -> None:
    grid = dots(figure_of(line_of([10.0, 1.0, 0.0, -5.0]), y_scale="log"), 2, 3)
    assert grid[-1, 2:].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("glyphs", list(GLYPHS))
@pytest.mark.parametrize("scale", ["linear", "log"])
@given(
    values=st.lists(any_number, max_size=30),
    others=st.lists(any_number, max_size=30),
    width=st.integers(1, 130),
    height=st.integers(1, 30),
    x_range=st.tuples(number, number),
    references=st.lists(any_number, max_size=4),
)
def test_any_figure_is_drawn_at_any_size(
    glyphs: GlyphName,
    scale: Scale,
    values: list[float],
    others: list[float],
    width: int,
    height: int,
    x_range: tuple[float, float],
    references: list[float],
) -> None:
    figure = figure_of(
        line_of(values, role="layer"),
        line_of(others, "another", role="layer"),
        y_scale=scale,
        rules=tuple(Rule(value, "a rule") for value in references),
        marks=tuple(Mark(value, "best 1 @ 2", value) for value in references),
        tints=tuple(Tint(value, value, Level.RED) for value in references),
    )
    for shown in (figure, replace(figure, x_range=(min(x_range), max(x_range)))):
        rows = draw(shown, width, height, Options(glyphs=glyphs))
        assert len(rows) == height and widths(rows) == {width}
        if glyphs == "ascii":
            assert plain_text(rows).isascii()
        assert widths([sparkline(shown, width)]) == {width}


@given(
    st.lists(st.lists(any_number, min_size=1, max_size=9), min_size=1, max_size=60),
    st.integers(1, 80),
    st.integers(1, 20),
    st.booleans(),
)
def test_any_heat_strip_is_drawn_at_any_size(
    table: list[list[float]], width: int, height: int, colour: bool
) -> None:
    shortest = min(len(row) for row in table)
    heat = tuple((f"layer {place}", np.array(row[:shortest])) for place, row in enumerate(table))
    rows = draw(figure_of(heat=heat, heat_offender="layer 0"), width, height, Options(colour=colour))
    assert len(rows) == height and widths(rows) == {width}


def test_the_offending_layer_of_a_thousand_is_named_and_its_value_survives() -> None:
    heat = tuple((f"layer {place}", np.full(20, 1.0)) for place in range(1000))
    heat[777][1][10] = 50.0
    figure = figure_of(heat=heat, heat_offender="layer 777")
    text = plain_text(draw(figure, 40, 12, Options(colour=False)))
    named = next(line for line in text.split("\n") if "layer 777" in line)
    assert "█" in named and text.count("█") == named.count("█")


def test_a_note_stands_in_the_middle_of_an_empty_panel() -> None:
    rows = plain_text(draw(Figure("lr", 2, "Rate", note="This log has no learning rate."), 20, 5)).split("\n")
    assert [row.strip() for row in rows] == ["", "This log has no", "learning rate.", "", ""][: len(rows)]


def test_a_drawing_of_no_size_is_nothing() -> None:
    assert draw(figure_of(line_of([1.0])), 0, 5) == []
    assert draw(figure_of(line_of([1.0])), 5, 0) == []


def test_a_tint_covers_its_steps_and_the_worse_level_wins() -> None:
    tints = (Tint(2, 5, Level.RED), Tint(4, 9, Level.YELLOW))
    rows = draw(figure_of(line_of([1.0] * 10), tints=tints), 10, 3, BARE)
    covered = "".join(
        {"tint-red": "R", "tint-yellow": "Y"}.get(piece.role.partition("+")[2], ".") * len(piece.text)
        for piece in rows[0]
    )
    assert covered == "..RRRRYYYY"


def test_a_violating_range_of_a_heat_strip_shows_on_the_labels_of_x() -> None:
    heat = (("a", np.ones(30)), ("b", np.ones(30)))
    figure = figure_of(heat=heat, x_range=(0.0, 30.0), tints=(Tint(20, 30, Level.RED),))
    below = draw(figure, 40, 5)[-1]
    assert (
        sum(len(piece.text) for piece in below if piece.role.endswith("+tint-red")) == 13
    )  # from column 20 / 30 of 38


def test_a_rule_is_behind_the_curve_and_carries_its_label() -> None:
    figure = figure_of(line_of([float(v) for v in range(80)]), rules=(Rule(20.0, "clip 20"),))
    curve = plain_text(draw(replace(figure, rules=()), 40, 12)).split("\n")
    ruled = plain_text(draw(figure, 40, 12)).split("\n")
    assert any("clip 20" in line for line in ruled)
    for before, after in zip(curve, ruled, strict=True):
        for place, character in enumerate(before):
            assert character == " " or after[place] == character


def test_a_rule_far_from_the_data_does_not_flatten_them() -> None:
    near = layout_of(figure_of(line_of([1.0, 2.0])), 40, 10, Options())
    far = layout_of(figure_of(line_of([1.0, 2.0]), rules=(Rule(1e6, "far"),)), 40, 10, Options())
    assert near.scale == far.scale


def test_names_stand_beside_a_wide_plot_in_the_order_of_the_lines_ends() -> None:
    lines = (line_of([1.0, 1.0], "low", role="layer"), line_of([1.0, 9.0], "high", role="layer"))
    text = plain_text(draw(figure_of(*lines), 100, 12))
    assert text.index("high 9.00") < text.index("low 1.00")


def test_what_a_column_stands_for_can_be_found_both_ways() -> None:
    figure = figure_of(line_of([float(value) for value in range(1001)]))
    layout = layout_of(figure, 60, 10, Options())
    for column in range(layout.left, layout.left + layout.plot_width):
        assert layout.column_of(layout.x_at(column)) == column
    assert layout.column_of(-1.0) is None and layout.column_of(1001.0) is None


def test_x_labels_stand_in_the_frame_where_one_is_asked_for() -> None:
    rows = draw(figure_of(line_of([1.0] * 3000)), 40, 6, Options(x_fill="─"))
    assert plain_text(rows[-1:]).startswith("─") and "1,000" in plain_text(rows[-1:])
    assert set(plain_text(rows[-1:])) <= set("─0123456789,")


def test_every_role_of_a_drawing_has_a_colour_on_both_backgrounds() -> None:
    for palette in (DARK, LIGHT):
        tints = {f"tint-{level}" for level in Level if level > Level.GREEN}
        assert set(ROLES) | tints | {f"level-{level}" for level in Level} <= set(palette)


def test_the_cursor_is_drawn_only_where_nothing_is() -> None:
    figure = figure_of(line_of([1.0] * 10), marks=(Mark(5.0, "", kind="cursor"),))
    column = [line[5] for line in plain_text(draw(figure, 10, 3, BARE)).split("\n")]
    assert column.count("│") == 2 and math.isclose(len(column), 3)
