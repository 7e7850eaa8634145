"""D9, the end: whether the run ended the way it was meant to, and what it said when it did not.

An ending says nothing of the numbers before it: a crash is no verdict on the training, and gets its own.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.checks.rule import HINT, NOTHING, Leaf, Measure, Readings, check
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View
from flight_recorder.tui.series.recording import Recording

_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|oom[-_ ]kill|\bMemoryError\b|CUBLAS_STATUS_ALLOC_FAILED"
    r"|DefaultCPUAllocator: (?:can't|not enough)|RESOURCE_EXHAUSTED",
    re.IGNORECASE,
)
_KILLED = re.compile(
    r"\bkilled\b|SIG(?:KILL|SEGV|BUS|ABRT)|[Ss]egmentation fault|^Bus error|^Aborted|exitcode: -\d"
)


def _kind_of(ended: Record) -> str:
    """What an exit record with an error is about: out_of_memory, killed or crashed; empty without one."""
    if ended.get("reason") != "error":
        return ""
    message = str(ended.get("message") or "")
    if _MEMORY.search(message):
        return "out_of_memory"
    return "killed" if _KILLED.search(message) else "crashed"


def _way_left(recording: Recording) -> float:
    """Share of the planned steps that were not made; 1 where the plan is not known."""
    planned = recording.header.get("planned_steps")
    if not isinstance(planned, int | float) or not planned > 0:
        return 1.0
    return max(0.0, 1 - recording.num_steps / planned)


def _made(recording: Recording) -> str:
    planned = recording.header.get("planned_steps")
    of = f" of {planned:,.0f}" if isinstance(planned, int | float) and planned > 0 else ""
    return f"{recording.num_steps:,} steps{of}"


def _reading(recording: Recording, value: float, evidence: str) -> Readings:
    step = max(recording.last_step or 0, int((recording.exit or {}).get("step") or 0))
    return Readings(np.array([step], np.int64), np.array([value]), lambda i: evidence)


def _node(id: str, question: str, leaf: Leaf, measure: Measure, what: str, **form: Any) -> None:
    """Declare a node of the end, "what" being what its measure reads."""
    measure.__doc__ = what
    check(id, question=question, panel="loss", leaves=(leaf,), **form)(measure)


def _error(kind: str) -> Measure:
    """A measure of whether the run ended with an error of this kind; nothing before the end."""

    def measure(view: View) -> Readings:
        ended = view.recording.exit
        if ended is None:
            return NOTHING
        message = str(ended.get("message") or "no message was left")
        is_so = _kind_of(ended) == kind
        said = f"after {_made(view.recording)}: {message}" if is_so else f"ended: {ended.get('reason')}"
        return _reading(view.recording, float(is_so), said)

    return measure


def _order(reason: str, words: str) -> Measure:
    """A measure of what a run lost that ended for this reason; nothing before the end."""

    def measure(view: View) -> Readings:
        recording, ended = view.recording, view.recording.exit
        if ended is None:
            return NOTHING
        lost = _way_left(recording) if ended.get("reason") == reason else 0.0
        return _reading(recording, lost, f"after {_made(recording)}: {ended.get('message') or words}")

    return measure


def _silent(silence: str, *, promised: bool | None = None) -> Measure:
    """A measure of what a run lost that fell silent in this way, its closing record promised or not."""

    def measure(view: View) -> Readings:
        recording = view.recording
        if recording.exit is not None:
            return _reading(recording, 0.0, "there is a closing record")
        if recording.silence != silence or not _is_awaited(recording) or not len(recording.steps):
            return NOTHING
        if promised is not None and promised != _promises_exit(recording):
            return NOTHING
        said = f"{_made(recording)} made, no closing record, and silent since"
        return _reading(recording, _way_left(recording), said)

    return measure


def _promises_exit(recording: Recording) -> bool:
    """Whether a run that ends always says so: ours does, and a print-out may be a copy or cut."""
    return "source" not in recording.header


def _is_awaited(recording: Recording) -> bool:
    """Whether more was to come for sure: steps of a known plan, or the exit that our own log promises."""
    return _promises_exit(recording) or "planned_steps" in recording.header


_RECORD: dict[str, Any] = {
    "reads": ("exit.reason",),
    "source": "ours; the exit record, or the last words of the print-out with nothing of the run behind them",
}
_SILENCE: dict[str, Any] = {"reads": (), "source": "ours; silence against the run's own pace"}

for _id, _kind, _question, _fix in (
    (
        "D9.1",
        "crashed",
        "Did the run end without an error?",
        "Read the message and the traceback above it; resume from the last checkpoint once it is mended.",
    ),
    (
        "D9.2",
        "out_of_memory",
        "Did the memory suffice to the end?",
        "Smaller batches with accumulation, checkpointed activations or a lower precision; where it came "
        "late, look for what grows: a list of losses that hold their graph, longer inputs.",
    ),
    (
        "D9.3",
        "killed",
        "Did the process live to its end?",
        "Ask the machine (dmesg, the scheduler's log) who killed it: most often memory of the host ran out.",
    ),
):
    _node(
        _id,
        _question,
        Leaf(_kind.replace("_", " "), above=0.5, level=Level.BLACK, causes=(_kind,), weight=HINT, fix=_fix),
        _error(_kind),
        f"1 if the run ended with an error of the kind {_kind}, by its exit record, else 0.",
        **_RECORD,
    )

_node(
    "D9.4",
    "Did the run reach its planned end?",
    Leaf(
        "ended early",
        above=0.0,
        causes=("ended_early", "killed"),
        weight=HINT,
        fix="Look whether the process still lives, and at the end of its output; resume from the last "
        "checkpoint.",
    ),
    _silent("over", promised=True),
    "Share of the planned steps (1 where no plan is known) that a log lost by falling silent for good.",
    why="only where the format closes every run with a record, as ours does: see D9.8",
    **_SILENCE,
)
_node(
    "D9.8",
    "Does the print-out reach its planned end?",
    Leaf(
        "ends before its plan",
        above=0.0,
        level=Level.YELLOW,
        causes=("ended_early",),
        weight=HINT,
        fix="If the process is gone, resume from the last checkpoint; a copy or a run that was stopped on "
        "purpose lacks nothing.",
    ),
    _silent("over", promised=False),
    "Share of the planned steps that are not in a log whose format has no closing record.",
    why="such a log may be a copy, a checkpoint's state, or a run that its user stopped: of 77 healthy logs "
    "of others 5 end before their plan; while it is watched, --notify says that it fell silent",
    **_SILENCE,
)
_node(
    "D9.5",
    "Does the log still grow?",
    Leaf(
        "silent",
        above=0.0,
        level=Level.YELLOW,
        causes=("stalled",),
        weight=HINT,
        fix="An evaluation or a checkpoint may take that long once; else look for a hung loader or rank.",
    ),
    _silent("stalled"),
    "The same of a log that is silent for longer than any pause of the run so far.",
    **_SILENCE,
)
_node(
    "D9.6",
    "Was the run left to itself?",
    Leaf(
        "stopped from outside",
        above=0.0,
        level=Level.YELLOW,
        causes=("ended_early",),
        weight=HINT,
        fix="Its time was up, or somebody stopped it: resume from the last checkpoint.",
    ),
    _order("terminated", "a signal"),
    "Share of the planned steps (1 where no plan is known) that a signal or a scheduler cost the run.",
    why="a scheduler's time limit or a signal is an order, no fault of the run",
    **_RECORD,
)
_node(
    "D9.7",
    "Did its user let the run come to its end?",
    Leaf(
        "stopped by hand",
        above=0.0,
        level=Level.GREEN,
        causes=("ended_early",),
        fix="Nothing to do; it can be resumed from its last checkpoint.",
    ),
    _order("interrupted", "stopped by hand"),
    "The same of a run that its user stopped.",
    why="a Ctrl-C is a decision and no crash",
    **_RECORD,
)
