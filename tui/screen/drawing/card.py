"""The card of a node: everything known about one violation, down to where its threshold comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flight_recorder.tui.checks.rule import REGISTRY
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.numbers import count, exact, steps
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, said, wrapped
from flight_recorder.tui.screen.drawing.violations import Violation
from flight_recorder.tui.vocabulary import STATE_WORDS, excuse, level_words

_LABEL_WIDTH = 12

_LONGEST = 2000
"""Characters of one entry: a card is where a text is read to its end, so only a hostile one is cut."""


def card_lines(
    verdict: Verdict, violation: Violation | None, verdicts: Iterable[Verdict], newest: int | None, width: int
) -> list[Spans]:
    """The card of a verdict, or of one of its violations, at this width."""
    entries = [
        ("question", verdict.question, "strong"),
        ("reading", _reading_text(verdict), "text"),
        ("since", _since_text(verdict, violation, newest), "text"),
        ("excused", excuse(verdict), "text"),
        ("why not" if verdict.state is State.NOT_APPLICABLE else "evidence", verdict.evidence, "text"),
        ("cause", " or ".join(cause.replace("_", " ") for cause in verdict.causes), "text"),
        ("fix", verdict.fix, "strong"),
        ("threshold", _source_text(verdict), "muted"),
        ("unmeasured", _unmeasured_text(verdict, verdicts), "muted"),
    ]
    level = violation.span.level if violation else verdict.level
    lines = [_title(verdict, level), []]
    for label, text, role in entries:
        if text:
            lines += _entry(label, printable(text, _LONGEST), role, width)
    return lines


def _title(verdict: Verdict, level: Level) -> Spans:
    if verdict.state is State.FIRING or (verdict.state is State.RESOLVED and level > Level.GREEN):
        return [
            Span(level_words(level), level_role(level)),
            Span(f"  {verdict.check} {said(verdict.symptom)}", "strong"),
        ]
    return [Span(verdict.check, "strong"), Span(f"  {STATE_WORDS[verdict.state]}", "muted")]


def _entry(label: str, text: str, role: str, width: int) -> list[Spans]:
    lines = wrapped(text, max(10, width - _LABEL_WIDTH), role)
    first = [Span(f"{label:<{_LABEL_WIDTH}}", "muted"), *lines[0]]
    return [first, *([Span(" " * _LABEL_WIDTH), *line] for line in lines[1:])]


def _reading_text(verdict: Verdict) -> str:
    if verdict.reading is None:
        return ""
    bound = verdict.bound_text or ("" if verdict.bound is None else exact(verdict.bound))
    return f"{exact(verdict.reading)}" + (f" against {bound}" if bound else "")


def _since_text(verdict: Verdict, violation: Violation | None, newest: int | None) -> str:
    last: int | None
    if violation is not None:
        first, last, is_over = violation.span.first_step, violation.span.last_step, violation.is_over
    elif verdict.first_step is not None:
        first, last = verdict.first_step, verdict.last_step
        is_over = verdict.state is not State.FIRING
    else:
        return ""
    if is_over and last is not None:
        return f"step {count(first)} to {count(last)}, {steps(last - first + 1)}; over"
    length = f", {steps(newest - first + 1)} so far" if newest is not None and newest >= first else ""
    times = f"; {len(verdict.spans)} times in all" if len(verdict.spans) > 1 else ""
    return f"step {count(first)}{length}{times}"


def _source_text(verdict: Verdict) -> str:
    check = REGISTRY.get(verdict.check)
    if check is None:
        return ""
    written = f"; first drafted as: {check.as_written}" if check.as_written else ""
    why = (": " if written else "; ") + check.why if check.why else ""
    return f"{check.source}{written}{why}"


def _unmeasured_text(verdict: Verdict, verdicts: Iterable[Verdict]) -> str:
    """Nodes that look for the same causes and whose fields this log lacks."""
    silent = [one for one in verdicts if one.state is State.NOT_MEASURED and one is not verdict]
    related = [one for one in silent if set(verdict.causes) & set(_causes(one.check))]
    return "; ".join(f"{one.check} {one.question}" for one in related[:3])


def _causes(check_id: str) -> Sequence[str]:
    check = REGISTRY.get(check_id)
    return [] if check is None else [cause for leaf in check.leaves for cause in leaf.causes]
