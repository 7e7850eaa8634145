"""The options that most commands share: what the user says about a log, and with which bounds to judge it."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flight_recorder.tui.exit import fail

if TYPE_CHECKING:
    from flight_recorder.tui.checks.thresholds import Thresholds
    from flight_recorder.tui.checks.verdict import Level
    from flight_recorder.tui.run import Run
    from flight_recorder.tui.sources.parser import SourceOptions

MOST = 2**53 - 1
"""Counts beyond this are no whole numbers in a double."""

Mapping = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="NAME=THEIRS", help="A column of the log as one of our metrics: loss=train/loss."
    ),
]
Config = Annotated[
    Path | None, typer.Option(help="YAML or JSON file with facts that the log lacks (the run's config).")
]
Vocab = Annotated[
    int | None, typer.Option(min=2, max=MOST, help="Vocabulary size, where the log does not say it.")
]
TotalSteps = Annotated[
    int | None, typer.Option(min=1, max=MOST, help="Planned optimizer steps, where the log lacks them.")
]
Clip = Annotated[float | None, typer.Option(min=0.0, help="Gradient clipping norm, where the log lacks it.")]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="language_model, classifier, regression, policy or adversarial, where the log is misread.",
    ),
]
ThresholdsFile = Annotated[
    Path | None,
    typer.Option("--thresholds", metavar="FILE", help="YAML file of other bounds, or as-written."),
]

Notify = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Call when the level rises, when that is over, and at the end. An https:// URL gets JSON, "
        "exec:COMMAND has it on standard input, other services are called by Apprise; env:NAME and file:PATH "
        "stand for a URL kept there. Repeatable.",
    ),
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Level, step and losses for Prometheus (node-exporter's textfile format)."
    ),
]
NotifyLevel = Annotated[str, typer.Option(metavar="LEVEL", help="The lowest level that --notify calls for.")]


def keep_apart(out: Path | None, paths: Iterable[str]) -> None:
    """Leave with a sentence if what is to be written would take the place of a log that is read."""
    from flight_recorder.tui.sources.locate.recorded import locate

    if out and out.exists() and any(path != "-" and out.samefile(locate(path)) for path in paths):
        fail(f"{out} is the log itself and stays as it is; name another file to write.")


Observe = Callable[[str], AbstractContextManager[Callable[["Run"], None]]]
"""What to do at each look at the run of a path, until the context ends."""


_OF_THE_LOG = {
    "map_": Mapping, "config": Config, "vocab": Vocab, "total_steps": TotalSteps, "clip": Clip,
}  # fmt: skip
_OF_THE_JUDGE = {"kind": Kind, "thresholds": ThresholdsFile}


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What the user says about the logs, and with which bounds they are judged."""

    source: SourceOptions
    thresholds: Thresholds | None


