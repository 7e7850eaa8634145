"""The whole screen as lines: what each part shows of the runs. It needs no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.screen.drawing import board
from flight_recorder.tui.screen.drawing.figures import Figures
from flight_recorder.tui.screen.drawing.spans import Spans
from flight_recorder.tui.screen.drawing.status import status_line
from flight_recorder.tui.screen.drawing.violations import violations_line
from flight_recorder.tui.screen.runs.progress import status_of
from flight_recorder.tui.screen.state.looking import Looking

Box = tuple[int, int, int, Sequence[Spans]]
"""Column, row and width of a box above the panels, and its lines."""


class Picture:
    """Draws what is looked at.

    Attributes:
        figures: the figures that are on the screen, kept from one frame to the next.
    """

    def __init__(self, looking: Looking, options: Options, clock: Callable[[], float] = time.time) -> None:
        self.looking = looking
        self.figures = Figures()
        self._options, self._clock = options, clock

    def status(self, width: int) -> Spans:
        """The line at the top."""
        runs = self.looking.runs
        shown = runs.watched[runs.current]
        pace, number = shown.arrivals.steps_per_s(), runs.number_words()
        status = status_of(shown.run, self._clock(), self.looking.paused_at, number, shown.part_read, pace)
        return status_line(replace(status, elsewhere=runs.worse_elsewhere()), width)

    def scene(self) -> board.Scene:
        """Everything that the panels are made of."""
        looking = self.looking
        others = looking.runs.others(looking.without_lines)
        is_paused = looking.paused_at is not None
        run, whole = looking.runs.shown, looking.whole()
        return board.Scene(
            run, looking.view, whole, self.figures, others, self._options, is_paused, looking.bare
        )

    def footer(self, width: int) -> Spans:
        """The line at the bottom."""
        looking = self.looking
        runs, run = looking.runs, looking.runs.shown
        notice = looking.notice or runs.gathering.remark(run)
        if not run.is_judged:
            notice = notice or "no verdicts before the whole log is read"
        found, selected = looking.violations(), looking.view.violation
        return violations_line(found, selected, width, notice, run.failure, runs.worse_elsewhere())

    def box(self, width: int, height: int) -> Box | None:
        """What lies above the panels of a screen of this size."""
        overlay = self.looking.overlay
        if overlay is None:
            return None
        box_width = min(width, overlay.most_cells)
        lines = overlay.seen(box_width, height)
        return (width - box_width) // 2, max(0, overlay.row_of(len(lines), height)), box_width, lines
