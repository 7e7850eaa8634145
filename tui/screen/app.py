"""The monitor as a Textual app: batches in, one redraw a frame out.

A worker thread posts a frozen batch, the handler gives it to the one run it belongs to, and what has changed
is drawn at the next frame. However fast records come, at most `FRAMES_PER_S` redraws are made, and only of
panels that are seen and that something has changed in.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from flight_recorder.tui import defect
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.exit import CANNOT_READ
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.screen import theme
from flight_recorder.tui.screen.drawing import board, overlay
from flight_recorder.tui.screen.drawing.figures import QUIET_S, Figures
from flight_recorder.tui.screen.drawing.layout import Layout, is_upper, layout_for
from flight_recorder.tui.screen.drawing.lines import Lines
from flight_recorder.tui.screen.drawing.room import arrange, bare_line, bare_panels, seen_cells
from flight_recorder.tui.screen.drawing.status import status_line
from flight_recorder.tui.screen.drawing.violations import violations_line
from flight_recorder.tui.screen.keys import bindings
from flight_recorder.tui.screen.naming import name_apart
from flight_recorder.tui.screen.runs.frames import FRAMES_PER_S, Frames
from flight_recorder.tui.screen.runs.progress import status_of
from flight_recorder.tui.screen.runs.run_set import Gathering
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.screen.state.view import Mode
from flight_recorder.tui.screen.taking_in import TakingIn
from flight_recorder.tui.screen.terminal import Terminal, require_terminal
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions

CLOCK_S = 1.0
"""How often the status line is made again while nothing comes, so that a silence is seen to last."""


class Monitor(TakingIn):
    """Shows runs. It owns their state; widgets only show lines.

    Attributes:
        watched: the runs, each with its follower.
        frames: when something is drawn, and how often it was.
        figures: the figures that are on the screen.
    """

    CSS_PATH = "app.tcss"
    TITLE = "tui"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings())

    def __init__(
        self,
        watched: Sequence[Watched],
        gathering: Gathering | None = None,
        *,
        clock: Callable[[], float] = time.time,
        is_light: bool | None = None,
    ) -> None:
        # Without colours Textual would still send greys, unless the terminal's own are used.
        super().__init__(driver_class=Terminal, ansi_color=not theme.has_colour())
        self.watched = list(watched)
        self.gathering = gathering or Gathering(())
        self.figures = Figures()
        self.frames = Frames()
        self._clock = clock
        self._is_waiting = False
        self._arranged: tuple[tuple[int, ...], Layout] = ((), self.layout_now)
        self.palette = theme.palette_for(is_light)
        self._options = theme.drawing_options()

    @property
    def is_settled(self) -> bool:
        """Whether everything that there is to read was read and drawn."""
        return not (self.frames.is_due or self._is_behind) and all(
            watched.is_caught_up for watched in self.watched
        )

    @property
    def _is_behind(self) -> bool:
        """Whether something that came is still to be seen, though nothing else comes."""
        return self.figures.is_behind or any(watched.is_unjudged for watched in self.watched)

    def _handle_exception(self, error: Exception) -> None:
        """An error of our own, in whatever part of the screen, ends the monitor with one sentence."""
        super()._handle_exception(error)
        self.failure = defect.sentence(error)
        self._return_code = CANNOT_READ

    def _fatal_error(self) -> None:
        """End; Textual would print its traceback with all the variables in it."""
        if defect.is_debugging():
            super()._fatal_error()
        else:
            self._close_messages_no_wait()

    def compose(self) -> ComposeResult:
        """The status line, eight cells, the small and the full-screen form of them, and what lies above."""
        yield Lines("status")
        with Container(id="board"):
            for panel in PANELS:
                yield Lines(panel.id, "cell")
            yield Lines("tree", "cell")
        yield Lines("bare")
        yield Lines("rows")
        yield Lines("main")
        yield Lines("footer")
        yield Lines("card")

    def on_mount(self) -> None:
        """Begin to follow."""
        theme.use(self, self.palette)
        self.set_interval(CLOCK_S, self._draw_status)
        self.changed()
        self.follow_all()

    def changed(self) -> None:
        """Ask for a redraw at the next frame; many such calls make one."""
        self.frames.is_asked_for = True
        self.draw_soon()

    def draw_soon(self) -> None:
        """Have a frame drawn in its time, unless one is due already."""
        if not self.frames.is_due:
            self.set_timer(self.frames.due_in(), self._redraw)

    def on_resize(self, event: events.Resize) -> None:
        """Another size may mean another arrangement; cells know their size after it was laid out."""
        self.layout_now = layout_for(event.size.width, event.size.height)
        for layout in Layout:
            self.screen.set_class(layout is self.layout_now, layout.value)
        self.call_after_refresh(self.changed)

    def _redraw(self) -> None:
        if not self.is_running:
            return  # a timer that outlived the screen
        if self.frames.gives_way(any(watched.is_reading_the_past for watched in self.watched)):
            self.set_timer(1 / FRAMES_PER_S, self._redraw)
            return
        self.frames.begin()
        for watched in self.watched:
            if watched.settle():
                self.ring(watched)
        name_apart([watched.run for watched in self.watched])
        if self._arrange():
            self.call_after_refresh(self.changed)
        self._draw_status()
        self.figures.is_behind = False
        self._draw_middle()
        if self._is_behind and not self._is_waiting:
            self._is_waiting = True
            self.set_timer(QUIET_S, self._catch_up)
        self._draw_footer()
        self._draw_card()

    def _catch_up(self) -> None:
        """Draw what was hardly news when it came."""
        self._is_waiting = False
        self.changed()

    def _arrange(self) -> bool:
        """Bring the middle into the form of the mode; whether that has moved anything."""
        zoomed = self.view.mode is not Mode.OVERVIEW
        self._give_room()
        moved = self.screen.has_class("zoomed") is not zoomed
        self.screen.set_class(zoomed, "zoomed")
        card = self.query_one("#card", Lines)
        moved |= card.display is not bool(self.overlay)
        card.display = bool(self.overlay)
        return moved

    def _give_room(self) -> None:
        """Panels that the log has nothing for leave the board to the others."""
        bare = bare_panels(self.run_shown)
        if (bare, self.layout_now) == self._arranged:
            return
        self.bare, self._arranged = bare, (bare, self.layout_now)
        arrange(self.query_one("#board"), bare, self.layout_now)
        self.screen.set_class(bool(bare), "bare")
        if self.view.cell in bare and self.is_board_seen:
            self.view = replace(self.view, cell=seen_cells(bare)[0])
        self.call_after_refresh(self.changed)

    def _draw_status(self) -> None:
        if not self.is_running:
            return
        number = f"{self.current + 1}/{len(self.watched)}" if len(self.watched) > 1 else ""
        if self.gathering.num_found > len(self.watched):
            number += f" of {self.gathering.num_found} runs"
        shown = self.watched[self.current]
        pace = shown.arrivals.steps_per_s()
        status = replace(
            status_of(shown.run, self._clock(), self.paused_at, number, shown.part_read, pace),
            elsewhere=self.worse_elsewhere(),
        )
        self._show("status", [status_line(status, self.size.width)])

    def _draw_middle(self) -> None:
        scene = board.Scene(
            self.run_shown,
            self.view,
            self.whole(),
            self.figures,
            tuple(
                self.watched[number].run
                for number in self.worst_first()
                if number != self.current and number not in self.without_lines
            ),
            self._options,
            self.paused_at is not None,
        )
        for widget in self.query(Lines):
            width, height = widget.size
            if widget.id in board.DRAWN_BY and width > 0 and height > 0 and self._is_seen(widget):
                widget.show(board.drawn(scene, widget.id, width, height), self.palette)

    def _is_seen(self, widget: Lines) -> bool:
        if widget.has_class("cell"):
            return self.is_board_seen and widget.display
        return not self.is_board_seen and widget.display

    def _draw_footer(self) -> None:
        run = self.run_shown
        notice = self.notice or self.gathering.remark(run)
        if not run.is_judged:
            notice = notice or "nothing is judged before all of the log was read"
        found, selected = self.violations(), self.view.violation
        others = self.worse_elsewhere()
        line = violations_line(found, selected, self.size.width, notice, run.failure, others)
        self._show("footer", [line])
        self._show("bare", [bare_line(self.bare, self.size.width)])

    def _draw_card(self) -> None:
        if not self.overlay:
            return
        card = self.query_one("#card", Lines)
        width = min(self.size.width, overlay.WIDTHS[self.overlay])
        lines = self._overlay_lines(width)
        hidden = max(0, len(lines) - self.size.height + 1)
        if self.overlay == "runs":  # the marked run stays in sight
            row = self.worst_first().index(self.listed) + 1
            self.overlay_top = min(max(self.overlay_top, row - self.size.height + 5), row - 1)
        self.overlay_top = min(self.overlay_top, hidden)
        lines = lines[self.overlay_top : self.overlay_top + self.size.height - 1]
        left, top = (self.size.width - width) // 2, (self.size.height - len(lines)) // 2
        if self.overlay == "threshold":  # the curve stays in sight
            above = is_upper(self.view.cell, self.layout_now, seen_cells(self.bare))
            top = self.size.height - len(lines) - 1 if above else 1
        card.styles.width, card.styles.height, card.styles.offset = width, len(lines), (left, max(0, top))
        card.show(lines, self.palette)

    def _overlay_lines(self, width: int) -> board.LinesOfSpans:
        run = self.run_shown
        if self.overlay == "help":
            return overlay.help_box(width)
        if self.overlay == "runs":
            runs = [one.run for one in self.watched]
            return overlay.runs_box(runs, self.current, self.without_lines, self.listed, self._clock(), width)
        if self.editor is not None:
            return overlay.editor_box(self.editor, run.judge.verdicts, width, self.size.height)
        return overlay.card_box(run, self.view, self.violations(), width)

    def _show(self, id: str, lines: board.LinesOfSpans) -> None:
        self.query_one(f"#{id}", Lines).show(lines, self.palette)


def watch(
    paths: Sequence[str],
    *,
    options: SourceOptions | None = None,
    thresholds: Thresholds | None = None,
    speed: float | None = None,
) -> int:
    """Show these logs until the user quits, and give the exit code.

    With a `speed` the first path is played again from its beginning, that many times faster than recorded.

    Raises:
        CannotRead: a log cannot be read, there is no terminal, or the monitor failed; the message is for the
            user.
    """
    gathering = Gathering(paths, options, thresholds, speed)
    watched = gathering.open_all()
    require_terminal()
    app = Monitor(watched, gathering)
    gc.freeze()  # records make no cycles: looking for some took a third of the time of reading
    gc.set_threshold(100_000, 50, 100)
    app.run(mouse=False)  # nothing here is clicked on, and the terminal's own selection stays
    if app.failure and app.return_code == CANNOT_READ:
        raise CannotRead(app.failure)
    return app.return_code or 0
