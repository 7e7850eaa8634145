"""The paragraphs of the gap analysis that are more than numbers: panels, checkpoint, capacity, prevention."""

from __future__ import annotations

import math
from typing import Any

from flight_recorder.tui.report.compare.changes import PANELS, Change, changes_since
from flight_recorder.tui.report.markdown.overfit_story import Story
from flight_recorder.tui.report.markdown.run_facts import settings
from flight_recorder.tui.report.wording import markdown_code, markdown_text, number, percent, steps
from flight_recorder.tui.run import Run

PATIENCE = 3
"""Evaluations without a new best after which the text lets early stopping act."""


def panels(run: Run, story: Story) -> str:
    """What changed on the other panels between t* and the end, and what was measured and did not."""
    found = changes_since(run.recording, story.facts["t_val_min"])
    words = dict(PANELS)
    lines = [f"- {words[field]}: {_changed(changes)}" for field, changes in found.items() if _any(changes)]
    lines += _class_losses(run, story)
    still = [words[field] for field, changes in found.items() if not _any(changes)]
    text = []
    if lines:
        text.append(f"Between t* and the end, beyond panel 1:\n\n{chr(10).join(lines)}")
    if still:
        text.append(
            f"Measured and without a change of a tenth that is clear of the noise: {', '.join(still)}."
            + _dead(found)
        )
    absent = [name for field, name in PANELS if field not in found]
    if absent:
        text.append(f"Not in the log, or for too short a time after t*: {', '.join(absent)}.")
    return "\n\n".join(text)


def _any(changes: list[Change]) -> bool:
    return any(change.changed for change in changes)


def _changed(changes: list[Change]) -> str:
    shown = sorted((c for c in changes if c.changed), key=lambda c: -abs(math.log(abs(c.ratio) or 1e-9)))
    parts = [
        f"{_named(change)}{number(change.before, 3)} → {number(change.after, 3)}{_times(change)}"
        for change in shown[:4]
    ]
    more = f"; {len(shown) - 4} more" if len(shown) > 4 else ""
    rest = len(changes) - len(shown)
    return "; ".join(parts) + more + _rest(rest)


def _rest(count: int) -> str:
    return {0: "", 1: "; the other one about the same"}.get(count, f"; the other {count} about the same")


def _named(change: Change) -> str:
    return "" if change.name in dict(PANELS) else f"{markdown_code(change.name, 60)} "


def _times(change: Change) -> str:
    return f" ({change.ratio:.2f} x)" if math.isfinite(change.ratio) else ""


def _dead(found: dict[str, list[Change]]) -> str:
    """Overfitting is often said to kill units; where it did not, the report says so."""
    counted = {"dead_units": "unit", "dead_heads": "head"}
    died = [change for name in counted for change in found.get(name, []) if change.changed or change.after]
    nouns = [noun for name, noun in counted.items() if name in found]
    if died or not nouns:
        return ""
    return f" No {' and no '.join(nouns)} died: in this run overfitting does not show as lost capacity."


def _class_losses(run: Run, story: Story) -> list[str]:
    """Validation loss by class, at t* and at the end, and where each class had its own minimum."""
    lines = []
    for name, column in run.recording.evaluations.group("class_loss").items():
        values, at = column.values, column.steps
        known = [index for index in range(len(values)) if math.isfinite(values[index])]
        best = [index for index in known if at[index] == story.facts["t_val_min"]]
        if not best or known[-1] == best[0]:
            continue
        before, after = float(values[best[0]]), float(values[known[-1]])
        lowest = min(known, key=lambda index: float(values[index]))
        if abs(after - before) >= 0.1 * abs(before):
            lines.append(
                f"- validation loss of {markdown_code(name, 60)}: {number(before)} → {number(after)}; its "
                "own minimum "
                f"is {number(float(values[lowest]))} at step {steps(int(at[lowest]))}"
            )
    return lines


def keep(run: Run, story: Story) -> str:
    """Which checkpoint to evaluate, and whether one at or near the best exists."""
    facts = story.facts
    best, nearest = facts.get("best_checkpoint_step"), facts.get("nearest_checkpoint_step")
    wanted = (
        f"The checkpoint to evaluate is the one at t_val_min = {steps(facts['t_val_min'])} "
        f"(val {number(facts['val_min'])}), not the last one (val {number(facts['val_final'])})."
    )
    if story.seen.best == len(story.seen) - 1:
        wanted = "The last evaluation is the best, so the newest checkpoint is the one to evaluate."
    if best is not None and best == facts["t_val_min"]:
        path = _path(run, best, "best")
        return f"{wanted} It exists: {path} holds step {steps(best)}, and later ones did not replace it."
    if nearest is None:
        return f"{wanted} The log records no checkpoint at all, so whether one exists is unknown."
    away = abs(nearest - facts["t_val_min"])
    within = facts["t_val_min_interval"][0] <= nearest <= facts["t_val_min_interval"][1]
    cost = _loss_at(story, nearest)
    price = (
        ""
        if cost is None
        else f", whose validation loss was {number(cost)}, {number(cost - facts['val_min'])} worse"
    )
    broad = "; it lies on the broad bottom and is as good as the best" if within else ""
    exact = "It exists" if away == 0 else f"None is exactly there. The nearest is {steps(away)} steps away"
    return f"{wanted} {exact}: {_path(run, nearest, '')} of step {steps(nearest)}{price}{broad}."


