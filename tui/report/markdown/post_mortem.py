"""post-mortem.md: what happened to a run, from its log alone.

Built like a post-mortem that a careful engineer would write, with the difference that every figure in it
can be found in the log, and that what the log cannot show is said to be unknown.
"""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.numbers import count, number, percent
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.report.markdown.after_best import checkpoints, compute, early_stopping, epoch_of
from flight_recorder.tui.report.markdown.overfit_story import Story, story_of
from flight_recorder.tui.report.markdown.phases import phases
from flight_recorder.tui.report.markdown.recommendations import (
    declared_and_observed,
    family_words,
    recommendations,
)
from flight_recorder.tui.report.markdown.run_facts import run_facts, schedule_text, settings
from flight_recorder.tui.report.markdown.timeline import newest, timeline
from flight_recorder.tui.report.terminal.verdicts import misshapen_words
from flight_recorder.tui.report.wording import markdown_code, markdown_text, table
from flight_recorder.tui.run import Run
from flight_recorder.tui.vocabulary import main_verdict, title

MOST_SETTINGS = 60
MOST_FLAGS = 40


@np.errstate(all="ignore")  # a log may hold any number
def post_mortem(run: Run) -> str:
    """The post-mortem as Markdown."""
    story = story_of(run)
    sections = [
        ("", _summary(run, story)),
        ("Configuration", _configuration(run)),
        ("Timeline", timeline(run)),
        ("Phases", phases(run)),
        ("Red flags, and when each was visible", _flags(run)),
        ("Learning rate: declared against observed", _schedule(run)),
        ("Causes", _causes(run, story)),
        ("Checkpoints kept", checkpoints(run, story)),
        ("Compute", compute(run, story)),
        ("What early stopping would have done", early_stopping(run, story)),
        ("Recommendations", recommendations(run, story)),
        ("What this log cannot show", _unknown(run)),
    ]
    text = [f"# Post-mortem of {markdown_code(run.name, 80)}"]
    text += [f"## {title}\n\n{body}" if title else body for title, body in sections]
    return "\n\n".join(text) + "\n"


def _summary(run: Run, story: Story | None) -> str:
    judge = run.judge
    lines = [f"**Level: {judge.level}.** {_headline(run)}"]
    if story:
        facts = story.facts
        ratio = facts["val_final"] / facts["val_min"] if facts["val_min"] > 0 else float("nan")
        epoch = epoch_of(run, facts["t_val_min"])
        at = f"step {count(facts['t_val_min'])}" + (f" (epoch {epoch})" if epoch else "")
        lines.append(
            f"Best validation loss {number(facts['val_min'])} at {at}; at the end "
            f"{number(facts['val_final'])}, "
            f"{ratio:.2f} times that. Training loss at the end {_last_train(run)}."
        )
    return "\n\n".join(lines)


def _headline(run: Run) -> str:
    headline = run.judge.headline
    if headline is None:
        return "No leaf of the tree fires."
    words = markdown_text(f"{title(headline)}: {headline.evidence}") + "."
    worst = main_verdict(run.judge.verdicts, headline)
    if worst is not None and worst is not headline:
        grave = markdown_text(f"{title(worst)}: {worst.evidence}")
        words += f" {str(worst.level).capitalize()} because of {grave}."
    return words


def _last_train(run: Run) -> str:
    loss = run.recording.steps["loss"]
    return f"{loss.values[-1]:.6g}" if len(loss) else "unknown"


def _configuration(run: Run) -> str:
    rows = [(markdown_text(name), markdown_code(value, 120)) for name, value in run_facts(run)]
    known = list(settings(run.recording.header.get("config")).items())
    rows += [(markdown_code(name, 80), markdown_code(value, 120)) for name, value in known[:MOST_SETTINGS]]
    more = (
        f"\n\n{len(known) - MOST_SETTINGS} more settings are left out." if len(known) > MOST_SETTINGS else ""
    )
    none = "" if known else "\n\nThe log does not hold the configuration of the run."
    return table(("", "as logged"), rows) + more + none


def _flags(run: Run) -> str:
    """Each leaf that ever fired, at the step at which it could first be called."""
    calls = [call for call in run.judge.calls() if call[3] > Level.GREEN]
    if not calls:
        return "None: no leaf of the tree fired at any step."
    fixes = {verdict.check: verdict.fix for verdict in run.judge.verdicts}
    rows = []
    for step, check, symptom, level in calls[:MOST_FLAGS]:
        val = newest(run.recording.evaluations["val_loss"], step)
        rows.append(
            (
                count(step),
                epoch_of(run, step),
                str(level),
                f"{markdown_text(check)} {markdown_text(symptom)}",
                "" if val != val else number(val),
                fixes.get(check, ""),
            )
        )
    more = f"\n\n{len(calls) - MOST_FLAGS} later ones are left out." if len(calls) > MOST_FLAGS else ""
    more += _after_the_warning(run, [step for step, _, _, level in calls if level >= Level.ORANGE])
    return table(("visible at step", "epoch", "level", "flag", "val loss then", "action"), rows) + more


