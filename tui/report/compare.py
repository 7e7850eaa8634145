"""Two runs as a dated journal entry: what we did, the result, what happened, what we do next."""

from __future__ import annotations

import math
from datetime import date

import numpy as np

from tui.checks.verdict import State, Verdict
from tui.report.config_changes import ConfigChanges, config_changes, told, without_effect
from tui.report.contest import Outcome, outcome
from tui.report.journal import append_to_journal
from tui.report.overfit_story import Story, story_of
from tui.report.run_facts import wall_time_s
from tui.report.wording import duration, markdown_code, markdown_text, number, steps, table
from tui.run import Run

__all__ = ["append_to_journal", "compare"]


@np.errstate(all="ignore")  # a log may hold any number
def compare(run_a: Run, run_b: Run, today: date | None = None) -> str:
    """The entry as Markdown; `run_a` is the earlier run, `run_b` what came of it."""
    changes, result = config_changes(run_a, run_b), outcome(run_a, run_b)
    names = _names(run_a, run_b)
    effects = without_effect(run_a, run_b, changes)
    did = [f"Compared {names[0]} with {names[1]}. In the configuration:", told(changes)]
    if effects:
        did += ["Declared, but without visible effect:", "\n".join(f"- {sentence}" for sentence in effects)]
    sections = [
        f"## {(today or date.today()).isoformat()} - {names[0]} against {names[1]}",
        "### What we did",
        *did,
        "### The result",
        result.words,
        _outcomes(run_a, run_b, names),
        "### What happened",
        _happened(run_a, run_b, names, changes),
        "### What we do next",
        _next(run_a, run_b, names, result),
        "---",
        f"*Training runs: {names[0]} ({markdown_code(run_a.path, 200)}), {names[1]} "
        f"({markdown_code(run_b.path, 200)})*  \n"
        f"*Status: {run_a.judge.level} and {run_b.judge.level}*",
    ]
    return "\n\n".join(sections) + "\n"


def _names(a: Run, b: Run) -> tuple[str, str]:
    """What to call the runs; their paths where both bear the same name."""
    if a.name != b.name:
        return markdown_code(a.name, 60), markdown_code(b.name, 60)
    return markdown_code(a.path, 120), markdown_code(b.path, 120)


def _outcomes(a: Run, b: Run, names: tuple[str, str]) -> str:
    columns = [_outcome_of(run, story_of(run)) for run in (a, b)]
    rows = [(label, columns[0][label], columns[1][label]) for label in columns[0]]
    return table(("", *names), rows)


def _outcome_of(run: Run, story: Story | None) -> dict[str, str]:
    recording, facts = run.recording, story.facts if story else {}
    seconds, done = wall_time_s(run), recording.num_steps
    loss = recording.steps["loss"].values
    best = f"{number(facts['val_min'])} at step {steps(facts['t_val_min'])}" if facts else "unknown"
    onset = facts.get("onset")
    return {
        "steps done": steps(done),
        "best val loss": best,
        "last val loss": number(facts.get("val_final")),
        "last train loss": number(float(loss[-1])) if len(loss) else "unknown",
        "gap at the end": number(facts.get("gap_final")),
        "overfit since": f"step {steps(onset)}" if onset is not None else "no onset" if facts else "unknown",
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


def _happened(a: Run, b: Run, names: tuple[str, str], changes: ConfigChanges) -> str:
    before, after = _firing(a), _firing(b)
    lines = [_line(f"only in {names[0]}", verdict) for key, verdict in before.items() if key not in after]
    lines += [_line(f"only in {names[1]}", verdict) for key, verdict in after.items() if key not in before]
    lines += [_line("in both", verdict) for key, verdict in after.items() if key in before]
    text = "\n".join(lines) or "- Nothing fires in either run."
    return f"{text}\n\n{_attribution(changes)}"


def _line(where: str, verdict: Verdict) -> str:
    since = "" if verdict.first_step is None else f" since step {steps(verdict.first_step)}"
    words = markdown_text(f"{verdict.check} {verdict.symptom}")
    return f"- {where}: **{words}** ({verdict.level}){since}. {markdown_text(verdict.evidence)}"


def _attribution(changes: ConfigChanges) -> str:
    """What two runs can say about a cause, which is little."""
    if not changes.known:
        return "What made the difference cannot be told without the configurations."
    if len(changes) == 0:
        return "The configurations are the same: what differs is left to seed, data and hardware."
    if len(changes) == 1:
        return "One setting was changed, but with one run each: repeat with another seed before believing it."
    return f"{len(changes)} settings were changed at once; which of them did it, two runs cannot tell."


def _next(a: Run, b: Run, names: tuple[str, str], result: Outcome) -> str:
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
            f"- {name}: go on from the checkpoint of step {steps(facts['t_val_min'])}, not from the last."
        )
    headline = run.judge.headline
    if headline is not None and headline.fix:
        lines.append(f"- {name}: {headline.fix} ({headline.check})")
    return lines
