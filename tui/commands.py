"""The commands of `tui`. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from flight_recorder.tui import defect
from flight_recorder.tui.command_options import (
    Clip,
    Config,
    Kind,
    Mapping,
    Metrics,
    Notify,
    NotifyLevel,
    ThresholdsFile,
    TotalSteps,
    Vocab,
    bounds,
    heed,
    heed_reading,
    level_named,
    observers,
    said_of_logs,
)
from flight_recorder.tui.exit import fail as _fail
from flight_recorder.tui.exit import say_path
from flight_recorder.version import version_option

if TYPE_CHECKING:
    from flight_recorder.tui.checks.thresholds import Thresholds
    from flight_recorder.tui.checks.verdict import Verdict
    from flight_recorder.tui.run import Run
    from flight_recorder.tui.sources.parser import SourceOptions

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
def watch(
    paths: LogPaths,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Follow a run live: seven panels and the tree. Opens before the file exists and waits for it."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)
    from flight_recorder.tui.screen import app as screen

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
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Show a recorded run as if it were live."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)
    from flight_recorder.tui.screen import app as screen

    _exit_with(lambda: screen.watch([path], options=options, thresholds=limits, speed=speed))


@app.command()
def check(
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
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Judge a run by the tree, without a screen; of many runs a line each, the worst first.

    Exit code 0: nothing at LEVEL or above; 1: something is; 2: it cannot be read, or not be judged. With
    --follow it ends with 1 as soon as the level is reached: tui check --follow --fail-on red LOG || kill PID.
    """
    level, observe = level_named(fail_on), observers(notify, notify_level, metrics)
    if notify and not follow:
        _fail("--notify is for --follow: without it there is nothing to wait for.")
    if metrics and not follow:
        _fail("--metrics is for --follow: it shows how a run goes on.")
    if format_ is not None and (follow or as_json or json_lines):
        _fail("--format is a whole answer of its own: leave --follow, --json and --json-lines away.")
    if timeout is not None and not follow:
        _fail("--timeout is for --follow: without it nothing is waited for.")
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)

    def judged() -> int:
        from flight_recorder.tui.report.terminal import verdicts
        from flight_recorder.tui.sources.errors import CannotRead
        from flight_recorder.tui.sources.locate.runs import newest_of, runs_of_all

        runs = runs_of_all(paths, options)
        runs = newest_of(runs, 1) if newest else runs
        if len(runs) > 1 and follow:
            raise CannotRead(
                f"--follow judges one run, and these are {len(runs)}; name one, or say --newest."
            )
        if len(runs) > 1 or format_:
            from flight_recorder.tui.report.terminal import several

            with_documents = as_json or json_lines or format_ is not None
            found = several.judge_all(runs, several.Order(options, limits, with_documents))
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
                run = follow_until(runs[0], level, options, limits, tell, timeout, look)
        else:
            run = _read(runs[0], options, limits)
        heed(options)
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
def show(
    path: LogPath,
    width: Annotated[int | None, typer.Option(min=20, help="Columns; the terminal's by default.")] = None,
    height: Annotated[int | None, typer.Option(min=10, help="Rows; the terminal's by default.")] = None,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Print the seven panels and the verdicts once, for a CI log or a quick look."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)

    def shown() -> int:
        from flight_recorder.tui.report.terminal.show import print_run

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
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Write dashboard.html and gap-analysis.md, or the post-mortem of a foreign log."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)

    def reported() -> int:
        from flight_recorder.tui.report.files import report as write
        from flight_recorder.tui.sources.locate.recorded import locate

        run = _read(path, options, limits)
        heed(options)
        folder = out or (Path(locate(path, options)).parent if path != "-" else Path.cwd())
        for written in write(run, folder):
            say_path(written)
        heed_reading(run)
        return 0

    _exit_with(reported)


@app.command()
def compare(
    paths: Annotated[list[str], typer.Argument(metavar="A B...", help="Two logs or run folders, or more.")],
    journal: Annotated[Path | None, typer.Option(help="Append the entry to this Markdown file.")] = None,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """What changed between two runs, in the config and in the outcome, and who won: a journal entry.

    More runs are all compared with the first, in tables. What is said about the logs (--map, --config and so
    on) is said about all.
    """
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)
    if len(paths) < 2:
        _fail("compare takes two logs at least: tui compare A B.")
    if paths.count("-") > 1:
        _fail("standard input is one log; name a file for the other.")

    def compared() -> int:
        from flight_recorder.tui.report.compare.compare import append_to_journal, compare, compare_all

        runs = [_read(path, options, limits) for path in paths]
        heed(options)
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
        from flight_recorder.tui.follow.once import read_all
        from flight_recorder.tui.report.export import export_run
        from flight_recorder.tui.sources.errors import CannotRead

        batches = list(read_all(path, options))
        records = [record for batch in batches for record in batch.records]
        heed(options)
        stem = "standard-input" if path == "-" else path.rstrip("/")
        say_path(export_run(records, stem, to, out))
        if batches and batches[-1].reading_stopped:
            raise CannotRead(batches[-1].reading_stopped)
        return 0

    _exit_with(exported)


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The training to run.")],
    log: Annotated[
        Path | None, typer.Option(help="Where its output is copied to; run-<time>.log by default.")
    ] = None,
    notify: Notify = None,
    notify_level: NotifyLevel = "orange",
    metrics: Metrics = None,
    guard: Annotated[
        Path | None,
        typer.Option(metavar="POLICY", help="Act as this file says, or a shipped one: careful, thrifty."),
    ] = None,
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """Run a training and judge it meanwhile: call when it goes wrong (--notify), act (--guard).

    Its output, its keyboard and its exit code are its own. A copy of the output is the log, unless the
    training writes one of our own; `tui watch` on it shows the run in another pane. Exit code 143: the guard
    stopped it.
    """
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)
    observe = observers(notify, notify_level, metrics)
    from flight_recorder.tui.act.command import run_supervised

    _exit_with(lambda: run_supervised(command, log, options, limits, observe, guard))


@app.command()
def guard(
    path: LogPath,
    policy: Annotated[
        Path, typer.Option("--dry-run", metavar="POLICY", help="A policy, or careful, thrifty.")
    ],
    map_: Mapping = None,
    config: Config = None,
    vocab: Vocab = None,
    total_steps: TotalSteps = None,
    clip: Clip = None,
    kind: Kind = None,
    thresholds: ThresholdsFile = None,
) -> None:
    """What a guard would have done in a recorded run, at which step, and what that would have saved."""
    options, limits = said_of_logs(map_, config, vocab, total_steps, clip, kind), bounds(thresholds)

    def rehearsed() -> int:
        from flight_recorder.tui.act.command import rehearse
        from flight_recorder.tui.follow.once import read_all

        typer.echo(rehearse(path, read_all(path, options), limits, policy))
        heed(options)
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


def _read(path: str, options: SourceOptions, thresholds: Thresholds | None) -> Run:
    """The whole run, judged."""
    import gc

    from flight_recorder.tui.follow.once import read_all
    from flight_recorder.tui.run import Run

    gc.disable()  # records make no cycles; looking for some takes a fifth of the time, and then we end
    run = Run(path, thresholds)
    run.extend_by_all(read_all(path, options))
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
