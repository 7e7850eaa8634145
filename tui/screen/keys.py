"""The table of keys: what the app binds, what the help shows and what the bottom line reminds of.

A key that is not in this table does nothing; the help screen is written from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from flight_recorder.tui.panels.registry import PANELS


@dataclass(frozen=True, slots=True)
class Key:
    """One binding: the keys by Textual's names, how they are written for people, and what happens.

    `short` is the word for the bottom line; empty keeps the key out of it.
    """

    group: str
    keys: str
    shown: str
    action: str
    meaning: str
    short: str = ""


_PANELS = tuple(
    Key("Move", str(panel.number), str(panel.number), f"focus_cell({panel.number})", panel.title)
    for panel in PANELS[:9]
)
_LAYERS = " and ".join(str(panel.number) for panel in PANELS if panel.by_layer)
PANEL_KEYS = f"1-{len(_PANELS)}"

KEYS: tuple[Key, ...] = (
    *_PANELS,
    Key("Move", "tab", "Tab", "step_focus(1)", "next panel"),
    Key("Move", "shift+tab", "Shift Tab", "step_focus(-1)", "previous panel"),
    Key("Move", "left,h", "← h", "move('left')", "panel to the left; zoomed: cursor one value back"),
    Key("Move", "right", "→ l", "move('right')", "panel to the right; zoomed: cursor one value on (→)"),
    Key("Move", "up,k", "↑ k", "move('up')", "panel above; in the tree: node above"),
    Key("Move", "down,j", "↓ j", "move('down')", "panel below; in the tree: node below"),
    Key("Move", "enter", "Enter", "open", "zoom the panel; on a violation or a node: its card", "zoom"),
    Key("Move", "escape", "Esc", "go_back", "back"),
    Key("Diagnosis", "n", "n", "violation(1)", "next violation: its panel and its step", "next"),
    Key("Diagnosis", "N", "N", "violation(-1)", "previous violation"),
    Key("Diagnosis", "t", "t", "tree", "the whole tree, and back", "tree"),
    Key("Diagnosis", "r", "r", "read_on", "next panel in the reading order for a failed run"),
    Key("Diagnosis", "slash", "/", "search", "the metrics by a part of their name"),
    Key("Diagnosis", "T", "T", "edit_threshold", "edit a threshold and judge the whole history again"),
    Key("Range", "plus,equals_sign", "+", "zoom_steps(1)", "half the range of steps"),
    Key("Range", "minus", "-", "zoom_steps(-1)", "twice the range of steps"),
    Key("Range", "left_square_bracket", "[", "pan(-1)", "a quarter of the range to the left"),
    Key("Range", "right_square_bracket", "]", "pan(1)", "a quarter of the range to the right"),
    Key("Range", "f", "f", "follow", "follow the newest step; again: the whole run", "follow"),
    Key("Range", "p", "p", "pause", "hold the view still; the log is read on all the same", "pause"),
    Key("Cursor (zoomed)", "home", "Home", "cursor_end(-1)", "first value in range"),
    Key("Cursor (zoomed)", "end", "End", "cursor_end(1)", "newest value in range"),
    Key("Cursor (zoomed)", "shift+left", "Shift ←", "big_step(-1)", "a tenth of the range back"),
    Key("Cursor (zoomed)", "shift+right", "Shift →", "big_step(1)", "a tenth of the range on"),
    Key("Axes", "l", "l", "log_axis", "logarithmic or linear y axis of the zoomed panel"),
    Key("Axes", "L", "L", "flip_scale", "the same for the focused panel, zoomed or not"),
    Key("Axes", "s", "s", "smooth", "moving average over 10, 50, 200 values, none"),
    Key("Axes", "m", "m", "heat", f"panels {_LAYERS} as a heat strip, a row a layer, or as lines"),
    Key("Axes", "x", "x", "x_axis", "x axis: step, epoch, tokens, wall time"),
    Key("Other", "o", "o", "other_run", "the next run, when several are open"),
    Key("Other", "O", "O", "list_runs", "the list of the open runs; Enter shows one"),
    Key("Other", "space", "Space", "toggle_lines", "in the list: a run's lines behind the others, or not"),
    Key("Other", "e", "e", "export", "save the screen as a picture (SVG) in the current folder"),
    Key("Other", "question_mark", "?", "help", "this page", "help"),
    Key("Other", "q", "q", "quit", "quit", "quit"),
    Key("Other", "ctrl+c", "Ctrl C", "quit", "quit"),
)
"""Every key of the monitor, in the order of the help."""


_BEFORE_TEXTUAL = frozenset({"tab", "shift+tab", "ctrl+c"})
"""Keys that Textual's own screen would take first."""


def bindings() -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """The table as Textual takes it, all of it bound at the app: no widget has keys of its own."""
    return [
        Binding(key.keys, f"act({key.action!r})", show=False, priority=key.keys in _BEFORE_TEXTUAL)
        for key in KEYS
    ]


def groups() -> dict[str, list[Key]]:
    """The table by group, the panels as one line."""
    table: dict[str, list[Key]] = {"Move": [Key("Move", "", PANEL_KEYS, "", "panel of this number")]}
    for key in KEYS:
        if key not in _PANELS:
            table.setdefault(key.group, []).append(key)
    return table
