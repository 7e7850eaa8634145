"""The decision tree as text: the state of every node, and the first failing one with its evidence and fix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from flight_recorder.tui import vocabulary
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.numbers import count, number
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, fitted, said, width_of, wrapped
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, name_of, since, state_words

_STATE_ORDER = (
    State.NOT_MEASURED,
    State.UNKNOWN,
    State.NOT_APPLICABLE,
    State.PASS,
    State.EXCUSED,
    State.RESOLVED,
    State.PENDING,
    State.AMBER,
    State.FAILED,
    State.FIRING,
)

_LOUD = frozenset({State.FIRING, State.AMBER, State.PENDING, State.FAILED})


def sign_of(verdict: Verdict) -> Span:
    """One sign for the state of a node; that of the level when it fires."""
    sign = vocabulary.sign_of(verdict)
    if verdict.state is State.FIRING:
        return Span(sign, level_role(verdict.level))
    role = {State.PASS: "muted"} | dict.fromkeys(_LOUD, "level-yellow")
    return Span(sign, role.get(verdict.state, "faint"))


def tree_cell(verdicts: Sequence[Verdict], headline: Verdict | None, width: int, height: int) -> list[Spans]:
    """The tree in a cell: the headline with its fix first, everything else in as much detail as fits."""
    if not verdicts:
        return [[Span(" no verdicts yet", "muted")]]
    is_judged = any(one.state is State.PASS for one in verdicts)
    not_meant = sum(one.state is State.NOT_APPLICABLE for one in verdicts) if is_judged else 0
    verdicts = [one for one in verdicts if one.state is not State.NOT_APPLICABLE]
    reason = _headline_lines(headline, width)
    firing = [
        one
        for one in verdicts
        if one.state is State.FIRING and one.level > Level.GREEN and one is not headline
    ]
    firing.sort(key=lambda verdict: -verdict.level)
    long_also, short_also = _also_lines(firing, width), _also_names(firing, width)
    for also in (long_also, short_also):
        for nodes in (_section_lines, _short_lines, _calm_lines):
            parts = [part for part in (reason, also, nodes(verdicts, width)) if part]
            lines = [line for part in parts for line in [*part, []]][:-1]
            if len(lines) <= height:
                return [*lines, *_not_meant(not_meant)][:height]
    return [*reason, *short_also][:height]


def _not_meant(number_of: int) -> list[Spans]:
    words = f" {number_of} {'rule does' if number_of == 1 else 'rules do'} not apply to such a run"
    return [[Span(words, "faint")]] if number_of else []


def sections(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """Verdicts by section, both in walking order."""
    grouped: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.section, []).append(verdict)
    return grouped


def _families(verdicts: Iterable[Verdict]) -> list[tuple[str, Verdict]]:
    """Q3.1a and Q3.1b as Q3.1, with the verdict of the worse of them."""
    families: dict[str, Verdict] = {}
    for verdict in verdicts:
        name = re.sub(r"(?<=\d)[a-z]+$", "", verdict.check)
        worst = families.get(name)
        if worst is None or _badness(verdict) > _badness(worst):
            families[name] = verdict
    return list(families.items())


def _badness(verdict: Verdict) -> tuple[int, int]:
    return _STATE_ORDER.index(verdict.state), verdict.level


def _section_lines(verdicts: Sequence[Verdict], width: int) -> list[Spans]:
    """Each section with every node by its id, broken into as many lines as it takes."""
    grouped = sections(verdicts)
    name_width = min(18, max(len(name) for name in grouped)) + 2
    lines: list[Spans] = []
    for name, nodes in grouped.items():
        line: Spans = [Span(f" {name[: name_width - 1]:{name_width}}", "muted")]
        for family, verdict in _families(nodes):
            entry = _node_entry(family, verdict)
            if width_of(line) + width_of(entry) > width:
                lines.append(line)
                line = [Span(" " * (name_width + 1))]
            line += entry
        lines.append(line)
    return lines


def _node_entry(family: str, verdict: Verdict) -> Spans:
    sign = sign_of(verdict)
    if verdict.state is not State.FIRING:
        return [
            sign,
            Span(f" {family}  ", "text" if verdict.state in (State.AMBER, State.FAILED) else "faint"),
        ]
    return [sign, Span(f" {family}", sign.role), Span(f"{since(verdict.first_step, short=True)}  ", "text")]


def _short_lines(verdicts: Sequence[Verdict], width: int) -> list[Spans]:
    """Sections of nothing but passes in one paragraph, each of the others by what is loud in it."""
    loud = [verdict for verdict in verdicts if verdict.state in _LOUD]
    return [*_calm_lines(verdicts, width), *(_section_lines(loud, width) if loud else [])]


def _calm_lines(verdicts: Sequence[Verdict], width: int) -> list[Spans]:
    """The sections in which nothing is loud, in one paragraph."""
    grouped = sections(verdicts)
    calm = [name for name, nodes in grouped.items() if not any(node.state in _LOUD for node in nodes)]
    return wrapped(" · ".join(calm), width, "faint", "   ", " ✓ ") if calm else []


def _headline_lines(headline: Verdict | None, width: int) -> list[Spans]:
    """The first failing leaf: its name, the numbers, the fix."""
    if headline is None:
        return []
    name = f"{headline.check} {said(headline.symptom or name_of(headline))}"
    lines = wrapped(name, width, level_role(headline.level), "   ", f" {LEVEL_SIGNS[headline.level]} ")
    if headline.evidence:
        lines += wrapped(said(headline.evidence), width, "text", "   ", "   ")
    if headline.fix:
        lines += wrapped(said(headline.fix), width, "strong", "   ", " → ")
    return lines


def _also_lines(firing: Sequence[Verdict], width: int) -> list[Spans]:
    """What else fires, the worst first, a line each."""
    return [_also_line(one, width) for one in firing]


def _also_line(verdict: Verdict, width: int) -> Spans:
    line = [Span(" "), sign_of(verdict), Span(f" {verdict.check} {said(verdict.symptom)}")]
    since = Span(f" since {count(verdict.first_step)}", "muted")
    fits = verdict.first_step is not None and width_of([*line, since]) <= width
    return clipped([*line, since] if fits else line, width)


def _also_names(firing: Sequence[Verdict], width: int) -> list[Spans]:
    """The same in one paragraph."""
    names = ", ".join(f"{one.check} {said(name_of(one))}" for one in firing)
    return wrapped(names, width, "muted", "   ", " also ") if names else []


def tree_rows(verdicts: Sequence[Verdict], selected: int, width: int, height: int) -> list[Spans]:
    """The whole tree, a node a row, scrolled so that the selected one is seen."""
    rows: list[Spans] = []
    selected_row = 0
    place = 0
    for name, nodes in sections(verdicts).items():
        rows.append([Span(f" {name}", "strong")])
        for verdict in nodes:
            if place == selected:
                selected_row = len(rows)
            rows.append(_tree_row(verdict, place == selected, width))
            place += 1
    first = min(max(0, selected_row - height // 2), max(0, len(rows) - height))
    return rows[first : first + height]


def _tree_row(verdict: Verdict, is_selected: bool, width: int) -> Spans:
    sign = sign_of(verdict)
    role = "selected" if is_selected else ("text" if verdict.state is State.FIRING else "muted")
    state = _state_words(verdict)
    left = [
        Span(" ▸" if is_selected else "  ", "accent"),
        sign,
        Span(f" {verdict.check:<7}", role),
        Span(f"{verdict.question} ", role),
    ]
    room = width - width_of(state) - 1
    return [*fitted(left, room), *state] if room > 20 else fitted(left, width)


def _state_words(verdict: Verdict) -> Spans:
    if verdict.state is State.FIRING:
        return [
            Span(f"{said(verdict.symptom)}{since(verdict.first_step, short=True)}", level_role(verdict.level))
        ]
    reading = f"{number(verdict.reading)}  " if verdict.reading is not None else ""
    role = "level-yellow" if verdict.level > Level.GREEN or verdict.state is State.FAILED else "faint"
    return [Span(reading, "text"), Span(state_words(verdict), role)]
