"""Which runs are meant by a folder of runs or a pattern."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from engine.runlog.schema import LOG_NAME
from tui.sources.errors import CannotRead
from tui.sources.parser import plain_text
from tui.sources.recorded import MAX_DEPTH, NO_LOGS, candidates, changed_at, is_log
from tui.sources.splits import event_files, split_folders


def runs_of(path: str) -> list[str]:
    """What to follow for each run that a path means: a folder of runs, a pattern, or the path itself.

    Raises:
        CannotRead: a pattern fits nothing, or the path is a pipe or a device.
    """
    if path != "-" and (Path(path).is_fifo() or Path(path).is_char_device() or Path(path).is_block_device()):
        raise CannotRead(f"{plain_text(path)} is no file that grows; read it as: cat FILE | tui watch -")
    if path == "-" or Path(path).exists() or not glob.has_magic(path):
        runs = runs_in(Path(path)) if path != "-" and Path(path).is_dir() else []
        return [str(run) for run in runs] if len(runs) > 1 else [path]
    found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207
    if not found:
        raise CannotRead(f"Nothing is called {plain_text(path)}; name a log or a folder of runs.")
    all_runs = [run for match in found for run in runs_of(match)]
    # A link names no run anew.
    return list({Path(run).resolve(): run for run in reversed(all_runs)}.values())[::-1]


def newest_of(runs: Sequence[str], number: int) -> list[str]:
    """At most so many of these runs, those that changed last, in the order given."""
    if len(runs) <= number:
        return list(runs)
    kept = set(sorted(runs, key=lambda run: _changed_at(Path(run)), reverse=True)[:number])
    return [run for run in runs if run in kept]


def runs_in(folder: Path) -> list[Path]:
    """What to follow for each run in a folder, the newest first: a log, or a folder of event files.

    A folder with a log in it, with checkpoints or with splits is one run; the given one may hold many logs.
    """
    runs = _runs(folder, is_given=True, depth=0)
    return sorted(runs, key=_changed_at, reverse=True)


def _changed_at(run: Path) -> float:
    return max(map(changed_at, [run, *_logs_at(run)]))


def _runs(folder: Path, is_given: bool, depth: int) -> list[Path]:
    if (folder / LOG_NAME).exists():
        return [folder / LOG_NAME]
    if event_files(folder) or split_folders(folder):
        return [folder]
    logs = sorted(_logs_at(folder), key=changed_at, reverse=True)
    if logs and not is_given:
        return logs[:1]
    if not logs and any(folder.glob("checkpoint-*/trainer_state.json")):
        return [folder]
    below = [path for path in _folders(folder) if depth < MAX_DEPTH]
    runs = [run for path in below for run in _runs(path, False, depth + 1)]
    if len(logs) == len(runs) == 1 and any(runs[0].glob("checkpoint-*")):
        return logs  # the only checkpoints beside the only log are its own
    return [*logs, *runs]


def _folders(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []
    return sorted(path for path in found if not path.is_symlink())  # W&B's latest-run is one of the others


def _logs_at(folder: Path) -> list[Path]:
    """Logs that lie in a folder itself."""
    try:
        files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    except OSError:
        return []
    may_be = (path for path in files if path.suffix not in NO_LOGS and not path.name.startswith("."))
    return [path for path in candidates(may_be) if is_log(path)]
