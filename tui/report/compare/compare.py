"""Runs as a dated journal entry: what we did, the result, what happened, what we do next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np

from flight_recorder.tui.checks.verdict import State, Verdict
from flight_recorder.tui.numbers import count, duration, number
from flight_recorder.tui.report.compare.config_changes import (
    ConfigChanges,
    by_setting,
    config_changes,
    told,
    without_effect,
)
from flight_recorder.tui.report.compare.contest import Outcome, outcome
from flight_recorder.tui.report.compare.journal import append_to_journal
from flight_recorder.tui.report.compare.observed import differing, observed, observed_table
from flight_recorder.tui.report.markdown.overfit_story import Story, story_of
from flight_recorder.tui.report.markdown.run_facts import wall_time_s
from flight_recorder.tui.report.wording import markdown_code, markdown_text, table
from flight_recorder.tui.run import Run

__all__ = ["append_to_journal", "compare", "compare_all"]


@np.errstate(all="ignore")  # a log may hold any number
def compare(run_a: Run, run_b: Run, today: date | None = None) -> str:
    """The entry as Markdown; `run_a` is the earlier run, `run_b` what came of it."""
    changes, result = config_changes(run_a, run_b), outcome(run_a, run_b)
    names = _names((run_a, run_b))
    effects, seen = without_effect(run_a, run_b, changes), observed((run_a, run_b))
    did = [f"Compared {names[0]} with {names[1]}. In the configuration:", told(changes)]
    did += [text for text in [observed_table(seen, names)] if text]
    if effects:
        did += ["Declared, but without visible effect:", "\n".join(f"- {sentence}" for sentence in effects)]
    sections = [
        f"## {(today or date.today()).isoformat()} - {names[0]} against {names[1]}",
        "### What we did",
        *did,
        "### The result",
        result.words,
        _outcomes((run_a, run_b), names),
        "### What happened",
        _happened(run_a, run_b, names, changes, differing(seen)),
        "### What we do next",
        _next(run_a, run_b, names, result),
        "---",
        f"*Training runs: {names[0]} ({markdown_code(run_a.path, 200)}), {names[1]} "
        f"({markdown_code(run_b.path, 200)})*  \n"
        f"*Status: {run_a.judge.level} and {run_b.judge.level}*",
    ]
    return "\n\n".join(sections) + "\n"


def compare_all(runs: Sequence[Run], today: date | None = None) -> str:
    """More than two runs as Markdown: what differs, a row a setting, and how each fared against the first."""
    names = _names(runs)
    sections = [
        f"## {(today or date.today()).isoformat()} - {len(runs)} runs against {names[0]}",
        "### What we did",
        *(
            text
            for text in [_settings_that_differ(runs, names), observed_table(observed(runs), names)]
            if text
        ),
        "### The result",
        "\n".join(
            f"- {name}: {outcome(runs[0], run).words}" for run, name in zip(runs[1:], names[1:], strict=True)
        ),
        _outcomes(runs, names),
    ]
    return "\n\n".join(sections) + "\n"


def _settings_that_differ(runs: Sequence[Run], names: Sequence[str]) -> str:
    changes = [config_changes(runs[0], run) for run in runs[1:]]
    lacking = [name for name, found in zip(names[1:], changes, strict=True) if not found.known]
    if lacking:
        return (
            f"{names[0]} and {', '.join(lacking)} do not all hold their configuration, so what was set is "
            "unknown but for what the logs show."
        )
    rows = [(markdown_code(setting, 80), *texts) for setting, texts in by_setting(changes).items()]
    head = ("in the configuration", *names)
    return table(head, rows) if rows else "The configurations are the same."


def _names(runs: Sequence[Run]) -> list[str]:
    """What to call the runs; their paths where two bear the same name."""
    if len({run.name for run in runs}) == len(runs):
        return [markdown_code(run.name, 60) for run in runs]
    return [markdown_code(run.path, 120) for run in runs]


def _outcomes(runs: Sequence[Run], names: Sequence[str]) -> str:
    columns = [_outcome_of(run, story_of(run)) for run in runs]
    rows = [(label, *(column[label] for column in columns)) for label in columns[0]]
    return table(("", *names), rows)


def _outcome_of(run: Run, story: Story | None) -> dict[str, str]:
    recording, facts = run.recording, story.facts if story else {}
    seconds, done = wall_time_s(run), recording.num_steps
    loss = recording.steps["loss"].values
    best = f"{number(facts['val_min'])} at step {count(facts['t_val_min'])}" if facts else "unknown"
    onset = facts.get("onset")
    return {
        "steps done": count(done),
        "best val loss": best,
        "last val loss": number(facts.get("val_final")),
        "last train loss": number(float(loss[-1])) if len(loss) else "unknown",
        "gap at the end": number(facts.get("gap_final")),
        "overfit since": f"step {count(onset)}" if onset is not None else "no onset" if facts else "unknown",
        "wall time": duration(seconds),
        "steps/s": number(done / seconds, 3) if done and seconds else "unknown",
        "level": str(run.judge.level),
        "causes": ", ".join(f"`{cause}`" for cause, _ in run.judge.causes[:3]) or "none",
    }


def _firing(run: Run) -> dict[tuple[str, str], Verdict]:
    return {
        (verdict.check, verdict.symptom): verdict
        for verdict in run.judge.verdicts
        if verdict.state is State.FIRING
    }


def _happened(
    a: Run, b: Run, names: Sequence[str], changes: ConfigChanges, seen_to_differ: Sequence[str]
) -> str:
    before, after = _firing(a), _firing(b)
    lines = [_line(f"only in {names[0]}", verdict) for key, verdict in before.items() if key not in after]
    lines += [_line(f"only in {names[1]}", verdict) for key, verdict in after.items() if key not in before]
    lines += [_line("in both", verdict) for key, verdict in after.items() if key in before]
    text = "\n".join(lines) or "- Nothing fires in either run."
    return f"{text}\n\n{_attribution(changes, seen_to_differ)}"


def _line(where: str, verdict: Verdict) -> str:
    since = "" if verdict.first_step is None else f" since step {count(verdict.first_step)}"
    words = markdown_text(f"{verdict.check} {verdict.symptom}")
    return f"- {where}: **{words}** ({verdict.level}){since}. {markdown_text(verdict.evidence)}"


def _attribution(changes: ConfigChanges, seen_to_differ: Sequence[str]) -> str:
    """What two runs can say about a cause, which is little."""
    seen = ", ".join(seen_to_differ)
    if not changes.known:
        return _attribution_by_logs(seen, len(seen_to_differ))
    if len(changes) == 0 and seen:
        return f"The configurations are the same, and yet the logs differ in {seen}. Find out what sets it."
    if len(changes) == 0:
        return "The configurations are the same: what differs is left to seed, data and hardware."
    if len(changes) == 1:
        return "One setting was changed, but with one run each: repeat with another seed before believing it."
    return f"{len(changes)} settings were changed at once; which of them did it, two runs cannot tell."


def _attribution_by_logs(seen: str, number_seen: int) -> str:
    if not seen:
        return "In what both logs show nothing differs; what made the difference they cannot tell."
    but = (
        "With one run each, repeat with another seed before believing that this did it."
        if number_seen == 1
        else "Which of these did it, two runs cannot tell."
    )
    return f"The logs differ in {seen}. {but} What else was set they do not show."


def _next(a: Run, b: Run, names: Sequence[str], result: Outcome) -> str:
    lines = []
    if result.winner == "neither":
        lines.append(
            "- Check the evaluation before anything else: evaluate an untrained model, which must read "
            "about ln V. "
            "Do not go on training on the strength of these numbers."
        )
    elif result.winner == "tie":
        lines.append("- Repeat both with two more seeds, or take the cheaper one.")
    elif result.winner == "unknown":
        lines.append("- Evaluate both on the same validation set; without that nobody has won.")
    chosen = {"a": (a, names[0]), "b": (b, names[1])}.get(result.winner)
    for run, name in (chosen,) if chosen else ((a, names[0]), (b, names[1])):
        lines += _advice(run, name, with_checkpoint=result.winner != "neither")
    return "\n".join(lines) or "- Go on from the better run; nothing in it asks for a change."


def _advice(run: Run, name: str, with_checkpoint: bool) -> list[str]:
    """The checkpoint to go on from and the headline's fix."""
    lines = []
    facts = run.judge.overfit
    if with_checkpoint and facts and facts["onset"] is not None and math.isfinite(facts["val_min"]):
        lines.append(
            f"- {name}: go on from the checkpoint of step {count(facts['t_val_min'])}, not from the last."
        )
    headline = run.judge.headline
    if headline is not None and headline.fix:
        lines.append(f"- {name}: {headline.fix} ({headline.check})")
    return lines
