"""The status line: how the run is doing, in one line of any width.

Every piece knows shorter forms of itself and how much it matters; when the line is too long, the least
important piece gives way first. The level is the last to go.
"""

from __future__ import annotations

from dataclasses import dataclass

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.panels.pulse_words import NO_CLOSING_RECORD, REASONS
from flight_recorder.tui.screen.drawing.numbers import bytes_text, duration, number, step_text
from flight_recorder.tui.screen.drawing.palette import LEVEL_SIGNS, level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, said, width_of

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
    run_number: str = ""
    """"1/2" when several runs are open."""
    is_judged: bool = True
    """Whether the level is that of the run; while only a part of it is known there is none."""
    part_read: float | None = None
    """How much of the log has been read, while its newest part is shown before the rest."""


@dataclass(slots=True)
class _Piece:
    """Forms from long to short, and how much it matters to keep each over the next shorter one."""

    forms: list[Spans]
    weights: list[float]
    chosen: int = 0

    @property
    def spans(self) -> Spans:
        return self.forms[self.chosen]

    @property
    def weight(self) -> float:
        """How much it matters not to shorten it now."""
        return self.weights[self.chosen] if self.chosen < len(self.weights) else float("inf")


def status_line(status: Status, width: int) -> Spans:
    """The line of exactly `width` cells."""
    left = [piece for piece in _left_pieces(status) if piece.forms[0]]
    right = _level_piece(status)
    while _total(left, right) > width:
        piece = min([*left, right], key=lambda one: one.weight)
        if piece.weight == float("inf"):
            break
        piece.chosen += 1
    spans = _joined(left)
    gap = width - width_of(spans) - width_of(right.spans)
    if gap < 0:
        return (
            clipped(right.spans, width)
            if width > 2
            else [Span(LEVEL_SIGNS[status.level], right.spans[0].role)]
        )
    return [*spans, Span(" " * gap), *right.spans]


def _joined(pieces: list[_Piece]) -> Spans:
    spans: Spans = []
    for piece in pieces:
        if piece.spans:
            spans += [Span(" " if not spans else "  "), *piece.spans]
    return spans


def _total(left: list[_Piece], right: _Piece) -> int:
    gap = 2 if any(piece.spans for piece in left) else 0
    return width_of(_joined(left)) + gap + width_of(right.spans)


def _level_piece(status: Status) -> _Piece:
    role = f"badge-{status.level}"
    sign = LEVEL_SIGNS[status.level]
    if not status.is_judged:
        return _Piece([[Span("not judged yet ", "muted")], [Span("·", "muted")]], [89])
    if status.level is Level.GREEN:
        if status.failure:
            return _Piece([[Span("not judged to its end ", "level-red")], [Span("?", "level-red")]], [58])
        if status.pulse is Pulse.WAITING:
            return _Piece([[Span("·  ", "muted")]], [])
        return _Piece([[Span(f"{sign} green ", role)], [Span(sign, role)]], [58])
    badge = Span(f" {sign} {str(status.level).upper()} ", role)
    cause = Span(f" {said(status.cause)} ", level_role(status.level))
    since = Span(f"since {step_text(status.since)} ", "text") if status.since is not None else Span("")
    forms = [
        [badge, cause, since],
        [badge, cause],
        [badge],
        [Span(f"{sign}{str(status.level)[0].upper()}", role)],
    ]
    return _Piece(forms, [54, 84, 90])


def _left_pieces(status: Status) -> list[_Piece]:
    return [
        _name_piece(status),
        _pulse_piece(status),
        _reading_piece(status),
        _paused_piece(status),
        _step_piece(status),
        _bar_piece(status),
        _piece(
            status.steps_per_s and f"{_about(status)}{_rate(status.steps_per_s)}",
            44,
            status.pulse is Pulse.LIVE,
        ),
        _left_piece(status),
        _value_piece("train", status.train, 50),
        _value_piece("val", status.val, 70),
        _best_piece(status),
        _device_piece(status),
        _damaged_piece(status),
    ]


def _piece(text: str | float | None, weight: float, holds: bool = True, role: str = "text") -> _Piece:
    """A piece that is there or not."""
    return _Piece([[Span(str(text), role)] if text and holds else [], []], [weight])


def _rate(steps_per_s: float) -> str:
    return f"{number(steps_per_s)} it/s" if steps_per_s >= 1 else f"{number(1 / steps_per_s)} s/it"


