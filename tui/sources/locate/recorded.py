"""Which file is meant: a path, a run folder, a folder of runs, a pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.beginning import HEAD_BYTES, beginning_of
from flight_recorder.tui.sources.locate.split_tables import ENDINGS, table_parts
from flight_recorder.tui.sources.locate.splits import EVENT_FILES, event_files, names_a_split, split_folders
from flight_recorder.tui.sources.locate.unread import why_unread
from flight_recorder.tui.sources.parser import SourceOptions, plain_text

STANDARD_INPUT = Path("-")

MAX_DEPTH = 3
MAX_CANDIDATES = 200
"""Files of one ending in a folder that are opened, the newest ones: many others hide no log."""
_SCRIPTS = {".py", ".md", ".html", ".yaml", ".yml", ".toml", ".lock"}
_TENSORS = {".pt", ".pth", ".bin", ".safetensors", ".npy", ".npz", ".model", ".zip", ".gz"}
_PICTURES = {".png", ".jpg", ".svg"}
_LIKELY = ENDINGS | {".log", ".out", ".err", ".json", ".wandb"}
NO_LOGS = _SCRIPTS | _TENSORS | _PICTURES
"""Endings of files that no program logs its training into: not even opened when a folder is searched."""


def locate(path: Path | str, options: SourceOptions | None = None) -> Path:
    """The one log that is meant by a path, a folder (its newest log) or a pattern; "-" stays as it is.

    Raises:
        CannotRead: there is none, or it may not be read.
    """
    path = Path(path)
    if path == STANDARD_INPUT:
        return path
    found = _logs_of(path, options)
    return found[0] if path.is_dir() else max(found, key=changed_at)


def locate_all(paths: Iterable[Path | str]) -> list[Path]:
    """Every log that is meant by paths, folders (all runs in them) and patterns, in order, none twice.

    Raises:
        CannotRead: one of them means none.
    """
    logs: list[Path] = []
    for path in map(Path, paths):
        logs += [log for log in _logs_of(path, None) if log not in logs]
    return logs


def logs_in(folder: Path, options: SourceOptions | None = None) -> list[Path]:
    """Logs of a folder, the newest first; those of our own come before others, and hide others beside them.

    Searched three folders deep. A file is a log if its beginning is recognised. One for which a package is
    missing comes after those that can be read.
    """
    own: list[Path] = []
    others: list[Path] = []
    for path in _files(folder):
        (own if path.name == LOG_NAME else others).append(path)
    own.sort(key=changed_at, reverse=True)
    beside = {path.parent for path in own}
    found = [
        (path, beginning.refusal)
        for path in likeliest([path for path in others if path.parent not in beside])
        if (beginning := beginning_of(path, options)).is_log
    ]
    return own + [path for path, refusal in sorted(found, key=lambda pair: bool(pair[1]))]


def likeliest(files: Iterable[Path]) -> list[Path]:
    """Those of the files that are worth opening, the newest first: with the endings of logs before others."""
    wanted = sorted(files, key=lambda path: (_is_likely(path), changed_at(path)), reverse=True)
    return sorted(wanted[:MAX_CANDIDATES], key=changed_at, reverse=True)


def _is_likely(path: Path) -> bool:
    return path.suffix in _LIKELY or path.name.startswith(EVENT_FILES)


def parts_of(given: Path, log: Path) -> list[Path]:
    """The files that make up a log found in a folder, oldest first; the last one is the one that grows.

    TensorBoard begins a new event file at each start, the Hugging Face Trainer writes its state
    anew into each checkpoint. A file that was named is read alone.
    """
    if not given.is_dir():
        return [log]
    if log.name.startswith(EVENT_FILES):
        return event_files(log.parent)
    if log.parent.name.startswith("checkpoint-"):
        states = log.parent.parent.glob(f"checkpoint-*/{log.name}")
        return [max(states, key=lambda state: (len(state.parent.name), state.parent.name))]
    return [log]


def splits_of(given: Path, log: Path, options: SourceOptions | None = None) -> list[Path]:
    """What together is the run of a log found in a folder: the folders of event files, or the tables, of its
    splits; [] for a log alone.
    """
    if not given.is_dir():
        return []
    if not log.name.startswith(EVENT_FILES):
        return table_parts(log, log.parent != given, options)
    is_split = names_a_split(log.parent) and log.parent != given
    return split_folders(log.parent.parent if is_split else log.parent)


def is_log(path: Path, options: SourceOptions | None = None) -> bool:
    """Whether the beginning of this file is of a known format."""
    return beginning_of(path, options).is_log


def why_none(folder: Path) -> str:
    """A sentence on a folder that has no log: what its newest table lacks, or that not all was looked at."""
    files = list(_files(folder))
    for path in likeliest(path for path in files if path.suffix in ENDINGS):
        with path.open("rb") as file:
            if hint := why_unread(file.read(HEAD_BYTES)):
                return f"{plain_text(str(path))} {hint}"
    if len(files) > MAX_CANDIDATES:
        return (
            f"There is no training log among the {MAX_CANDIDATES} files of {len(files):,} in the folder "
            f"{plain_text(str(folder))} that were looked at; name the file to read."
        )
    return f"There is no training log in the folder {plain_text(str(folder))}; name the file to read."


def _logs_of(path: Path, options: SourceOptions | None) -> list[Path]:
    name = plain_text(str(path))
    try:
        if path.is_dir():
            if logs := logs_in(path, options):
                return logs
            raise CannotRead(why_none(path))
        if path.exists():
            _try_to_open(path)
            return [path]
    except PermissionError:
        raise CannotRead(f"{name} may not be read: permission denied.") from None
    except OSError as error:
        raise CannotRead(f"{name} cannot be read: {error.strerror}.") from error
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
    if there := [match for match in matches if match.exists()]:
        return [log for match in there for log in _logs_of(match, options)]
    if matches:
        raise CannotRead(f"{name} is a link that leads to no file.")
    raise CannotRead(f"There is no file or folder {name}.")


def _try_to_open(path: Path) -> None:
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


def _files(folder: Path) -> Iterable[Path]:
    for root, folders, names in os.walk(folder):
        here = Path(root)
        depth = len(here.relative_to(folder).parts)
        folders[:] = [] if depth >= MAX_DEPTH else sorted(n for n in folders if not n.startswith("."))
        for name in names:
            path = here / name
            if path.suffix not in NO_LOGS and not name.startswith(".") and path.is_file():
                yield path


def changed_at(path: Path) -> float:
    """Unix time of a file's newest change; 0 for one that is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
