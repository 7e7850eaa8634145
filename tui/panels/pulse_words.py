"""How a run is doing, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.numbers import count
from flight_recorder.tui.panels.printable import printable

if TYPE_CHECKING:
    from flight_recorder.tui.run import Run

ALL_STEPS_MADE = "finished (reached its planned steps)"


NO_CLOSING_RECORD = "ended (no closing record)"
"""A log that no longer grows, of a run of which nothing says how long it was meant to be."""

REASONS = {
    "finished": "finished",
    "all_steps": ALL_STEPS_MADE,
    "interrupted": "stopped by hand",
    "terminated": "stopped by a signal",
    "early_stopping": "stopped early",
    "error": "ended with an error",
}
"""Why a run ended, by the reason of its exit record."""


def pulse_words(run: Run) -> str:
    """The pulse; of a run that has ended, why it is said to have, and with which message."""
    if run.failure:
        return "reading stopped"
    if has_made_all_steps(run):
        return ALL_STEPS_MADE
    ended = run.recording.exit
    if ended is None:
        return NO_CLOSING_RECORD if run.pulse is Pulse.ENDED else str(run.pulse)
    return REASONS.get(str(ended.get("reason")), str(run.pulse)) + exit_message(run)


def exit_message(run: Run) -> str:
    """What a run that ended with an error left as its last word, ": RuntimeError: ..."; else empty."""
    ended = run.recording.exit or {}
    message = ended.get("message") if ended.get("reason") == "error" else None
    return f": {printable(str(message), _LONGEST_MESSAGE)}" if message else ""


_LONGEST_MESSAGE = 120
"""Characters of a message that a line has room for."""


def steps_done(run: Run) -> int:
    """Optimizer steps done; a log that ends at its planned step counts from 1 and has not gone beyond it."""
    is_last_planned = run.recording.last_step == run.recording.header.get("planned_steps")
    return run.recording.last_step or 0 if is_last_planned else run.recording.num_steps


def progress_words(run: Run) -> str:
    """How far it is and how it is doing: "1,500 of 8,000 steps, live"."""
    planned = run.recording.header.get("planned_steps")
    of = f" of {count(planned)}" if isinstance(planned, int | float) and planned > 0 else ""
    return f"{count(steps_done(run))}{of} steps, {pulse_words(run)}"


def has_made_all_steps(run: Run) -> bool:
    """Whether that it made its last planned step is all that speaks for the end of a run."""
    planned = run.recording.header.get("planned_steps")
    if run.pulse is not Pulse.FINISHED or run.recording.exit is not None:
        return False
    return isinstance(planned, int | float) and 0 < planned <= run.recording.num_steps
