"""The `tui` command: a first word on the terminal, then the commands.

Half a second of imports lies behind some of them, and a twentieth behind the reading of options alone: what
stands here needs the standard library only.
"""

from __future__ import annotations

import sys
from os import PathLike, fsencode, fspath
from typing import NoReturn

CANNOT_READ = 2
"""Exit code when a log, a file of thresholds or an option cannot be read."""

_LONGEST = 10_000


def main() -> None:
    """Entry point of `tui`: one clear sentence for whatever goes wrong, never a traceback."""
    if sys.argv[1:2] == ["watch"]:
        from tui import first_frame

        first_frame.write(first_frame.paths_among(sys.argv[2:]))
    from tui.commands import app

    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our pipe has gone; there is nobody to tell
        sys.exit(141)
    except OSError as error:
        fail(f"{error.filename or 'the output'}: {error.strerror or error}")


def fail(message: str) -> NoReturn:
    """Say on standard error what is wrong, and leave. It may quote a name that would steer a terminal."""
    from tui.panels.printable import printable

    sys.stderr.write(f"tui: {printable(message, _LONGEST)}\n")
    sys.exit(CANNOT_READ)


def say_path(path: str | PathLike[str]) -> None:
    """A path on a line of standard output: harmless to a terminal, to the byte for a program."""
    from tui.panels.printable import printable

    if sys.stdout.isatty():
        sys.stdout.write(printable(fspath(path), _LONGEST) + "\n")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(fsencode(path) + b"\n")


if __name__ == "__main__":
    main()