def _after_the_warning(run: Run, serious: list[int]) -> str:
    """How much of the run came after the first flag that asks for action."""
    last = run.recording.last_step
    if not serious or not last:
        return ""
    part = percent((last - serious[0]) / last)
    return (
        f"\n\nThe first flag that asks for action was visible at step {count(serious[0])}; "
        f"{part} of the run followed."
    )


def _schedule(run: Run) -> str:
    declared, observed = declared_and_observed(run)
    if not observed:
        return "The log has no learning rate, or too few, so what schedule really ran is unknown."
    words = markdown_text(family_words(observed))
    error = observed.get("max_error")
    exact = f" (largest error {number(float(error), 2)})" if isinstance(error, int | float) else ""
    if not declared:
        return f"The log does not declare a schedule. Its learning rates follow: {words}{exact}."
    said = markdown_text(schedule_text(declared))
    if declared.get("family") == observed.get("family"):
        return f"Declared: {said}. Observed: {words}{exact}."
    return (
        f"Declared: **{said}**. Observed: **{words}**{exact}. What was declared did not run: something "
        "overrode it." + _signature(observed)
    )


def _signature(observed: dict[str, object]) -> str:
    """A shape that one well-known scheduler has and hardly another."""
    parameters = observed.get("parameters")
    warmup = str(parameters.get("warmup_kind", "")) if isinstance(parameters, dict) else ""
    if observed.get("family") == "linear" and warmup.startswith("log"):
        return (
            " A logarithmic warm-up followed by a linear decay is the shape of DeepSpeed's WarmupDecayLR, "
            "whose "
            "configuration takes precedence over the trainer's: look there first."
        )
    return ""


def _causes(run: Run, story: Story | None) -> str:
    causes = run.judge.causes
    if not causes:
        return "The tree names no cause."
    lines = [
        f"{place}. `{cause}`, by {markdown_text(', '.join(evidence))}"
        for place, (cause, evidence) in enumerate(causes[:6], 1)
    ]
    text = "\n".join(lines)
    return text + _not_a_mask(run, story) if any(cause == "memorised" for cause, _ in causes) else text


def _not_a_mask(run: Run, story: Story | None) -> str:
    """Why a training loss of 0 is memory here and no masked target."""
    if story is None:
        return ""
    train = story.seen.train[story.seen.best :]
    lowest = int(np.argmin(train))
    return (
        "\n\nMemorised, and not a fault of the loss mask: after the best evaluation the training loss "
        "came down "
        f"gradually, over {lowest} evaluations, from {number(float(train[0]))} to "
        f"{number(float(train[lowest]))}, "
        f"while the validation loss rose to {number(story.facts['val_final'])}. Targets that are masked "
        "out read 0 "
        "or NaN from one step to the next, and validation does not rise for it."
    )


def _unknown(run: Run) -> str:
    header = run.recording.header
    facts = {
        "vocab_size": "the vocabulary: whether the loss is better than a uniform guess",
        "world_size": "the number of devices: device-hours",
        "dropout": "the dropout",
        "grad_clip": "the clip value: whether gradients were always clipped",
        "config": "the configuration",
    }
    lines = [f"- {words}" for name, words in facts.items() if header.get(name) is None]
    lines += [
        f"- panel {panel.number}, {panel.title.lower()}: no data"
        for panel in PANELS
        if not panel.measured(run.recording)
    ]
    silent = [verdict.check for verdict in run.judge.verdicts if verdict.state is State.NOT_MEASURED]
    if silent:
        lines.append(
            f"- {len(silent)} nodes of the tree could not be judged: {markdown_text(', '.join(silent), 2000)}"
        )
    lines += [f"- {verdict.check} {markdown_text(verdict.evidence, 2000)}" for verdict in run.judge.failed]
    if header.get("steps_inferred"):
        lines.append("- the steps themselves: the log does not number its lines, they were counted")
    lines += [f"- {markdown_text(words, 2000)}" for words in misshapen_words(run.recording.misshapen)]
    if run.damaged:
        lines.append(f"- {len(run.damaged)} damaged stretches of the log, which were skipped")
    return "\n".join(lines) or "Nothing that these pages need."
