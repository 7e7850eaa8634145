"""Facts that lie beside a log which does not state them: configs and states in JSON or YAML.

What lies beside a log may be another run's. A checkpoint is this run's if the losses of its history are those
of the log; a folder is this run's if such a checkpoint is in it, or if it holds no other log and no other
checkpoint. Only of these the facts are taken, and the header says from which file.

Nothing is ever unpickled: training_args.bin is not read.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.facts import facts_from_file
from flight_recorder.tui.sources.text import plain_text

_FILES = (
    "config.json",
    "training_args.json",
    "training_args.yaml",
    "training_args.yml",
    "trainer_state.json",
)
_TAKEN = frozenset(
    {
        "vocab_size",
        "planned_steps",
        "logging_steps",
        "eval_every",
        "ckpt_every",
        "grad_clip",
        "accumulation",
        "seed",
    }
)
MAX_BYTES = 64 * 2**20

_STATE = "trainer_state.json"
_LOGS = frozenset({".out", ".log", ".jsonl", ".csv", ".tsv"})

COMPARED_BYTES = 2**22
"""How much of a log and of a history is looked for losses; both begin with the run."""

MAX_CHECKPOINTS = 50
_LOSS = re.compile(rb"""['"]loss['"]:\s*['"]?([-+\w.]+)""")
_PRINTED = {"rel_tol": 6e-4, "abs_tol": 6e-5}
"""A Trainer prints four digits of a loss and keeps all of them in its history."""


def facts_beside(log: Path) -> dict[str, Any]:
    """Header fields from files beside the log, in its newest checkpoint and beside that; {} for none.

    `notes` among them says what is from which file.
    """
    facts: dict[str, Any] = {}
    notes: list[str] = []
    for path in (folder / name for folder in _folders_of_run(log) for name in _FILES):
        if path != log and _is_small_file(path) and (found := _facts_in(path)):
            facts |= found
            notes.append(_note(found, os.path.relpath(path, log.parent)))
    return facts | {"notes": notes} if notes else {}


def _note(found: dict[str, Any], path: str) -> str:
    values = ", ".join(name if name == "schedule" else f"{name} {value}" for name, value in found.items())
    return f"from {path}, where the log does not say it: {plain_text(values)}"


def _facts_in(path: Path) -> dict[str, Any]:
    try:
        found = facts_from_file(path)
    except CannotRead:
        return {}
    return {
        name: value
        for name, value in found.items()
        if name == "schedule" or (name in _TAKEN and isinstance(value, int | float) and value)
    }


def _folders_of_run(log: Path) -> list[Path]:
    """The folders that surely are of this log's run, those whose word counts least first."""
    losses, here = _losses(log), log.parent
    proven = next(
        (path for path in _checkpoints(here) if _is_beginning(losses, _losses(path / _STATE))), None
    )
    folders = [proven, proven.parent] if proven else []
    if here not in folders and _is_alone(log, losses):
        folders.append(here)
    return folders


def _is_alone(log: Path, losses: list[float]) -> bool:
    """Whether nothing in the log's own folder is of another run."""
    if log.name == _STATE:
        return True
    if (log.parent / _STATE).exists():
        return _is_beginning(losses, _losses(log.parent / _STATE))
    try:
        others = [path for path in log.parent.iterdir() if path != log]
    except OSError:
        return False
    return not any(path.suffix in _LOGS or path.name.startswith("checkpoint-") for path in others)


def _is_beginning(losses: list[float], history: list[float]) -> bool:
    """Whether the losses of a log are those of a history, from its first or from where it was resumed."""
    starts = (place for place, loss in enumerate(history) if losses and _is_same(losses[0], loss))
    return any(_agree(losses, history[start:]) for start in starts)


def _agree(losses: list[float], history: list[float]) -> bool:
    """Whether they are the same as far as both go, which is two of them at least."""
    pairs = list(zip(losses, history, strict=False))
    return len(pairs) > 1 and all(_is_same(one, other) for one, other in pairs)


def _is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, **_PRINTED) or (math.isnan(one) and math.isnan(other))


def _losses(path: Path) -> list[float]:
    """The training losses that stand at the beginning of a log or a history, in order."""
    try:
        with path.open("rb") as file:
            return [float(text) for text in _LOSS.findall(file.read(COMPARED_BYTES))]
    except (OSError, ValueError):
        return []


def _checkpoints(folder: Path) -> Iterator[Path]:
    """Checkpoints of the Hugging Face Trainer in a folder or one below it, the newest first."""
    try:
        found = [
            path for depth in ("", "*/") for path in folder.glob(f"{depth}checkpoint-*") if path.is_dir()
        ]
        yield from sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[:MAX_CHECKPOINTS]
    except OSError:
        return


def _is_small_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= MAX_BYTES
    except OSError:
        return False
