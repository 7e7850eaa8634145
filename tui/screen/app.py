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

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from tui.checks.thresholds import Thresholds
from tui.checks.verdict import Level
from tui.panels.registry import PANELS
from tui.run import Run
from tui.screen import board, theme
from tui.screen.actions import Actions
from tui.screen.card import card_lines
from tui.screen.feed import BatchArrived, FollowingEnded, JudgedAtLast, Watched
from tui.screen.figures import QUIET_S, Figures
from tui.screen.frame import boxed
from tui.screen.gathering import LOOK_S, Gathering, RunsBegan
from tui.screen.help import help_lines
from tui.screen.keys import bindings
from tui.screen.layout import Layout, is_upper, layout_for
from tui.screen.lines import Lines
from tui.screen.progress import status_of
from tui.screen.room import arrange, bare_line, bare_panels, seen_cells
from tui.screen.run_list import list_lines
from tui.screen.spans import said
from tui.screen.status import status_line
from tui.screen.threshold_editor import editor_lines
from tui.screen.view import Mode
from tui.screen.violations import violations_line
from tui.sources.errors import CannotRead
from tui.sources.parser import SourceOptions

FRAMES_PER_S = 30
"""Redraws in a second at most."""

LONGEST_WAIT_S = 0.07
"""Until a record is seen: with 25 ms of polling and the drawing itself it stays under a tenth of a second."""

READING_FRAME_S = 0.3
"""Between two frames while a long past is being read for the first time."""

CPU_SHARE = 0.15
"""Of a core, for everything: frames become rarer, down to the longest wait, when they cost more."""

CLOCK_S = 1.0
"""How often the status line is made again while nothing comes, so that a silence is seen to last."""


_OVERLAY_WIDTHS = {"help": 110, "runs": 110, "card": 88, "threshold": 88}


