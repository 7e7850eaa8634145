"""The runs that are watched together: those found at the start, and those that begin while one watches."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.spans import said
from flight_recorder.tui.screen.runs.followers import follower_of
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recorded import why_none
from flight_recorder.tui.sources.locate.runs import newest_of, runs_in, runs_of
from flight_recorder.tui.sources.naming.options import GivenNames, SourceOptions

MOST_RUNS = 8
"""Runs of one folder that are opened together, the newest ones; more cannot be told apart on a panel."""

LOOK_S = 2.0
"""How often folders and patterns are searched for runs that have begun."""


@dataclass
class RunsBegan(Message):
    """Runs that were not there before."""

    paths: list[str]


class Gathering:
    """What the user named, and which runs of it are known.

    Attributes:
        notice: what to say of runs that were found and not opened; empty when all were.
        num_found: how many runs there were at the start.
    """

    def __init__(
        self,
        paths: Sequence[str],
        options: SourceOptions | None = None,
        thresholds: Thresholds | None = None,
        speed: float | None = None,
    ) -> None:
        self.notice = ""
        self.num_found = 0
        self._paths = list(paths)
        self._options, self._thresholds, self._speed = options, thresholds, speed
        self._known: set[str] = set()
        self._num_opened = 0
        self._awaited: dict[str, str] = {}
        self._is_followed_whole: set[str] = set()

    @property
    def grows(self) -> bool:
        """Whether runs may join: a replay and a log that was named stay what they are."""
        return self._speed is None and any(map(_is_of_many, self._paths))

    def open_all(self) -> list[Watched]:
        """One followed run for each path, for each log of a folder of runs.

        Raises:
            CannotRead: a log to replay is not there, or a pattern fits nothing.
        """
        return [self.open(run) for path in self._paths for run in self._chosen(path)]

    def open(self, path: str) -> Watched:
        """One more run, followed."""
        follower = follower_of(path, self._options, self._speed)
        self._num_opened += 1
        return Watched(self._num_opened - 1, path, follower, self._thresholds)

    def look(self, post: Callable[[Message], object]) -> None:
        """Search again; runs that have begun are posted. Takes as long as the disk does."""
        began = [run for path in self._paths if _is_of_many(path) for run in self._new_in(path)]
        if began:
            post(RunsBegan(began))

    def remark(self, run: Run) -> str:
        """What there is to say of a run: where nothing is to be seen yet, or which given name no log has."""
        if run.recording.last_step is None:
            return self._awaited.get(run.path, "")
        return self.unmet() if run.recording.last_step else ""

    def unmet(self) -> str:
        """A sentence on a name that the user gave and no log has had so far; empty for none."""
        names = self._options.names if self._options else {}
        return names.unmet() if isinstance(names, GivenNames) else ""

    def _chosen(self, path: str) -> list[str]:
        if self._speed is not None:
            return [path]
        found = runs_of(path, self._options)
        here = {os.path.realpath(run) for run in self._all_in(path)} if _is_of_many(path) else set()
        self._known |= here
        if not here and path != "-" and not Path(path).is_file():
            self._is_followed_whole.add(path)
            self._awaited[path] = _awaited(Path(path))
        self.num_found += len(found)
        if len(found) > MOST_RUNS:
            self.notice = f"the {MOST_RUNS} newest of {len(found)} runs; `tui check {said(path)}` judges all"
        return newest_of(found, MOST_RUNS)

    def _new_in(self, path: str) -> list[str]:
        new = [run for run in self._all_in(path) if os.path.realpath(run) not in self._known]
        self._known |= {os.path.realpath(run) for run in new}
        if new and path in self._is_followed_whole:
            self._is_followed_whole.remove(path)  # its first run is followed as the folder
            return new[:-1]
        return new

    def _all_in(self, path: str) -> list[str]:
        """Every run that a folder or a pattern means now, the newest first."""
        try:
            if Path(path).is_dir():
                return [str(run) for run in runs_in(Path(path), self._options)]
            return runs_of(path, self._options)
        except (CannotRead, OSError):
            return []


def _is_of_many(path: str) -> bool:
    return path != "-" and (Path(path).is_dir() or (glob.has_magic(path) and not Path(path).exists()))


def _awaited(path: Path) -> str:
    """Where nothing was found, in full, for a relative path may be meant from another folder."""
    if path.is_dir():
        return why_none(path)
    return f"nothing is at {said(str(path.absolute()))} yet; it opens once there is"
