"""What lies above the panels: keys, the list of runs, the threshold editor, a card. Boxes of lines."""

from __future__ import annotations

from collections.abc import Sequence

from flight_recorder.tui.checks.verdict import Verdict
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.card import card_lines
from flight_recorder.tui.screen.drawing.frame import boxed
from flight_recorder.tui.screen.drawing.help import help_lines
from flight_recorder.tui.screen.drawing.run_list import list_lines
from flight_recorder.tui.screen.drawing.spans import Spans
from flight_recorder.tui.screen.drawing.violations import Violation
from flight_recorder.tui.screen.state.editor import Editor, editor_lines
from flight_recorder.tui.screen.state.view import View

WIDTHS = {"help": 110, "runs": 110, "card": 88, "threshold": 88}
"""Cells that each may take at most."""

_EDGES = 4
"""Cells of a box that are not inside: its lines, and a blank beside each."""


def help_box(width: int) -> list[Spans]:
    """Every key and what it does."""
    return boxed(help_lines(width - _EDGES), width, "Keys", "↑ ↓ scroll   Esc back")


def runs_box(
    runs: Sequence[Run], shown: int, hidden: frozenset[int], cursor: int, now: float, width: int
) -> list[Spans]:
    """The open runs, a row each."""
    rows = list_lines(runs, shown, hidden, cursor, now, width - _EDGES)
    return boxed(rows, width, "Runs", "↑ ↓ run   Enter show   Space lines   Esc back")


def editor_box(editor: Editor, verdicts: Sequence[Verdict], width: int, height: int) -> list[Spans]:
    """The bounds of a panel, as far as a screen of this height leaves its curve in sight."""
    lines = editor_lines(editor, verdicts, width - _EDGES, max(3, height // 6))
    return boxed(lines, width, f"Thresholds of {editor.title}", "")


def card_box(run: Run, view: View, found: Sequence[Violation], width: int) -> list[Spans]:
    """The card of the chosen violation, or of the chosen node of the tree."""
    verdicts = run.judge.verdicts
    violation = found[view.violation] if 0 <= view.violation < len(found) else None
    verdict = violation.verdict if violation else verdicts[min(view.node, len(verdicts) - 1)]
    lines = card_lines(verdict, violation, verdicts, run.recording.last_step, width - _EDGES)
    return boxed(lines, width, "Card", "Enter panel   n N other   T threshold   Esc back")
