"""Facts that lie beside a log which does not state them: configs and states in JSON or YAML.

Nothing is ever unpickled: training_args.bin is not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tui.sources.errors import CannotRead
from tui.sources.facts import facts_from_file

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


def facts_beside(log: Path) -> dict[str, Any]:
    """Header fields from files beside the log, in its newest checkpoint and beside that; {} for none."""
    facts: dict[str, Any] = {}
    checkpoints = _newest_checkpoint(log.parent)
    folders = [*checkpoints, *(checkpoint.parent for checkpoint in checkpoints), log.parent]
    for folder in dict.fromkeys(folders):
        for path in (folder / name for name in _FILES):
            if path != log and _is_small_file(path):
                facts |= _facts_in(path)
    return facts


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


def _newest_checkpoint(folder: Path) -> list[Path]:
    """Folder of the newest checkpoint of the Hugging Face Trainer in a folder or one below it, if any."""
    try:
        found = [
            path for depth in ("", "*/") for path in folder.glob(f"{depth}checkpoint-*") if path.is_dir()
        ]
        return sorted(found, key=lambda path: path.stat().st_mtime)[-1:]
    except OSError:
        return []


def _is_small_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= MAX_BYTES
    except OSError:
        return False
