"""Name the schedule that a run really followed, from the logged learning rates alone.

The simplest family that meets every logged rate to its last printed digit wins. While two families of equal
simplicity do, or while the rate still rises, the answer is "unknown": every schedule begins like every other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from flight_recorder.engine.runlog.schedules import DECAYS_WITH_AN_END, Floats, Schedule, fraction_gone
from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.schedules.fit import Observed, guesses, rounding_slack, steps_down
from flight_recorder.tui.checks.schedules.shapes import constants_of, in_words, num_constants
from flight_recorder.tui.series.recording import Recording


def schedule_report(recording: Recording) -> dict[str, Any] | None:
    """{"declared": the header's schedule or None, "observed": see observed_schedule}; None without either."""
    declared = recording.header.get("schedule") or None
    column = recording.steps["lr"]
    lag = int(Facts(recording.header).number("lr_lag") or 0)
    steps = column.steps.astype(np.float64)
    observed = _logged_later(observed_schedule(steps - lag, column.values), lag)
    if declared is None and observed is None:
        return None
    return {"declared": declared, "observed": observed}


def _logged_later(observed: dict[str, Any] | None, lag: int) -> dict[str, Any] | None:
    """The schedule of a scheduler whose rates the log states so many steps later."""
    if observed is None or not lag or not observed["parameters"]:
        return observed
    parameters = dict(observed["parameters"])
    parameters["lag"] = parameters.get("lag", 0) + lag
    if "milestones" in parameters:
        parameters["milestones"] = [step + lag for step in parameters["milestones"]]
    return observed | {"parameters": parameters}


def observed_schedule(
    steps: Floats,
    lr: Floats,
    *,
    least_points: int = 5,
    loose: float = 0.005,
    smallest: float = 1e-30,
    largest: float = 1e6,
) -> dict[str, Any] | None:
    """The schedule behind these rates as {"family", "parameters", "max_error", "words"}; None without any.

    `max_error` is the largest difference over all points as a share of the highest rate; a family that is off
    by no more than `loose` may be named with it. The family is "unknown" when nothing fits or too little is
    known; `words` then says why. Nothing trains below `smallest` or above `largest`: powers of such rates are
    no numbers any more.
    """
    finite = np.isfinite(lr)
    steps, lr = np.asarray(steps, np.float64)[finite], np.asarray(lr, np.float64)[finite]
    if not len(lr):
        return None
    if np.abs(lr).max() > largest:
        return _unknown(f"a learning rate of {np.abs(lr).max():.3g} is none")
    lr = np.where(np.abs(lr) < smallest, 0.0, lr)
    if len(lr) < least_points:
        return _unknown(f"only {len(lr)} learning rates so far")
    slack = rounding_slack(lr)
    kept = _thinned(steps, lr, slack)
    whole = Observed(steps, lr, slack)
    fits = _fits(Observed(steps[kept], lr[kept], slack[kept]), whole, loose)
    if not fits:
        rising = lr[-1] >= lr.max() - slack[-1]
        return _unknown("the learning rate still rises" if rising else "no known family fits")
    if len({fit.kind for fit in fits}) > 1:
        kinds = " and ".join(sorted({fit.kind for fit in fits}))
        return _unknown(f"{kinds} fit equally well so far")
    best = max(fits, key=_roundness)
    return _named(_with_round_constants(best, whole), whole)


def _fits(seen: Observed, whole: Observed, loose: float) -> list[Schedule]:
    """The simplest schedules that hold at every point; else the nearest one if it is near."""
    found = [guess for guess in guesses(seen) if np.isfinite(guess.lr_max)]
    found += steps_down(whole)
    likely = sorted((guess for guess in found if seen.error(guess) <= 1.0), key=num_constants)
    for complexity in dict.fromkeys(num_constants(guess) for guess in likely):
        level = [guess for guess in likely if num_constants(guess) == complexity]
        exact = [guess for guess in _roundest_of_each_kind(level) if whole.error(guess) <= 1.5]
        if exact:
            return exact
    near = [guess for guess in found if not guess.has_plateau and len(whole.lr) >= 20]
    near = [guess for guess in near if _share(guess, seen) <= loose and _share(guess, whole) <= loose]
    return [min(near, key=lambda guess: _share(guess, whole))] if near else []


def _roundest_of_each_kind(fits: list[Schedule]) -> list[Schedule]:
    """Two of each kind at most: those whose end is the roundest number, for it was chosen by a person."""
    chosen: list[Schedule] = []
    for kind in dict.fromkeys(fit.kind for fit in fits):
        chosen += sorted((fit for fit in fits if fit.kind == kind), key=_roundness, reverse=True)[:2]
    return chosen


def _roundness(fit: Schedule) -> int:
    """Zeros at the end of the total number of steps; negative for one that is not whole."""
    if fit.total_steps is None:
        return -fit.lag
    if abs(fit.total_steps - round(fit.total_steps)) > 1e-6:
        return -2
    text = str(round(fit.total_steps))
    return len(text) - len(text.rstrip("0"))


def _with_round_constants(best: Schedule, whole: Observed) -> Schedule:
    """The same schedule with constants of as few digits as meet the records."""
    constants: tuple[Literal["lr_max", "lr_min", "rate"], ...] = ("lr_max", "lr_min", "rate")
    for name in constants:
        for digits in (2, 3, 4):
            changed: dict[str, Any] = {name: float(f"{getattr(best, name):.{digits}g}")}
            other = replace(best, **changed)
            if whole.error(other) <= max(1.0, whole.error(best)):
                best = other
                break
    return best


def _share(guess: Schedule, whole: Observed) -> float:
    top = max(float(whole.lr.max()), 1e-300)
    return float(np.max(np.abs(guess.value(whole.steps) - whole.lr))) / top


def _named(best: Schedule, whole: Observed) -> dict[str, Any]:
    parameters = constants_of(best)
    words = in_words(best)
    if best.kind in DECAYS_WITH_AN_END and not _end_is_known(best, whole):
        if best.kind == "linear":
            parameters["extrapolated"] = True
        else:
            parameters |= {"total_steps": None, "lr_min": None}
            words = words.partition(" to ")[0] if not best.has_plateau else words
    return {
        "family": best.family,
        "parameters": parameters,
        "max_error": float(f"{_share(best, whole):.3g}"),
        "words": words,
    }


def _end_is_known(best: Schedule, whole: Observed) -> bool:
    """Whether the records reach the end of the decay, or no end 10 % away would fit as well."""
    total = best.total_steps or 0.0
    stride = whole.steps[-1] - whole.steps[-2]
    if whole.steps[-1] - best.lag >= total - stride - 1:
        return True
    return best.kind != "linear" and all(_is_worse(best, whole, factor) for factor in (0.9, 1.1))


def _is_worse(best: Schedule, whole: Observed, factor: float) -> bool:
    length = ((best.total_steps or 0.0) - best.decay_start) * factor
    past = whole.steps - best.lag - best.decay_start
    gone = fraction_gone(best.kind, past / length)
    decaying = past >= 0
    if decaying.sum() < 3:
        return False
    drop = -np.polyfit(gone[decaying], whole.lr[decaying], 1)[0]
    other = replace(best, lr_min=best.lr_max - float(drop), total_steps=best.decay_start + length)
    return whole.error(other) > 1.5


def _unknown(why: str) -> dict[str, Any]:
    return {"family": "unknown", "parameters": {}, "max_error": None, "words": why}


def _thinned(
    steps: Floats, lr: Floats, slack: Floats, *, count: int = 160
) -> np.ndarray[Any, np.dtype[np.intp]]:
    """About 250 positions: the first, the last, both sides of every corner, some of each stretch."""
    size = len(lr)
    if size <= count:
        return np.arange(size)
    slope = np.diff(lr) / np.maximum(np.diff(steps), 1)
    corners = np.argsort(np.abs(np.diff(slope)))[-24:] + 1
    jumps = np.flatnonzero(np.abs(np.diff(lr)) > 20 * slack[1:])[:24]
    top = np.flatnonzero(lr >= lr.max() - slack)
    parts = [
        np.arange(24),
        np.arange(size - 8, size),
        np.linspace(0, size - 1, count).astype(np.intp),
        np.concatenate([corners - 1, corners, corners + 1]),
        np.concatenate([jumps - 1, jumps, jumps + 1, jumps + 2]),
        np.array([top[0] - 1, top[0], top[0] + 1, top[-1] - 1, top[-1], top[-1] + 1]),
    ]
    return np.unique(np.clip(np.concatenate(parts), 0, size - 1))
