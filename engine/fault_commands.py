"""The `engine faults` commands: list the fire drills, explain one, run one beside its healthy twin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from engine.faults.fault import Fault

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="List the fire drills that --fault can switch on, explain one, or run one beside a healthy twin.",
)

FaultText = Annotated[str, typer.Argument(metavar="NAME[:STRENGTH]", help="A fault of the list.")]


@app.callback()
def list_faults(context: typer.Context) -> None:
    """List the fire drills that --fault can switch on, explain one, or run one beside a healthy twin."""
    if context.invoked_subcommand is not None:
        return
    from engine.faults.registry import FAULTS, breaks, family

    width = max(map(len, FAULTS))
    last = ""
    for fault in FAULTS.values():
        if family(fault) != last:
            last = family(fault)
            typer.echo(f"{last}:")
        typer.echo(f"  {fault.name:{width}}  {breaks(fault)}")


@app.command()
def explain(fault: FaultText) -> None:
    """Say what a fault breaks, which cause must be named, and by which step."""
    from engine.faults.registry import explain as explained

    for key, value in explained(type(_parsed(fault))).items():
        typer.echo(f"{key}: {value}")


@app.command()
def run(
    fault: FaultText,
    config: Annotated[Path, typer.Argument(help="YAML file; its length and warm-up are cut short.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of both runs. Default: experiments/drill-NAME.")
    ] = None,
) -> None:
    """Train a healthy run and a broken one, both short, and print what the monitor says of each.

    Exit code 0: the cause was named; 1: it was not; 2: the drill could not be made.
    """
    from engine.faults.drill import DrillFailed, run_drill, shows

    drilled = _parsed(fault)
    folder = out or Path("experiments") / f"drill-{drilled.name}"
    typer.echo(f"two runs of {drilled.num_steps} steps into {folder}; expected: {_expected(drilled)}")
    try:
        healthy, broken = run_drill(drilled, config, folder)
    except DrillFailed as error:
        _fail(str(error))
    for judged in (healthy, broken):
        causes = ", ".join(judged.causes) or "none"
        typer.echo(f"{judged.name}: {judged}\n  causes, likeliest first: {causes}")
    named = shows(drilled, broken)
    typer.echo("the fault was shown" if named else "the fault was NOT shown")
    raise typer.Exit(0 if named else 1)


def _expected(fault: Fault) -> str:
    by = f"by step {fault.deadline_step}"
    return f"{fault.cause} {by}" if fault.cause and fault.sign == "named" else f"a sign in the log {by}"


def _parsed(text: str) -> Fault:
    from engine.faults.registry import UnknownFault, parse_fault

    try:
        return parse_fault(text)
    except UnknownFault as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    """Say what is wrong on stderr and leave with code 2."""
    typer.echo(sentence, err=True)
    raise typer.Exit(2)