def _name_piece(status: Status) -> _Piece:
    name = said(status.name)
    full = [Span(name, "strong")]
    if status.run_number:
        full.append(Span(f" {status.run_number}", "muted"))
    return _Piece([full, clipped(full[:1], 24), clipped(full[:1], 10), []], [42, 75, 86])


def _pulse_piece(status: Status) -> _Piece:
    sign, role = PULSE_SIGNS[status.pulse]
    words = _pulse_words(status)
    if status.failure:
        sentence = clipped([Span(f" {sign} {said(status.failure)} ", role)], 100)  # the foot has more room
        return _Piece([sentence, [Span(f" {sign} {words} ", role)], [Span(sign, role)], []], [46, 89, 89])
    long = [Span(f"{sign} {words}{said(status.exit_message)}", role)]
    medium = [Span(f"{sign} {_pulse_word(status)}", role)]
    weight = 48 if status.pulse is Pulse.LIVE else 83
    return _Piece([long, medium, [Span(sign, role)], []], [49, weight, 88])


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


def _reading_piece(status: Status) -> _Piece:
    if status.part_read is None:
        return _piece("", 0)
    part = f"reading {status.part_read:.0%}".replace("%", " %") if status.part_read else "reading"
    return _Piece(
        [[Span(f"newest part, {part}", "accent")], [Span(part, "accent")], [Span("…", "accent")]], [61, 87]
    )


def _paused_piece(status: Status) -> _Piece:
    if status.behind is None:
        return _piece("", 0)
    long = f"Ⅱ paused, {status.behind:,} steps behind" if status.behind else "Ⅱ paused"
    return _Piece(
        [[Span(long, "accent")], [Span(f"Ⅱ -{status.behind:,}", "accent")], [Span("Ⅱ", "accent")]], [61, 87]
    )


def _step_piece(status: Status) -> _Piece:
    if status.step is None:
        return _piece("", 0)
    step, planned = f"{status.step:,}", status.planned_steps
    of = f" / {planned:,}" if planned else ""
    short = f"{step}/{planned:,}" if planned else step
    return _Piece([[Span(f"step {step}{of}")], [Span(short)], [Span(step)], []], [47, 62, 85])


def _bar_piece(status: Status) -> _Piece:
    if not status.planned_steps or status.step is None:
        return _piece("", 0)
    part = min(1.0, (status.step + 1) / status.planned_steps)
    percent = Span(f"{part:.0%}".replace("%", " %"))
    forms = [[*_bar(part, cells), Span(" "), percent] for cells in (16, 8)]
    return _Piece([*forms, [percent], []], [28, 30, 60])


def _bar(part: float, cells: int) -> Spans:
    halves = round(part * cells * 2)
    done = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return [Span(done, "line-second"), Span("─" * (cells - len(done)), "frame")]


def _left_piece(status: Status) -> _Piece:
    known = status.seconds_left is not None and status.pulse is Pulse.LIVE
    return _piece(f"{_about(status)}{duration(status.seconds_left or 0)} left", 55, known)


def _about(status: Status) -> str:
    return "~" if status.is_pace_inferred else ""


def _value_piece(label: str, value: float | None, weight: float) -> _Piece:
    if value is None:
        return _piece("", 0)
    return _Piece([[Span(label + " ", "muted"), Span(number(value), "strong")], []], [weight])


def _best_piece(status: Status) -> _Piece:
    if status.best is None:
        return _piece("", 0)
    value, step = status.best
    return _Piece([[Span("best ", "muted"), Span(number(value)), Span(f" @ {step:,}", "muted")], []], [40])


def _device_piece(status: Status) -> _Piece:
    spans: Spans = []
    if status.device_load is not None:
        spans += [Span("device ", "muted"), Span(f"{status.device_load:.0%}".replace("%", " %"))]
    if status.memory_bytes is not None:
        spans += [Span(" " if spans else ""), Span(bytes_text(status.memory_bytes))]
    return _Piece([spans, []], [20])


def _damaged_piece(status: Status) -> _Piece:
    lines = "line" if status.num_damaged == 1 else "lines"
    text = f"{status.num_damaged:,} damaged {lines}"
    return (
        _Piece(
            [[Span(text, "level-yellow")], [Span(f"{status.num_damaged:,}!", "level-yellow")], []], [52, 72]
        )
        if status.num_damaged
        else _piece("", 0)
    )
