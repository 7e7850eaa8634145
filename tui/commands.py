"""The commands of `tui`. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tui.cli import fail as _fail
from tui.command_options import (
    Clip,
    Config,
    Mapping,
    ThresholdsFile,
    TotalSteps,
    Vocab,
    bounds,
    heed,
    heed_reading,
    said_of_logs,
)

if TYPE_CHECKING:
    from tui.checks.thresholds import Thresholds
    from tui.checks.verdict import Verdict
    from tui.run import Run
    from tui.sources.parser import SourceOptions

app = typer.Typer(
    name="tui",
    help="A live monitor for training runs: what is wrong, since which step, and what to do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LogPath = Annotated[str, typer.Argument(metavar="PATH", help="A log, a run folder, or - for standard input.")]
LogPaths = Annotated[
    list[str],
    typer.Argument(metavar="PATH...", help="Logs, run folders, folders of runs; - for standard input."),
]


@app.command()
def watch(
    paths: LogPaths,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Follow a run live: seven panels and the tree. Opens before the file exists and waits for it."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip), bounds(thresholds)
    from tui.screen import app as screen

    _exit_with(lambda: screen.watch(paths, options=options, thresholds=limits))


@app.command()
def replay(
    path: LogPath,
    speed: Annotated[float, typer.Option(min=0.01, help="Times faster than it was recorded.")] = 20.0,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Show a recorded run as if it were live."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip), bounds(thresholds)
    from tui.screen import app as screen

    _exit_with(lambda: screen.watch([path], options=options, thresholds=limits, speed=speed))


@app.command()
def check(
    path: LogPath,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    fail_on: Annotated[str, typer.Option(metavar="LEVEL", help="yellow, orange, red or black.")] = "orange",
    follow: Annotated[bool, typer.Option(help="Keep judging while the run goes on.")] = False,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Judge a run by the tree, without a screen.

    Exit code 0: nothing at LEVEL or above; 1: something is; 2: it cannot be read. With --follow it ends with
    1 as soon as the level is reached: tui check --follow --fail-on red LOG || kill PID.
    """
    from tui.checks.verdict import Level

    if fail_on.upper() not in Level.__members__ or fail_on.upper() == "GREEN":
        _fail(f"--fail-on {fail_on}: the levels are yellow, orange, red and black.")
    level = Level[fail_on.upper()]
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip), bounds(thresholds)

    def judged() -> int:
        from rich.console import Console

        from tui.report import verdicts

        console = Console(highlight=False)
        if follow:
            from tui.report.live import follow_until

            run = follow_until(
                path, level, options, limits, _silence if as_json else verdicts.teller(console)
            )
        else:
            run = _read(path, options, limits)
        heed(options)
        if as_json:
            typer.echo(verdicts.as_json(run))
        else:
            verdicts.print_verdicts(run, console)
        heed_reading(run)
        return int(run.judge.level >= level)

    _exit_with(judged)


@app.command()
def show(
    path: LogPath,
    width: Annotated[int | None, typer.Option(min=20, help="Columns; the terminal's by default.")] = None,
    height: Annotated[int | None, typer.Option(min=10, help="Rows; the terminal's by default.")] = None,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Print the seven panels and the verdicts once, for a CI log or a quick look."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip), bounds(thresholds)

    def shown() -> int:
        from tui.report.show import print_run

        run = _read(path, options, limits)
        heed(options)
        print_run(run, width, height)
        heed_reading(run)
        return 0

    _exit_with(shown)


@app.command()
def report(
    path: LogPath,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; the log's own by default.")] = None,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Write dashboard.html and gap-analysis.md, or the post-mortem of a foreign log."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip), bounds(thresholds)

    def reported() -> int:
        from tui.report.files import report as write
        from tui.sources.recorded import locate

        run = _read(path, options, limits)
        heed(options)
        folder = out or (Path(locate(path)).parent if path != "-" else Path.cwd())
        for written in write(run, folder):
            typer.echo(str(written))
        heed_reading(run)
        return 0

    _exit_with(reported)


@app.command()
def compare(
    a: LogPath,
    b: LogPath,
    journal: Annotated[Path | None, typer.Option(help="Append the entry to this Markdown file.")] = None,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """What changed between two runs, in the config and in the outcome, and who won: a journal entry.

    What is said about the logs (--map, --config and so on) is said about both.
    """
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip), bounds(thresholds)
    if a == b == "-":
        _fail("standard input is one log; name a file for the other.")

    def compared() -> int:
        from tui.report.compare import append_to_journal, compare

        runs = _read(a, options, limits), _read(b, options, limits)
        heed(options)
        entry = compare(*runs)
        typer.echo(entry)
        if journal:
            append_to_journal(entry, journal)
        for run in runs:
            heed_reading(run)
        return 0

    _exit_with(compared)


@app.command()
def explain(
    check_id: Annotated[str, typer.Argument(metavar="CHECK", help="Id of a node, such as Q3.1.")],
    thresholds: ThresholdsFile = None,
) -> None:
    """One node of the tree: question, measure, thresholds, fix, source."""
    limits = bounds(thresholds)
    from tui.checks.explain import UnknownCheck, explanation

    try:
        typer.echo(explanation(check_id, limits))
    except UnknownCheck as error:
        _fail(str(error))


@app.command()
def export(
    path: LogPath,
    to: Annotated[str, typer.Option(help="csv, jsonl or tensorboard.")],
    out: Annotated[Path | None, typer.Option(help="File, or folder for tensorboard.")] = None,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
) -> None:
    """Write a run in another format: csv, jsonl or tensorboard."""
    options = said_of_logs(map_, config, vocab, total_steps, clip)

    def exported() -> int:
        from tui.follow.once import read_all
        from tui.report.export import export_run
        from tui.sources.errors import CannotRead

        batches = list(read_all(path, options))
        records = [record for batch in batches for record in batch.records]
        heed(options)
        stem = "standard-input" if path == "-" else path.rstrip("/")
        typer.echo(str(export_run(records, stem, to, out)))
        if batches and batches[-1].reading_stopped:
            raise CannotRead(batches[-1].reading_stopped)
        return 0

    _exit_with(exported)


def _silence(verdict: Verdict) -> None:
    """Nobody is told while the answer is one JSON object."""


def _read(path: str, options: SourceOptions, thresholds: Thresholds | None) -> Run:
    """The whole run, judged."""
    import gc

    from tui.follow.once import read_all
    from tui.run import Run

    gc.disable()  # records make no cycles; looking for some takes a fifth of the time, and then we end
    run = Run(path, thresholds)
    run.extend_by_all(read_all(path, options))
    return run


def _exit_with(work: Any) -> NoReturn:
    """Run the command's work and leave with its code; an error of its own is one sentence and 2, never 1."""
    from engine.runlog.reader import UnsupportedVersion
    from tui.sources.errors import CannotRead, own_error

    try:
        code = work()
    except (CannotRead, UnsupportedVersion) as error:
        _fail(str(error))
    except (OSError, typer.Exit, typer.Abort):
        raise  # said in one sentence above
    except Exception as error:
        _fail(f"this is an error of the program itself: {own_error(error)}")
    sys.stdout.flush()
    raise typer.Exit(code)
