"""D9, the end: whether the run ended the way it was meant to, and what it said when it did not.

An ending says nothing of the numbers before it: a crash is no verdict on the training, and gets its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.checks.rule import HINT, NOTHING, Leaf, Measure, Readings, check
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View
from flight_recorder.tui.series.recording import Recording

_SECTION = "the end"

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


def _errors(kind: str) -> Measure:
    """A measure of whether the run ended with an error of this kind: 1, else 0; nothing before the end."""

    def measure(view: View) -> Readings:
        ended = view.recording.exit
        if ended is None:
            return NOTHING
        message = str(ended.get("message") or "no message was left")
        is_so = _kind_of(ended) == kind
        said = f"after {_made(view.recording)}: {message}" if is_so else f"ended: {ended.get('reason')}"
        return _reading(view.recording, float(is_so), said)

    measure.__doc__ = f"1 if the run ended with an error of the kind {kind}, by its exit record, else 0."
    return measure


def _lost(cause: str, fix: str, symptom: str) -> tuple[Leaf, ...]:
    leaf = Leaf(symptom, above=0.5, level=Level.BLACK, causes=(cause,), weight=HINT, fix=fix)
    return (leaf,)


_OURS = "ours; the exit record, or the last words of the print-out with nothing of the run behind them"

check(
    "D9.1",
    section=_SECTION,
    question="Did the run end without an error?",
    panel="loss",
    reads=("exit.reason",),
    whole=True,
    leaves=_lost(
        "crashed",
        "Read the message and the traceback above it; resume from the last checkpoint once it is mended.",
        "crashed",
    ),
    source=_OURS,
)(_errors("crashed"))

check(
    "D9.2",
    section=_SECTION,
    question="Did the memory suffice to the end?",
    panel="loss",
    reads=("exit.reason",),
    whole=True,
    leaves=_lost(
        "out_of_memory",
        "Smaller batches with accumulation, checkpointed activations or a lower precision; where it came "
        "late, look for what grows: a list of losses that hold their graph, longer inputs.",
        "out of memory",
    ),
    source=_OURS,
)(_errors("out_of_memory"))

check(
    "D9.3",
    section=_SECTION,
    question="Did the process live to its end?",
    panel="loss",
    reads=("exit.reason",),
    whole=True,
    leaves=_lost(
        "killed",
        "Ask the machine (dmesg, the scheduler's log) who killed it: most often memory of the host ran out.",
        "killed",
    ),
    source=_OURS,
)(_errors("killed"))


def _while_silent(silence: str) -> Callable[[View], Readings]:
    def measure(view: View) -> Readings:
        recording = view.recording
        if recording.exit is not None:
            return _reading(recording, 0.0, "there is a closing record")
        if recording.silence != silence or not _is_awaited(recording) or not len(recording.steps):
            return NOTHING
        said = f"{_made(recording)} made, no closing record, and silent since"
        return _reading(recording, _way_left(recording), said)

    return measure


def _is_awaited(recording: Recording) -> bool:
    """Whether more was to come for sure: steps of a known plan, or the exit that our own log promises."""
    return "source" not in recording.header or "planned_steps" in recording.header


_silent_for_good = _while_silent("over")
_silent_for_good.__doc__ = (
    "Share of the planned steps that were not made (1 where no plan is known), of a log that fell silent "
    "for good without an exit; else 0."
)
check(
    "D9.4",
    section=_SECTION,
    question="Did the run reach its planned end?",
    panel="loss",
    reads=(),
    whole=True,
    leaves=(
        Leaf(
            "ended early",
            above=0.0,
            causes=("ended_early", "killed"),
            weight=HINT,
            fix="Look whether the process still lives, and at the end of its output; resume from the last "
            "checkpoint.",
        ),
    ),
    source="ours; silence against the run's own pace",
    why="only where the plan is known, or where the format closes every run with a record: of any other log "
    "that no longer grows nothing is missed",
)(_silent_for_good)

_silent_now = _while_silent("stalled")
_silent_now.__doc__ = "The same of a log that is silent for longer than any pause of the run so far."
check(
    "D9.5",
    section=_SECTION,
    question="Does the log still grow?",
    panel="loss",
    reads=(),
    whole=True,
    leaves=(
        Leaf(
            "silent",
            above=0.0,
            level=Level.YELLOW,
            causes=("stalled",),
            weight=HINT,
            fix="An evaluation or a checkpoint may take that long once; else look for a hung loader or rank.",
        ),
    ),
    source="ours; silence against the run's own pace",
)(_silent_now)


@check(
    "D9.6",
    section=_SECTION,
    question="Was the run left to itself?",
    panel="loss",
    reads=("exit.reason",),
    whole=True,
    leaves=(
        Leaf(
            "stopped from outside",
            above=0.0,
            level=Level.YELLOW,
            causes=("ended_early",),
            weight=HINT,
            fix="Its time was up, or somebody stopped it: resume from the last checkpoint.",
        ),
    ),
    source=_OURS,
    why="a scheduler's time limit or a signal is an order, no fault of the run",
)
def stopped_from_outside(view: View) -> Readings:
    """Share of the planned steps that were not made (1 where no plan is known) when a signal or a scheduler
    ended the run; else 0."""
    ended = view.recording.exit
    if ended is None:
        return NOTHING
    is_so = ended.get("reason") == "terminated"
    said = f"after {_made(view.recording)}: {ended.get('message') or 'a signal'}"
    return _reading(view.recording, _way_left(view.recording) if is_so else 0.0, said)


@check(
    "D9.7",
    section=_SECTION,
    question="Did its user let the run come to its end?",
    panel="loss",
    reads=("exit.reason",),
    whole=True,
    leaves=(
        Leaf(
            "stopped by hand",
            above=0.0,
            level=Level.GREEN,
            causes=("ended_early",),
            fix="Nothing to do; it can be resumed from its last checkpoint.",
        ),
    ),
    source=_OURS,
    why="a Ctrl-C is a decision and no crash",
)
def stopped_by_hand(view: View) -> Readings:
    """The same when its user stopped the run."""
    ended = view.recording.exit
    if ended is None:
        return NOTHING
    is_so = ended.get("reason") == "interrupted"
    said = f"stopped by hand after {_made(view.recording)}"
    return _reading(view.recording, _way_left(view.recording) if is_so else 0.0, said)
