"""The `engine faults` commands: list the fire drills, explain one, run one beside its healthy twin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flight_recorder.engine.runlog.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from flight_recorder.engine.faults.fault import Fault

app = typer.Typer(
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="List the fire drills that --fault can switch on, explain one, or run one beside a healthy twin.",
)

FaultText = Annotated[str, typer.Argument(metavar="NAME[:STRENGTH]", help="A fault of the list.")]
FaultOrFamily = Annotated[str, typer.Argument(metavar="NAME", help="A fault or a family of the list.")]

COLOURS = {
    "green": "green",
    "yellow": "yellow",
    "orange": "dark_orange",
    "red": "red",
    "black": "bold magenta",
}
"""How a level is coloured; its name is always written out as well."""


@app.callback()
def list_faults(context: typer.Context) -> None:
    """List the fire drills that --fault can switch on, explain one, or run one beside a healthy twin."""
    if context.invoked_subcommand is not None:
        return
    from flight_recorder.engine.faults.registry import FAMILIES, FAULTS, faults_of

    table = _table()
    for family in FAMILIES:
        kinds = faults_of(family)
        names = "  ".join(f"[{COLOURS[kind.level]}]{kind.name}[/]" for kind in kinds)
        table.add_row(f"[bold]{family}[/]", names)
    called = {kind.level for kind in FAULTS.values()}
    levels = ", ".join(f"[{colour}]{level}[/]" for level, colour in COLOURS.items() if level in called)
    console = _console()
    console.print(table)
    console.print(f"{len(FAULTS)} drills, coloured by the level they must reach: {levels}. More:")
    console.print("engine faults explain NAME or FAMILY, engine faults run NAME")


@app.command()
def explain(name: FaultOrFamily) -> None:
    """Say what a fault breaks, which cause must be named, and by which step; or what a family breaks."""
    from flight_recorder.engine.faults.registry import FAMILIES, breaks, faults_of
    from flight_recorder.engine.faults.registry import explain as explained

    if name in FAMILIES:
        rows = [(f"[{COLOURS[kind.level]}]{kind.name}[/]", breaks(kind)) for kind in faults_of(name)]
    else:
        facts = explained(type(_parsed(name)))
        rows = [(f"[bold]{key}[/]", str(value)) for key, value in facts.items()]
    table = _table()
    for row in rows:
        table.add_row(*row)
    _console().print(table)


@app.command()
def run(
    fault: FaultText,
    config: Annotated[Path, typer.Argument(help="YAML file or a shipped one's name; cut short.")] = Path(
        "healthy"
    ),
    out: Annotated[
        Path | None, typer.Option(help="Folder of both runs. Default: experiments/drill-NAME.")
    ] = None,
) -> None:
    """Train a healthy run and a broken one, both short, and print what the monitor says of each.

    Exit code 0: the cause was named; 1: it was not; 2: the drill could not be made.
    """
    from flight_recorder.engine.faults.drill import DrillFailed, run_drill, shows

    drilled, console = _parsed(fault), _console()
    folder = out or Path("experiments") / f"drill-{drilled.name}"
    console.print(f"[bold]{drilled}[/]: {drilled.breaks.format(strength=drilled.strength)}")
    console.print(f"{_expected(drilled)} is expected; two runs of {drilled.num_steps} steps into {folder}")
    try:
        with console.status("training and judging both"):
            healthy, broken = run_drill(drilled, config, folder)
    except DrillFailed as error:
        _fail(str(error))
    table = _table()
    for judged in (healthy, broken):
        causes = ", ".join(judged.causes) or "none"
        table.add_row(f"[bold]{judged.name}[/]", f"[{COLOURS[judged.level]}]{judged}[/]")
        table.add_row("", f"causes, likeliest first: {causes}")
    console.print(table)
    named = shows(drilled, broken)
    console.print("[green]the fault was shown[/]" if named else "[red]the fault was NOT shown[/]")
    raise typer.Exit(0 if named else 1)


def _console() -> Console:
    """In colour and as wide as the terminal; without one, plain and a line for each row."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=1000)


def _table() -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def _expected(fault: Fault) -> str:
    by = f"by step {fault.deadline_step}"
    return f"{fault.cause} {by}" if fault.cause and fault.sign == "named" else f"a sign in the log {by}"


def _parsed(text: str) -> Fault:
    from flight_recorder.engine.faults.registry import UnknownFault, parse_fault

    try:
        return parse_fault(text)
    except UnknownFault as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    """Say what is wrong on stderr and leave with code 2."""
    typer.echo(printable(sentence, 2000), err=True)
    raise typer.Exit(2)
