"""What lies above the panels: keys, the list of runs, a card, the threshold editor.

Each gives its lines and takes the keys that mean something in it. They share the screen with the
panels, which go on below them: the curve that a threshold is edited for must stay in sight.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from flight_recorder.tui.panels.registry import PANEL_BY_ID, PANELS
from flight_recorder.tui.screen.drawing.card import card_lines
from flight_recorder.tui.screen.drawing.frame import boxed
from flight_recorder.tui.screen.drawing.help import help_lines
from flight_recorder.tui.screen.drawing.layout import is_upper
from flight_recorder.tui.screen.drawing.run_list import list_lines
from flight_recorder.tui.screen.drawing.spans import Span, Spans
from flight_recorder.tui.screen.state import view as views
from flight_recorder.tui.screen.state.editor import Editor, editor_lines, open_editor, pressed
from flight_recorder.tui.screen.state.looking import Looking
from flight_recorder.tui.screen.state.view import Mode

_EDGES = 4
"""Cells of a box that are not inside: its lines, and a blank beside each."""

_BY = {"up": -1, "down": 1}


class Overlay:
    """A box above the panels.

    Attributes:
        name, hint: what stands on its frame; `most_cells` is how wide it may become.
        top: the first line that is seen, where it is higher than the screen.
    """

    name: str
    title: str
    hint: str = ""
    most_cells: int = 88
    takes_all_keys: bool = False

    def __init__(self, looking: Looking) -> None:
        self.looking = looking
        self.top = 0

    def inside(self, width: int, height: int) -> list[Spans]:
        """The lines inside the frame."""
        raise NotImplementedError

    def seen(self, width: int, height: int) -> list[Spans]:
        """The box, as much of it as a screen of this size shows."""
        lines = boxed(self.inside(width - _EDGES, height), width, self.title, self.hint)
        self.top = min(max(0, self.top), max(0, len(lines) - height + 1))
        return lines[self.top : self.top + height - 1]

    def row_of(self, num_lines: int, height: int) -> int:
        """Row of the screen at which the box begins: in the middle."""
        return (height - num_lines) // 2

    def press(self, key: str, character: str | None = None) -> bool:
        """Whether the key means something here; Enter closes."""
        if key == "enter":
            self.looking.lay_over(None)
        return key == "enter"


class Help(Overlay):
    """Every key and what it does."""

    name, title, hint, most_cells = "help", "Keys", "↑ ↓ scroll   Esc back", 110

    def inside(self, width: int, height: int) -> list[Spans]:
        """Written from the table of keys."""
        return help_lines(width)

    def press(self, key: str, character: str | None = None) -> bool:
        """Up and down scroll."""
        if key in _BY:
            self.top += _BY[key]
            self.looking.changed()
            return True
        return super().press(key)


class Runs(Overlay):
    """The open runs, a row each; `marked` is the number of the one that keys are about."""

    name, title, most_cells = "runs", "Runs", 110
    hint = "↑ ↓ run   Enter show   Space lines   Esc back"

    def __init__(self, looking: Looking, clock: Callable[[], float] = time.time) -> None:
        super().__init__(looking)
        self.marked = looking.runs.current
        self._clock = clock

    def inside(self, width: int, height: int) -> list[Spans]:
        """The worst first."""
        looking, runs = self.looking, self.looking.runs
        hidden = looking.without_lines
        return list_lines(runs.all, runs.current, hidden, self.marked, self._clock(), width)

    def seen(self, width: int, height: int) -> list[Spans]:
        """Scrolled so that the marked run stays in sight."""
        row = self.looking.runs.worst_first().index(self.marked) + 1
        self.top = min(max(self.top, row - height + 5), row - 1)
        return super().seen(width, height)

    def press(self, key: str, character: str | None = None) -> bool:
        """Up and down mark, Enter shows, Space takes the lines away or brings them back."""
        order = self.looking.runs.worst_first()
        if key == "enter":
            self.looking.overlay = None
            self.looking.show_run(self.marked)
        elif key == "space":
            self.looking.without_lines ^= {self.marked}
        elif key in _BY:
            self.marked = order[min(max(order.index(self.marked) + _BY[key], 0), len(order) - 1)]
        self.looking.changed()
        return key in ("enter", "space", "up", "down", "left", "right")


class Card(Overlay):
    """Everything that is known of the selected violation or node."""

    name, title, hint = "card", "Card", "Enter panel   n N other   T threshold   Esc back"

    def inside(self, width: int, height: int) -> list[Spans]:
        """The card of what is selected now."""
        verdict, violation = self.looking.selected()
        newest = self.looking.runs.shown.recording.last_step
        return card_lines(verdict, violation, self.looking.verdicts(), newest, width) if verdict else []

    def press(self, key: str, character: str | None = None) -> bool:
        """Enter opens the panel on which it shows."""
        if key == "enter":
            self.looking.overlay = None
            self.looking.look(views.opened(self.looking.view))
        return key == "enter"


class _BesideThePanel(Overlay):
    """A box at that end of the screen where the focused panel is not."""

    takes_all_keys = True

    def row_of(self, num_lines: int, height: int) -> int:
        """At the end of the screen where the curve is not."""
        looking = self.looking
        return height - num_lines - 1 if is_upper(looking.view.cell, looking.layout, looking.cells) else 1


class Search(_BesideThePanel):
    """A part of a name, typed; the list shows the metrics that have it."""

    name, title, hint, most_cells = "search", "Search metrics", "Enter keep   Esc all", 60

    def inside(self, width: int, height: int) -> list[Spans]:
        """What was typed so far."""
        return [[Span("/ ", "accent"), Span(self.looking.view.search + "▏")]]

    def press(self, key: str, character: str | None = None) -> bool:
        """Letters are added, Backspace takes one away, Escape shows all again."""
        looking, text = self.looking, self.looking.view.search
        if key in ("enter", "escape"):
            looking.overlay = None
        text = "" if key == "escape" else text[:-1] if key == "backspace" else text
        if character and character.isprintable():
            text += character
        looking.look(replace(looking.view, search=text))
        return True


class Thresholds(_BesideThePanel):
    """The bounds of a panel for changing; every key is its own, and a change judges the history again."""

    name = "threshold"

    def __init__(self, looking: Looking, editor: Editor) -> None:
        super().__init__(looking)
        self.editor = editor
        self.title = f"Thresholds of {editor.title}"

    @classmethod
    def of(cls, looking: Looking) -> Thresholds | None:
        """The bounds of the focused panel, or of the selected node; None where it has none."""
        view, run = looking.view, looking.runs.shown
        is_selected = view.mode is Mode.TREE or view.violation >= 0
        node = looking.selected()[0] if is_selected else None
        panel = PANELS[min(view.cell, len(PANELS)) - 1].id
        if node and view.mode is Mode.TREE:
            panel = node.panel
        title = PANEL_BY_ID[panel].title if panel in PANEL_BY_ID else panel
        editor = open_editor(title, panel, run, run.thresholds, node.check if node else "")
        if editor is None:
            looking.look(notice=f"{title} has no threshold in this run")
        return None if editor is None else cls(looking, editor)

    def inside(self, width: int, height: int) -> list[Spans]:
        """As many bounds as leave the curve in sight."""
        return editor_lines(self.editor, self.looking.verdicts(), width, max(3, height // 6))

    def press(self, key: str, character: str | None = None) -> bool:
        """Escape restores what was, Enter keeps, anything else is for the editor."""
        before = self.editor
        if key == "escape" or (key == "enter" and not before.typed):
            self._close(is_kept=key == "enter")
            return True
        self.editor = pressed(before, key, character)
        if self.editor.thresholds is not before.thresholds:
            self.looking.runs.shown.judge_by(self.editor.thresholds)
        self.looking.changed()
        return True

    def _close(self, is_kept: bool) -> None:
        editor = self.editor
        is_changed = editor.thresholds is not editor.before
        if is_changed and not is_kept:
            self.looking.runs.shown.judge_by(editor.before)
        words = "thresholds kept until the end of this session" if is_kept else "thresholds as before"
        self.looking.overlay = None
        self.looking.look(notice=words if is_changed else "")
