"""Which runs are meant by a folder of runs or a pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.beginning import beginning_of
from flight_recorder.tui.sources.locate.recorded import MAX_DEPTH, NO_LOGS, changed_at, likeliest
from flight_recorder.tui.sources.locate.split_tables import are_one_run, table_parts
from flight_recorder.tui.sources.locate.splits import event_files, split_folders
from flight_recorder.tui.sources.parser import SourceOptions, plain_text


def runs_of(path: str, options: SourceOptions | None = None) -> list[str]:
    """What to follow for each run that a path means: a folder of runs, a pattern, or the path itself.

    Raises:
        CannotRead: a pattern fits nothing, or the path is a pipe or a device.
    """
    if path != "-" and (Path(path).is_fifo() or Path(path).is_char_device() or Path(path).is_block_device()):
        raise CannotRead(f"{plain_text(path)} is no file that grows; read it as: cat FILE | tui watch -")
    if not is_pattern(path):
        runs = runs_in(Path(path), options) if path != "-" and Path(path).is_dir() else []
        return [str(run) for run in runs] if len(runs) > 1 else [path]
    found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207
    if not found:
        raise CannotRead(f"Nothing is called {plain_text(path)}; name a log or a folder of runs.")
    all_runs = [run for match in found for run in runs_of(match, options)]
    # A link names no run anew.
    return list({os.path.realpath(run): run for run in reversed(all_runs)}.values())[::-1]


def runs_of_all(paths: Sequence[str], options: SourceOptions | None = None) -> list[str]:
    """What to read for each run that folders, patterns and logs mean, none twice; an empty folder itself.

    Raises:
        CannotRead: a pattern fits nothing.
    """
    return list(dict.fromkeys(run for path in paths for run in _all_at(path, options)))


def _all_at(path: str, options: SourceOptions | None) -> list[str]:
    if path != "-" and Path(path).is_dir():
        return [str(run) for run in runs_in(Path(path), options)] or [path]
    return runs_of(path, options) if is_pattern(path) else [path]


def is_pattern(path: str) -> bool:
    """Whether the path is one for the shell's rules and no file of that very name is there."""
    return path != "-" and glob.has_magic(path) and not Path(path).exists()


def telling_names(runs: Sequence[str]) -> list[str]:
    """The part of each path that tells it from the others: without the folders and the file name that all
    have; the path itself where there is one only.
    """
    parts = [Path(run).parts for run in runs]
    start = _num_alike(parts)
    end = _num_alike([names[start:][::-1] for names in parts])
    return [str(Path(*names[start : len(names) - end])) for names in parts]


def _num_alike(lists: Sequence[Sequence[str]]) -> int:
    """How many elements at the beginning all lists share, each keeping at least one."""
    if len(lists) < 2:
        return 0
    alike = 0
    for names in zip(*(one[: max(0, len(one) - 1)] for one in lists), strict=False):
        if len(set(names)) > 1:
            break
        alike += 1
    return alike


def newest_of(runs: Sequence[str], number: int) -> list[str]:
    """At most so many of these runs, those that changed last, in the order given."""
    if len(runs) <= number:
        return list(runs)
    kept = set(sorted(runs, key=lambda run: _changed_at(Path(run)), reverse=True)[:number])
    return [run for run in runs if run in kept]


def runs_in(folder: Path, options: SourceOptions | None = None) -> list[Path]:
    """What to follow for each run in a folder, the newest first: a log, or a folder of event files.

    A folder with a log in it, with checkpoints or with splits is one run; the given one may hold many logs.
    """
    runs = _runs(folder, options, is_given=True, depth=0)
    return sorted(runs, key=_changed_at, reverse=True)


def _changed_at(run: Path) -> float:
    return max(map(changed_at, [run, *_logs_at(run)]))


def _runs(folder: Path, options: SourceOptions | None, is_given: bool, depth: int) -> list[Path]:
    if (folder / LOG_NAME).exists():
        return [folder / LOG_NAME]
    if event_files(folder) or split_folders(folder):
        return [folder]
    logs = _logs_at(folder, options)
    if logs and (not is_given or are_one_run(logs)) and table_parts(logs[0], False, options):
        return [folder]
    if logs and (not is_given or _is_of_one_run(folder)):
        return logs[:1]
    if not logs and any(folder.glob("checkpoint-*/trainer_state.json")):
        return [folder]
    below = [path for path in _folders(folder) if depth < MAX_DEPTH]
    runs = [run for path in below for run in _runs(path, options, False, depth + 1)]
    are_splits = not logs and runs and all(run.parent.parent == folder for run in runs)
    if are_splits and table_parts(runs[0], True, options):
        return [folder]
    if len(logs) == len(runs) == 1 and any(runs[0].glob("checkpoint-*")):
        return logs  # the only checkpoints beside the only log are its own
    return [*logs, *runs]


def _folders(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []
    return sorted(path for path in found if not path.is_symlink())  # W&B's latest-run is one of the others


def _is_of_one_run(folder: Path) -> bool:
    """Whether a program that makes a folder for each run wrote it; all that lies there is of one run."""
    return (folder / "trainer_state.json").exists() or any(folder.glob("*.wandb"))


def _logs_at(folder: Path, options: SourceOptions | None = None) -> list[Path]:
    """Logs that lie in a folder itself, the newest first; those that need a package which is missing last."""
    try:
        files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    except OSError:
        return []
    candidates = [path for path in files if path.suffix not in NO_LOGS and not path.name.startswith(".")]
    found = [(path, beginning_of(path, options)) for path in likeliest(candidates)]
    return [path for path, one in sorted(found, key=lambda pair: bool(pair[1].refusal)) if one.is_log]
