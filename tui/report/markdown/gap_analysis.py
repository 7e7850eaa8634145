"""gap-analysis.md: where and how a run overfits, in the five paragraphs of the overfit lab.

Every number is one of the log or follows from it; what the log does not hold is called unknown. A run that
does not overfit is told so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flight_recorder.tui.numbers import count, number, percent
from flight_recorder.tui.panels.pulse_words import exit_message
from flight_recorder.tui.report.markdown.after_best import keep
from flight_recorder.tui.report.markdown.gap_paragraphs import capacity, panels, prevent
from flight_recorder.tui.report.markdown.overfit_story import Story, story_of
from flight_recorder.tui.report.wording import markdown_code, table
from flight_recorder.tui.run import Run

RECOMPUTE = """```python
import json

with open("inspector.log.jsonl") as log:
    records = [json.loads(line) for line in log]
evaluations = [r for r in records if r["kind"] == "evaluation" and isinstance(r.get("val_loss"), float)]
best = min(evaluations, key=lambda r: r["val_loss"])
last = evaluations[-1]
print(best["step"], best["val_loss"], best.get("train_loss"))
print(last["step"], last["val_loss"], last["val_loss"] - last.get("train_loss", float("nan")))
```"""
"""The paragraph's numbers once more, by someone who does not trust us (a run that was never resumed)."""


@np.errstate(all="ignore")  # a log may hold any number
def gap_analysis(run: Run) -> str:
    """The analysis as Markdown."""
    title = f"# Gap analysis of {markdown_code(run.name, 80)}\n{_ending(run)}"
    story = story_of(run)
    if story is None:
        return title + "\nThe log has no validation loss. Whether this run overfits cannot be told from it.\n"
    parts = [
        title,
        _verdict(story),
        "## 1. The numbers",
        _numbers(run, story),
        _table(story),
        _schedule(run),
        "## 2. What the other panels say",
        panels(run, story),
        "## 3. The checkpoint for the evaluation to come",
        keep(run, story),
        "## 4. What the gap says about capacity",
        capacity(run, story),
        "## 5. What would prevent it, and what first" if story.overfit else "## 5. What to do next",
        prevent(run, story),
        "---",
        "The numbers of section 1, recomputed from the log alone:",
        RECOMPUTE if run.format == "runlog" else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _ending(run: Run) -> str:
    """Why the run ended where it did, of one that ended with an error."""
    message = exit_message(run).removeprefix(": ")
    return f"\nThe run ended with an error: {markdown_code(message, 120)}\n" if message else ""


def _verdict(story: Story) -> str:
    facts = story.facts
    if story.overfit:
        return (
            f"**This run overfits from step {count(facts['onset'])} on.** It could first be called at step "
            f"{count(facts['called_at'])}, when for several evaluations in a row validation had stayed above "
            "its best by more than noise explains, while the training loss was lower than there."
        )
    if story.last_is_best:
        ending = "The last evaluation is the best one: validation was still improving when the run ended."
    else:
        over, best = facts["val_final"] - facts["val_min"], facts["val_min"]
        above = percent(over / best) if best > 0 else f"{number(over)} nats"
        ending = f"The last evaluation is {above} above the best; that is no onset by the rule used here."
    return f"**This run does not overfit, as far as it goes.** {ending}"


def _numbers(run: Run, story: Story) -> str:
    facts = story.facts
    first, last = facts["t_val_min_interval"]
    lines = [
        f"- t_val_min = **{count(facts['t_val_min'])}**, val_loss(t_val_min) = "
        f"**{number(facts['val_min'])}** nats "
        f"per token",
        f"- train_loss(t_val_min) = **{number(facts.get('train_at_val_min'))}** ({story.train_source}), so "
        "the gap "
        f"there is {number(story.gap_at_best)}",
        f"- t_train_min = {count(facts['t_train_min'])}, train_loss(t_train_min) = "
        f"{number(facts['train_min'])}",
        f"- final gap at step {count(story.last_step)}: **{number(facts['gap_final'])}** "
        f"(val {number(facts['val_final'])}, train {number(story.train_final)})",
    ]
    if first != last:
        lines.append(
            "- the bottom is broad: every evaluation that is as good as the best for all that the curve "
            "can tell "
            f"lies between step {count(first)} and step {count(last)}"
        )
    baseline = run.recording.header.get("baseline_loss")
    if isinstance(baseline, int | float) and math.isfinite(baseline):
        side = "below" if facts["val_min"] < baseline else "above"
        lines.append(
            f"- the n-gram baseline is {number(float(baseline))}: the best validation loss is "
            f"{number(abs(float(baseline) - facts['val_min']))} {side} it, the last "
            f"{number(abs(float(baseline) - facts['val_final']))} "
            f"{'below' if facts['val_final'] < baseline else 'above'}"
        )
    if facts.get("wasted_fraction"):
        lines.append(f"- {percent(facts['wasted_fraction'])} of the steps came after the best")
    return "\n".join(lines)


def _table(story: Story) -> str:
    """The gap over time at a dozen evaluations, those that matter among them."""
    seen = story.seen
    called = story.facts.get("called_at")
    marked = {0: "first", len(seen) - 1: "last", seen.best: "best validation loss, t*"}
    if called is not None:
        marked[int(np.searchsorted(seen.steps, called))] = "overfitting could first be called"
    end = len(seen) - 1
    spread = [
        *np.linspace(0, seen.best, 4).astype(int).tolist(),
        *np.linspace(seen.best, end, 7).astype(int).tolist(),
    ]
    rows = []
    for index in sorted({*spread, *marked}):
        train, val = float(seen.train[index]), float(seen.val[index])
        gap = number(val - train) if math.isfinite(train) else "unknown"
        shown = number(train) if math.isfinite(train) else "unknown"
        rows.append((count(int(seen.steps[index])), shown, number(val), gap, marked.get(index, "")))
    return table(("step", "train", "val", "val − train", ""), rows)


def _schedule(run: Run) -> str:
    """Where the cosine really has its midpoint, read from the learning rates of the log."""
    declared: dict[str, Any] = run.recording.header.get("schedule") or {}
    total = declared.get("total_steps", run.recording.header.get("planned_steps"))
    warmup = declared.get("warmup_steps", declared.get("warmup", 0))
    if declared.get("family") != "cosine" or not isinstance(total, int) or not isinstance(warmup, int):
        return ""
    lr = run.recording.steps["lr"]
    middle, quarter = (warmup + total) // 2, total // 4
    at = {step: _value_at(lr.steps, lr.values, step) for step in (quarter, middle)}
    if at[quarter] is None:
        return ""
    read = "" if at[middle] is None else f", where the log reads {number(at[middle])}"
    return (
        f"The learning rate decays over all {count(total)} steps. Step {count(quarter)}, a quarter of the "
        "way, is not "
        f"the midpoint of the cosine: the learning rate there is still {number(at[quarter])}. The midpoint "
        "between "
        f"the end of the warm-up and the last step is step {count(middle)}{read}."
    )


def _value_at(all_steps: Any, values: Any, step: int) -> float | None:
    found = int(np.searchsorted(all_steps, step))
    return float(values[found]) if found < len(all_steps) and all_steps[found] == step else None
