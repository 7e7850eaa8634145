"""The commands of `tui`. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from flight_recorder.tui import defect
from flight_recorder.tui.command_options import (
    LogOptions,
    Metrics,
    Notify,
    NotifyLevel,
    ThresholdsFile,
    bounds,
    heed,
    heed_reading,
    keep_apart,
    level_named,
    log_options,
    observers,
)
from flight_recorder.tui.exit import fail as _fail
from flight_recorder.tui.exit import say_path
from flight_recorder.version import version_option

if TYPE_CHECKING:
    from flight_recorder.tui.checks.verdict import Verdict
    from flight_recorder.tui.run import Run

app = typer.Typer(
    name="tui",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def tui(version: Annotated[bool, version_option("tui")] = False) -> None:
    """A live monitor for training runs: what is wrong, since which step, and what to do."""


LogPath = Annotated[str, typer.Argument(metavar="PATH", help="A log, a run folder, or - for standard input.")]
LogPaths = Annotated[
    list[str],
    typer.Argument(metavar="PATH...", help="Logs, run folders, folders of runs; - for standard input."),
]


@app.command()
@log_options()
def watch(
    log: LogOptions,
    paths: LogPaths,
    notify: Notify = None,
    notify_level: NotifyLevel = "orange",
    metrics: Metrics = None,
) -> None:
    """Follow a run live: its panels and the tree. Opens before the file exists and waits for it."""
    from flight_recorder.tui.screen import watch as screen

    observe = observers(notify, notify_level, metrics)
    _exit_with(lambda: screen.watch(paths, options=log.source, thresholds=log.thresholds, observe=observe))


@app.command()
@log_options()
def replay(
    log: LogOptions,
    path: LogPath,
    speed: Annotated[float, typer.Option(min=0.01, help="Times faster than it was recorded.")] = 20.0,
) -> None:
    """Show a recorded run as if it were live."""
    from flight_recorder.tui.screen import watch as screen

    _exit_with(lambda: screen.watch([path], options=log.source, thresholds=log.thresholds, speed=speed))


@app.command()
@log_options()
def check(
    log: LogOptions,
    paths: LogPaths,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="One JSON object a run, a line each.")
    ] = False,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="For CI: github, junit or markdown.")
    ] = None,
    fail_on: Annotated[str, typer.Option(metavar="LEVEL", help="yellow, orange, red or black.")] = "orange",
    newest: Annotated[
        bool, typer.Option("--newest", help="Of many runs, only the one written to last.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Keep judging while the run goes on.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="SECONDS", help="With --follow: give up after such a silence, code 2."),
    ] = None,
    notify: Notify = None,
    notify_level: NotifyLevel = "orange",
    metrics: Metrics = None,
) -> None:
    """Judge a run by the tree, without a screen; of many runs a line each, the worst first.

    Exit code 0: nothing at LEVEL or above; 1: something is; 2: it cannot be read, or not be judged. With
    --follow it ends with 1 as soon as the level is reached: tui check --follow --fail-on red LOG || kill PID.
    """
    level, observe = level_named(fail_on), observers(notify, notify_level, metrics)
    if (notify or metrics) and not follow:
        _fail("--notify and --metrics are for --follow: without it nothing goes on.")
    if format_ is not None and (follow or as_json or json_lines):
        _fail("--format is a whole answer of its own: leave --follow, --json and --json-lines away.")
    if timeout is not None and not follow:
        _fail("--timeout is for --follow: without it nothing is waited for.")

    def judged() -> int:
        from flight_recorder.tui.report.terminal import verdicts
        from flight_recorder.tui.sources.errors import CannotRead
        from flight_recorder.tui.sources.locate.runs import newest_of, runs_of_all

        runs = runs_of_all(paths, log.source)
        runs = newest_of(runs, 1) if newest else runs
        if len(runs) > 1 and follow:
            raise CannotRead(
                f"--follow judges one run, and these are {len(runs)}; name one, or say --newest."
            )
        if len(runs) > 1 or format_:
            from flight_recorder.tui.report.terminal import several

            with_documents = as_json or json_lines or format_ is not None
            found = several.judge_all(runs, several.Order(log.source, log.thresholds, with_documents))
            if format_:
                several.tell_in(format_, found, level)
            else:
                several.tell(found, as_json, json_lines)
            return several.exit_code(found, level)
        console, is_json = verdicts.page(), as_json or json_lines
        if follow:
            from flight_recorder.tui.report.terminal.live import follow_until

            tell = _silence if is_json else verdicts.teller(console)
            with observe(runs[0]) as look:
                run = follow_until(runs[0], level, log.source, log.thresholds, tell, timeout, look)
        else:
            run = _read(runs[0], log)
        heed(log.source)
        if is_json:
            typer.echo(verdicts.as_json(run))
        else:
            verdicts.print_verdicts(run, console)
        heed_reading(run)
        if run.judge.level >= level:
            return 1
        if failed := verdicts.sentence_on_failed(run):
            sys.stdout.flush()
            _fail(failed)
        return 0

    _exit_with(judged)


@app.command()
@log_options()
def show(
    log: LogOptions,
    path: LogPath,
    width: Annotated[
        int | None, typer.Option(min=20, max=1000, help="Columns; the terminal's by default.")
    ] = None,
    height: Annotated[
        int | None, typer.Option(min=10, max=1000, help="Rows; the terminal's by default.")
    ] = None,
) -> None:
    """Print the panels and the verdicts once, for a CI log or a quick look."""

    def shown() -> int:
        from flight_recorder.tui.report.terminal.show import print_run

        run = _read(path, log)
        heed(log.source)
        print_run(run, width, height)
        heed_reading(run)
        return 0

    _exit_with(shown)


@app.command()
@log_options()
def report(
    log: LogOptions,
    path: LogPath,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; the log's own by default.")] = None,
) -> None:
    """Write dashboard.html and gap-analysis.md, or the post-mortem of a foreign log."""

    def reported() -> int:
        from flight_recorder.tui.report.files import report as write
        from flight_recorder.tui.sources.locate.recorded import locate

        run = _read(path, log)
        heed(log.source)
        folder = out or (Path(locate(path, log.source)).parent if path != "-" else Path.cwd())
        for written in write(run, folder):
            say_path(written)
        heed_reading(run)
        return 0

    _exit_with(reported)


@app.command()
@log_options()
def compare(
    log: LogOptions,
    paths: Annotated[list[str], typer.Argument(metavar="A B...", help="Two logs or run folders, or more.")],
    journal: Annotated[Path | None, typer.Option(help="Append the entry to this Markdown file.")] = None,
) -> None:
    """What changed between two runs, in the config and in the outcome, and who won: a journal entry.

    More runs are all compared with the first, in tables. What is said about the logs (--map, --config and so
    on) is said about all.
    """
    if len(paths) < 2:
        _fail("compare takes two logs at least: tui compare A B.")
    if paths.count("-") > 1:
        _fail("standard input is one log; name a file for the other.")

    def compared() -> int:
        from flight_recorder.tui.report.compare.compare import append_to_journal, compare, compare_all

        keep_apart(journal, paths)
        runs = [_read(path, log) for path in paths]
        heed(log.source)
        entry = compare(runs[0], runs[1]) if len(runs) == 2 else compare_all(runs)
        typer.echo(entry)
        if journal:
            append_to_journal(entry, journal)
        for run in runs:
            heed_reading(run)
        return 0

    _exit_with(compared)


@app.command()
def explain(
    check_id: Annotated[
        str | None,
        typer.Argument(metavar="[CHECK]", help="Id of a node, such as Q3.1; all are listed without."),
    ] = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """One node of the tree: question, measure, thresholds, fix, source. Without CHECK, every node's id."""
    limits = bounds(thresholds)
    from flight_recorder.tui.checks.documents.explain import UnknownCheck, explanation
    from flight_recorder.tui.checks.tree import every_check

    if check_id is None:
        typer.echo("\n".join(f"{check.id:8}{check.question}" for check in every_check()))
        return
    try:
        typer.echo(explanation(check_id, limits))
    except UnknownCheck as error:
        _fail(f"{error}; `tui explain` alone lists every id.")


