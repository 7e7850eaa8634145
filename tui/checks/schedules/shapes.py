"""What an observed schedule is written down as: its constants by name, its words, and how simple it is."""

from __future__ import annotations

from typing import Any

from flight_recorder.engine.runlog.schedules import Schedule

PHRASES = {
    "linear": "linear decay",
    "cosine": "cosine decay",
    "one_minus_sqrt": "1 - sqrt decay",
}
"""How the decays that end somewhere are called in a sentence."""


def num_constants(schedule: Schedule) -> int:
    """Return how many constants it takes, for the choice of the simplest that fits."""
    own = {
        "constant": 1,
        "linear": 2,
        "exponential": 2,
        "inverse_sqrt": 2,
        "one_minus_sqrt": 3,
        "cosine": 3,
    }
    shape = own.get(schedule.kind, 1 + len(schedule.levels))
    return shape + (schedule.lr_min > 0) + 2 * schedule.has_plateau


def constants_of(schedule: Schedule) -> dict[str, Any]:
    """The constants that matter for this family, by name, in the words of a configuration."""
    found: dict[str, Any] = {"lr_max": _short(schedule.lr_max)}
    if schedule.warmup_steps:
        found |= {"warmup_kind": schedule.warmup_kind or "unknown", "warmup_steps": schedule.warmup_steps}
    if schedule.kind in PHRASES:
        found |= {"lr_min": _short(schedule.lr_min), "total_steps": _whole(schedule.total_steps)}
    if schedule.family == "wsd" or (schedule.decay_start and not schedule.warmup_steps):
        found["decay_start"] = _whole(schedule.decay_start)
    if schedule.family == "wsd":
        found["decay_kind"] = schedule.kind
    if schedule.kind == "exponential":
        found |= {"decay_per_step": _short(schedule.rate)}
    if schedule.kind == "inverse_sqrt":
        found |= {"shift": _short(schedule.rate)}
    if schedule.kind == "step":
        ratios = [_short(b / a, 4) for a, b in zip(schedule.levels, schedule.levels[1:], strict=False) if a]
        found |= {"milestones": [_whole(step) for step in schedule.milestones], "factors": ratios}
    if schedule.lag:
        found["lag"] = schedule.lag
    return found


def in_words(schedule: Schedule) -> str:
    """The schedule as a phrase: "linear warm-up over 10 steps, then cosine decay to 0 at step 200"."""
    front = f"{schedule.warmup_kind or 'some'} warm-up over {schedule.warmup_steps} steps, then "
    return (front if schedule.warmup_steps else "") + _decay_in_words(schedule)


def _decay_in_words(schedule: Schedule) -> str:
    if schedule.kind == "constant":
        return f"constant at {schedule.lr_max:.4g}"
    if schedule.kind == "step":
        return f"{len(schedule.milestones)} steps down, at {', '.join(f'{m:g}' for m in schedule.milestones)}"
    if schedule.kind == "exponential":
        return f"exponential decay by {schedule.rate:.6g} a step"
    if schedule.kind == "inverse_sqrt":
        return "decay with one over the square root of the step"
    held = f"constant to step {schedule.decay_start:g}, then " if schedule.has_plateau else ""
    return f"{held}{PHRASES[schedule.kind]} to {schedule.lr_min:.4g} at step {_whole(schedule.total_steps)}"


def _short(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")


def _whole(value: float | None) -> float | int | None:
    if value is None:
        return None
    return round(value) if abs(value - round(value)) < 0.05 else round(value, 2)
