"""What the reader makes of every invented text, and a printed report of it.

`python -m tests.sources.formats_invented.outcome [SEED]`, from the folder of the project.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from typer.testing import CliRunner

from flight_recorder.tui.commands import app
from tests.sources.formats_invented.invented import Format, Series, Truth, all_logs, all_texts

EVALUATION = "evaluation/"
SURE = 0.65
"""From this confidence on a reading is a claim; below it the reader has said that it may be wrong."""

CLOSE, AGREEING, LAST_CLOSE = 0.02, 0.8, 1e-3


@dataclass(frozen=True)
class Reading:
    """What the program says of a text: its columns (the counters and numbers of each), and how sure it is."""

    columns: dict[str, Series]
    confidence: float


@dataclass(frozen=True)
class Outcome:
    """One invented text and what became of it; `wrong` says what is not right, and is empty where all is."""

    name: str
    wrong: str
    confidence: float | None
    counters: bool = False


def outcome_of_log(log: Format, seed: int, folder: Path) -> Outcome:
    """Whether this log is read right."""
    path, truth = log.write(folder, seed)
    reading = read(path)
    if isinstance(reading, str):
        return Outcome(log.name, reading, None)
    wrong = [
        sentence for sentence in (wrong_main(reading, truth), wrong_validation(reading, truth)) if sentence
    ]
    return Outcome(log.name, "; ".join(wrong), reading.confidence, _same_counters(reading, truth))


def outcome_of_text(text: Format, seed: int, folder: Path) -> Outcome:
    """Whether this text, which is no log, is refused or read with little confidence."""
    path, _ = text.write(folder, seed)
    reading = read(path)
    if isinstance(reading, str):
        return Outcome(text.name, reading if reading.startswith("crashed") else "", None)
    if reading.confidence < SURE:
        return Outcome(text.name, "", reading.confidence)
    return Outcome(text.name, f"read as a log: {', '.join(reading.columns)}", reading.confidence)


def read(path: Path) -> Reading | str:
    """The reading of a log, or why there is none.

    The one place that knows how the program answers: `check --json` tells its confidence (one that tells none
    is sure) and `export --to csv` the columns. Both refuse with code 2.
    """
    out = path.parent / f"{path.stem}.exported"
    judged = CliRunner().invoke(app, ["check", "--json", str(path)])
    exported = CliRunner().invoke(app, ["export", "--to", "csv", "--out", str(out), str(path)])
    for result in (judged, exported):
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            return f"crashed: {result.exception!r}"
    if judged.exit_code not in (0, 1) or exported.exit_code != 0:
        said = " ".join((judged.stderr or exported.stderr).split())
        return f"not read: {said.replace(f'{path.parent}/', '')}"
    confidence = json.loads(judged.stdout)["source"].get("confidence")
    return Reading(_columns(out), 1.0 if confidence is None else float(confidence))


def _columns(path: Path) -> dict[str, Series]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {}
    for name in rows[0] if rows else ():
        measured = [row for row in rows if row[name] != ""]
        at = tuple(float(row["step"]) for row in measured)
        columns[name] = Series(name, at, tuple(float(row[name]) for row in measured))
    return columns


def _chosen(reading: Reading, answer: Series) -> list[Series]:
    """What the reader took for the main series: its loss; without one, a column named like the answer."""
    if "loss" in reading.columns:
        return [reading.columns["loss"]] if answer.is_loss else []
    names = answer.name.casefold().split("|")
    return [
        column for name, column in reading.columns.items() if any(word in name.casefold() for word in names)
    ]


def wrong_main(reading: Reading, truth: Truth) -> str:
    """What is wrong with the main series; a run that has a loss may not be judged by a metric alone."""
    if any(_agree(column, answer) for answer in truth.main for column in _chosen(reading, answer)):
        return ""
    found = reading.columns.get("loss")
    if found is None:
        return f"no {truth.main[0].name} among {', '.join(reading.columns)}"
    right = truth.main[0].values
    return (
        f"other values: {len(found.values)} ending {found.values[-2:]}, not {len(right)} ending {right[-2:]}"
    )


def wrong_validation(reading: Reading, truth: Truth) -> str:
    found = {name: column for name, column in reading.columns.items() if name.startswith(EVALUATION)}
    if truth.is_evaluation:
        return ""
    if not truth.validation:
        return f"evaluations that there are not: {', '.join(found)}" if found else ""
    if not found:
        return "no evaluations"
    if any(_agree(column, answer) for answer in truth.validation for column in found.values()):
        return ""
    return f"other evaluations: {', '.join(found)}"


def _agree(found: Series, answer: Series) -> bool:
    """Whether the values are those of the answer, in order, with the last one; per cent may be parts of 1."""
    return any(_agree_exactly(found.values, tuple(v / scale for v in answer.values)) for scale in (1, 100))


def _agree_exactly(found: tuple[float, ...], right: tuple[float, ...]) -> bool:
    if not found or not _close(found[-1], right[-1], LAST_CLOSE):
        return False
    return _num_common(found, right) >= AGREEING * max(len(found), len(right))


def _num_common(found: tuple[float, ...], right: tuple[float, ...]) -> int:
    """The length of the longest common subsequence; of as many values, each is compared with its own."""
    if len(found) == len(right):
        return sum(_close(a, b, CLOSE) for a, b in zip(found, right, strict=True))
    before = [0] * (len(right) + 1)
    for a in found:
        now = [0]
        for j, b in enumerate(right):
            now.append(before[j] + 1 if _close(a, b, CLOSE) else max(before[j + 1], now[j]))
        before = now
    return before[-1]


def _close(a: float, b: float, tolerance: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= tolerance * abs(b)


def _same_counters(reading: Reading, truth: Truth) -> bool:
    """Whether the steps are the counters that are printed; this is told, not required."""
    return any(
        column.counters == answer.counters for answer in truth.main for column in _chosen(reading, answer)
    )


@cache
def outcomes(seed: int = 0) -> tuple[list[Outcome], list[Outcome]]:
    """Those of the logs and those of the other texts."""
    with TemporaryDirectory() as folder:
        logs = [outcome_of_log(log, seed, Path(folder) / "logs") for log in all_logs()]
        return logs, [outcome_of_text(text, seed, Path(folder) / "texts") for text in all_texts()]


def main(seed: int = 0) -> None:
    """Print the report."""
    for title, found in zip(("logs read right", "texts not taken for logs"), outcomes(seed), strict=True):
        print(f"{sum(not outcome.wrong for outcome in found)} of {len(found)} {title}")
        print("\n".join(map(_line, found)))


def _line(outcome: Outcome) -> str:
    confidence = "-" if outcome.confidence is None else f"{outcome.confidence:.2f}"
    steps = "steps as printed" if outcome.counters else ""
    word = "WRONG" if outcome.wrong else "right"
    return f"  {word}  {outcome.name:32} {confidence:>4}  {steps:16}  {outcome.wrong[:150]}".rstrip()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
