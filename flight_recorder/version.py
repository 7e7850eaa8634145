"""Which version this is: written here once, for the package, both commands and the build."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def version_option(program: str) -> Any:
    """The option --version of a command: print name and version, and leave."""
    import typer

    def say(asked: bool) -> None:
        if asked:
            typer.echo(f"{program} {__version__}")
            raise typer.Exit

    return typer.Option("--version", callback=say, is_eager=True, help="Print the version and leave.")
