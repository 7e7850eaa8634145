"""What each key does, by the names in the table of keys: it changes the view and asks for a redraw."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.screen.drawing.layout import ALL_CELLS, TREE_CELL, neighbour
from flight_recorder.tui.screen.drawing.room import seen_cells
from flight_recorder.tui.screen.drawing.spans import said
from flight_recorder.tui.screen.editing import Editing
from flight_recorder.tui.screen.state import view as views
from flight_recorder.tui.screen.state.view import READING_ORDER, Mode, View
from flight_recorder.tui.series.axis import known_axes

_BIG_STEP = 0.1


class Actions(Editing):
    """The part of the app that answers to keys."""

    # Move

    def action_focus_cell(self, cell: int) -> None:
        """The focus on this panel."""
        self.overlay = ""
        if cell in self.bare and self.is_board_seen:
            self.look(self.view, f"this log has nothing for panel {cell}, {PANELS[cell - 1].title.lower()}")
            return
        self.look(views.focused(self.view, cell))

    def action_step_focus(self, by: int) -> None:
        """The focus on the next or previous cell, around the end."""
        if self.editor is not None:
            self.edit("down" if by > 0 else "up")
            return
        cells = seen_cells(self.bare) if self.is_board_seen else ALL_CELLS
        place = cells.index(self.view.cell) if self.view.cell in cells else -1
        self.action_focus_cell(cells[(place + by) % len(cells)])

    def action_move(self, direction: str) -> None:
        """The neighbouring cell; the cursor of a zoom; the next node of the whole tree."""
        if self.overlay == "help" and direction in ("up", "down"):
            self.overlay_top = max(0, self.overlay_top + (1 if direction == "down" else -1))
            self.changed()
        elif self.overlay == "runs":
            by = {"up": -1, "down": 1}.get(direction, 0)
            order = self.worst_first()
            self.listed = order[min(max(order.index(self.listed) + by, 0), self.num_runs - 1)]
            self.changed()
        elif self.view.mode is Mode.TREE:
            self._move_node({"up": -1, "down": 1}.get(direction, 0))
        elif self.view.mode is Mode.ZOOM and direction in ("left", "right"):
            self._move_cursor(1 if direction == "right" else -1)
        elif self.view.mode is Mode.ZOOM:
            self.action_step_focus(1 if direction == "down" else -1)
        else:
            cells = seen_cells(self.bare) if self.is_board_seen else ALL_CELLS
            self.action_focus_cell(neighbour(self.view.cell, direction, self.layout_now, cells))

    def action_open(self) -> None:
        """The card of the selected violation or node, from there its panel; otherwise the zoom."""
        if self.overlay == "help":
            self.action_go_back()
        elif self.overlay == "runs":
            self.overlay = ""
            self._show_run(self.listed)
        elif self.overlay == "card":
            self.overlay = ""
            self.look(views.opened(self.view))
        elif self.view.mode is Mode.TREE or self.view.violation >= 0:
            self.overlay = "card"
            self.look(self.view)
        else:
            self.look(views.opened(self.view))

    def action_go_back(self) -> None:
        """One layer back: the card or help first, then the zoom, then the selection."""
        if self.overlay:
            self.overlay = ""
            self.look(self.view)
        elif self.view.mode is not Mode.OVERVIEW:
            self.look(views.closed(self.view))
        else:
            self.look(replace(self.view, violation=-1, reading=-1, cursor=None))

    def _move_node(self, by: int) -> None:
        last = max(0, len(self.run_shown.judge.verdicts) - 1)
        self.look(replace(self.view, node=min(max(self.view.node + by, 0), last)))

    # Cursor

    def _move_cursor(self, by: int) -> None:
        self.look(views.cursor_moved(self.view, self.measured_steps(), by))

    def action_cursor_end(self, end: int) -> None:
        """The cursor at the first or the newest value of the shown range."""
        first, last = views.shown_range(self.view, self.whole())
        steps = self.measured_steps()
        steps = steps[(steps >= first) & (steps <= last)]
        if self.view.mode is Mode.ZOOM and len(steps):
            self.look(views.cursor_put(self.view, float(steps[0 if end < 0 else -1])))

    def action_big_step(self, direction: int) -> None:
        """The cursor a tenth of the shown range on."""
        steps = self.measured_steps()
        if self.view.mode is not Mode.ZOOM or not len(steps):
            return
        first, last = views.shown_range(self.view, self.whole())
        start = last if self.view.cursor is None else self.view.cursor
        at = views.nearest(steps, start + direction * _BIG_STEP * (last - first))
        self.look(views.cursor_put(self.view, float(steps[at])))

    # Diagnosis

    def action_violation(self, by: int) -> None:
        """The next or previous violation, its panel and its first step; around the end."""
        found = self.violations()
        if not found:
            self.look(self.view, "nothing is violated")
            return
        start = self.view.violation if self.view.violation >= 0 else (-1 if by > 0 else 0)
        place = (start + by) % len(found)
        violation = found[place]
        cell = next((p.number for p in PANELS if p.id == violation.verdict.panel), TREE_CELL)
        view = views.focused(self.view, cell)
        view = views.cursor_put(view, float(violation.span.first_step))
        verdicts = self.run_shown.judge.verdicts
        node = next(i for i, verdict in enumerate(verdicts) if verdict.check == violation.verdict.check)
        self.look(replace(view, violation=place, node=node))

    def action_tree(self) -> None:
        """The whole tree, and back."""
        self.overlay = ""
        if self.view.mode is Mode.TREE:
            self.look(views.closed(self.view))
        else:
            self.look(replace(self.view, mode=Mode.TREE, cell=TREE_CELL, violation=-1))

    def action_read_on(self) -> None:
        """The next panel of the reading order, with the question to ask there."""
        view = views.read_on(self.view)
        place = f"{view.reading + 1} of {len(READING_ORDER)}"
        self.look(view, f"reading order, {place}: {READING_ORDER[view.reading][1]}")

    # Range and axes

    def action_zoom_steps(self, direction: int) -> None:
        """Half or twice the range of steps."""
        self._change_range(views.zoomed_in if direction > 0 else views.zoomed_out)

    def action_pan(self, direction: int) -> None:
        """A quarter of the range to one side."""
        if self.view.window is None:
            self.look(self.view, "the whole run is shown; + narrows the range first")
            return
        self._change_range(lambda view, whole: views.panned(view, whole, direction / 4))

    def _change_range(self, change: Callable[[View, views.Range], View]) -> None:
        self.look(change(self.view, self.whole()))
        self.notice = self._range_words()

    def _range_words(self) -> str:
        if self.view.window is None:
            return "the whole run"
        first, last = views.shown_range(self.view, self.whole())
        return f"steps {first:,.0f} to {last:,.0f}" + (", following" if self.view.follow else "")

    def action_follow(self) -> None:
        """The newest step again; then the whole run."""
        self.look(views.following(self.view))
        self.notice = "following the newest step" if self.view.window else "the whole run, following"

    def action_pause(self) -> None:
        """Hold the panels still, or let them go on. The log is read on all the same."""
        newest = self.run_shown.recording.last_step
        self.paused_at = newest if self.paused_at is None else None
        self.look(self.view, "" if self.paused_at is not None else "going on")

    def action_log_axis(self) -> None:
        """The other kind of y axis in the zoom; beside h, j and k the panel to the right."""
        if self.view.mode is Mode.OVERVIEW:
            self.action_move("right")
        else:
            self.action_flip_scale()

    def action_flip_scale(self) -> None:
        """The focused panel with the other kind of y axis."""
        if self.view.cell == TREE_CELL:
            return
        panel = PANELS[self.view.cell - 1]
        view = views.scale_flipped(self.view)
        is_log = (panel.y_scale == "log") != (panel.number in view.flipped_scales)
        self.look(view, f"{panel.title}: {'logarithmic' if is_log else 'linear'} y axis")

    def action_smooth(self) -> None:
        """The next longer moving average."""
        view = views.smoothed(self.view)
        words = f"moving average over {view.smoothing} values" if view.smoothing > 1 else "no smoothing"
        self.look(view, words)

    def action_heat(self) -> None:
        """Layers as a strip of heat, a row each, or as lines."""
        view = replace(self.view, heat=not self.view.heat)
        self.look(view, "layers as a heat strip" if view.heat else "layers as lines")

    def action_x_axis(self) -> None:
        """The next x axis that the run has numbers for."""
        view = views.axis_changed(self.view, known_axes(self.run_shown.recording))
        self.look(view, f"x axis: {'wall time' if view.x_axis == 'time' else view.x_axis}")

    # Other

    # Runs

    def action_other_run(self) -> None:
        """The next of several runs, with the same way of looking at it."""
        if self._has_several_runs():
            self._show_run((self.current + 1) % self.num_runs)

    def action_list_runs(self) -> None:
        """The list of the open runs, and back."""
        if self._has_several_runs():
            self.overlay = "" if self.overlay == "runs" else "runs"
            self.listed, self.overlay_top = self.current, 0
            self.look(self.view)

    def action_toggle_lines(self) -> None:
        """The lines of the run marked in the list behind those of the shown one, or not."""
        if self.overlay != "runs":
            self.look(self.view, "O lists the runs; Space there takes a run's lines away or brings them back")
            return
        self.without_lines ^= {self.listed}
        self.look(self.view)

    def _has_several_runs(self) -> bool:
        if self.num_runs < 2:
            self.look(self.view, "one run is open; tui watch A B opens several")
        return self.num_runs > 1

    def _show_run(self, number: int) -> None:
        self.current = number
        self.paused_at = None
        view = replace(self.view, violation=-1, node=0, cursor=None)
        self.look(view, f"run {number + 1} of {self.num_runs}: {said(self.run_shown.name)}")

    # Other

    def action_help(self) -> None:
        """The help page, and back."""
        self.overlay = "" if self.overlay == "help" else "help"
        self.overlay_top = 0
        self.look(self.view)

    def action_export(self) -> None:
        """The screen as an SVG file in the current folder; its name is told."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        stem = "".join(
            letter if letter.isalnum() or letter in "-_" else "-" for letter in self.run_shown.name
        )
        path = Path(f"{stem.strip('-')[:60] or 'run'}-{stamp}.svg")
        try:
            with path.open("x", encoding="utf-8") as file:  # "x" follows no link and overwrites nothing
                file.write(self.export_screenshot(title=said(self.run_shown.name)))
        except OSError as error:
            self.look(self.view, f"the picture could not be written: {error.strerror}")
            return
        self.look(self.view, f"saved {path}")
