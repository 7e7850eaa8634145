"""What was left of a run: checkpoints against the best, compute used and wasted, what patience would do."""

from __future__ import annotations

import math
from itertools import pairwise

from flight_recorder.tui.numbers import count, duration, exact, number, percent, steps
from flight_recorder.tui.report.markdown.overfit_story import Story
from flight_recorder.tui.report.markdown.run_facts import wall_time_s
from flight_recorder.tui.report.markdown.timeline import epoch_at, newest
from flight_recorder.tui.report.wording import markdown_code, table
from flight_recorder.tui.run import Run

PATIENCES = range(1, 6)
"""Evaluations without a new best that early stopping waits for."""


def checkpoints(run: Run, story: Story | None) -> str:
    """Every kept checkpoint with its validation loss against the best."""
    kept = run.recording.checkpoints
    if not kept:
        return (
            "The log names no checkpoint: which were kept, and whether the best is one of them, is unknown."
        )
    best = story.facts["val_min"] if story else None
    rows = []
    for record in kept[-20:]:
        step = int(record["step"])
        val = newest(run.recording.evaluations["val_loss"], step, exactly=True)
        loss = None if val != val else val
        ratio = f"{loss / best:.2f} x best" if loss is not None and best else "unknown"
        rows.append((count(step), markdown_code(record.get("path", ""), 120), number(loss), ratio))
    more = f"\n\nThe last 20 of {len(kept)} are shown." if len(kept) > 20 else ""
    text = table(("step", "file", "val loss", "against the best"), rows) + more
    return text if story is None else f"{text}\n\n{keep(run, story)}"


def keep(run: Run, story: Story) -> str:
    """Which checkpoint to go on from, whether there is one at the best, and what the nearest costs."""
    facts = story.facts
    at, nearest = facts["t_val_min"], facts["nearest_checkpoint_step"]
    wanted = (
        f"The checkpoint to evaluate is the one at t_val_min = {count(at)} (val {number(facts['val_min'])}), "
        f"not the last one (val {number(facts['val_final'])})."
    )
    if story.last_is_best:
        wanted = "The last evaluation is the best, so the newest checkpoint is the one to evaluate."
    if nearest is None:
        return f"{wanted} The log records no checkpoint at all, so whether one exists is unknown."
    role = "best" if facts["best_checkpoint_step"] == at else ""
    path = _path(run, at if role else nearest, role)
    if role or nearest == at:
        return f"{wanted} It exists: {path} holds step {count(at)}."
    first, last = facts["t_val_min_interval"]
    broad = "; it lies on the broad bottom and is as good as the best" if first <= nearest <= last else ""
    val = newest(run.recording.evaluations["val_loss"], nearest, exactly=True)
    worse = f"{number(val)}, {number(val - facts['val_min'])} worse"
    price = f", whose validation loss was {worse}" if math.isfinite(val) else ""
    return (
        f"{wanted} **None is exactly there: the nearest checkpoint is {steps(abs(nearest - at))} "
        f"{'late' if nearest > at else 'early'}**, {path} of step {count(nearest)}{price}{broad}."
    )


def _path(run: Run, step: int, role: str) -> str:
    found = [record for record in run.recording.checkpoints if record["step"] == step]
    found = [record for record in found if record.get("role") == role] or found
    path = found[-1].get("path") if found else None
    return markdown_code(path, 120) if path else "the checkpoint"


def compute(run: Run, story: Story | None) -> str:
    """Steps, hours and device-hours, used in all and after the best."""
    last = run.recording.last_step or (story.last_step if story else 0)
    seconds, devices = wall_time_s(run), run.recording.header.get("world_size")
    share = (last - story.facts["t_val_min"]) / last if story and last else None
    rows = [("steps", count(last), "unknown" if share is None else count(share * last))]
    if seconds is not None:
        rows.append(
            ("wall time", duration(seconds), "unknown" if share is None else duration(share * seconds))
        )
        if isinstance(devices, int) and devices > 0:
            hours = devices * seconds / 3600
            wasted = "unknown" if share is None else number(share * hours, 3)
            rows.append((f"device-hours on {devices}", number(hours, 3), wasted))
    text = table(("", "used", "after the best evaluation"), rows)
    if share is not None:
        pace = ", reckoned by steps at an even pace" if seconds is not None else ""
        text += f"\n\n{percent(share)} of the run came after its best evaluation{pace}."
    if seconds is None:
        text += " The log does not say how long the run took."
    if not isinstance(devices, int):
        text += " The log does not say on how many devices it ran, so device-hours are unknown."
    return text


def early_stopping(run: Run, story: Story | None) -> str:
    """For each patience: where it stops, what it keeps, what it saves. Patience counts evaluations."""
    if story is None:
        return "Without a validation loss there is nothing to stop on."
    rows = []
    for patience in PATIENCES:
        stop = story.stop(patience)
        if stop is None:
            rows.append((str(patience), "never", "", number(story.facts["val_min"]), story.saved(patience)))
        else:
            step, val = story.best_before(stop)
            keeps = f"{number(val)} (step {count(step)})"
            rows.append((str(patience), count(stop), epoch_of(run, stop), keeps, story.saved(patience)))
    every = _interval(story)
    return (
        table(("patience", "stops at step", "epoch", "keeps", "saves"), rows)
        + f"\n\nPatience counts evaluations without a new best, here one every {every} steps, and not epochs."
    )


def _interval(story: Story) -> str:
    gaps = [b - a for a, b in pairwise(story.seen.steps.tolist())]
    return count(sorted(gaps)[len(gaps) // 2]) if gaps else "unknown number of"


def epoch_of(run: Run, step: int) -> str:
    """The epoch at this step, empty where the log does not say it."""
    epoch = epoch_at(run.recording, step)
    return exact(epoch) if math.isfinite(epoch) else ""
