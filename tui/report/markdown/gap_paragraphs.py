"""The paragraphs of the gap analysis that are more than numbers: panels, capacity, prevention."""

from __future__ import annotations

import math
from typing import Any

from flight_recorder.tui.numbers import count, number
from flight_recorder.tui.report.markdown.overfit_story import Story
from flight_recorder.tui.report.markdown.recommendations import recommendations
from flight_recorder.tui.report.wording import markdown_code, markdown_text
from flight_recorder.tui.run import Run
from flight_recorder.tui.series.changes import PANELS, Change, changes_since
from flight_recorder.tui.vocabulary import title


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
        if after != before:
            lines.append(
                f"- validation loss of {markdown_code(name, 60)}: {number(before)} → {number(after)}; its "
                "own minimum "
                f"is {number(float(values[lowest]))} at step {count(int(at[lowest]))}"
            )
    return lines


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
        f"{sizes} can hold more than the rule that the data share: after step {count(facts['onset'])} "
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
    model = f"{count(parameters)} parameters" if isinstance(parameters, int | float) else "This model"
    if isinstance(per_step, int | float) and isinstance(per_epoch, int | float):
        return f"{model} trained on about {count(per_step * per_epoch)} tokens"
    return model


def prevent(run: Run, story: Story) -> str:
    """What comes first and why, then everything that this run gives a reason for."""
    if not story.overfit:
        return _go_on(run, story)
    gap, rise = number(story.gap_at_best), number(story.rise)
    if story.is_data_first:
        reason = (
            f"**More data first.** At the best evaluation the gap was {gap} nats already, and no "
            f"stopping undoes it; what came after it, {rise} nats, is less."
        )
    else:
        reason = (
            f"**Earlier stopping first.** It wins back what validation lost after t*, {rise} nats, and costs "
            f"nothing; more data could win at most the gap at t*, {gap} nats."
        )
    return f"{reason}\n\n{recommendations(run, story)}"


def _go_on(run: Run, story: Story) -> str:
    level, headline = run.judge.level, run.judge.headline
    if headline is not None:
        words = markdown_text(f"{title(headline)}, {headline.evidence}")
        return f"The tree has another finding first ({level}): {words}. {headline.fix}"
    if story.last_is_best:
        return "Nothing needs preventing: validation was still improving at the end. Train on to see it rise."
    return "Nothing needs preventing yet: no onset of overfitting was called."
