"""Looking at a run: ranges, cursor and focus as plain values."""

from __future__ import annotations

import numpy as np
import pytest

from flight_recorder.tui.screen.drawing.layout import TREE_CELL, Layout, layout_for, neighbour
from flight_recorder.tui.screen.state.view import (
    READING_ORDER,
    Mode,
    View,
    axis_changed,
    closed,
    cursor_moved,
    cursor_put,
    focused,
    following,
    opened,
    panned,
    read_on,
    shown_range,
    smoothed,
    zoomed_in,
    zoomed_out,
)

WHOLE = (0.0, 8000.0)


def test_zooming_in_while_following_keeps_the_newest_step() -> None:
    view = zoomed_in(View(), WHOLE)
    assert shown_range(view, WHOLE) == (4000, 8000)
    assert shown_range(view, (0, 9000)) == (5000, 9000)


def test_zooming_in_goes_towards_the_cursor() -> None:
    assert shown_range(zoomed_in(View(cursor=2000), WHOLE), WHOLE) == (0, 4000)


def test_zooming_out_of_everything_shows_the_whole_run_again() -> None:
    assert zoomed_out(zoomed_in(View(), WHOLE), WHOLE).window is None


def test_range_never_leaves_the_run() -> None:
    view = zoomed_in(zoomed_in(View(), WHOLE), WHOLE)
    for _ in range(20):
        view = panned(view, WHOLE, -0.25)
    assert shown_range(view, WHOLE) == (0, 2000)
    for _ in range(40):
        view = panned(view, WHOLE, 0.25)
    assert shown_range(view, WHOLE) == (6000, 8000)


def test_zooming_in_ends_at_a_few_steps() -> None:
    view = View()
    for _ in range(50):
        view = zoomed_in(view, WHOLE)
    first, last = shown_range(view, WHOLE)
    assert last - first == 8


def test_panning_stops_following_and_f_takes_it_up_again() -> None:
    view = panned(zoomed_in(View(), WHOLE), WHOLE, -0.25)
    assert not view.follow
    view = following(view)
    assert view.follow and shown_range(view, WHOLE) == (4000, 8000)
    assert following(view).window is None


def test_cursor_begins_at_the_newest_value_and_stops_at_the_ends() -> None:
    steps = np.array([0, 10, 20])
    assert cursor_moved(View(), steps, -1).cursor == 10
    assert cursor_moved(View(cursor=0), steps, -1).cursor == 0
    assert cursor_moved(View(cursor=20), steps, 1).cursor == 20
    assert cursor_moved(View(), np.empty(0, np.int64), 1).cursor is None


def test_range_follows_a_cursor_that_leaves_it() -> None:
    view = cursor_put(View(window=(0, 100)), 500)
    assert view.window == (450, 550)


def test_reading_order_is_that_of_the_seven_panels_page() -> None:
    view, cells = View(), []
    for _ in READING_ORDER:
        view = read_on(view)
        cells.append(view.cell)
    assert cells == [1, 3, 2, 1, 4, 5, 6, 7]
    assert read_on(view).cell == 1


def test_x_axis_skips_what_the_run_has_no_numbers_for() -> None:
    view = axis_changed(View(), ("step", "time"))
    assert view.x_axis == "time"
    assert axis_changed(view, ("step", "time")).x_axis == "step"


def test_smoothing_returns_to_none() -> None:
    view = View()
    for expected in (10, 50, 200, 1):
        view = smoothed(view)
        assert view.smoothing == expected


def test_zoom_of_the_tree_cell_is_the_whole_tree() -> None:
    assert opened(View(cell=TREE_CELL)).mode is Mode.TREE
    assert focused(opened(View(cell=7)), TREE_CELL).mode is Mode.TREE
    assert closed(opened(View())).mode is Mode.OVERVIEW


@pytest.mark.parametrize(
    ("size", "layout"),
    [
        ((220, 50), Layout.WIDE),
        ((100, 50), Layout.NORMAL),
        ((80, 24), Layout.SMALL),
        ((80, 8), Layout.TINY),
        ((1, 1), Layout.TINY),
    ],
)
def test_layout_fits_the_terminal(size: tuple[int, int], layout: Layout) -> None:
    assert layout_for(*size) is layout


def test_arrows_stop_at_the_edge_of_the_screen() -> None:
    cells = range(1, 9)
    assert neighbour(1, "left", Layout.WIDE, cells) == 1
    assert neighbour(4, "right", Layout.WIDE, cells) == 4
    assert neighbour(4, "down", Layout.WIDE, cells) == 8
    assert neighbour(1, "down", Layout.NORMAL, cells) == 3
    assert neighbour(8, "down", Layout.SMALL, cells) == 8
    assert neighbour(6, "down", Layout.WIDE, range(1, 10)) == 9
