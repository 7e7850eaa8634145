"""How the app looks at the run it shows: the state that keys change and drawing reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from textual.app import App

from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.screen.drawing.figures import whole_range
from flight_recorder.tui.screen.drawing.layout import Layout
from flight_recorder.tui.screen.drawing.violations import Violation, violations_of
from flight_recorder.tui.screen.state import view as views
from flight_recorder.tui.screen.state.editor import Editor
from flight_recorder.tui.screen.state.view import Mode, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flight_recorder.tui.run import Run


class Looking(App[int]):
    """An app that looks at a run. Keys change what is here, drawing reads it."""

    ENABLE_COMMAND_PALETTE = False

    view = View()
    paused_at: int | None = None
    overlay = ""
    """What lies over the middle: "card", "help", "threshold", "runs" or nothing."""
    overlay_top = 0
    """First line of it that is seen, when it is higher than the screen."""
    notice = ""
    layout_now = Layout.TINY
    editor: Editor | None = None
    current = 0
    """Which of the runs is shown."""
    listed = 0
    """Which of the runs is marked in their list."""
    without_lines: frozenset[int] = frozenset()
    """Runs whose lines do not lie behind those of the shown one."""
    bare: tuple[int, ...] = ()
    """Panels that the shown run's log has nothing for: they are not on the board."""

    @property
    def num_runs(self) -> int:
        """How many are open."""
        raise NotImplementedError

    @property
    def run_shown(self) -> Run:
        """The run whose panels are on the screen."""
        raise NotImplementedError

    def worst_first(self) -> list[int]:
        """The numbers of the runs, those of the worst level first."""
        raise NotImplementedError

    @property
    def is_board_seen(self) -> bool:
        """Whether the panels stand beside each other."""
        return self.view.mode is Mode.OVERVIEW and self.layout_now in (Layout.WIDE, Layout.NORMAL)

    def changed(self) -> None:
        """Ask for a redraw; many such calls make one."""
        raise NotImplementedError

    def look(self, view: View, notice: str = "") -> None:
        """Look at the run in this way from now on."""
        self.view, self.notice = view, notice
        self.changed()

    def whole(self) -> views.Range:
        """First and last step that the view may show."""
        return whole_range(self.run_shown, self.paused_at)

    def measured_steps(self) -> NDArray[np.int64]:
        """Steps in the shown range at which the focused panel has a value, ascending."""
        columns = [
            trace.column.steps for trace in PANELS[self.view.cell - 1].measured(self.run_shown.recording)
        ]
        steps = np.unique(np.concatenate(columns)) if columns else np.empty(0, np.int64)
        return steps[steps <= self.whole()[1]]

    def violations(self) -> list[Violation]:
        """Everything that went wrong in the shown run."""
        return violations_of(self.run_shown.judge.verdicts)
