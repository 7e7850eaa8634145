"""What an agent is told of a run: short, the summary first, and marked as quoted what the log says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flight_recorder.tui.checks.documents.explain import UnknownCheck, explanation
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.errors import CannotRead

MOST_VERDICTS = 12
MOST_LETTERS = 6000
"""About 1,500 tokens: no single answer is longer."""

_MOST_COLUMNS, _MOST_ROWS, _LONGEST_QUOTE = 12, 21, 400


class Finding(BaseModel):
    """A verdict that fires, or did."""

    check: str
    state: str
    level: str
    symptom: str
    first_step: int | None
    last_step: int | None
    reading: float | None
    bound: str
    evidence_quoted: str
    fix: str


class Answer(BaseModel):
    """What is wrong with a run."""

    level: str
    summary: str
    run_quoted: str
    steps: int
    pulse: str
    kind_of_run: str
    causes: list[str]
    findings: list[Finding]
    notes_quoted: list[str]


class Numbers(BaseModel):
    """Columns around a step."""

    finding: Finding | None
    question: str
    steps: list[int]
    columns: dict[str, list[float | None]]


class Outside(CannotRead):
    """A path that does not lie in the folder that the server was given."""


def within(root: Path, path: str) -> str:
    """The path, if it lies in the folder that may be read.

    Raises:
        Outside: it does not.
    """
    whole = (root / path).resolve()
    if not whole.is_relative_to(root.resolve()):
        raise Outside(f"{quoted(path)} does not lie in {root}; this server reads only what does.")
    return str(whole)


def quoted(text: object) -> str:
    """Words of a log on one line, harmless and not too long."""
    return printable(str(text), _LONGEST_QUOTE)


def read(path: str) -> Run:
    """A recorded run, judged.

    Raises:
        CannotRead: there is none at this path.
    """
    run = Run(path)
    run.extend_by_all(read_all(path))
    return run


def what_is_wrong(run: Run) -> Answer:
    """Level, causes and findings, the worst first."""
    found = [one for one in run.judge.verdicts if one.state is State.FIRING and one.level > Level.GREEN]
    found.sort(key=lambda verdict: -verdict.level)
    headline = run.judge.headline
    words = (
        f"{headline.check} {headline.symptom} since step {headline.first_step}"
        if headline
        else "nothing fires"
    )
    more = f"; {len(found) - MOST_VERDICTS} more are not listed" if len(found) > MOST_VERDICTS else ""
    return Answer(
        level=str(run.judge.level),
        summary=f"{run.judge.level}: {words}{more}",
        run_quoted=quoted(run.name),
        steps=run.recording.num_steps,
        pulse=str(run.pulse),
        kind_of_run=run.judge.kind.name,
        causes=[cause for cause, _ in run.judge.causes][:MOST_VERDICTS],
        findings=[_finding(verdict) for verdict in found[:MOST_VERDICTS]],
        notes_quoted=[quoted(note) for note in run.recording.header.get("notes", ())][:MOST_VERDICTS],
    )


def _finding(verdict: Verdict) -> Finding:
    return Finding(
        check=verdict.check,
        state=str(verdict.state),
        level=str(verdict.level),
        symptom=verdict.symptom,
        first_step=verdict.first_step,
        last_step=verdict.last_step,
        reading=_number(verdict.reading),
        bound=verdict.bound_text,
        evidence_quoted=quoted(verdict.evidence),
        fix=verdict.fix,
    )


def evidence(run: Run, check: str, step: int | None) -> Numbers:
    """The verdict of a check, and the numbers of the log around a step: that of the violation by default.

    Raises:
        CannotRead: there is no such check.
    """
    verdict = next((one for one in run.judge.verdicts if one.check == check), None)
    if verdict is None:
        raise CannotRead(f"There is no check {quoted(check)}; what_is_wrong names those that fire.")
    centre = step if step is not None else verdict.first_step
    table = run.recording.steps
    steps = [int(each) for each in table.steps]
    if centre is None:
        centre = steps[-1] if steps else 0
    near = sorted(range(len(steps)), key=lambda row: abs(steps[row] - centre))[:_MOST_ROWS]
    rows = sorted(near)
    shown = [steps[row] for row in rows]
    columns = {name: _column(table[name], shown) for name in table.names[:_MOST_COLUMNS]}
    return Numbers(
        finding=_finding(verdict),
        question=verdict.question,
        steps=shown,
        columns={quoted(name): values for name, values in columns.items()},
    )


def _column(column: Any, steps: Iterable[int]) -> list[float | None]:
    at = dict(zip(column.steps.tolist(), column.values.tolist(), strict=True))
    return [_number(at.get(step)) for step in steps]


def _number(value: float | None) -> float | None:
    """JSON has no NaN: a number that is not finite is none here, and the finding says so."""
    return None if value is None or value != value or abs(value) == float("inf") else float(f"{value:.6g}")


def explain(check: str) -> str:
    """A node of the tree in full.

    Raises:
        CannotRead: there is none of that id.
    """
    try:
        return explanation(check, None)[:MOST_LETTERS]
    except UnknownCheck as error:
        raise CannotRead(f"{error}.") from None
