"""Which version this is, for both commands."""

from __future__ import annotations

from typing import Any

import typer

from flight_recorder import __version__


def version_option(program: str) -> Any:
    """The option --version of a command: print name and version, and leave."""

    def say(asked: bool) -> None:
        if asked:
            typer.echo(f"{program} {__version__}")
            raise typer.Exit

    return typer.Option("--version", callback=say, is_eager=True, help="Print the version and leave.")