def log_options(*, is_judged: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that are about logs: they reach it as its first argument, a `LogOptions`."""
    shared = _OF_THE_LOG | (_OF_THE_JUDGE if is_judged else {})

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            said = {name: given.pop(name) for name in shared}
            command(_log_options(**said), **given)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        kind = inspect.Parameter.KEYWORD_ONLY
        added = [inspect.Parameter(name, kind, default=None, annotation=of) for name, of in shared.items()]
        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {}
        return run

    return with_options


def _log_options(
    map_: list[str] | None,
    config: Path | None,
    vocab: int | None,
    total_steps: int | None,
    clip: float | None,
    kind: str | None = None,
    thresholds: Path | None = None,
) -> LogOptions:
    """What command line and file of facts say about the log; leaves with a sentence if that is wrong."""
    from flight_recorder.tui.sources.errors import CannotRead
    from flight_recorder.tui.sources.facts import facts_from_file
    from flight_recorder.tui.sources.naming.options import GivenNames
    from flight_recorder.tui.sources.parser import SourceOptions

    try:
        facts = facts_from_file(config) if config else {}
    except CannotRead as error:
        fail(str(error))
    given = {
        "vocab_size": vocab,
        "planned_steps": total_steps,
        "grad_clip": clip,
        "kind_of_run": _kind_named(kind),
    }
    facts |= {name: value for name, value in given.items() if value is not None}
    names = GivenNames(dict(_pair(text) for text in map_ or []))
    return LogOptions(SourceOptions(names, facts), bounds(thresholds))


def _kind_named(kind: str | None) -> str | None:
    """The kind of run that --kind names; leaves with a sentence if there is none."""
    if kind is None:
        return None
    from flight_recorder.tui.checks.signals.run_kind import KINDS

    word = kind.lower().replace("-", "_").replace(" ", "_")
    if word not in KINDS:
        near = difflib.get_close_matches(word, KINDS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"the kinds are {', '.join(KINDS)}."
        fail(f"--kind {kind}: {meant}")
    return word


def heed(options: SourceOptions) -> None:
    """Whether the logs that were read have every name that the user gave.

    Raises:
        CannotRead: none of them has one of these names; what was read is not what the user meant.
    """
    from flight_recorder.tui.sources.errors import CannotRead
    from flight_recorder.tui.sources.naming.options import GivenNames

    if isinstance(options.names, GivenNames) and (sentence := options.names.unmet()):
        raise CannotRead(sentence)


BEGUN_BYTES = 2**16
"""A log that is longer and has neither a step nor an evaluation has not just begun."""


def heed_reading(run: Run) -> None:
    """Whether the log was read to its end, and was one.

    Raises:
        CannotRead: the reader failed, or nothing that can be judged was found in it; a run that has just
            begun apart.
    """
    from flight_recorder.tui.sources.errors import CannotRead
    from flight_recorder.tui.sources.text import plain_text

    if run.failure:
        raise CannotRead(run.failure)
    if not run.has_numbers and (run.damaged or run.size_bytes > BEGUN_BYTES):
        damage = f"; at byte {run.damaged[0].offset:,}: {run.damaged[0].reason}" if run.damaged else ""
        raise CannotRead(f"No step and no evaluation could be read from {plain_text(run.path)}{damage}.")


def _pair(text: str) -> tuple[str, str]:
    """Our name and theirs."""
    from flight_recorder.tui.sources.naming.names import FIELDS

    ours, found, theirs = text.partition("=")
    if not (found and ours and theirs):
        fail(f"--map {text}: write it as NAME=THEIRS, for example --map loss=train/loss.")
    if ours not in FIELDS:
        near = difflib.get_close_matches(ours, FIELDS, n=1)
        meant = (
            f"did you mean {near[0]}?" if near else "the usual ones are step, loss, val_loss, lr, grad_norm."
        )
        fail(f"--map {text}: {ours} is none of our names; {meant}")
    return ours, theirs


def bounds(path: Path | None) -> Thresholds | None:
    """The thresholds of a file; leaves with a sentence if they cannot be read."""
    if path is None:
        return None
    from flight_recorder.engine.runlog.shipped import CONFIGS, NothingOfThatName, shipped_or_own
    from flight_recorder.tui.checks.thresholds import ThresholdError, Thresholds

    try:
        found = shipped_or_own(path, CONFIGS / "thresholds")
        found.open("rb").close()
    except NothingOfThatName as error:
        fail(f"--thresholds: {error}")
    except OSError as error:
        fail(f"--thresholds {path} cannot be read: {error.strerror}.")
    try:
        return Thresholds.load(found)
    except ThresholdError as error:
        fail(str(error))


def level_named(word: str) -> Level:
    """The level that --fail-on names; leaves with a sentence if there is none."""
    from flight_recorder.tui.checks.verdict import Level

    if word.upper() not in Level.__members__ or word.upper() == "GREEN":
        fail(f"--fail-on {word}: the levels are yellow, orange, red and black.")
    return Level[word.upper()]


def observers(urls: list[str] | None, level: str, metrics: Path | None) -> Observe:
    """What to do at each look at the run of a path: call these URLs, write this file; nothing without any."""
    if not urls and metrics is None:
        return lambda path: nullcontext(lambda run: None)
    from flight_recorder.tui.act.notifier import Receivers
    from flight_recorder.tui.act.observers import Observers
    from flight_recorder.tui.act.receivers import NoSuchReceiver

    try:
        return Observers(Receivers.of(urls or []), level_named(level), metrics).of
    except NoSuchReceiver as error:
        fail(str(error))
