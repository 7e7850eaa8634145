"""Tables that are parts of one run: one of the training split, one of a held-out split, alike but for that.

runs/a/train/loss.tsv    runs/a/train.csv    runs/a/loss.tsv
runs/a/val/loss.tsv      runs/a/val.csv      runs/a/val_loss.tsv
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from flight_recorder.tui.sources.locate.beginning import beginning_of
from flight_recorder.tui.sources.naming.options import SourceOptions
from flight_recorder.tui.sources.naming.words import is_held_out, is_of_test, is_of_training, without_split
from flight_recorder.tui.sources.text import plain_text

ENDINGS = frozenset({".csv", ".tsv", ".jsonl"})
_FORMATS = frozenset({"csv", "jsonl"})


def table_parts(log: Path, may_look_up: bool, options: SourceOptions | None = None) -> list[Path]:
    """The table of the training split and that of a held-out one in the run of `log`; [] for a log alone.

    `may_look_up` says that the folder beside this one, with the other split in it, is part of what was named.
    """
    if log.suffix not in ENDINGS:
        return []
    for alike in ([log, *_beside(log)], [log, *_in_folders_beside(log)] if may_look_up else []):
        held_out = sorted(held_out_of(alike), key=lambda table: is_of_test(_naming(table, alike)))
        training = [path for path in alike if path not in held_out]
        if training and held_out:
            parts = [training[0], held_out[0]]
            return parts if all(beginning_of(part, options).format in _FORMATS for part in parts) else []
    return []


def held_out_of(tables: Sequence[Path]) -> list[Path]:
    """Those of a run's tables that are of a split that is not trained on."""
    return [table for table in tables if is_held_out(_naming(table, tables))]


def _naming(table: Path, tables: Sequence[Path]) -> str:
    """What says of which split a table is: its own name, or that of its folder where each has one."""
    return table.stem if len({one.parent for one in tables}) == 1 else table.parent.name


def are_one_run(logs: Iterable[Path]) -> bool:
    """Whether these files of a folder are named alike but for their splits."""
    return len({without_split(log.stem) for log in logs}) == 1


def note_on(parts: Iterable[Path]) -> str:
    """A remark that these files were read as one run."""
    return "read as one run: " + " and ".join(plain_text("/".join(part.parts[-2:])) for part in parts)


def _beside(log: Path) -> list[Path]:
    """Other tables of the folder with the same name but for the split."""
    own = without_split(log.stem)
    return [
        path for path in _listed(log.parent) if path.suffix == log.suffix and without_split(path.stem) == own
        and path != log and path.is_file()
    ]  # fmt: skip


def _in_folders_beside(log: Path) -> list[Path]:
    """Tables of the same name in the folders of the other splits."""
    if not _names_a_split(log.parent):
        return []
    folders = [folder for folder in _listed(log.parent.parent) if _names_a_split(folder)]
    return [folder / log.name for folder in folders if folder != log.parent and (folder / log.name).is_file()]


def _names_a_split(folder: Path) -> bool:
    return is_held_out(folder.name) or is_of_training(folder.name)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
