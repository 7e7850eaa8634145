"""The `engine` command. Heavy imports stand inside the command that needs them, so that --help is instant."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flight_recorder.engine import fault_commands
from flight_recorder.engine.run.output import outlive_the_terminal
from flight_recorder.engine.runlog.printable import printable
from flight_recorder.version import version_option

if TYPE_CHECKING:
    from flight_recorder.engine.config import Config
    from flight_recorder.engine.run.run_folder import RunFolder
    from flight_recorder.engine.train import Outcome

EXIT_CODES = {"interrupted": 130, "terminated": 143, "error": 1}
"""Shell convention: 128 plus the number of the signal."""

LONGEST_LINE = 2000
"""Characters of a sentence that are shown: paths and values in it may be long."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(fault_commands.app, name="faults")


@app.callback()
def engine(version: Annotated[bool, version_option("engine")] = False) -> None:
    """Train a small GPT and record its flight."""


@app.command()
def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="YAML file, or a shipped one by its name: healthy.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Run folder. Default: experiments/<name of the config>.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run from its last checkpoint.")
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key, such as training.T=400. Repeatable."
        ),
    ] = None,
    fault: Annotated[
        str | None, typer.Option(metavar="NAME[:STRENGTH]", help="Fire drill; `engine faults` lists them.")
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Stop after N steps with a checkpoint, to resume later."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write dashboard.html at the end.")
    ] = True,
    inspector: Annotated[
        bool, typer.Option("--inspector/--no-inspector", help="Measure activations, weights and optimizer.")
    ] = True,
) -> None:
    """Train as CONFIG says and write the run folder."""
    _require_torch()
    settings, folder = _checked(config, overrides or [], fault, out, resume)
    outcome = _trained(settings, folder, resume, stop_after, inspector)
    if _rank() == 0:
        _say_outcome(outcome, folder.path)
        if report:
            _write_report(folder.path)
    raise typer.Exit(0 if outcome.ending.as_asked else EXIT_CODES.get(outcome.ending.reason, 0))


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        _fail("engine train needs torch: pip install 'training-flight-recorder[train]'")


def _checked(
    config: Path, overrides: list[str], fault: str | None, out: Path | None, resume: bool
) -> tuple[Config, RunFolder]:
    """The valid config and the folder that can take its run; nothing has been created yet."""
    from flight_recorder.engine.config_file import ConfigError, load_config
    from flight_recorder.engine.run.run_folder import RunFolder, RunFolderError, locate
    from flight_recorder.engine.runlog.shipped import NothingOfThatName, shipped_or_own

    try:
        config = shipped_or_own(config)
        settings = load_config(config, overrides, fault)
        folder = RunFolder(locate(settings, config, out), config)
        if _rank() == 0:  # the others may come when it has begun to write
            folder.check(settings, resume)
    except (ConfigError, NothingOfThatName, RunFolderError) as error:
        _fail(str(error))
    return settings, folder


def _trained(
    settings: Config, folder: RunFolder, resume: bool, stop_after: int | None, inspect: bool
) -> Outcome:
    from flight_recorder.engine.data.corpus import CorpusError
    from flight_recorder.engine.distributed.distributed import RankLost
    from flight_recorder.engine.run.build import DeviceError
    from flight_recorder.engine.run.checkpoint import CheckpointError
    from flight_recorder.engine.run.run_folder import RunFolderError
    from flight_recorder.engine.train import train as run

    try:
        return run(settings, folder, resume=resume, stop_after=stop_after, inspect=inspect)
    except (CheckpointError, CorpusError, DeviceError, RunFolderError) as error:
        _fail(str(error))
    except RankLost as error:
        _complain(str(error))
        _leave_at_once(1)  # past whatever still waits for the rank that is gone
    except Exception as error:
        if _is_out_of_memory(error):
            _complain(
                f"out of memory: {' '.join(str(error).split())[:200]}; a smaller training.batch_size, "
                f"with more accumulation, or model needs less. What was recorded is in {folder.path}."
            )
            raise typer.Exit(1) from None
        traceback.print_exc()  # a fault of the program: whoever mends it needs the trace
        _complain(
            f"the training broke off with {type(error).__name__}: {' '.join(str(error).split())[:200]}; the "
            f"trace is above, and what was recorded until then is in {folder.path}."
        )
        raise typer.Exit(1) from None


def _is_out_of_memory(error: Exception) -> bool:
    """Of the host or of a device; torch's allocator for the host raises a plain RuntimeError."""
    words = ("can't allocate memory", "out of memory", "not enough memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def _say_outcome(outcome: Outcome, folder: Path) -> None:
    ending = outcome.ending
    typer.echo(f"{ending.reason} at step {outcome.step}" + (f": {ending.message}" if ending.message else ""))
    if outcome.val_loss == outcome.val_loss:  # NaN: there was no evaluation
        typer.echo(f"train loss {outcome.train_loss:.4f}  val loss {outcome.val_loss:.4f}  (last evaluation)")
    if outcome.best_step is not None:
        where = "checkpoints/best.pt" if outcome.best_is_saved else "not saved: the disk refused it"
        typer.echo(f"best val loss {outcome.best_val_loss:.4f} at step {outcome.best_step}  ({where})")
    typer.echo(f"run folder {printable(str(folder))}")


def _write_report(folder: Path) -> None:
    """dashboard.html and gap-analysis.md by the monitor's own command; a failure there is no failure here."""
    import subprocess

    call = subprocess.run(
        [sys.executable, "-m", "flight_recorder.tui", "report", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if call.returncode:
        reason = (call.stderr.strip().splitlines() or ["no reason given"])[-1]
        _complain(f"no dashboard was written ({reason}); try `tui report {folder}`.")


def _rank() -> int:
    """Of this process in the launcher's environment; 0 without a launcher."""
    return int(os.environ.get("RANK", 0))


def _fail(sentence: str) -> NoReturn:
    """Say what is wrong on stderr and leave with code 2."""
    _complain(sentence)
    raise typer.Exit(2)


def _leave_at_once(code: int) -> NoReturn:
    """The process ends with what it has said so far, and the interpreter is not taken apart.

    gloo's threads outlive destroy_process_group where DDP or FSDP still hold the group, and one that lets go
    of its last tensor while the interpreter is being taken apart brings the process down (SIGABRT).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _complain(sentence: str) -> None:
    """On stderr; where several processes write there, with the rank in front."""
    shown = "\n".join(printable(line, LONGEST_LINE) for line in sentence.split("\n"))
    typer.echo(f"rank {_rank()}: {shown}" if _is_one_of_many() else shown, err=True)
    sys.stderr.flush()


def _is_one_of_many() -> bool:
    """Whether a launcher started this process together with others."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1


def main() -> None:
    """Entry point of `engine`."""
    outlive_the_terminal()
    try:
        app()
    except KeyboardInterrupt:  # before the first step, while nothing is on disk yet
        sys.exit(130)
    finally:
        if _is_one_of_many():
            _leave_at_once(_exit_code(sys.exception()))


def _exit_code(error: BaseException | None) -> int:
    """What the interpreter would end with; an error that nobody expected is shown as it would show it."""
    if error is None:
        return 0
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        return error.code or 0
    sys.excepthook(type(error), error, error.__traceback__)
    return 1


if __name__ == "__main__":
    main()
