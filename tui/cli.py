"""The `tui` command: a first word on the terminal, then the commands.

Half a second of imports lies behind some of them, and a twentieth behind the reading of options alone: what
stands here needs the standard library only.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from flight_recorder.tui import defect, plain_letters
from flight_recorder.tui.exit import PIPE_CLOSED, fail, give_up_output, on_signals


def main() -> None:
    """Entry point of `tui`: one clear sentence for whatever goes wrong, never a traceback."""
    open_closed_streams()
    write_any_text()
    try:
        if sys.argv[1:2] in (["watch"], ["replay"]):
            on_signals(_leave)
        if sys.argv[1:2] == ["watch"]:
            from flight_recorder.tui import first_frame

            first_frame.write(first_frame.paths_among(sys.argv[2:]))
        from flight_recorder.tui.commands import app

        app()
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        give_up_output()  # typer leaves with 1 when a pipe breaks, but that is the answer of `tui check`
        sys.exit(PIPE_CLOSED)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        give_up_output()
        sys.exit(PIPE_CLOSED)
    except OSError as error:
        give_up_output()
        fail(f"{error.filename or 'the output'}: {error.strerror or error}")
    except Exception as error:
        if defect.is_debugging():
            raise
        fail(defect.sentence(error))


def open_closed_streams() -> None:
    """Where a standard stream was closed (`>&-`) put an empty one: nobody hears, and nothing else changes.

    Without this the next file that is opened would become the standard output.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            while os.open(os.devnull, os.O_RDWR) < descriptor:
                pass
            stream = open(descriptor, "r" if name == "stdin" else "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def write_any_text() -> None:
    """A letter that the terminal's encoding lacks becomes the nearest that it has, and ends nothing."""
    plain_letters.use()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=plain_letters.NAME)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """Before there is a screen, which restores its terminal. An exception could be lost in an import."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
