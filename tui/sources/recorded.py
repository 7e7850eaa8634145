"""Which file is meant: a path, a run folder, a folder of runs, a pattern."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from engine.runlog.schema import LOG_NAME
from tui.sources.errors import CannotRead
from tui.sources.parser import plain_text
from tui.sources.recognise import Recognising
from tui.sources.splits import EVENT_FILES, event_files, names_a_split, split_folders

STANDARD_INPUT = Path("-")

HEAD_BYTES = 2**18
"""How much of a file is looked at to tell whether it is a log."""

MAX_DEPTH = 3
MAX_CANDIDATES = 200
"""Files of one ending in a folder that are opened, the newest ones: many others hide no log."""
_SCRIPTS = {".py", ".md", ".html", ".yaml", ".yml", ".toml", ".lock"}
_TENSORS = {".pt", ".pth", ".bin", ".safetensors", ".npy", ".npz", ".model", ".zip", ".gz"}
_PICTURES = {".png", ".jpg", ".svg"}
NO_LOGS = _SCRIPTS | _TENSORS | _PICTURES
"""Endings of files that no program logs its training into: not even opened when a folder is searched."""


def locate(path: Path | str) -> Path:
    """The one log that is meant by a path, a folder (its newest log) or a pattern; "-" stays as it is.

    Raises:
        CannotRead: there is none, or it may not be read.
    """
    path = Path(path)
    if path == STANDARD_INPUT:
        return path
    found = _logs_of(path)
    return found[0] if path.is_dir() else max(found, key=changed_at)


def locate_all(paths: Iterable[Path | str]) -> list[Path]:
    """Every log that is meant by paths, folders (all runs in them) and patterns, in order, none twice.

    Raises:
        CannotRead: one of them means none.
    """
    logs: list[Path] = []
    for path in map(Path, paths):
        logs += [log for log in _logs_of(path) if log not in logs]
    return logs


def logs_in(folder: Path) -> list[Path]:
    """Logs of a folder, the newest first; those of our own come before others, and hide others beside them.

    Searched three folders deep. A file is a log if its beginning is recognised.
    """
    own: list[Path] = []
    others: list[Path] = []
    for path in _files(folder):
        (own if path.name == LOG_NAME else others).append(path)
    own.sort(key=changed_at, reverse=True)
    beside = {path.parent for path in own}
    return own + [
        path for path in candidates(path for path in others if path.parent not in beside) if is_log(path)
    ]


def candidates(paths: Iterable[Path]) -> list[Path]:
    """The files that are worth opening, the newest first: at most MAX_CANDIDATES of each ending."""
    num_of_ending: Counter[str] = Counter()
    found = []
    for path in sorted(paths, key=changed_at, reverse=True):
        num_of_ending[path.suffix] += 1
        if num_of_ending[path.suffix] <= MAX_CANDIDATES:
            found.append(path)
    return found


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


def splits_of(given: Path, log: Path) -> list[Path]:
    """The folders whose event files together are the run of a log found in a folder; [] for one alone."""
    if not given.is_dir() or not log.name.startswith(EVENT_FILES):
        return []
    is_split = names_a_split(log.parent) and log.parent != given
    return split_folders(log.parent.parent if is_split else log.parent)


def is_log(path: Path) -> bool:
    """Whether the beginning of this file is of a known format."""
    head = Recognising(path.name)
    try:
        with without_waiting(path) as file:
            block = file.read(HEAD_BYTES) or b""
        head.feed(block)
        if not head.format and len(block) < HEAD_BYTES:
            head.finish()
    except (
        Exception
    ):  # whatever it is, it must not hide the logs beside it; reading it alone says what is wrong
        return False
    return bool(head.format)


def without_waiting(path: Path) -> FileIO:
    """The file, opened so that a pipe without a writer and a device without news hold nobody up.

    Where it has nothing to give now, `read` returns None.
    """
    return FileIO(path, "r", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def _logs_of(path: Path) -> list[Path]:
    name = plain_text(str(path))
    try:
        if path.is_dir():
            if logs := logs_in(path):
                return logs
            raise CannotRead(
                f"There is no training log in the folder {name} "
                f"(of each ending the newest {MAX_CANDIDATES} files were looked at); name the file to read."
            )
        if path.exists():
            _try_to_open(path)
            return [path]
    except PermissionError:
        raise CannotRead(f"{name} may not be read: permission denied.") from None
    except OSError as error:
        raise CannotRead(f"{name} cannot be read: {error.strerror}.") from error
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
    if matches:
        return [log for match in matches for log in _logs_of(match)]
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
