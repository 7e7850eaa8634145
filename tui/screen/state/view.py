"""How the run is being looked at: focus, mode, range of steps, axes. Plain values, changed by replacing them.

Every key of the monitor is a function from one view to the next, so that what a key does is known without a
terminal. Positions are steps, whatever the x axis is labelled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.documents import signatures
from flight_recorder.tui.panels.registry import PANEL_BY_ID
from flight_recorder.tui.screen.drawing.layout import TREE_CELL
from flight_recorder.tui.series.axis import AXIS_NAMES, AxisName

Range = tuple[float, float]
READING_ORDER: tuple[tuple[int, str], ...] = tuple(
    (PANEL_BY_ID[look.panel].number, f"{look.question} {look.means}") for look in signatures.READING_ORDER
)
"""Panels in the order in which a failed run is read, with the question asked there."""

SMOOTHING = (1, 10, 50, 200)
"""Lengths in values of the moving average that `s` goes through; 1 is none."""

_NARROWEST = 8.0


class Mode(StrEnum):
    """What fills the screen."""

    OVERVIEW = "overview"
    ZOOM = "zoom"
    TREE = "tree"


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at a run."""

    mode: Mode = Mode.OVERVIEW
    cell: int = 1
    """Focused cell: the number of a panel, or that of the tree."""
    window: Range | None = None
    """First and last step that are shown; None for the whole run."""
    follow: bool = True
    """Whether the window moves with the newest step."""
    x_axis: AxisName = "step"
    smoothing: int = 1
    search: str = ""
    """What stands in the names of the metrics that are shown."""
    heat: bool = False
    """Whether layers are a heat strip and no lines."""
    flipped_scales: frozenset[int] = field(default=frozenset())
    """Panels whose y axis is not of the kind that the panel itself asks for."""
    cursor: float | None = None
    """Step that the read-out shows; None for the newest."""
    reading: int = -1
    """Position in READING_ORDER, -1 before `r` was pressed."""
    violation: int = -1
    """Selected violation, -1 for none."""
    node: int = 0
    """Selected row of the tree."""


def focused(view: View, cell: int) -> View:
    """The view with the focus on this cell; a zoom stays a zoom and shows it."""
    mode = view.mode
    if mode is Mode.ZOOM and cell == TREE_CELL:
        mode = Mode.TREE
    elif mode is Mode.TREE and cell != TREE_CELL:
        mode = Mode.ZOOM
    return replace(view, cell=cell, mode=mode, violation=-1)


def opened(view: View) -> View:
    """The focused cell over the whole screen."""
    return replace(view, mode=Mode.TREE if view.cell == TREE_CELL else Mode.ZOOM)


def closed(view: View) -> View:
    """Back to all cells."""
    return replace(view, mode=Mode.OVERVIEW, cursor=None, violation=-1)


def anew(view: View) -> View:
    """The same way of looking at another run: nothing of that run is selected."""
    return replace(view, violation=-1, node=0, cursor=None)


def shown_range(view: View, whole: Range) -> Range:
    """The steps on the screen, given the first and last of the whole run."""
    if view.window is None:
        return whole
    first, last = view.window
    if view.follow:
        return max(whole[0], whole[1] - (last - first)), whole[1]
    return first, last


def zoomed_in(view: View, whole: Range) -> View:
    """Half the range, around the cursor, or at the newest end while following."""
    first, last = shown_range(view, whole)
    size = max((last - first) / 2, min(_NARROWEST, last - first))
    return _placed(view, whole, size, _anchor(view, first, last))


def zoomed_out(view: View, whole: Range) -> View:
    """Twice the range; the whole run once it holds all of it."""
    first, last = shown_range(view, whole)
    size = (last - first) * 2
    if size >= whole[1] - whole[0]:
        return replace(view, window=None)
    return _placed(view, whole, size, _anchor(view, first, last))


def _anchor(view: View, first: float, last: float) -> float:
    if view.cursor is not None:
        return min(max(view.cursor, first), last)
    return last if view.follow else (first + last) / 2


def _placed(view: View, whole: Range, size: float, anchor: float) -> View:
    first = min(max(whole[0], anchor - size / 2), max(whole[0], whole[1] - size))
    follow = view.follow and view.cursor is None
    return replace(view, window=(first, first + size), follow=follow)


def panned(view: View, whole: Range, part: float) -> View:
    """Moved by this part of the range, to the right when positive; the run's ends stop it."""
    first, last = shown_range(view, whole)
    size = last - first
    start = min(max(whole[0], first + part * size), max(whole[0], whole[1] - size))
    if view.window is None:
        return view
    return replace(view, window=(start, start + size), follow=False)


def following(view: View) -> View:
    """At the newest step again; when it is there already, the whole run."""
    if view.follow and view.cursor is None:
        return replace(view, window=None)
    return replace(view, follow=True, cursor=None)


def scale_flipped(view: View) -> View:
    """The focused panel with the other kind of y axis."""
    return replace(view, flipped_scales=view.flipped_scales ^ {view.cell})


def smoothed(view: View) -> View:
    """The next longer moving average, and after the longest none."""
    position = (SMOOTHING.index(view.smoothing) + 1) % len(SMOOTHING)
    return replace(view, smoothing=SMOOTHING[position])


def axis_changed(view: View, measured: tuple[AxisName, ...]) -> View:
    """The next x axis of those for which the run has numbers."""
    place = AXIS_NAMES.index(view.x_axis) + 1
    order = AXIS_NAMES[place:] + AXIS_NAMES[:place]
    return replace(view, x_axis=next((name for name in order if name in measured), "step"))


def read_on(view: View) -> View:
    """The next panel in the reading order; it begins again after the last."""
    reading = (view.reading + 1) % len(READING_ORDER)
    return replace(focused(view, READING_ORDER[reading][0]), reading=reading)


def cursor_moved(view: View, steps: NDArray[np.int64], by: int) -> View:
    """The cursor on another of the measured `steps` (ascending), `by` positions on."""
    if not len(steps):
        return view
    place = len(steps) - 1 if view.cursor is None else nearest(steps, view.cursor)
    return cursor_put(view, float(steps[min(max(place + by, 0), len(steps) - 1)]))


def cursor_put(view: View, step: float) -> View:
    """The cursor at this step; a window that does not hold it is moved there."""
    view = replace(view, cursor=step)
    if view.window is None:
        return view
    first, last = view.window
    if first <= step <= last:
        return replace(view, follow=False)
    size = last - first
    return replace(view, window=(step - size / 2, step + size / 2), follow=False)


def nearest(steps: NDArray[np.int64], step: float) -> int:
    """Index of the entry of `steps` (ascending, not empty) that is closest to this one."""
    right = int(np.searchsorted(steps, step))
    if right == 0:
        return 0
    if right == len(steps):
        return right - 1
    return right if steps[right] - step < step - steps[right - 1] else right - 1
