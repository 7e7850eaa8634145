"""TensorBoard folders that are parts of one run: a writer for train/, one for val/, tags alike in both.

runs/a/events.out.tfevents.1.host
runs/a/train/events.out.tfevents.2.host          loss, lr
runs/a/val/events.out.tfevents.3.host            loss
"""

from __future__ import annotations

from pathlib import Path

from flight_recorder.tui.sources.naming.words import is_held_out, is_of_training

EVENT_FILES = "events.out.tfevents."


def split_folders(run: Path) -> list[Path]:
    """The run's folder, if it has event files itself, then those of its splits; [] unless a split has any."""
    try:
        found = [path for path in sorted(run.iterdir()) if names_a_split(path) and event_files(path)]
    except OSError:
        return []
    return [*([run] if event_files(run) else []), *found] if found else []


def names_a_split(folder: Path) -> bool:
    """Whether a folder's name says that it holds one split of a run."""
    return is_held_out(folder.name) or is_of_training(folder.name)


def event_files(folder: Path) -> list[Path]:
    """Event files of a folder, oldest first."""
    return sorted(folder.glob(f"{EVENT_FILES}*"))
