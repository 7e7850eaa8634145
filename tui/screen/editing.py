"""The keys of the threshold editor: while it is open, every key is its own."""

from __future__ import annotations

from textual import events

from flight_recorder.tui.panels.registry import PANEL_BY_ID, PANELS
from flight_recorder.tui.screen.looking import Looking
from flight_recorder.tui.screen.state.editor import Editor, open_editor, pressed
from flight_recorder.tui.screen.state.view import Mode


class Editing(Looking):
    """The part of the app that edits thresholds and has the history judged again."""

    def action_edit_threshold(self) -> None:
        """The bounds of the focused panel, or of the selected node, for changing."""
        verdicts = self.run_shown.judge.verdicts
        node = verdicts[self.view.node] if verdicts and self.view.mode is Mode.TREE else None
        panel = node.panel if node else PANELS[min(self.view.cell, len(PANELS)) - 1].id
        title = PANEL_BY_ID[panel].title if panel in PANEL_BY_ID else panel
        selected = self._selected_check()
        editor = open_editor(title, panel, self.run_shown, self.run_shown.thresholds, selected)
        if editor is None:
            self.look(self.view, f"{title} has no threshold in this run")
            return
        self.editor, self.overlay = editor, "threshold"
        self.look(self.view)

    def _selected_check(self) -> str:
        found = self.violations()
        if 0 <= self.view.violation < len(found):
            return found[self.view.violation].verdict.check
        verdicts = self.run_shown.judge.verdicts
        return verdicts[self.view.node].check if self.view.mode is Mode.TREE and verdicts else ""

    def on_key(self, event: events.Key) -> None:
        """While thresholds are edited every key belongs to the editor."""
        if self.editor is None:
            return
        event.prevent_default()
        self.edit(event.key, event.character)

    def edit(self, key: str, character: str | None = None) -> None:
        """Hand a key to the editor; a changed bound judges the whole history again."""
        editor = self.editor
        if editor is None:
            return
        if key == "escape" or (key == "enter" and not editor.typed):
            self._close_editor(editor, is_kept=key == "enter")
            return
        self.editor = pressed(editor, key, character)
        if self.editor.thresholds is not editor.thresholds:
            self.run_shown.judge_by(self.editor.thresholds)
        self.changed()

    def _close_editor(self, editor: Editor, is_kept: bool) -> None:
        self.editor, self.overlay = None, ""
        if not is_kept and editor.thresholds is not editor.before:
            self.run_shown.judge_by(editor.before)
        changed = editor.thresholds is not editor.before
        words = "thresholds kept until the end of this session" if is_kept else "thresholds as before"
        self.look(self.view, words if changed else "")
