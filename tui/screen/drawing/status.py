"""The status line: how the run is doing, in one line of any width.

Every piece knows shorter forms of itself and how much it matters; when the line is too long, the least
important piece gives way first. The level is the last to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.numbers import count, duration, memory, number, percent
from flight_recorder.tui.panels.pulse_words import NO_CLOSING_RECORD, REASONS
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, said, width_of
from flight_recorder.tui.screen.pieces import NOTHING, Piece, forms, joined, total
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
    role, sign = f"badge-{status.level}", LEVEL_SIGNS[status.level]
    if not status.is_judged:
        return forms(89, "not judged yet ", "·", role="muted", is_last=True)
    if status.level is Level.GREEN and status.failure:
        return forms(58, "not judged to its end ", "?", role="level-red", is_last=True)
    if status.level is Level.GREEN and status.pulse is Pulse.WAITING:
        return Piece([[Span("·  ", "muted")]], [])
    if status.level is Level.GREEN:
        return forms(58, f"{sign} green ", sign, role=role, is_last=True)
    badge = Span(f" {level_words(status.level)} ", role)
    cause = Span(f" {said(status.cause)} ", level_role(status.level))
    began = Span(f"{since(status.since, short=True).lstrip()} ", "text")
    letter = [Span(f"{sign}{str(status.level)[0].upper()}", role)]
    return Piece([[badge, cause, began], [badge, cause], [badge], letter], [54, 84, 90])


def _left_pieces(status: Status) -> list[Piece]:
    about, is_live = "~" if status.is_pace_inferred else "", status.pulse is Pulse.LIVE
    pace, left = status.steps_per_s, status.seconds_left
    return [
        _name_piece(status),
        _pulse_piece(status),
        *_reading_pieces(status),
        *_step_pieces(status),
        forms(44, f"{about}{_rate(pace)}" if pace and is_live else ""),
        forms(55, f"{about}{duration(left, short=True)} left" if left is not None and is_live else ""),
        _value_piece("train", status.train, 50),
        _value_piece("val", status.val, 70),
        _value_piece("best", status.best and status.best[0], 40, "text", status.best and status.best[1]),
        _device_piece(status),
        forms(18, status.kind, role="faint"),
        _damaged_piece(status),
        _elsewhere_piece(status),
    ]


def _rate(steps_per_s: float) -> str:
    return f"{number(steps_per_s, 3)} it/s" if steps_per_s >= 1 else f"{number(1 / steps_per_s, 3)} s/it"


def _name_piece(status: Status) -> Piece:
    name = Span(said(status.name), "strong")
    full = [name, Span(f" {status.run_number}", "muted")] if status.run_number else [name]
    return Piece([full, clipped([name], 24), clipped([name], 10), []], [42, 75, 86])


def _pulse_piece(status: Status) -> Piece:
    sign, role = PULSE_SIGNS[status.pulse]
    word = REASONS.get(status.exit_reason, said(status.exit_reason)) or status.pulse.value
    if status.pulse is Pulse.ENDED and not status.exit_reason:
        word = NO_CLOSING_RECORD
    words = word
    if status.pulse is Pulse.WAITING and status.path:
        words = f"waiting for {said(status.path)}"
    elif (
        status.pulse in (Pulse.STALLED, Pulse.CRASHED)
        and not status.exit_reason
        and status.silent_s is not None
    ):
        words = f"{word}, silent for {duration(status.silent_s)}"
    if status.failure:
        sentence = clipped([Span(f" {sign} {said(status.failure)} ", role)], 100)  # the foot has more room
        return Piece([sentence, [Span(f" {sign} {words} ", role)], [Span(sign, role)], []], [46, 89, 89])
    long = f"{sign} {words}{said(status.exit_message)}"
    return forms([49, 48 if status.pulse is Pulse.LIVE else 83, 88], long, f"{sign} {word}", sign, role=role)


def _reading_pieces(status: Status) -> Iterator[Piece]:
    """What is not seen yet: the past of a log while it is read, the present of a view that is held."""
    if status.part_read is not None:
        part = f"reading {percent(status.part_read)}" if status.part_read else "reading"
        yield forms([61, 87], f"newest part, {part}", part, "…", role="accent", is_last=True)
    if status.behind is not None:
        behind = count(status.behind)
        long = f"Ⅱ paused, {behind} steps behind" if status.behind else "Ⅱ paused"
        yield forms([61, 87], long, f"Ⅱ -{behind}", "Ⅱ", role="accent", is_last=True)


def _step_pieces(status: Status) -> Iterator[Piece]:
    if status.step is None:
        return
    step, planned = count(status.step), status.planned_steps
    of = f" / {count(planned)}" if planned else ""
    yield forms([47, 62, 85], f"step {step}{of}", f"{step}{of.replace(' ', '')}", step)
    if planned:
        part = min(1.0, (status.step + 1) / planned)
        done = Span(percent(part))
        yield Piece([*([*_bar(part, cells), Span(" "), done] for cells in (16, 8)), [done], []], [28, 30, 60])


def _bar(part: float, cells: int) -> Spans:
    halves = round(part * cells * 2)
    done = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return [Span(done, "line-second"), Span("─" * (cells - len(done)), "frame")]


def _value_piece(
    label: str, value: float | None, weight: float, role: str = "strong", step: int | None = None
) -> Piece:
    if value is None:
        return NOTHING
    at = [Span(f" @ {count(step)}", "muted")] if step is not None else []
    return Piece([[Span(f"{label} ", "muted"), Span(number(value, width=5), role), *at], []], [weight])


def _device_piece(status: Status) -> Piece:
    spans: Spans = []
    if status.device_load is not None:
        spans += [Span("device ", "muted"), Span(percent(status.device_load))]
    if status.memory_bytes is not None:
        spans += [Span(" " if spans else ""), Span(memory(status.memory_bytes))]
    return Piece([spans, []], [20])


def _damaged_piece(status: Status) -> Piece:
    number_of = status.num_damaged
    long = f"{count(number_of)} damaged {'line' if number_of == 1 else 'lines'}" if number_of else ""
    return forms([52, 72], long, f"{count(number_of)}!", role="level-yellow")


def _elsewhere_piece(status: Status) -> Piece:
    """The worst of the other runs: a calm run that is shown does not speak for them."""
    if not status.elsewhere:
        return NOTHING
    name, level, cause = status.elsewhere[0]
    badge = Span(f" {level_words(level)} ", f"badge-{level}")
    more = f"and {len(status.elsewhere) - 1} more " if len(status.elsewhere) > 1 else ""
    long = [badge, Span(f" {said(cause)} in ", level_role(level)), Span(f"{said(name)} {more}")]
    among = [badge, Span(f" in {len(status.elsewhere)} of the others")]
    return Piece([long, among, [badge], []], [57, 82, 90])
