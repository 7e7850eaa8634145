"""What to do differently next time, each piece of advice with the evidence that this run gives for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.numbers import count, number
from flight_recorder.tui.report.markdown.after_best import PATIENCES
from flight_recorder.tui.report.markdown.overfit_story import USUAL_PATIENCE, Story
from flight_recorder.tui.report.markdown.run_facts import schedule_text, settings
from flight_recorder.tui.report.wording import markdown_text
from flight_recorder.tui.run import Run

OVERFITTING = frozenset({"overfit", "memorised", "best_checkpoint_missing"})
SCHEDULE = frozenset({"schedule_mismatch", "constant_lr", "step_decay"})
"""Causes whose remedies are told here in more detail than a leaf can."""


def recommendations(run: Run, story: Story | None) -> str:
    """A numbered list; a sentence where there is nothing to change."""
    overfit, schedule = list(_overfit(run, story)), list(_schedule(run))
    told = (OVERFITTING if overfit else frozenset()) | (SCHEDULE if schedule else frozenset())
    found = [*overfit, *schedule, *_fixes(run, told)]
    if not found:
        return "The log gives no reason to change anything."
    return "\n".join(
        f"{place}. **{advice}** Evidence: {evidence}" for place, (advice, evidence) in enumerate(found, 1)
    )


def _overfit(run: Run, story: Story | None) -> Iterator[tuple[str, str]]:
    if story is None or not story.overfit:
        return
    patience = _patience(story)
    if patience:
        stop = story.stop(patience) or 0
        yield (
            f"Stop early, with a patience of {patience} evaluations.",
            f"it would have stopped at step {count(stop)} with the best loss of the run, "
            f"{number(story.facts['val_min'])}, in hand and saved {story.saved(patience)} of the steps.",
        )
    yield from _keep_best(run, story)
    best, last = story.facts["t_val_min"], story.last_step
    yield (
        f"Plan a shorter run: about {count(2 * best)} steps instead of {count(last)}.",
        f"the best evaluation came at step {count(best)}; twice that leaves room for a later minimum.",
    )
    per_epoch = run.recording.header.get("steps_per_epoch")
    if isinstance(per_epoch, int | float) and per_epoch > 0:
        yield (
            "Get more data: it alone can lower the minimum itself.",
            f"the training set had been seen {number(best / per_epoch, 3)} times by t*.",
        )
    yield from _regularise(run)


def _patience(story: Story) -> int | None:
    """The usual patience, or the next longer one that would have kept the best of the whole run."""
    for patience in range(USUAL_PATIENCE, max(PATIENCES) + 1):
        stop = story.stop(patience)
        if stop is not None and story.best_before(stop)[0] == story.facts["t_val_min"]:
            return patience
    return None


def _keep_best(run: Run, story: Story) -> Iterator[tuple[str, str]]:
    best, nearest = story.facts["t_val_min"], story.facts["nearest_checkpoint_step"]
    if nearest is None:
        yield (
            "Make sure that the best checkpoint is kept (load_best_model_at_end, or save when validation "
            "improves).",
            "the log names no checkpoint, so nothing shows that the best was kept.",
        )
    elif nearest != best:
        yield (
            "Save a checkpoint whenever validation improves, and never overwrite it.",
            f"the best was at step {count(best)}, the nearest checkpoint at step {count(nearest)}.",
        )


def _regularise(run: Run) -> Iterator[tuple[str, str]]:
    dropout, known = run.recording.header.get("dropout"), settings(run.recording.header.get("config"))
    zero = [name for name, value in known.items() if "dropout" in name and value in ("0", "0.0")]
    if dropout == 0 or zero:
        where = f" ({markdown_text(', '.join(zero[:3]))})" if zero else ""
        yield (
            "Try dropout of 0.05 to 0.1.",
            f"it was 0 in this run{where}, and the training set was learned by heart.",
        )
    decay = next(((name, value) for name, value in known.items() if name.endswith("weight_decay")), None)
    if decay:
        yield (
            "Try a larger weight decay only after that.",
            f"{markdown_text(decay[0])} was {markdown_text(decay[1])} and did not hold memorisation back; "
            "that more "
            "would have, this run cannot show.",
        )


def _schedule(run: Run) -> Iterator[tuple[str, str]]:
    declared, observed = declared_and_observed(run)
    if declared and observed and declared.get("family") != observed.get("family"):
        yield (
            "Find out what overrides the learning-rate schedule.",
            f"declared {markdown_text(schedule_text(declared))}, observed "
            f"{markdown_text(family_words(observed))}.",
        )


def declared_and_observed(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """The declared schedule and the one read from the learning rates; empty where there is none."""
    report = run.judge.schedule or {}
    return dict(report.get("declared") or {}), dict(report.get("observed") or {})


def family_words(observed: dict[str, Any]) -> str:
    """An observed schedule in one line."""
    return schedule_text({"family": observed.get("family", "unknown"), **(observed.get("parameters") or {})})


def _fixes(run: Run, told: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The fixes of every leaf that fires or has fired and whose first cause was not told, each once."""
    seen: set[str] = set()
    for verdict in run.judge.verdicts:
        if verdict.state not in (State.FIRING, State.RESOLVED) or verdict.fix in seen or not verdict.fix:
            continue
        if not told.intersection(verdict.causes[:1]):
            seen.add(verdict.fix)
            yield verdict.fix, markdown_text(f"{verdict.check} {verdict.symptom}: {verdict.evidence}.")
