"""Changing a threshold and seeing at once where in the whole history it would have fired.

The editor is a value: which bounds there are, which one is chosen, what was typed. The owner of the run
judges again with `thresholds` after every change and shows what came out beside what was there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.leaf import resolve
from flight_recorder.tui.checks.thresholds import ThresholdError, Thresholds
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Verdict
from flight_recorder.tui.numbers import count, exact, steps
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.spans import Span, Spans, said, wrapped
from flight_recorder.tui.vocabulary import STATE_WORDS

_NUDGE, _BIG_NUDGE = 1.1, 2.0
_SIGNS = {"above": ">", "below": "<", "equals": "="}
_TYPED = frozenset("0123456789.-e+")


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound of one leaf, as a number in this run."""

    check: str
    symptom: str
    side: str
    value: float


@dataclass(frozen=True, slots=True)
class Editor:
    """The thresholds of one panel while they are being changed."""

    title: str
    bounds: tuple[Bound, ...]
    thresholds: Thresholds
    """As they are now, changes included."""
    before: Thresholds
    """As they were when the editor was opened."""
    verdicts_before: tuple[Verdict, ...]
    chosen: int = 0
    typed: str = ""
    complaint: str = ""

    @property
    def bound(self) -> Bound:
        """The chosen one."""
        return self.bounds[self.chosen]


def open_editor(title: str, panel: str, run: Run, thresholds: Thresholds, check: str = "") -> Editor | None:
    """An editor of the bounds on this panel, at this check if there is one; None when it has no bounds."""
    bounds = tuple(_bounds_of(panel, run, thresholds))
    if not bounds:
        return None
    chosen = next((place for place, bound in enumerate(bounds) if bound.check == check), 0)
    return Editor(title, bounds, thresholds, thresholds, run.judge.verdicts, chosen)


def _bounds_of(panel: str, run: Run, thresholds: Thresholds) -> list[Bound]:
    facts = Facts(dict(run.recording.header), run.recording.initial)
    found = []
    for check in thresholds.in_force(every_check()):
        for leaf in check.leaves if check.panel == panel else ():
            for side in _SIGNS:
                written = getattr(leaf, side)
                value = None if written is None else resolve(written, facts)
                if value is not None:
                    found.append(Bound(check.id, leaf.symptom, side, value))
    return found


def pressed(editor: Editor, key: str, character: str | None) -> Editor:
    """The editor after this key. A bound changes by the arrows or by typing a number and Enter."""
    editor = replace(editor, complaint="")
    if key in ("up", "down", "tab"):
        step = -1 if key == "up" else 1
        return replace(editor, chosen=(editor.chosen + step) % len(editor.bounds), typed="")
    if key.removeprefix("shift+") in ("left", "right"):
        factor = _BIG_NUDGE if key.startswith("shift+") else _NUDGE
        return _nudged(editor, factor if key.endswith("right") else 1 / factor)
    if key == "backspace":
        return replace(editor, typed=editor.typed[:-1])
    if key == "enter" and editor.typed:
        return _entered(editor)
    if character and character in _TYPED:
        return replace(editor, typed=editor.typed + character)
    return editor


def _nudged(editor: Editor, factor: float) -> Editor:
    value = editor.bound.value
    return _changed(editor, value * (factor if value >= 0 else 1 / factor) if value else factor - 1)


def _entered(editor: Editor) -> Editor:
    try:
        return _changed(editor, float(editor.typed))
    except ValueError:
        return replace(editor, typed="", complaint=f"{editor.typed} is no number")


def _changed(editor: Editor, value: float) -> Editor:
    bound = editor.bound
    try:
        thresholds = editor.thresholds.with_bound(bound.check, bound.symptom, bound.side, value)
    except ThresholdError as error:
        return replace(editor, typed="", complaint=str(error))
    bounds = list(editor.bounds)
    bounds[editor.chosen] = replace(bound, value=value)
    return replace(editor, bounds=tuple(bounds), thresholds=thresholds, typed="")


def editor_lines(editor: Editor, verdicts: Sequence[Verdict], width: int, height: int) -> list[Spans]:
    """The bounds, and what the chosen one's check says of the whole history, before and now."""
    bound = editor.bound
    first = min(max(0, editor.chosen - height // 2), max(0, len(editor.bounds) - height))
    rows = [_row(place, editor) for place in range(first, min(len(editor.bounds), first + height))]
    outcome = [
        [Span("before ", "muted"), *_outcome(editor.verdicts_before, bound.check)],
        [Span("now    ", "muted"), *_outcome(verdicts, bound.check)],
    ]
    hint = "↑ ↓ choose   ← → by 10 %   Shift ← → by half   type a number   Enter keep   Esc restore"
    complaint = wrapped(said(editor.complaint), width, "level-orange") if editor.complaint else []
    return [*rows, [], *outcome, *complaint, [], *wrapped(hint, width, "faint")]


def _row(place: int, editor: Editor) -> Spans:
    bound = editor.bounds[place]
    is_chosen = place == editor.chosen
    role = "selected" if is_chosen else "text"
    value = editor.typed + "▏" if is_chosen and editor.typed else exact(bound.value)
    mark = Span("▸ " if is_chosen else "  ", "accent")
    name = Span(f"{bound.check:<6} {bound.symptom[:30]:<30} ", "text" if is_chosen else "muted")
    return [mark, name, Span(f"{_SIGNS[bound.side]} "), Span(f" {value} ", role)]


def _outcome(verdicts: Sequence[Verdict], check: str) -> Spans:
    """How often and where the check fired."""
    verdict = next((one for one in verdicts if one.check == check), None)
    if verdict is None:
        return [Span("not judged", "faint")]
    if not verdict.spans:
        return [Span(f"never fires ({STATE_WORDS[verdict.state]})")]
    number_of = sum(span.last_step - span.first_step + 1 for span in verdict.spans)
    times = "once" if len(verdict.spans) == 1 else f"{len(verdict.spans)} times"
    text = f"fires {times}, first at step {count(verdict.spans[0].first_step)}, over {steps(number_of)}"
    return [Span(text, "strong")]