class Monitor(Actions):
    """Shows runs. It owns their state; widgets only show lines.

    Attributes:
        watched: the runs, each with its follower.
        num_redraws: frames drawn so far, between `first_frame_at` and `last_frame_at` of the monotonic clock.
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
        super().__init__(ansi_color=not theme.has_colour())
        self.watched = list(watched)
        self._gathering = gathering or Gathering(())
        self.figures = Figures()
        self.num_redraws = 0
        self.failure = ""
        self._clock = clock
        self._levels = [Level.GREEN for _ in self.watched]
        self.first_frame_at = self.last_frame_at = 0.0
        self._cpu_s = time.process_time()
        self._frame_s = 1 / FRAMES_PER_S
        self._is_due = self._is_waiting = self._is_asked_for = False
        self._arranged: tuple[tuple[int, ...], Layout] = ((), self.layout_now)
        self.palette = theme.palette_for(is_light)
        self._options = theme.drawing_options()

    @property
    def num_runs(self) -> int:
        """How many are open."""
        return len(self.watched)

    @property
    def run_shown(self) -> Run:
        """The run whose panels are on the screen."""
        return self.watched[self.current].run

    @property
    def is_settled(self) -> bool:
        """Whether everything that there is to read was read and drawn."""
        return not (self._is_due or self._is_behind) and all(watched.is_caught_up for watched in self.watched)

    @property
    def _is_behind(self) -> bool:
        """Whether something that came is still to be seen, though nothing else comes."""
        return self.figures.is_behind or any(watched.is_unjudged for watched in self.watched)

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
        for watched in self.watched:
            watched.start(self.post_message)
        if self._gathering.notice:
            self.look(self.view, self._gathering.notice)
        if self._gathering.grows:
            self.set_interval(LOOK_S, self._look_for_runs)

    def on_unmount(self) -> None:
        """Let the threads end."""
        for watched in self.watched:
            watched.stop()

    # What comes in

    @on(BatchArrived)
    def take_batch(self, message: BatchArrived) -> None:
        """The batch becomes part of its run, and is seen, at the next frame."""
        self.watched[message.number].take(message.batch)
        if message.batch.is_preview or message.batch.stored:
            self.changed()
        else:
            self._draw_soon()

    @on(JudgedAtLast)
    def take_judge(self, message: JudgedAtLast) -> None:
        """The verdicts on what an index knew are seen at the next frame."""
        self.watched[message.number].take_judge(message.judge, message.thresholds)
        self.changed()

    @on(FollowingEnded)
    def end_following(self, message: FollowingEnded) -> None:
        """A log that cannot be read ends a monitor of one run; among several it is said."""
        self.watched[message.number].failure = message.reason
        self.failure = message.reason
        if all(watched.failure for watched in self.watched):
            self.exit(2, return_code=2)
        else:
            self.look(self.view, message.reason)

    def _look_for_runs(self) -> None:
        self.run_worker(lambda: self._gathering.look(self.post_message), thread=True, exclusive=True)

    @on(RunsBegan)
    def add_runs(self, message: RunsBegan) -> None:
        """Runs that began while others are watched join them; those that have ended stay."""
        for path in message.paths:
            watched = self._gathering.open(path)
            self.watched.append(watched)
            self._levels.append(Level.GREEN)
            watched.start(self.post_message)
            self.look(
                self.view, f"{said(path)} has begun: run {self.num_runs}, o shows the next, O all of them"
            )

    def _ring(self, number: int) -> None:
        """The bell, once, when a run has become red or black and was neither before."""
        level = self.watched[number].run.judge.level
        if level >= Level.RED > self._levels[number]:
            self.bell()
        self._levels[number] = max(level, self._levels[number]) if level >= Level.ORANGE else level

    # What goes out

    def changed(self) -> None:
        """Ask for a redraw at the next frame; many such calls make one."""
        self._is_asked_for = True
        self._draw_soon()

    def _draw_soon(self) -> None:
        if self._is_due:
            return
        self._is_due = True
        wait = self.last_frame_at + self._frame_s - time.monotonic()
        self.set_timer(max(0.001, wait), self._redraw)

    def _pace(self) -> None:
        """How long the next frame waits: what the last one and all since then cost decides."""
        spent, self._cpu_s = time.process_time() - self._cpu_s, time.process_time()
        self._frame_s = min(max(1 / FRAMES_PER_S, spent / CPU_SHARE), LONGEST_WAIT_S)

    def on_resize(self, event: events.Resize) -> None:
        """Another size may mean another arrangement; cells know their size after it was laid out."""
        self.layout_now = layout_for(event.size.width, event.size.height)
        for layout in Layout:
            self.screen.set_class(layout is self.layout_now, layout.value)
        self.call_after_refresh(self.changed)

    def _redraw(self) -> None:
        self._is_due = False
        if not self.screen_stack:
            return  # a timer that outlived the screen
        if self._should_read_on():
            self._is_due = True
            self.set_timer(1 / FRAMES_PER_S, self._redraw)
            return
        self._is_asked_for = False
        self._pace()
        self.last_frame_at = time.monotonic()
        self.first_frame_at = self.first_frame_at or self.last_frame_at
        self.num_redraws += 1
        for watched in self.watched:
            if watched.settle():
                self._ring(watched.number)
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

    def _should_read_on(self) -> bool:
        """Whether a frame now would only take time from the reading of a long past."""
        is_reading = any(watched.is_reading_the_past for watched in self.watched)
        return (
            is_reading and not self._is_asked_for and time.monotonic() < self.last_frame_at + READING_FRAME_S
        )

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
        number = f"{self.current + 1}/{len(self.watched)}" if len(self.watched) > 1 else ""
        shown = self.watched[self.current]
        pace = shown.arrivals.steps_per_s()
        status = status_of(shown.run, self._clock(), self.paused_at, number, shown.part_read, pace)
        self._show("status", [status_line(status, self.size.width)])

    def _draw_middle(self) -> None:
        scene = board.Scene(
            self.run_shown,
            self.view,
            self.whole(),
            self.figures,
            tuple(
                one.run
                for number, one in enumerate(self.watched)
                if number != self.current and number not in self.without_lines
            ),
            self._options,
            self.paused_at is not None,
        )
        for widget in self.query(Lines):
            draw = board.DRAWN_BY.get(widget.id or "")
            width, height = widget.size
            if draw is not None and width > 0 and height > 0 and self._is_seen(widget):
                widget.show(draw(scene, widget.id or "", width, height), self.palette)

    def _is_seen(self, widget: Lines) -> bool:
        if widget.has_class("cell"):
            return self.is_board_seen and widget.display
        return not self.is_board_seen and widget.display

    def _draw_footer(self) -> None:
        run = self.run_shown
        notice = self.notice or (self._gathering.unmet() if run.recording.last_step else "")
        if not run.is_judged:
            notice = notice or "nothing is judged before all of the log was read"
        line = violations_line(self.violations(), self.view.violation, self.size.width, notice)
        self._show("footer", [line])
        self._show("bare", [bare_line(self.bare, self.size.width)])

    def _draw_card(self) -> None:
        if not self.overlay:
            return
        card = self.query_one("#card", Lines)
        width = min(self.size.width, _OVERLAY_WIDTHS[self.overlay])
        lines = self._overlay_lines(width)
        hidden = max(0, len(lines) - self.size.height + 1)
        self.overlay_top = min(self.overlay_top, hidden)
        lines = lines[self.overlay_top : self.overlay_top + self.size.height - 1]
        left, top = (self.size.width - width) // 2, (self.size.height - len(lines)) // 2
        if self.overlay == "threshold":  # the curve stays in sight
            above = is_upper(self.view.cell, self.layout_now, seen_cells(self.bare))
            top = self.size.height - len(lines) - 1 if above else 1
        card.styles.width, card.styles.height, card.styles.offset = width, len(lines), (left, max(0, top))
        card.show(lines, self.palette)

    def _overlay_lines(self, width: int) -> board.LinesOfSpans:
        run, inside = self.run_shown, width - 4
        if self.overlay == "help":
            return boxed(help_lines(inside), width, "Keys", "↑ ↓ scroll   Esc back")
        if self.overlay == "runs":
            runs = [one.run for one in self.watched]
            rows = list_lines(runs, self.current, self.without_lines, self.listed, self._clock(), inside)
            return boxed(rows, width, "Runs", "↑ ↓ run   Enter show   Space lines   Esc back")
        if self.editor is not None:
            lines = editor_lines(self.editor, run.judge.verdicts, inside, max(3, self.size.height // 6))
            return boxed(lines, width, f"Thresholds of {self.editor.title}", "")
        found, verdicts, selected = self.violations(), run.judge.verdicts, self.view.violation
        violation = found[selected] if 0 <= selected < len(found) else None
        verdict = violation.verdict if violation else verdicts[min(self.view.node, len(verdicts) - 1)]
        lines = card_lines(verdict, violation, verdicts, run.recording.last_step, inside)
        return boxed(lines, width, "Card", "Enter panel   n N other   T threshold   Esc back")

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
        CannotRead: a log cannot be read; the message is for the user.
    """
    gathering = Gathering(paths, options, thresholds, speed)
    app = Monitor(gathering.open_all(), gathering)
    gc.freeze()  # records make no cycles: looking for some took a third of the time of reading
    gc.set_threshold(100_000, 50, 100)
    code = app.run()
    if app.failure and code == 2:
        raise CannotRead(app.failure)
    return app.return_code or 0
