"""Who follows what the user named: a file or folder, standard input, or a recording that is played again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flight_recorder.tui.follow.pipe import PipeFollower
from flight_recorder.tui.follow.splits import PathFollower
from flight_recorder.tui.follow.thread import Follows
from flight_recorder.tui.screen.runs.replay import ReplayFollower
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions


def follower_of(path: str, options: SourceOptions | None, speed: float | None) -> Follows:
    """What follows a run, or plays it again at a speed.

    Raises:
        CannotRead: there is no log to play again, or no terminal beside standard input.
    """
    if speed is not None:
        recording = ReplayFollower.of(path, options, speed)
        if path == "-":
            os.close(_piped())  # read to its end: keys come from the terminal now
        return recording
    if path == "-":
        return PipeFollower(_piped(), options)
    return PathFollower(Path(path), options, newest_first=True)


def _piped() -> int:
    """A descriptor of standard input; the terminal takes its place, so that keys can be read.

    Raises:
        CannotRead: nothing is piped in, or there is no terminal.
    """
    if sys.stdin.isatty():
        raise CannotRead("Standard input is the terminal; pipe a log into it: python train.py | tui watch -")
    from flight_recorder.tui.screen.terminal import keyboard_instead_of_stdin

    return keyboard_instead_of_stdin("tui check - or tui show -")
