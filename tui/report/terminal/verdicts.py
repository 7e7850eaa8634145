"""The verdicts of a run without a screen: one JSON object for programs, a page of text for people."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.panels.palette import LEVEL_SIGNS, sign_of
from flight_recorder.tui.panels.printable import escaped, printable
from flight_recorder.tui.panels.pulse_words import pulse_words, steps_done
from flight_recorder.tui.report.html.tree_html import gravest
from flight_recorder.tui.run import Run

STYLES = {
    Level.GREEN: "green",
    Level.YELLOW: "yellow",
    Level.ORANGE: "bold bright_yellow",
    Level.RED: "bold red",
    Level.BLACK: "bold reverse red",
}

_LONGEST_SENTENCE = 1000
_MOST_MISSHAPEN = 8
_ANY_WIDTH = 1_000_000
_OPEN = (State.FIRING, State.PENDING, State.AMBER, State.RESOLVED, State.FAILED)


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
    judge = run.judge
    console.print(_heading(run), soft_wrap=True)
    for note in _notes(run):
        console.print(Text(f"note: {printable(note)}", style="dim"), soft_wrap=True)
    firing = [one for one in judge.verdicts if one.state is State.FIRING and one.level > Level.GREEN]
    if (worst := gravest(judge)) and judge.headline and worst.level > judge.headline.level:
        console.print(Text(f"{judge.level} because of {_title(worst)}", style="dim"))
    if judge.causes and firing:
        names = ", ".join(cause for cause, _ in judge.causes)
        console.print(Text(f"likeliest cause first: {names}", style="dim"))
    for verdict in _headline_first(firing, judge.headline):
        console.print()
        _print_one(verdict, console)
    rest = [verdict for verdict in judge.verdicts if verdict.state in _OPEN and verdict not in firing]
    if rest:
        console.print()
        for verdict in rest:
            console.print(_one_line(verdict))
    console.print()
    console.print(_counts(judge.verdicts))
    if run.damaged:
        first = run.damaged[0]
        console.print(
            f"{len(run.damaged)} damaged stretch(es) of the log were skipped, "
            f"the first at byte {first.offset:,}: {printable(first.reason)}",
            markup=False,
        )


def teller(console: Console) -> Callable[[Verdict], None]:
    """Says in a line that a leaf has begun to fire, or that a check broke."""

    def tell(verdict: Verdict) -> None:
        text = Text(f"{sign_of(verdict)} {_title(verdict)}", style=STYLES[verdict.level])
        text.append(f"   {_when(verdict)}   {_said(verdict.evidence)}", style="default")
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


def _heading(run: Run) -> Text:
    level = run.judge.level
    text = Text()
    if not run.has_numbers and level is Level.GREEN:
        text.append("· no step was read yet", style="dim")
    else:
        text.append(f"{LEVEL_SIGNS[level]} {str(level).upper()}", style=STYLES[level])
    text.append(f"   {printable(run.name)}", style="bold")
    text.append(f"   {steps_done(run):,} steps   {pulse_words(run)}   {run.format}")
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


def _print_one(verdict: Verdict, console: Console) -> None:
    text = Text()
    text.append(f"{LEVEL_SIGNS[verdict.level]} {_title(verdict)}", style=STYLES[verdict.level])
    text.append(f"   {_when(verdict)}")
    console.print(text)
    console.print(Text(f"    {_said(verdict.evidence)}"))
    if verdict.bound_text:
        console.print(Text(f"    bound: {_said(verdict.bound_text)}", style="dim"))
    console.print(Text(f"    → {_said(verdict.fix)}"))


def _one_line(verdict: Verdict) -> Text:
    words, state = _said(verdict.symptom or verdict.evidence), str(verdict.state)
    if verdict.state is State.FIRING:  # at level green: true of honest runs, and only worth knowing
        words, state = f"{words}: {_said(verdict.evidence)}", "note"
    return Text(f"  {printable(verdict.check)} {state}: {words}  {_when(verdict)}", style="dim")


def _title(verdict: Verdict) -> str:
    return printable(f"{verdict.check} {verdict.symptom}")


def _said(sentence: str) -> str:
    """A sentence of ours, which may quote the log."""
    return printable(sentence, _LONGEST_SENTENCE)


def _when(verdict: Verdict) -> str:
    if verdict.first_step is None:
        return ""
    if verdict.last_step is None or verdict.last_step == verdict.first_step:
        return f"at step {verdict.first_step:,}"
    return f"steps {verdict.first_step:,} to {verdict.last_step:,}"


def _counts(verdicts: Iterable[Verdict]) -> Text:
    states = [verdict.state for verdict in verdicts]
    words = [f"{states.count(state)} {state.replace('_', ' ')}" for state in State if state in states]
    return Text("checks: " + ", ".join(words), style="dim")
