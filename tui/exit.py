"""How the commands of `tui` say a last word and leave. It needs the standard library alone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from os import PathLike, fsencode, fspath
from types import FrameType
from typing import NoReturn

CANNOT_READ = 2
"""Exit code when a log, a file of thresholds or an option cannot be read, and when `tui` itself fails."""

PIPE_CLOSED = 128 + signal.SIGPIPE
"""Exit code when whoever read our output has gone, as of any program that the signal ends."""

_LONGEST = 10_000


def on_signals(leave: Callable[[int, FrameType | None], object]) -> None:
    """Have this done when the process is asked to end; a signal that is ignored (nohup) stays so."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)


def fail(message: str) -> NoReturn:
    """Say on standard error what is wrong, and leave. It may quote a name that would steer a terminal."""
    from flight_recorder.tui.defect import is_debugging
    from flight_recorder.tui.panels.printable import printable

    lines = message.splitlines() if is_debugging() else [message]  # a traceback keeps its lines
    try:
        sys.stderr.write("tui: " + "\n".join(printable(line, _LONGEST) for line in lines) + "\n")
        sys.stderr.flush()
    except OSError:  # nobody can be told, and the exit code must say it all the more
        give_up_output(sys.stderr.fileno())
    sys.exit(CANNOT_READ)


def give_up_output(descriptor: int = 1) -> None:
    """Drop what could not be written, or Python would try again at its end and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def say_path(path: str | PathLike[str]) -> None:
    """A path on a line of standard output: harmless to a terminal, to the byte for a program."""
    from flight_recorder.tui.panels.printable import printable

    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        sys.stdout.write(printable(fspath(path), _LONGEST) + "\n")
    else:
        sys.stdout.flush()
        buffer.write(fsencode(path) + b"\n")
