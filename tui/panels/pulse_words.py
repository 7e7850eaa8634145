"""How a run is doing, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.follow.batch import Pulse

if TYPE_CHECKING:
    from tui.run import Run

ALL_STEPS_MADE = "finished (reached its planned steps)"


def pulse_words(run: Run) -> str:
    """The pulse; of a run that ended without a word, why it is said to have finished."""
    if run.reading_stopped:
        return "reading stopped"
    return ALL_STEPS_MADE if has_made_all_steps(run) else str(run.pulse)


def steps_done(run: Run) -> int:
    """Optimizer steps done; a log that ends at its planned step counts from 1 and has not gone beyond it."""
    is_last_planned = run.recording.last_step == run.recording.header.get("planned_steps")
    return run.recording.last_step or 0 if is_last_planned else run.recording.num_steps


def has_made_all_steps(run: Run) -> bool:
    """Whether that it made its last planned step is all that speaks for the end of a run."""
    planned = run.recording.header.get("planned_steps")
    if run.pulse is not Pulse.FINISHED or run.recording.exit is not None:
        return False
    return isinstance(planned, int | float) and 0 < planned <= run.recording.num_steps
