"""Everything that went wrong so far, in the order of its steps, and the line that lists it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.checks.verdict import Span as Violating
from flight_recorder.tui.numbers import count
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, fitted, said, spread, width_of
from flight_recorder.tui.screen.keys import KEYS, PANEL_KEYS
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, name_of

_STOPPED = "reading stopped, nothing after it is known"
_KEYS_AT_LEAST = 19
"""Cells that stay free for "? help  q quit"."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One range of steps in which one node did not hold."""

    verdict: Verdict
    span: Violating

    @property
    def is_over(self) -> bool:
        """Whether it holds no more."""
        return self.verdict.state is not State.FIRING or self.span is not self.verdict.spans[-1]


def violations_of(verdicts: Iterable[Verdict]) -> list[Violation]:
    """All violations above green, by first step, the worst first among those that began together."""
    found = [
        Violation(verdict, span) for verdict in verdicts for span in verdict.spans if span.level > Level.GREEN
    ]
    return sorted(found, key=lambda one: (one.span.first_step, -one.span.level, one.verdict.check))


def violations_line(
    found: Sequence[Violation],
    selected: int,
    width: int,
    notice: str = "",
    failure: str = "",
    elsewhere: Sequence[tuple[str, Level, str]] = (),
) -> Spans:
    """The bottom line: a notice or the violations around the selected one, and the keys that still fit.

    Before them stands, as long as it is true, why the log can be read no further. `elsewhere` are name, level
    and cause of other runs that are worse, the worst first: where this run is calm, they are what is listed.
    """
    room = width - _KEYS_AT_LEAST
    left: Spans = []
    if failure:
        sentence = failure if not (found or notice) else _STOPPED
        left = [Span(" "), Span(f" ✖ {said(sentence)} ", "badge-red")]
        room -= width_of(left)
    if notice:
        left.append(Span(f" {said(notice)}", "accent"))
    elif found or not (failure or elsewhere):
        left += _listed(found, selected, room)
    else:
        left += _others(elsewhere, room)
    room = width - _KEYS_AT_LEAST
    left = clipped(left, room)
    keys = _key_reminder(width - width_of(left) - 2)
    return fitted(spread(left, keys, width), width)


def _listed(found: Sequence[Violation], selected: int, room: int) -> Spans:
    if not found:
        return [Span(" no violations", "muted")]
    events = "1 event" if len(found) == 1 else f"{len(found)} events"
    tail = f"  {events}  n next" if selected < 0 else f"  {selected + 1} of {events}  Enter card"
    room -= len(tail)
    first = _first_shown(found, selected, room)
    spans: Spans = [Span(" ‹", "muted")] if first else []
    for place in range(first, len(found)):
        entry = _entry(found[place], place == selected)
        if width_of(spans) + width_of(entry) > room - 2:
            spans.append(Span(" ›", "muted"))
            break
        spans += entry
    return [*spans, Span(tail, "muted")]


def _others(elsewhere: Sequence[tuple[str, Level, str]], room: int) -> Spans:
    spans: Spans = [Span(" other runs ", "muted")] if elsewhere else []
    for name, level, cause in elsewhere:
        entry = [Span(f"  {LEVEL_SIGNS[level]} {said(name)} {said(cause)}", level_role(level))]
        if width_of([*spans, *entry]) > room - 2:
            return [*spans, Span(" ›", "muted")]
        spans += entry
    return spans


def _first_shown(found: Sequence[Violation], selected: int, room: int) -> int:
    """The earliest entry from which the selected one still fits; without a selection the newest fits."""
    last = selected if selected >= 0 else len(found) - 1
    first, used = last, 0
    while first >= 0:
        used += width_of(_entry(found[first], False))
        if used > room - 4:
            break
        first -= 1
    return min(first + 1, last)


def _entry(violation: Violation, is_selected: bool) -> Spans:
    level = violation.span.level
    role = "selected" if is_selected else ("muted" if violation.is_over else level_role(level))
    text = f"{count(violation.span.first_step)} {LEVEL_SIGNS[level]} {violation.verdict.check}"
    name = f" {said(name_of(violation.verdict))}"
    return [Span(" "), Span(f" {text}", role), Span(f"{name} ", role)]


def _key_reminder(room: int) -> Spans:
    """The keys with a short word in the table; the first ones give way first."""
    entries = [(key.shown, key.short) for key in KEYS if key.short]
    spans: Spans = []
    for shown, short in [(PANEL_KEYS, "panel"), *entries][::-1]:
        entry = [Span(shown, "accent"), Span(f" {short}  ", "muted")]
        if width_of(spans) + width_of(entry) > room:
            break
        spans = [*entry, *spans]
    return spans