def _path(run: Run, step: int, role: str) -> str:
    found = [record for record in run.recording.checkpoints if record["step"] == step]
    found = [record for record in found if record.get("role") == role] or found
    path = found[-1].get("path") if found else None
    return markdown_code(path, 120) if path else "the checkpoint"


def _loss_at(story: Story, step: int) -> float | None:
    at = [index for index, seen in enumerate(story.seen.steps.tolist()) if seen == step]
    return float(story.seen.val[at[0]]) if at else None


def capacity(run: Run, story: Story) -> str:
    """One sentence on what the gap says, with the sizes of model and data where the log has them."""
    facts, header = story.facts, run.recording.header
    sizes = _sizes(header)
    if not story.overfit:
        return (
            f"{sizes}: the gap at the end is {number(facts['gap_final'])} nats and no onset was called, so "
            "this run "
            "says nothing yet about the limit of its capacity."
        )
    train = facts["train_min"]
    held = "" if train is None else f"training loss went on to {number(train)}, "
    since = facts.get("train_at_val_min")
    fell = "" if since is None or train is None else f"{number(since - train)} nats below what it was at t*, "
    return (
        f"{sizes} can hold more than the rule that the data share: after step {steps(facts['onset'])} "
        f"{held}{fell}while "
        f"validation got worse by {number(facts['val_final'] - facts['val_min'])}, so everything learned "
        "from there on "
        "was particular to the training examples. On a small corpus that is a probe of capacity, not a "
        "failure."
    )


def _sizes(header: dict[str, Any]) -> str:
    parameters, per_step, per_epoch = (
        header.get(name) for name in ("num_parameters", "tokens_per_step", "steps_per_epoch")
    )
    model = f"{steps(parameters)} parameters" if isinstance(parameters, int | float) else "This model"
    if isinstance(per_step, int | float) and isinstance(per_epoch, int | float):
        return f"{model} trained on about {steps(per_step * per_epoch)} tokens"
    return model


def prevent(run: Run, story: Story) -> str:
    """The three remedies of the lab, which comes first, and the reason that this run gives."""
    if not story.overfit:
        return _go_on(run, story)
    stopping, data, regular = _stopping(story), _data(run, story), _regularisation(run)
    if story.memorised_before_best:
        reason = (
            f"**More data first.** At the best evaluation the gap was {number(story.gap_at_best)} nats "
            "already, more than "
            "a tenth of the loss: the run was memorising before it was at its best, and stopping cannot "
            "undo that."
        )
        order = [data, regular, stopping]
    else:
        reason = (
            f"**Earlier stopping first.** At t* the gap was only {number(story.gap_at_best)} nats: nearly "
            "all of the damage "
            "came later, and stopping avoids all of it and costs nothing."
        )
        order = [stopping, data, regular]
    return reason + "\n\n" + "\n".join(f"{index}. {text}" for index, text in enumerate(order, 1))


def _go_on(run: Run, story: Story) -> str:
    level, headline = run.judge.level, run.judge.headline
    if headline is not None:
        return (
            f"The tree has another finding first ({level}): {headline.check} {headline.symptom}, "
            f"{markdown_text(headline.evidence)}. {headline.fix}"
        )
    if story.seen.best == len(story.seen) - 1:
        return "Nothing needs preventing: validation was still improving at the end. Train on to see it rise."
    return "Nothing needs preventing yet. Three evaluations in a row above 1.02 x the best would be an onset."


def _stopping(story: Story) -> str:
    stop = story.stop(PATIENCE)
    if stop is None:
        return f"Earlier stopping: with a patience of {PATIENCE} evaluations this run would not have stopped."
    step, val = story.best_before(stop)
    saved = (story.last_step - stop) / story.last_step if story.last_step else 0.0
    kept = (
        "the best of the whole run"
        if step == story.facts["t_val_min"]
        else f"best until then, step {steps(step)}"
    )
    return (
        f"Earlier stopping: a patience of {PATIENCE} evaluations stops at step {steps(stop)} with "
        f"{number(val)} ({kept}) "
        f"and saves {percent(saved)} of the steps."
    )


def _data(run: Run, story: Story) -> str:
    per_epoch = run.recording.header.get("steps_per_epoch")
    passes = ""
    if isinstance(per_epoch, int | float) and per_epoch > 0:
        passes = (
            f" The training set had been seen {number(story.facts['t_val_min'] / per_epoch, 3)} times by t*."
        )
    return "More data: the only one of the three that can lower the minimum itself." + passes


def _regularisation(run: Run) -> str:
    known = settings(run.recording.header.get("config"))
    decay = next((value for name, value in known.items() if name.endswith("weight_decay")), None)
    dropout = run.recording.header.get("dropout")
    parts = [
        f"weight decay was {markdown_text(decay)}" if decay is not None else "the weight decay is unknown"
    ]
    parts.append(
        f"dropout was {number(float(dropout))}" if isinstance(dropout, int | float) else "dropout is unknown"
    )
    return f"More regularisation: {', '.join(parts)}; what another value would do, this run cannot tell."
