"""How the runs are looked at: the one state that keys change and drawing reads. It knows no terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.screen.drawing.figures import whole_range
from flight_recorder.tui.screen.drawing.layout import Layout
from flight_recorder.tui.screen.drawing.room import seen_cells
from flight_recorder.tui.screen.drawing.spans import said
from flight_recorder.tui.screen.drawing.violations import Violation, violations_of
from flight_recorder.tui.screen.runs.open_runs import OpenRuns
from flight_recorder.tui.screen.state import view as views
from flight_recorder.tui.screen.state.view import Mode, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flight_recorder.tui.checks.verdict import Verdict
    from flight_recorder.tui.screen.overlays import Overlay


class Looking:
    """A way of looking at the open runs.

    Attributes:
        view: focus, mode, range and axes.
        paused_at: newest step that is shown while the view is held; None while it goes on.
        overlay: what lies above the panels, or None.
        notice: a sentence for the bottom line.
        layout: how the cells are arranged at the size of the terminal.
        bare: panels that the shown run's log has nothing for: they are not on the board.
        without_lines: runs whose lines do not lie behind those of the shown one.
        changed: asks for a redraw; many such calls make one.
    """

    def __init__(self, runs: OpenRuns, changed: Callable[[], None]) -> None:
        self.runs = runs
        self.changed = changed
        self.view = View()
        self.paused_at: int | None = None
        self.overlay: Overlay | None = None
        self.notice = ""
        self.layout = Layout.TINY
        self.bare: tuple[int, ...] = ()
        self.without_lines: frozenset[int] = frozenset()

    def look(self, view: View | None = None, notice: str = "") -> None:
        """Look at the run in this way from now on."""
        self.view, self.notice = view or self.view, notice
        self.changed()

    def lay_over(self, overlay: Overlay | None) -> None:
        """Show this above the panels, or nothing."""
        self.overlay = overlay
        self.look()

    def is_over(self, name: str) -> bool:
        """Whether the overlay of this name lies above the panels."""
        return self.overlay is not None and self.overlay.name == name

    def show_run(self, number: int) -> None:
        """Show another of the runs, with the same way of looking at it."""
        self.runs.current = number
        self.paused_at = None
        self.view = views.anew(self.view)
        self.look(notice=f"run {number + 1} of {len(self.runs)}: {said(self.runs.shown.name)}")

    @property
    def is_board_seen(self) -> bool:
        """Whether the panels stand beside each other."""
        return self.view.mode is Mode.OVERVIEW and self.layout in (Layout.WIDE, Layout.NORMAL)

    @property
    def cells(self) -> tuple[int, ...]:
        """The cells that the focus can go to."""
        return seen_cells(self.bare)

    def whole(self) -> views.Range:
        """First and last step that the view may show."""
        return whole_range(self.runs.shown, self.paused_at)

    def measured_steps(self) -> NDArray[np.int64]:
        """Steps in the shown range at which the focused panel has a value, ascending."""
        measured = PANELS[self.view.cell - 1].measured(self.runs.shown.recording)
        steps = np.unique(np.concatenate([np.empty(0, np.int64), *(one.column.steps for one in measured)]))
        return steps[steps <= self.whole()[1]]

    def verdicts(self) -> tuple[Verdict, ...]:
        """What the tree says of the shown run."""
        return self.runs.shown.judge.verdicts

    def violations(self) -> list[Violation]:
        """Everything that went wrong in the shown run."""
        return violations_of(self.verdicts())

    def selected(self) -> tuple[Verdict | None, Violation | None]:
        """The node that is selected, and which of its violations."""
        found, verdicts = self.violations(), self.verdicts()
        if 0 <= self.view.violation < len(found):
            return found[self.view.violation].verdict, found[self.view.violation]
        return (verdicts[min(self.view.node, len(verdicts) - 1)] if verdicts else None), None
