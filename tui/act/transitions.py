"""Which changes of a run are told: derived anew from its verdicts at each look, never remembered apart.

What was told before stands in the journal. A watcher that was killed, or opened later, or one of two, reads
it and finds the same keys, so a change is told once.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from flight_recorder.tui.act.message import Event, Kind
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.run import Run


def news(run: Run, level: Level, told: Container[str]) -> list[Event]:
    """Events of this run from `level` on that `told` does not hold yet, the worst first.

    A verdict that fires and was told is told again when it has ended (resolved). After the run's end nothing
    is resolved or silent any more.
    """
    found = [event for event in _events(run, level, told) if event.key not in told]
    return sorted(found, key=lambda event: (event.kind is not Kind.ROSE, -event.level))


def _events(run: Run, level: Level, told: Container[str]) -> Iterator[Event]:
    is_over = run.recording.exit is not None or run.pulse is Pulse.CRASHED
    for verdict in run.judge.verdicts:
        if verdict.state is State.FIRING:
            yield from _risen(verdict, level)
        elif verdict.spans:
            yield from _risen_and_resolved(verdict, level, told, is_over)
    if is_over:
        yield _ending(run)
    elif run.pulse is Pulse.STALLED:
        step = run.recording.last_step
        yield Event(
            f"silent@{step}", Kind.SILENT, Level.ORANGE, step, f"no word from the run since step {step}"
        )


def _risen(verdict: Verdict, level: Level) -> Iterator[Event]:
    if verdict.level >= level:
        key = f"{verdict.check}@{verdict.first_step} {verdict.level}"
        yield Event(key, Kind.ROSE, verdict.level, verdict.first_step, _sentence(verdict), verdict.fix)


def _risen_and_resolved(
    verdict: Verdict, level: Level, told: Container[str], is_over: bool
) -> Iterator[Event]:
    """Of a check that fired and does no more: that it did, if nobody saw it, and that it is over."""
    worst = max(verdict.spans, key=lambda span: (span.level, span.first_step))
    if worst.level < level:
        return
    keys = [f"{verdict.check}@{span.first_step} {each}" for span in verdict.spans for each in Level]
    if not any(key in told for key in keys):
        sentence = (
            f"{verdict.check} fired from step {worst.first_step} to {worst.last_step}: {verdict.question}"
        )
        yield Event(
            f"{verdict.check}@{worst.first_step} {worst.level}",
            Kind.ROSE,
            worst.level,
            worst.first_step,
            sentence,
        )
    last = verdict.spans[-1]
    if not is_over:
        sentence = f"{verdict.check} is over since step {last.last_step}: {verdict.question}"
        yield Event(
            f"{verdict.check}@{last.first_step} over", Kind.RESOLVED, worst.level, last.last_step, sentence
        )


def _ending(run: Run) -> Event:
    step = run.recording.last_step
    record = run.recording.exit or {}
    reason, message = record.get("reason", "without a word"), record.get("message")
    said = f"ended at step {step}: {reason}" + (f" ({message})" if message else "")
    worst = f"; {run.judge.level} at the end" if run.judge.level else ""
    return Event(f"end@{step}", Kind.ENDED, run.judge.level, step, said + worst)


def _sentence(verdict: Verdict) -> str:
    words = f"{verdict.check} {verdict.symptom} since step {verdict.first_step}"
    return f"{words}: {verdict.evidence}" if verdict.evidence else words