@app.command()
@log_options(is_judged=False)
def export(
    log: LogOptions,
    path: LogPath,
    to: Annotated[str, typer.Option(help="csv, jsonl or tensorboard.")],
    out: Annotated[Path | None, typer.Option(help="File, or folder for tensorboard.")] = None,
) -> None:
    """Write a run in another format: csv, jsonl or tensorboard."""

    def exported() -> int:
        from flight_recorder.tui.follow.once import read_all
        from flight_recorder.tui.report.export import export_run
        from flight_recorder.tui.sources.errors import CannotRead

        keep_apart(out, [path])
        batches = list(read_all(path, log.source))
        records = [record for batch in batches for record in batch.records]
        heed(log.source)
        stem = "standard-input" if path == "-" else path.rstrip("/")
        say_path(export_run(records, stem, to, out))
        if batches and batches[-1].reading_stopped:
            raise CannotRead(batches[-1].reading_stopped)
        return 0

    _exit_with(exported)


@app.command(context_settings={"ignore_unknown_options": True})
@log_options()
def run(
    log: LogOptions,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The training to run.")],
    copy: Annotated[
        Path | None,
        typer.Option("--log", help="Where its output is copied to; run-<time>.log by default."),
    ] = None,
    notify: Notify = None,
    notify_level: NotifyLevel = "orange",
    metrics: Metrics = None,
    guard: Annotated[
        Path | None,
        typer.Option(metavar="POLICY", help="Act as this file says, or a shipped one: careful, thrifty."),
    ] = None,
) -> None:
    """Run a training and judge it meanwhile: call when it goes wrong (--notify), act (--guard).

    Its output, its keyboard and its exit code are its own. A copy of the output is the log, unless the
    training writes one of our own; `tui watch` on it shows the run in another pane. Exit code 143: the guard
    stopped it.
    """
    observe = observers(notify, notify_level, metrics)
    from flight_recorder.tui.act.command import run_supervised

    _exit_with(lambda: run_supervised(command, copy, log.source, log.thresholds, observe, guard))


