"""The words and signs of levels, states and verdicts: one way on screen, page and report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flight_recorder.tui.checks.excuses import EXCUSES
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.numbers import count

LEVEL_SIGNS: Mapping[Level, str] = {
    Level.GREEN: "✓",
    Level.YELLOW: "△",
    Level.ORANGE: "▲",
    Level.RED: "◆",
    Level.BLACK: "■",
}
"""One sign a level, each of another shape and more filled the worse it is."""

LEVEL_MEANINGS: Mapping[Level, str] = {
    Level.GREEN: "nothing is wrong",
    Level.YELLOW: "watch it",
    Level.ORANGE: "act now",
    Level.RED: "damage is happening",
    Level.BLACK: "the run is lost",
}

LEVEL_STYLES: Mapping[Level, str] = {
    Level.GREEN: "green",
    Level.YELLOW: "yellow",
    Level.ORANGE: "bold bright_yellow",
    Level.RED: "bold red",
    Level.BLACK: "bold reverse red",
}
"""Styles in the colours of whatever terminal the text is printed to."""

STATE_SIGNS: Mapping[State, str] = {
    State.UNKNOWN: "·",
    State.NOT_MEASURED: "–",
    State.NOT_APPLICABLE: "∅",
    State.EXCUSED: "~",
    State.PASS: "✓",
    State.AMBER: "△",
    State.PENDING: "…",
    State.FIRING: "▲",
    State.RESOLVED: "○",
    State.FAILED: "✗",
}
"""One sign a state of a node. A firing node shows the sign of its level instead."""

STATE_WORDS: Mapping[State, str] = {
    State.UNKNOWN: "too early to say",
    State.NOT_MEASURED: "not measured",
    State.NOT_APPLICABLE: "not applicable",
    State.EXCUSED: "excused",
    State.PASS: "passed",
    State.AMBER: "outside its pass band",
    State.PENDING: "about to fire",
    State.FIRING: "firing",
    State.RESOLVED: "resolved",
    State.FAILED: "could not be judged",
}


def loss_unit(header: Mapping[str, Any]) -> str:
    """ "nat/token" where that is known: in our own logs of language models, or because the log says so."""
    is_ours = "source" not in header and "vocab_size" in header
    return "nat/token" if is_ours or header.get("unit") == "nats_per_token" else ""


def level_words(level: Level) -> str:
    """ "▲ ORANGE"."""
    return f"{LEVEL_SIGNS[level]} {str(level).upper()}"


def sign_of(verdict: Verdict) -> str:
    """The sign of a node's state, or of its level when it fires."""
    return LEVEL_SIGNS[verdict.level] if verdict.state is State.FIRING else STATE_SIGNS[verdict.state]


def title(verdict: Verdict) -> str:
    """Id and symptom of what holds, else id and question."""
    return f"{verdict.check} {verdict.symptom or verdict.question}"


def name_of(verdict: Verdict) -> str:
    """What to call it in a few words: its likeliest cause, else its symptom."""
    return verdict.causes[0].replace("_", " ") if verdict.causes else verdict.symptom or verdict.check


def since(step: int | None, short: bool = False) -> str:
    """ " since step 1,050", with its blank, short " since 1,050"; empty where nothing began."""
    return "" if step is None else f" since {'' if short else 'step '}{count(step)}"


def when(verdict: Verdict) -> str:
    """Since which step, or from when to when where it is over; empty where nothing happened."""
    first, last = verdict.first_step, verdict.last_step
    if first is None:
        return ""
    if verdict.state is State.FIRING and last != first:
        return since(first).lstrip()
    if last is None or last == first:
        return f"at step {count(first)}"
    return f"steps {count(first)} to {count(last)}"


def state_words(verdict: Verdict) -> str:
    """The state of a node, with its level where it fires and the reason where it is excused."""
    words = STATE_WORDS[verdict.state]
    if verdict.state is State.FIRING:
        return f"{words}, {verdict.level}"
    return f"{words}: {excuse(verdict)}" if verdict.state is State.EXCUSED else words


def excuse(verdict: Verdict) -> str:
    """Why a reading beyond its bound is none of the run's faults; empty for one that is not excused."""
    return EXCUSES.get(verdict.excused_by, verdict.excused_by.replace("_", " "))


def counts(verdicts: Iterable[Verdict]) -> str:
    """How many nodes are in which state: "1 firing, 40 passed, 12 not measured"."""
    states = [verdict.state for verdict in verdicts]
    known = [state for state in STATE_WORDS if state in states]
    return ", ".join(f"{states.count(state)} {STATE_WORDS[state]}" for state in known)


def main_verdict(verdicts: Sequence[Verdict], headline: Verdict | None) -> Verdict | None:
    """The first of the worst, and the headline where nothing is worse than that: what the level is due to."""
    worst = max(verdicts, key=lambda verdict: verdict.level, default=None)
    if worst is None or (headline is not None and headline.level >= worst.level):
        return headline
    return worst if worst.level > Level.GREEN else None
