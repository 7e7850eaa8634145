"""The status line: how the run is doing, in one line of any width.

Every piece knows shorter forms of itself and how much it matters; when the line is too long, the least
important piece gives way first. The level is the last to go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.numbers import duration, memory, number, percent
from flight_recorder.tui.panels.pulse_words import NO_CLOSING_RECORD, REASONS
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, said, width_of
from flight_recorder.tui.screen.pieces import Piece, joined, piece, total
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, level_words, since

PULSE_SIGNS = {
    Pulse.WAITING: ("◌", "muted"),
    Pulse.LIVE: ("●", "text"),
    Pulse.STALLED: ("◍", "level-orange"),
    Pulse.FINISHED: ("✓", "text"),
    Pulse.ENDED: ("○", "muted"),
    Pulse.CRASHED: ("✖", "level-red"),
    Pulse.UNREAD: ("✖", "badge-red"),
}
"""Sign and role of each pulse."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the status line says, as plain numbers; None for what is not known."""

    name: str
    pulse: Pulse
    path: str = ""
    step: int | None = None
    planned_steps: int | None = None
    steps_per_s: float | None = None
    seconds_left: float | None = None
    is_pace_inferred: bool = False
    """Whether pace and time left come from when records were seen, the log having no times."""
    train: float | None = None
    val: float | None = None
    best: tuple[float, int] | None = None
    """Smallest validation loss and its step."""
    level: Level = Level.GREEN
    cause: str = ""
    """The headline in a word or two, "overfit"."""
    since: int | None = None
    silent_s: float | None = None
    """Seconds since the newest record."""
    exit_reason: str = ""
    exit_message: str = ""
    """": RuntimeError: ...", what a run that ended with an error said last."""
    failure: str = ""
    """Why the log can be read no further."""
    num_damaged: int = 0
    device_load: float | None = None
    memory_bytes: float | None = None
    behind: int | None = None
    """Steps that a paused view is behind the newest; None when it is not paused."""
    kind: str = ""
    """What kind of run it is, where that is known."""
    run_number: str = ""
    """"1/2" when several runs are open."""
    elsewhere: Sequence[tuple[str, Level, str]] = ()
    """Name, level and cause of the other runs that are worse than this one, the worst first."""
    is_judged: bool = True
    """Whether the level is that of the run; while only a part of it is known there is none."""
    part_read: float | None = None
    """How much of the log has been read, while its newest part is shown before the rest."""


def status_line(status: Status, width: int) -> Spans:
    """The line of exactly `width` cells."""
    left = [one for one in _left_pieces(status) if one.forms[0]]
    right = _level_piece(status)
    while total(left, right) > width:
        weakest = min([*left, right], key=lambda one: one.weight)
        if weakest.weight == float("inf"):
            break
        weakest.chosen += 1
    spans = joined(left)
    gap = width - width_of(spans) - width_of(right.spans)
    if gap < 0:
        return (
            clipped(right.spans, width)
            if width > 2
            else [Span(LEVEL_SIGNS[status.level], right.spans[0].role)]
        )
    return [*spans, Span(" " * gap), *right.spans]


def _level_piece(status: Status) -> Piece:
    role = f"badge-{status.level}"
    sign = LEVEL_SIGNS[status.level]
    if not status.is_judged:
        return Piece([[Span("not judged yet ", "muted")], [Span("·", "muted")]], [89])
    if status.level is Level.GREEN:
        if status.failure:
            return Piece([[Span("not judged to its end ", "level-red")], [Span("?", "level-red")]], [58])
        if status.pulse is Pulse.WAITING:
            return Piece([[Span("·  ", "muted")]], [])
        return Piece([[Span(f"{sign} green ", role)], [Span(sign, role)]], [58])
    badge = Span(f" {level_words(status.level)} ", role)
    cause = Span(f" {said(status.cause)} ", level_role(status.level))
    began = (
        Span(f"{since(status.since, short=True).lstrip()} ", "text") if status.since is not None else Span("")
    )
    forms = [
        [badge, cause, began],
        [badge, cause],
        [badge],
        [Span(f"{sign}{str(status.level)[0].upper()}", role)],
    ]
    return Piece(forms, [54, 84, 90])


def _left_pieces(status: Status) -> list[Piece]:
    return [
        _name_piece(status),
        _pulse_piece(status),
        _reading_piece(status),
        _paused_piece(status),
        _step_piece(status),
        _bar_piece(status),
        piece(
            status.steps_per_s and f"{_about(status)}{_rate(status.steps_per_s)}",
            44,
            status.pulse is Pulse.LIVE,
        ),
        _left_piece(status),
        _value_piece("train", status.train, 50),
        _value_piece("val", status.val, 70),
        _best_piece(status),
        _device_piece(status),
        piece(status.kind, 18, role="faint"),
        _damaged_piece(status),
        _elsewhere_piece(status),
    ]


def _rate(steps_per_s: float) -> str:
    return f"{number(steps_per_s, 3)} it/s" if steps_per_s >= 1 else f"{number(1 / steps_per_s, 3)} s/it"


def _name_piece(status: Status) -> Piece:
    name = said(status.name)
    full = [Span(name, "strong")]
    if status.run_number:
        full.append(Span(f" {status.run_number}", "muted"))
    return Piece([full, clipped(full[:1], 24), clipped(full[:1], 10), []], [42, 75, 86])


