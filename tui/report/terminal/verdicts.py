"""The verdicts of a run without a screen: one JSON object for programs, a page of text for people."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.panels.printable import escaped, printable
from flight_recorder.tui.panels.pulse_words import progress_words
from flight_recorder.tui.run import Run
from flight_recorder.tui.vocabulary import (
    LEVEL_STYLES,
    STATE_WORDS,
    counts,
    excuse,
    level_words,
    main_verdict,
    sign_of,
    title,
    when,
)

_LONGEST_SENTENCE = 1000
_MOST_MISSHAPEN = 8
_ANY_WIDTH = 1_000_000
_OPEN = (State.FIRING, State.PENDING, State.AMBER, State.EXCUSED, State.RESOLVED, State.FAILED)


def as_json(run: Run) -> str:
    """The object that `tui check --json` promises, on one line.

    JSON has no NaN, so a reading that is not finite is the string "nan", "inf" or "-inf", as in the log.
    """
    judge = run.judge
    headline = judge.headline
    document = {
        "source": {
            "path": run.path,
            "format": run.format,
            "kind": judge.kind.name,
            "kind_evidence": judge.kind.evidence,
            "steps": run.recording.num_steps,
            "pulse": str(run.pulse),
            "damaged_lines": len(run.damaged),
            "reading_stopped": run.failure or None,
            "confidence": run.recording.header.get("confidence"),
            "notes": _notes(run),
        },
        "level": str(judge.level),
        "headline": _plain(headline) if headline else None,
        "causes": [{"cause": cause, "evidence": list(checks)} for cause, checks in judge.causes],
        "verdicts": [_plain(verdict) for verdict in judge.verdicts],
        "overfit": judge.overfit,
        "schedule": judge.schedule,
    }
    return _on_one_line(document)


def unread_as_json(path: str, reason: str) -> str:
    """The object that stands for a run among others when it could not be read."""
    return _on_one_line({"source": {"path": path}, "level": None, "error": reason})


def _on_one_line(document: dict[str, Any]) -> str:
    """As JSON in which nothing could steer a terminal: what is not to be seen is written as \\uXXXX."""
    return escaped(json.dumps(_finite(document), ensure_ascii=False))


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {**asdict(verdict), "level": str(verdict.level), "state": str(verdict.state)}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, Level):
        return str(value)
    if hasattr(value, "item"):  # a numpy scalar
        return _finite(value.item())
    return value


def page() -> Console:
    """Standard output: lines fold at a terminal's edge only, for a program reads a sentence a line."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_ANY_WIDTH)


def print_verdicts(run: Run, console: Console) -> None:
    """The level, the first thing wrong with its fix, what else is wrong, and what could not be judged."""
    for line in (heading(run), *verdict_lines(run)):
        console.print(line, soft_wrap=True)


def verdict_lines(run: Run) -> Iterator[Text]:
    """What is wrong, the headline first, each with its fix; what may go wrong; how many nodes said what."""
    judge = run.judge
    for note in _notes(run):
        yield Text(f"note: {printable(note)}", style="dim")
    firing = [one for one in judge.verdicts if one.state is State.FIRING and one.level > Level.GREEN]
    worst = main_verdict(judge.verdicts, judge.headline)
    if worst and judge.headline and worst is not judge.headline:
        yield Text(f"{judge.level} because of {printable(title(worst))}", style="dim")
    if judge.causes and firing:
        names = ", ".join(cause for cause, _ in judge.causes)
        yield Text(f"likeliest cause first: {names}", style="dim")
    for verdict in _headline_first(firing, judge.headline):
        yield from _in_full(verdict)
    rest = [verdict for verdict in judge.verdicts if verdict.state in _OPEN and verdict not in firing]
    if rest:
        yield Text()
        yield from map(_one_line, rest)
    yield from (Text(), Text(f"checks: {counts(judge.verdicts)}", style="dim"))
    if run.damaged:
        first = run.damaged[0]
        yield Text(
            f"{len(run.damaged)} damaged stretch(es) of the log were skipped, "
            f"the first at byte {first.offset:,}: {printable(first.reason)}"
        )


