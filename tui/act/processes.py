"""A command and what it started, as far as the kernel tells: proc(5); elsewhere the command alone."""

from __future__ import annotations

import os
from pathlib import Path


def with_children(pid: int) -> list[int]:
    """The process and all below it."""
    return [pid, *_children(pid)]


def open_files(pid: int) -> list[Path]:
    """Files that a process and its children have open, where the kernel tells (proc(5))."""
    found: list[Path] = []
    for process in with_children(pid):
        try:
            links = list(Path(f"/proc/{process}/fd").iterdir())
            found += [Path(os.readlink(link)) for link in links]  # noqa: PTH115
        except OSError:
            continue
    return found


def _children(pid: int) -> list[int]:
    try:
        tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        below = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return []
    return below + [grandchild for child in below for grandchild in _children(child)]
