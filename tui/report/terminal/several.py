"""Many runs judged at once: a line each, the worst first, for people and for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.text import Text

from flight_recorder.engine.runlog.reader import UnsupportedVersion
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.panels.pulse_words import progress_words
from flight_recorder.tui.report.terminal.ci import FORMATS
from flight_recorder.tui.report.terminal.verdicts import as_json, page, unread_as_json
from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.runs import telling_names
from flight_recorder.tui.sources.naming.options import GivenNames
from flight_recorder.tui.sources.parser import SourceOptions
from flight_recorder.tui.vocabulary import LEVEL_STYLES, level_words, main_verdict, since, title

LONG_S = 2.0
"""Time after which somebody at a terminal is told how far it is, and after which others are asked to help."""

WORTH_HELP = 8
"""Runs that must be left for other processes, a second of imports each, to pay."""

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Judged:
    """What is told of one run; small, because it comes from another process.

    Attributes:
        level: of the run; None for one that could not be read, and `failure` says why.
        headline: what makes it that level, and since when; empty for nothing.
        progress: steps and pulse, in words.
        unmet: a sentence on a name that the user gave and this log lacks; empty for none.
        document: the object that `--json` prints, where it is wanted.
    """

    path: str
    level: Level | None
    headline: str = ""
    progress: str = ""
    failure: str = ""
    unmet: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """How to judge each of the runs."""

    options: SourceOptions
    thresholds: Thresholds | None
    with_documents: bool


def judge_all(runs: Sequence[str], order: Order) -> list[Judged]:
    """Every run, judged, the worst first; those that could not be read come last.

    Raises:
        CannotRead: no log has a name that the user gave.
    """
    found = []
    for judged in _shown_on_terminal(_each(runs, order), len(runs)):
        found.append(judged)
    read = [judged for judged in found if judged.level is not None]
    if read and all(judged.unmet for judged in read):
        raise CannotRead(read[0].unmet)
    return sorted(
        found, key=lambda judged: Level.GREEN - 1 if judged.level is None else judged.level, reverse=True
    )


def worst_level(found: Sequence[Judged]) -> Level | None:
    """The worst level of those that could be read."""
    return max((judged.level for judged in found if judged.level is not None), default=None)


def tell_in(name: str, found: Sequence[Judged], level: Level) -> None:
    """Print every run in a format for CI.

    Raises:
        CannotRead: there is no format of that name.
    """
    if name not in FORMATS:
        raise CannotRead(f"There is no format {name}; known are {', '.join(FORMATS)}.")
    print(FORMATS[name]([json.loads(judged.document) for judged in found], level))


def exit_code(found: Sequence[Judged], fail_on: Level) -> int:
    """1 if a run is at this level or above, else 2 if one could not be read, else 0."""
    worst = worst_level(found)
    if worst is not None and worst >= fail_on:
        return 1
    return 2 if any(judged.level is None for judged in found) else 0


def tell(found: Sequence[Judged], as_object: bool, as_objects: bool) -> None:
    """Print all of them on standard output: as one JSON object, as one a line, or for people."""
    if as_objects:
        sys.stdout.write("".join(judged.document + "\n" for judged in found))
    elif as_object:
        sys.stdout.write(as_one_object(found) + "\n")
    else:
        print_lines(found, page())


def print_lines(found: Sequence[Judged], console: Console) -> None:
    """A line a run: level, name, what is wrong since when, how far it is."""
    names = [printable(name, _LONGEST_NAME) for name in telling_names([judged.path for judged in found])]
    width = max(map(len, names))
    for judged, name in zip(found, names, strict=True):
        line = Text(_badge(judged.level), style="dim" if judged.level is None else LEVEL_STYLES[judged.level])
        line.append(f" {name:<{width}}", style="bold")
        line.append(f"  {printable(judged.failure or judged.headline, 1000)}", style="default")
        if judged.progress:
            line.append(f"  {judged.progress}", style="dim")
        console.print(line, soft_wrap=True)


def as_one_object(found: Sequence[Judged]) -> str:
    """All documents in one JSON object, with the worst level."""
    worst = worst_level(found)
    level = "null" if worst is None else f'"{worst}"'
    return f'{{"level": {level}, "runs": [{", ".join(judged.document for judged in found)}]}}'


def _badge(level: Level | None) -> str:
    return f"{'? UNREAD' if level is None else level_words(level):<8}"


def _each(runs: Sequence[str], order: Order) -> Iterator[Judged]:
    """Here, one after the other; once that takes long, the rest on every core. Standard input stays here."""
    began = time.monotonic()
    for place, run in enumerate(runs):
        rest = runs[place:]
        if len(rest) > WORTH_HELP and "-" not in rest and time.monotonic() - began > LONG_S:
            yield from _each_elsewhere(rest, order)
            return
        yield _judged(run, order)


def _each_elsewhere(runs: Sequence[str], order: Order) -> Iterator[Judged]:
    """Judged by a process a core; a fresh one each, for a copy of this would inherit its threads' locks."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(_num_cores(), mp_context=context, initializer=_leave_ctrl_c_to_the_parent)
    try:
        for run, future in [(run, pool.submit(_judged, run, order)) for run in runs]:
            try:
                yield future.result()
            except BrokenProcessPool:
                yield _failed(run, "the process that judged it was killed; is there enough memory?")
    finally:
        pool.shutdown(cancel_futures=True)


def _num_cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _leave_ctrl_c_to_the_parent() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _judged(path: str, order: Order) -> Judged:
    """One run, read and judged; whatever is wrong with its log is no reason to say nothing of the others."""
    options = _of_its_own(order.options)
    run = Run(path, order.thresholds)
    try:
        run.extend_by_all(read_all(path, options))
        return Judged(
            path,
            run.judge.level,
            _headline(run.judge),
            progress_words(run),
            unmet=options.names.unmet() if isinstance(options.names, GivenNames) else "",
            document=as_json(run) if order.with_documents else "",
        )
    except (CannotRead, UnsupportedVersion) as error:
        return _failed(path, str(error))
    except Exception as error:
        reason = f"it cannot be judged, which is a fault of this program ({type(error).__name__}: {error})"
        return _failed(path, reason)


def _of_its_own(options: SourceOptions) -> SourceOptions:
    """The options, with names that no other log is asked for."""
    return replace(options, names=GivenNames(options.names))


def _failed(path: str, reason: str) -> Judged:
    return Judged(path, None, failure=reason, document=unread_as_json(path, reason))


def _headline(judge: Judge) -> str:
    """What gives the run its level, and since when."""
    verdict = main_verdict(judge.verdicts, judge.headline)
    return f"{title(verdict)}{since(verdict.first_step)}" if verdict else ""


def _shown_on_terminal(
    judged: Iterator[Judged], total: int, clock: Callable[[], float] = time.monotonic
) -> Iterator[Judged]:
    """The same; somebody who looks at standard error and has waited for a while sees how far it is."""
    began, is_seen = clock(), False
    for number, one in enumerate(judged, 1):
        yield one
        if sys.stderr.isatty() and clock() - began > LONG_S:
            is_seen = True
            sys.stderr.write(f"\rjudged {number:,} of {total:,} runs")
            sys.stderr.flush()
    if is_seen:
        sys.stderr.write("\r\x1b[K")
