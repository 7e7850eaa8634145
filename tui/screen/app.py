"""The monitor as a Textual app: batches in, one redraw a frame out.

A worker thread posts a frozen batch, the handler gives it to the one run it belongs to, and what has changed
is drawn at the next frame. However fast records come, at most `FRAMES_PER_S` redraws are made, and only of
panels that are seen and that something has changed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.actions import parse
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from flight_recorder.tui import defect
from flight_recorder.tui.exit import CANNOT_READ
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen import theme
from flight_recorder.tui.screen.actions import Actions
from flight_recorder.tui.screen.drawing import board
from flight_recorder.tui.screen.drawing.figures import QUIET_S
from flight_recorder.tui.screen.drawing.layout import Layout, layout_for
from flight_recorder.tui.screen.drawing.lines import Lines
from flight_recorder.tui.screen.drawing.room import arrange, bare_panels, seen_cells
from flight_recorder.tui.screen.drawing.spans import Spans, said
from flight_recorder.tui.screen.keys import bindings
from flight_recorder.tui.screen.picture import Picture
from flight_recorder.tui.screen.runs.frames import FRAMES_PER_S, Frames
from flight_recorder.tui.screen.runs.open_runs import OpenRuns
from flight_recorder.tui.screen.runs.run_set import LOOK_S, Gathering, RunsBegan
from flight_recorder.tui.screen.runs.watched_run import BatchArrived, FollowingEnded, JudgedAtLast, Watched
from flight_recorder.tui.screen.state.looking import Looking
from flight_recorder.tui.screen.state.view import Mode
from flight_recorder.tui.screen.terminal import Terminal

CLOCK_S = 1.0
"""How often the status line is made again while nothing comes, so that a silence is seen to last."""


class Monitor(App[int]):
    """Shows runs: Textual's events go to the objects that it holds, and what they draw goes to the widgets.

    Attributes:
        runs: the open runs, each with its follower.
        looking: how they are looked at.
        actions: what keys do.
        picture: what the screen shows.
        frames: when something is drawn, and how often it was.
        failure: why the log that failed last cannot be read, a sentence.
    """

    CSS_PATH = "app.tcss"
    TITLE = "tui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = list(bindings())

    def __init__(
        self,
        watched: Sequence[Watched],
        gathering: Gathering | None = None,
        *,
        clock: Callable[[], float] = time.time,
        is_light: bool | None = None,
        observe: Callable[[Run], None] = lambda run: None,
    ) -> None:
        # Without colours Textual would still send greys, unless the terminal's own are used.
        super().__init__(driver_class=Terminal, ansi_color=not theme.has_colour())
        self.runs = OpenRuns(watched, gathering)
        self.looking = Looking(self.runs, self.changed)
        self.actions = Actions(self.looking, lambda title: self.export_screenshot(title=title), self.exit)
        self.picture = Picture(self.looking, theme.drawing_options(), clock)
        self.palette = theme.palette_for(is_light)
        self.frames = Frames()
        self.failure = ""
        self._observe = observe
        self._is_waiting = False
        self._arranged: tuple[tuple[int, ...], Layout] = ((), self.looking.layout)

    @property
    def is_settled(self) -> bool:
        """Whether everything that there is to read was read and drawn."""
        is_read = all(watched.is_caught_up for watched in self.runs.watched)
        return is_read and not (self.frames.is_due or self._is_behind)

    @property
    def _is_behind(self) -> bool:
        """Whether something that came is still to be seen, though nothing else comes."""
        return self.picture.figures.is_behind or any(one.is_unjudged for one in self.runs.watched)

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

    # What is shown

    def compose(self) -> ComposeResult:
        """The status line, the cells, the small and the full-screen form of them, and what lies above."""
        yield Lines("status")
        with Container(id="board"):
            for panel in PANELS:
                cell = Lines(panel.id, "cell")
                cell.display = panel.is_awaited
                yield cell
            yield Lines("tree", "cell")
        for id in ("rows", "main", "footer", "card"):
            yield Lines(id)

    def on_mount(self) -> None:
        """Begin to follow, and to look for other runs where more than one was meant."""
        theme.use(self, self.palette)
        self.set_interval(CLOCK_S, self._draw_status)
        self.set_interval(CLOCK_S, self._let_observe)
        self.changed()
        gathering = self.runs.gathering
        for watched in self.runs.watched:
            watched.start(self.post_message)
        if gathering.notice:
            self.looking.look(notice=gathering.notice)
        if gathering.grows:
            search = partial(gathering.look, self.post_message)
            self.set_interval(LOOK_S, lambda: self.run_worker(search, thread=True, exclusive=True))

    def on_unmount(self) -> None:
        """Let the threads end."""
        for watched in self.runs.watched:
            watched.stop()

    # What comes in

    @on(BatchArrived)
    def take_batch(self, message: BatchArrived) -> None:
        """The batch becomes part of its run, and is seen, at the next frame."""
        self.runs.watched[message.number].take(message.batch)
        if message.batch.is_preview or message.batch.stored:
            self.changed()
        else:
            self._draw_soon()

    @on(JudgedAtLast)
    def take_judge(self, message: JudgedAtLast) -> None:
        """The verdicts on what an index knew are seen at the next frame."""
        self.runs.watched[message.number].take_judge(message.judge, message.thresholds)
        self.changed()

    @on(FollowingEnded)
    def end_following(self, message: FollowingEnded) -> None:
        """A log that can be read no further says so for as long as it is shown.

        If nothing was read of any log there is nothing to show, and the monitor ends with that sentence.
        """
        self.runs.watched[message.number].fail(message.reason)
        self.failure = message.reason
        if self.runs.are_lost:
            self.exit(return_code=CANNOT_READ)
        else:
            self.changed()

    @on(RunsBegan)
    def add_runs(self, message: RunsBegan) -> None:
        """Runs that began while others are watched join them."""
        self.runs.add(message.paths, self.post_message)
        named = ", ".join(said(path) for path in message.paths)
        number = len(self.runs)
        self.looking.look(notice=f"{named} has begun: run {number}, o shows the next, O all of them")

    # Keys

    def action_act(self, call: str) -> None:
        """Do what the table of keys names, "move('left')"."""
        _, name, arguments = parse(call)
        getattr(self.actions, name)(*arguments)

    def on_key(self, event: events.Key) -> None:
        """While thresholds are edited every key belongs to the editor."""
        overlay = self.looking.overlay
        if overlay and overlay.takes_all_keys:
            event.prevent_default()
            overlay.press(event.key, event.character)

    # When it is drawn

    def changed(self) -> None:
        """Ask for a redraw at the next frame; many such calls make one."""
        self.frames.is_asked_for = True
        self._draw_soon()

    def _let_observe(self) -> None:
        """Who calls or exports looks at each run, once a second; at none of which only a part is known."""
        for watched in self.runs.watched:
            if watched.run.is_settled and not watched.run.is_partial:
                self._observe(watched.run)

    def _draw_soon(self) -> None:
        """Have a frame drawn in its time, unless one is due already."""
        if not self.frames.is_due:
            self.set_timer(self.frames.due_in(), self._redraw)

    def on_resize(self, event: events.Resize) -> None:
        """Another size may mean another arrangement; cells know their size after it was laid out."""
        self.looking.layout = layout_for(event.size.width, event.size.height)
        for layout in Layout:
            self.screen.set_class(layout is self.looking.layout, layout.value)
        self.call_after_refresh(self.changed)

    def _redraw(self) -> None:
        if not self.is_running:
            return  # a timer that outlived the screen
        if self.frames.gives_way(any(watched.is_reading_the_past for watched in self.runs.watched)):
            self.set_timer(1 / FRAMES_PER_S, self._redraw)
            return
        self.frames.begin()
        if self.runs.settle():
            self.bell()
        if self._arrange():
            self.call_after_refresh(self.changed)
        self._draw_status()
        self.picture.figures.is_behind = False
        self._draw_middle()
        if self._is_behind and not self._is_waiting:
            self._is_waiting = True
            self.set_timer(QUIET_S, self._catch_up)
        self._show("footer", [self.picture.footer(self.size.width)])
        self._draw_box()

    def _catch_up(self) -> None:
        """Draw what was hardly news when it came."""
        self._is_waiting = False
        self.changed()

    def _arrange(self) -> bool:
        """Bring the middle into the form of the mode; whether that has moved anything."""
        self._give_room()
        is_zoomed = self.looking.view.mode is not Mode.OVERVIEW
        moved = self.screen.has_class("zoomed") is not is_zoomed
        self.screen.set_class(is_zoomed, "zoomed")
        card, is_covered = self.query_one("#card", Lines), self.looking.overlay is not None
        moved |= card.display is not is_covered
        card.display = is_covered
        return moved

    def _give_room(self) -> None:
        """Panels that the log has nothing for leave the board to the others."""
        looking, bare = self.looking, bare_panels(self.runs.shown)
        if (bare, looking.layout) == self._arranged:
            return
        looking.bare, self._arranged = bare, (bare, looking.layout)
        arrange(self.query_one("#board"), bare, looking.layout)
        self.query_one("#rows").styles.height = len(seen_cells(bare))
        if looking.view.cell in bare:
            looking.view = replace(looking.view, cell=seen_cells(bare)[0])
        self.call_after_refresh(self.changed)

    def _draw_status(self) -> None:
        if self.is_running:
            self._show("status", [self.picture.status(self.size.width)])

    def _draw_middle(self) -> None:
        scene = self.picture.scene()
        for widget in self.query(Lines):
            width, height = widget.size
            is_seen = widget.display and widget.has_class("cell") is self.looking.is_board_seen
            if widget.id in board.DRAWN_BY and width > 0 and height > 0 and is_seen:
                widget.show(board.drawn(scene, widget.id, width, height), self.palette)

    def _draw_box(self) -> None:
        if (box := self.picture.box(*self.size)) is not None:
            left, top, width, lines = box
            styles = self.query_one("#card", Lines).styles
            styles.width, styles.height, styles.offset = width, len(lines), (left, top)
            self._show("card", lines)

    def _show(self, id: str, lines: Sequence[Spans]) -> None:
        self.query_one(f"#{id}", Lines).show(lines, self.palette)