def _pulse_piece(status: Status) -> Piece:
    sign, role = PULSE_SIGNS[status.pulse]
    words = _pulse_words(status)
    if status.failure:
        sentence = clipped([Span(f" {sign} {said(status.failure)} ", role)], 100)  # the foot has more room
        return Piece([sentence, [Span(f" {sign} {words} ", role)], [Span(sign, role)], []], [46, 89, 89])
    long = [Span(f"{sign} {words}{said(status.exit_message)}", role)]
    medium = [Span(f"{sign} {_pulse_word(status)}", role)]
    weight = 48 if status.pulse is Pulse.LIVE else 83
    return Piece([long, medium, [Span(sign, role)], []], [49, weight, 88])


def _pulse_word(status: Status) -> str:
    if status.exit_reason:
        return REASONS.get(status.exit_reason, said(status.exit_reason))
    return NO_CLOSING_RECORD if status.pulse is Pulse.ENDED else status.pulse.value


def _pulse_words(status: Status) -> str:
    word = _pulse_word(status)
    if status.pulse is Pulse.WAITING and status.path:
        return f"waiting for {said(status.path)}"
    is_silent = status.pulse in (Pulse.STALLED, Pulse.CRASHED) and not status.exit_reason
    if is_silent and status.silent_s is not None:
        return f"{word}, silent for {duration(status.silent_s)}"
    return word


def _reading_piece(status: Status) -> Piece:
    if status.part_read is None:
        return piece("", 0)
    part = f"reading {percent(status.part_read)}" if status.part_read else "reading"
    return Piece(
        [[Span(f"newest part, {part}", "accent")], [Span(part, "accent")], [Span("…", "accent")]], [61, 87]
    )


def _paused_piece(status: Status) -> Piece:
    if status.behind is None:
        return piece("", 0)
    long = f"Ⅱ paused, {status.behind:,} steps behind" if status.behind else "Ⅱ paused"
    return Piece(
        [[Span(long, "accent")], [Span(f"Ⅱ -{status.behind:,}", "accent")], [Span("Ⅱ", "accent")]], [61, 87]
    )


def _step_piece(status: Status) -> Piece:
    if status.step is None:
        return piece("", 0)
    step, planned = f"{status.step:,}", status.planned_steps
    of = f" / {planned:,}" if planned else ""
    short = f"{step}/{planned:,}" if planned else step
    return Piece([[Span(f"step {step}{of}")], [Span(short)], [Span(step)], []], [47, 62, 85])


def _bar_piece(status: Status) -> Piece:
    if not status.planned_steps or status.step is None:
        return piece("", 0)
    part = min(1.0, (status.step + 1) / status.planned_steps)
    done = Span(percent(part))
    forms = [[*_bar(part, cells), Span(" "), done] for cells in (16, 8)]
    return Piece([*forms, [done], []], [28, 30, 60])


def _bar(part: float, cells: int) -> Spans:
    halves = round(part * cells * 2)
    done = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return [Span(done, "line-second"), Span("─" * (cells - len(done)), "frame")]


def _left_piece(status: Status) -> Piece:
    known = status.seconds_left is not None and status.pulse is Pulse.LIVE
    return piece(f"{_about(status)}{duration(status.seconds_left or 0, short=True)} left", 55, known)


def _about(status: Status) -> str:
    return "~" if status.is_pace_inferred else ""


def _value_piece(label: str, value: float | None, weight: float) -> Piece:
    if value is None:
        return piece("", 0)
    return Piece([[Span(label + " ", "muted"), Span(number(value, width=5), "strong")], []], [weight])


def _best_piece(status: Status) -> Piece:
    if status.best is None:
        return piece("", 0)
    value, step = status.best
    return Piece(
        [[Span("best ", "muted"), Span(number(value, width=5)), Span(f" @ {step:,}", "muted")], []], [40]
    )


def _device_piece(status: Status) -> Piece:
    spans: Spans = []
    if status.device_load is not None:
        spans += [Span("device ", "muted"), Span(percent(status.device_load))]
    if status.memory_bytes is not None:
        spans += [Span(" " if spans else ""), Span(memory(status.memory_bytes))]
    return Piece([spans, []], [20])


def _elsewhere_piece(status: Status) -> Piece:
    """The worst of the other runs: a calm run that is shown does not speak for them."""
    if not status.elsewhere:
        return piece("", 0)
    name, level, cause = status.elsewhere[0]
    badge = Span(f" {level_words(level)} ", f"badge-{level}")
    more = f"and {len(status.elsewhere) - 1} more " if len(status.elsewhere) > 1 else ""
    long = [badge, Span(f" {said(cause)} in ", level_role(level)), Span(f"{said(name)} {more}")]
    return Piece(
        [long, [badge, Span(f" in {len(status.elsewhere)} of the others")], [badge], []], [57, 82, 90]
    )


def _damaged_piece(status: Status) -> Piece:
    lines = "line" if status.num_damaged == 1 else "lines"
    text = f"{status.num_damaged:,} damaged {lines}"
    return (
        Piece(
            [[Span(text, "level-yellow")], [Span(f"{status.num_damaged:,}!", "level-yellow")], []], [52, 72]
        )
        if status.num_damaged
        else piece("", 0)
    )
