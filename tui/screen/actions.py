"""What each key does, by the names in the table of keys: it changes how the runs are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.screen.drawing.layout import TREE_CELL, neighbour
from flight_recorder.tui.screen.drawing.spans import said
from flight_recorder.tui.screen.overlays import Card, Help, Runs, Search, Thresholds
from flight_recorder.tui.screen.state import view as views
from flight_recorder.tui.screen.state.looking import Looking
from flight_recorder.tui.screen.state.view import READING_ORDER, Mode, View
from flight_recorder.tui.series.axis import known_axes

_BIG_STEP = 0.1


class Actions:
    """Answers to keys. `picture` gives the screen as SVG under a title, `leave` ends the monitor."""

    def __init__(self, looking: Looking, picture: Callable[[str], str], leave: Callable[[], object]) -> None:
        self.looking, self.look = looking, looking.look
        self._picture, self._leave = picture, leave

    @property
    def view(self) -> View:
        """How the shown run is looked at now."""
        return self.looking.view

    # Move

    def focus_cell(self, cell: int) -> None:
        """The focus on this panel."""
        looking = self.looking
        looking.overlay = None
        if cell in looking.bare:
            looking.look(notice=f"this log has nothing for panel {cell}, {PANELS[cell - 1].title.lower()}")
            return
        looking.look(views.focused(looking.view, cell))

    def step_focus(self, by: int) -> None:
        """The focus on the next or previous cell, around the end."""
        looking = self.looking
        if looking.overlay and looking.overlay.takes_all_keys:
            looking.overlay.press("down" if by > 0 else "up")
            return
        cells = looking.cells
        place = cells.index(looking.view.cell) if looking.view.cell in cells else -1
        self.focus_cell(cells[(place + by) % len(cells)])

    def move(self, direction: str) -> None:
        """The neighbouring cell; the cursor of a zoom; the next node of the whole tree."""
        looking, by = self.looking, 1 if direction in ("down", "right") else -1
        if looking.overlay and looking.overlay.press(direction):
            return
        if looking.view.mode is Mode.TREE:
            self._move_node(by if direction in ("up", "down") else 0)
        elif looking.view.mode is Mode.ZOOM and direction in ("left", "right"):
            looking.look(views.cursor_moved(looking.view, looking.measured_steps(), by))
        elif looking.view.mode is Mode.ZOOM:
            self.step_focus(by)
        else:
            self.focus_cell(neighbour(looking.view.cell, direction, looking.layout, looking.cells))

    def open(self) -> None:
        """The card of the selected violation or node, from there its panel; otherwise the zoom."""
        looking = self.looking
        if looking.overlay:
            looking.overlay.press("enter")
        elif looking.view.mode is Mode.TREE or looking.view.violation >= 0:
            looking.lay_over(Card(looking))
        else:
            looking.look(views.opened(looking.view))

    def go_back(self) -> None:
        """One layer back: the card or help first, then the zoom, then the selection."""
        looking = self.looking
        if looking.overlay:
            looking.lay_over(None)
        elif looking.view.mode is not Mode.OVERVIEW:
            looking.look(views.closed(looking.view))
        else:
            looking.look(replace(looking.view, violation=-1, reading=-1, cursor=None))

    def _move_node(self, by: int) -> None:
        last = max(0, len(self.looking.verdicts()) - 1)
        view = self.view
        self.look(replace(view, node=min(max(view.node + by, 0), last)))

    # Cursor

    def cursor_end(self, end: int) -> None:
        """The cursor at the first or the newest value of the shown range."""
        first, last = views.shown_range(self.view, self.looking.whole())
        steps = self.looking.measured_steps()
        steps = steps[(steps >= first) & (steps <= last)]
        if self.view.mode is Mode.ZOOM and len(steps):
            self.look(views.cursor_put(self.view, float(steps[0 if end < 0 else -1])))

    def big_step(self, direction: int) -> None:
        """The cursor a tenth of the shown range on."""
        steps = self.looking.measured_steps()
        if self.view.mode is not Mode.ZOOM or not len(steps):
            return
        first, last = views.shown_range(self.view, self.looking.whole())
        start = last if self.view.cursor is None else self.view.cursor
        at = views.nearest(steps, start + direction * _BIG_STEP * (last - first))
        self.look(views.cursor_put(self.view, float(steps[at])))

    # Diagnosis

    def violation(self, by: int) -> None:
        """The next or previous violation, its panel and its first step; around the end."""
        found = self.looking.violations()
        if not found:
            self.look(notice="nothing is violated")
            return
        start = self.view.violation if self.view.violation >= 0 else (-1 if by > 0 else 0)
        place = (start + by) % len(found)
        violation = found[place]
        cell = next((p.number for p in PANELS if p.id == violation.verdict.panel), TREE_CELL)
        view = views.focused(self.view, cell)
        view = views.cursor_put(view, float(violation.span.first_step))
        verdicts = self.looking.verdicts()
        node = next(i for i, verdict in enumerate(verdicts) if verdict.check == violation.verdict.check)
        self.look(replace(view, violation=place, node=node))

    def tree(self) -> None:
        """The whole tree, and back."""
        self.looking.overlay = None
        if self.view.mode is Mode.TREE:
            self.look(views.closed(self.view))
        else:
            self.look(replace(self.view, mode=Mode.TREE, cell=TREE_CELL, violation=-1))

    def read_on(self) -> None:
        """The next panel of the reading order, with the question to ask there."""
        view = views.read_on(self.view)
        place = f"{view.reading + 1} of {len(READING_ORDER)}"
        self.look(view, f"reading order, {place}: {READING_ORDER[view.reading][1]}")

    def search(self) -> None:
        """The metrics by a part of their name, typed above them."""
        panel = next((panel for panel in PANELS if panel.as_list), None)
        if panel is None or not panel.measured(self.looking.runs.shown.recording):
            self.look(notice="this log has no metrics to search")
            return
        self.focus_cell(panel.number)
        self.looking.lay_over(Search(self.looking))

    # Range and axes

    def zoom_steps(self, direction: int) -> None:
        """Half or twice the range of steps."""
        self._change_range(views.zoomed_in if direction > 0 else views.zoomed_out)

    def pan(self, direction: int) -> None:
        """A quarter of the range to one side."""
        if self.view.window is None:
            self.look(notice="the whole run is shown; + narrows the range first")
            return
        self._change_range(lambda view, whole: views.panned(view, whole, direction / 4))

    def _change_range(self, change: Callable[[View, views.Range], View]) -> None:
        self.look(change(self.view, self.looking.whole()))
        self.looking.notice = self._range_words()

    def _range_words(self) -> str:
        if self.view.window is None:
            return "the whole run"
        first, last = views.shown_range(self.view, self.looking.whole())
        return f"steps {first:,.0f} to {last:,.0f}" + (", following" if self.view.follow else "")

    def follow(self) -> None:
        """The newest step again; then the whole run."""
        self.look(views.following(self.view))
        self.looking.notice = "following the newest step" if self.view.window else "the whole run, following"

    def pause(self) -> None:
        """Hold the panels still, or let them go on. The log is read on all the same."""
        newest = self.looking.runs.shown.recording.last_step
        self.looking.paused_at = newest if self.looking.paused_at is None else None
        self.look(notice="" if self.looking.paused_at is not None else "going on")

    def log_axis(self) -> None:
        """The other kind of y axis in the zoom; beside h, j and k the panel to the right."""
        if self.view.mode is Mode.OVERVIEW:
            self.move("right")
        else:
            self.flip_scale()

    def flip_scale(self) -> None:
        """The focused panel with the other kind of y axis."""
        if self.view.cell == TREE_CELL:
            return
        panel = PANELS[self.view.cell - 1]
        view = views.scale_flipped(self.view)
        is_log = (panel.y_scale == "log") != (panel.number in view.flipped_scales)
        self.look(view, f"{panel.title}: {'logarithmic' if is_log else 'linear'} y axis")

    def smooth(self) -> None:
        """The next longer moving average."""
        view = views.smoothed(self.view)
        words = f"moving average over {view.smoothing} values" if view.smoothing > 1 else "no smoothing"
        self.look(view, words)

    def heat(self) -> None:
        """Layers as a strip of heat, a row each, or as lines."""
        view = replace(self.view, heat=not self.view.heat)
        self.look(view, "layers as a heat strip" if view.heat else "layers as lines")

    def x_axis(self) -> None:
        """The next x axis that the run has numbers for."""
        view = views.axis_changed(self.view, known_axes(self.looking.runs.shown.recording))
        self.look(view, f"x axis: {'wall time' if view.x_axis == 'time' else view.x_axis}")

    # Runs

    def other_run(self) -> None:
        """The next of several runs, with the same way of looking at it."""
        if self._has_several_runs():
            runs = self.looking.runs
            self.looking.show_run((runs.current + 1) % len(runs))

    def list_runs(self) -> None:
        """The list of the open runs, and back."""
        if self._has_several_runs():
            self.looking.lay_over(None if self.looking.is_over("runs") else Runs(self.looking))

    def toggle_lines(self) -> None:
        """The lines of the run marked in the list behind those of the shown one, or not."""
        if not (self.looking.overlay and self.looking.overlay.press("space")):
            words = "O lists the runs; Space there takes a run's lines away or brings them back"
            self.look(notice=words)

    def _has_several_runs(self) -> bool:
        if len(self.looking.runs) < 2:
            self.look(notice="one run is open; tui watch A B opens several")
        return len(self.looking.runs) > 1

    # Other

    def edit_threshold(self) -> None:
        """The bounds of the focused panel, or of the selected node, for changing."""
        if overlay := Thresholds.of(self.looking):
            self.looking.lay_over(overlay)

    def help(self) -> None:
        """The help page, and back."""
        self.looking.lay_over(None if self.looking.is_over("help") else Help(self.looking))

    def quit(self) -> None:
        """End the monitor."""
        self._leave()

    def export(self) -> None:
        """The screen as an SVG file in the current folder; its name is told."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        name = self.looking.runs.shown.name
        stem = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
        path = Path(f"{stem.strip('-')[:60] or 'run'}-{stamp}.svg")
        try:
            with path.open("x", encoding="utf-8") as file:  # "x" follows no link and overwrites nothing
                file.write(self._picture(said(name)))
        except OSError as error:
            self.look(notice=f"the picture could not be written: {error.strerror}")
            return
        self.look(notice=f"saved {path}")