def teller(console: Console) -> Callable[[Verdict], None]:
    """Says in a line that a leaf has begun to fire, or that a check broke."""

    def tell(verdict: Verdict) -> None:
        text = Text(f"{sign_of(verdict)} {printable(title(verdict))}", style=LEVEL_STYLES[verdict.level])
        text.append(f"   {when(verdict)}   {_said(verdict.evidence)}", style="default")
        console.print(text)

    return tell


def sentence_on_failed(run: Run) -> str:
    """Which checks broke, in a sentence; empty where none did."""
    failed = run.judge.failed
    if not failed:
        return ""
    others = f" (and {len(failed) - 1} others)" if len(failed) > 1 else ""
    return (
        f"{failed[0].check}{others} {_said(failed[0].evidence)}. That is a defect of tui. Nothing else is at "
        "the level, but whether the run is well is not known. TUI_DEBUG=1 shows where the defect is."
    )


def heading(run: Run) -> Text:
    """Level, name, progress, format and kind of the run."""
    level = run.judge.level
    text = Text()
    if not run.has_numbers and level is Level.GREEN:
        text.append("· no step was read yet", style="dim")
    else:
        text.append(level_words(level), style=LEVEL_STYLES[level])
    text.append(f"   {printable(run.name)}", style="bold")
    text.append(f"   {progress_words(run)}   {run.format}")
    if (kind := run.judge.kind.name) != "unknown":
        text.append(f"   {kind.replace('_', ' ')}")
    return text


def _notes(run: Run) -> list[str]:
    """Remarks on how another program's numbers were read, and on what could not be read as what it is."""
    return [*run.recording.header.get("notes", ()), *misshapen_words(run.recording.misshapen)]


def misshapen_words(misshapen: Mapping[str, int]) -> list[str]:
    """A sentence on each field that was not of its shape, the first few of them."""
    names = list(misshapen)
    words = [
        f"{name} is not of the form that the format gives it, in {misshapen[name]:,} places: not measured"
        for name in names[:_MOST_MISSHAPEN]
    ]
    rest = len(names) - _MOST_MISSHAPEN
    return [*words, f"{rest} more fields are not of their form"] if rest > 0 else words


def _headline_first(firing: Iterable[Verdict], headline: Verdict | None) -> list[Verdict]:
    return sorted(firing, key=lambda verdict: headline is None or verdict.check != headline.check)


def _in_full(verdict: Verdict) -> Iterator[Text]:
    yield Text()
    text = Text(f"{sign_of(verdict)} {printable(title(verdict))}", style=LEVEL_STYLES[verdict.level])
    yield text.append(f"   {when(verdict)}", style="not bold default")
    yield Text(f"    {_said(verdict.evidence)}")
    if verdict.bound_text:
        yield Text(f"    bound: {_said(verdict.bound_text)}", style="dim")
    if verdict.fix:
        yield Text(f"    → {_said(verdict.fix)}")


def _one_line(verdict: Verdict) -> Text:
    words, state = _said(verdict.symptom or verdict.evidence), STATE_WORDS[verdict.state]
    if verdict.state is State.FIRING:  # at level green: true of honest runs, and only worth knowing
        words, state = f"{words}: {_said(verdict.evidence)}", "note"
    if verdict.state is State.FAILED:  # its evidence begins with the words of the state
        return Text(f"  {printable(verdict.check)} {_said(verdict.evidence)}", style="dim")
    if verdict.state is State.EXCUSED:
        words = f"{words}: {excuse(verdict)}"
    return Text(f"  {printable(verdict.check)} {state}: {words}  {when(verdict)}", style="dim")


def _said(sentence: str) -> str:
    """A sentence of ours, which may quote the log."""
    return printable(sentence, _LONGEST_SENTENCE)