@app.command()
@log_options()
def guard(
    log: LogOptions,
    path: LogPath,
    policy: Annotated[
        Path, typer.Option("--dry-run", metavar="POLICY", help="A policy file, or careful, thrifty.")
    ],
) -> None:
    """What a guard would have done in a recorded run, at which step, and what that would have saved."""

    def rehearsed() -> int:
        from flight_recorder.tui.act.command import rehearse
        from flight_recorder.tui.follow.once import read_all

        typer.echo(rehearse(path, read_all(path, log.source), log.thresholds, policy))
        heed(log.source)
        return 0

    _exit_with(rehearsed)


@app.command()
def schema() -> None:
    """Print the JSON Schema of what check --json prints."""
    import json

    from flight_recorder.tui.report.terminal.schema import schema as made

    typer.echo(json.dumps(made(), indent=2))


@app.command()
def mcp(
    root: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="What it may read: nothing outside.")
    ] = Path(),
) -> None:
    """Answer agents over the Model Context Protocol on standard input and output. It only reads."""
    from flight_recorder.tui.act.mcp_server import serve

    def served() -> int:
        serve(root)
        return 0

    _exit_with(served)


def _silence(verdict: Verdict) -> None:
    """Nobody is told while the answer is one JSON object."""


def _read(path: str, log: LogOptions) -> Run:
    """The whole run, judged."""
    import gc

    from flight_recorder.tui.follow.once import read_all
    from flight_recorder.tui.run import Run

    gc.disable()  # records make no cycles; looking for some takes a fifth of the time, and then we end
    run = Run(path, log.thresholds)
    run.extend_by_all(read_all(path, log.source))
    return run


def _exit_with(work: Any) -> NoReturn:
    """Run the command's work and leave with its code; an error of its own is one sentence and 2, never 1."""
    from flight_recorder.engine.runlog.reader import UnsupportedVersion
    from flight_recorder.tui.sources.errors import CannotRead

    try:
        code = work()
    except (CannotRead, UnsupportedVersion) as error:
        _fail(str(error))
    except (OSError, typer.Exit, typer.Abort):
        raise  # said in one sentence above
    except Exception as error:
        if defect.is_debugging():
            raise
        _fail(defect.sentence(error))
    sys.stdout.flush()
    raise typer.Exit(code)
