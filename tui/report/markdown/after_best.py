"""What was left of a run: checkpoints against the best, compute used and wasted, what patience would have "
"done."""

from __future__ import annotations

from itertools import pairwise

from flight_recorder.tui.report.markdown.overfit_story import Story
from flight_recorder.tui.report.markdown.run_facts import wall_time_s
from flight_recorder.tui.report.markdown.timeline import newest
from flight_recorder.tui.report.wording import duration, markdown_code, number, percent, steps, table
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
        rows.append((steps(step), markdown_code(record.get("path", ""), 120), number(loss), ratio))
    more = f"\n\nThe last 20 of {len(kept)} are shown." if len(kept) > 20 else ""
    text = table(("step", "file", "val loss", "against the best"), rows) + more
    return text if story is None else f"{text}\n\n{_nearest(story)}"


def _nearest(story: Story) -> str:
    best, nearest = story.facts["t_val_min"], story.facts["nearest_checkpoint_step"]
    if nearest == best:
        return f"The best evaluation, step {steps(best)}, has its checkpoint."
    when = "late" if nearest > best else "early"
    return (
        f"**The best was at step {steps(best)}; the nearest checkpoint is {steps(abs(nearest - best))} "
        f"steps {when}, "
        f"at step {steps(nearest)}.** What the model was at its best is lost."
    )


def compute(run: Run, story: Story | None) -> str:
    """Steps, hours and device-hours, used in all and after the best."""
    last = run.recording.last_step or (story.last_step if story else 0)
    seconds, devices = wall_time_s(run), run.recording.header.get("world_size")
    share = (last - story.facts["t_val_min"]) / last if story and last else None
    rows = [("steps", steps(last), "unknown" if share is None else steps(share * last))]
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
            rows.append((str(patience), "never", "", number(story.facts["val_min"]), "0 %"))
            continue
        step, val = story.best_before(stop)
        saved = (story.last_step - stop) / story.last_step if story.last_step else 0.0
        rows.append(
            (
                str(patience),
                steps(stop),
                epoch_of(run, stop),
                f"{number(val)} (step {steps(step)})",
                percent(saved),
            )
        )
    every = _interval(story)
    return (
        table(("patience", "stops at step", "epoch", "keeps", "saves"), rows)
        + f"\n\nPatience counts evaluations without a new best, here one every {every} steps, and not epochs."
    )


def _interval(story: Story) -> str:
    gaps = [b - a for a, b in pairwise(story.seen.steps.tolist())]
    return steps(sorted(gaps)[len(gaps) // 2]) if gaps else "unknown number of"


def epoch_of(run: Run, step: int) -> str:
    """The epoch at this step, empty where the log does not say it."""
    recording = run.recording
    epoch = newest(recording.evaluations["epoch"], step, exactly=True)
    epoch = epoch if epoch == epoch else newest(recording.steps["epoch"], step)
    per_epoch = recording.header.get("steps_per_epoch")
    if epoch != epoch and isinstance(per_epoch, int | float) and per_epoch > 0:
        epoch = step / per_epoch
    return "" if epoch != epoch else f"{epoch:.6g}"
