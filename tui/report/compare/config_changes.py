"""What changed between the configurations of two runs, and what of it left no trace in the logs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flight_recorder.tui.numbers import percent
from flight_recorder.tui.report.markdown.recommendations import declared_and_observed, family_words
from flight_recorder.tui.report.markdown.run_facts import schedule_text, settings
from flight_recorder.tui.report.wording import markdown_code, markdown_text
from flight_recorder.tui.run import Run

MOST_CHANGES = 60

_NAMES = frozenset(
    {"output_dir", "out_dir", "outdir", "out", "log_dir", "logging_dir", "save_dir", "ckpt_dir"}
    | {"checkpoint_dir", "cache_dir", "wandb_dir", "default_root_dir", "log_file", "log_path", "save_path"}
    | {"run_name", "run_id", "exp_name", "experiment_name", "experiment", "wandb_run_name", "wandb_name"}
    | {"wandb_run_id", "wandb_project", "hub_model_id", "time", "timestamp", "date", "created_at"}
    | {"started_at", "start_time", "host", "hostname", "node", "user", "pid", "command", "cwd", "root"}
)
"""What a run is called, and where and when it ran: other in every run, and no cause of anything."""


@dataclass(frozen=True, slots=True)
class ConfigChanges:
    """Settings by dotted name: (before, after) of those changed, and the values added and removed."""

    changed: dict[str, tuple[str, str]]
    added: dict[str, str]
    removed: dict[str, str]
    known: bool
    """Whether both logs hold their configuration."""

    def __len__(self) -> int:
        return len(self.changed) + len(self.added) + len(self.removed)


def config_changes(a: Run, b: Run) -> ConfigChanges:
    """What to do to the configuration of `a` to get that of `b`; names, places and times do not count."""
    before, after = _settings_of(a), _settings_of(b)
    if not (before and after):
        return ConfigChanges({}, {}, {}, known=False)
    shared = [name for name in before if name in after]
    return ConfigChanges(
        {name: (before[name], after[name]) for name in shared if before[name] != after[name]},
        {name: value for name, value in after.items() if name not in before},
        {name: value for name, value in before.items() if name not in after},
        known=True,
    )


def _settings_of(run: Run) -> dict[str, str]:
    found = settings(run.recording.header.get("config"))
    return {name: value for name, value in found.items() if not _is_a_name(name)}


def _is_a_name(setting: str) -> bool:
    return setting in ("run.dir", "run.name") or setting.rpartition(".")[2].lower() in _NAMES


def by_setting(changes: Sequence[ConfigChanges]) -> dict[str, list[str]]:
    """Each setting in which any of several runs differs from the first, with its value in all, in order."""
    names = dict.fromkeys(name for one in changes for name in (*one.changed, *one.added, *one.removed))
    return {name: _values(name, changes) for name in list(names)[:MOST_CHANGES]}


def _values(name: str, changes: Sequence[ConfigChanges]) -> list[str]:
    firsts = [one.changed[name][0] for one in changes if name in one.changed]
    firsts += [one.removed[name] for one in changes if name in one.removed]
    first = markdown_code(firsts[0], 80) if firsts else "not set"
    return [first, *(_value_in(name, one, first) for one in changes)]


def _value_in(name: str, changes: ConfigChanges, first: str) -> str:
    if name in changes.removed:
        return "not set"
    if name in changes.changed:
        return markdown_code(changes.changed[name][1], 80)
    return markdown_code(changes.added[name], 80) if name in changes.added else first


def told(changes: ConfigChanges) -> str:
    """The changes as a Markdown list."""
    if not changes.known:
        return "- Unknown: at least one of the logs holds no configuration. What they show of it is below."
    lines = [
        f"- changed {markdown_code(name, 80)}: {markdown_code(old, 80)} → "
        f"{markdown_code(new, 80)}{_by(old, new)}"
        for name, (old, new) in changes.changed.items()
    ]
    lines += [
        f"- added {markdown_code(name, 80)}: {markdown_code(new, 80)}" for name, new in changes.added.items()
    ]
    lines += [
        f"- removed {markdown_code(name, 80)} (was {markdown_code(old, 80)})"
        for name, old in changes.removed.items()
    ]
    more = [f"- {len(lines) - MOST_CHANGES} more changes"] if len(lines) > MOST_CHANGES else []
    return "\n".join(lines[:MOST_CHANGES] + more) or "- Nothing: the configurations are the same."


def _by(old: str, new: str) -> str:
    """By how much a number changed."""
    try:
        before, after = float(old), float(new)
    except ValueError:
        return ""
    if not before or not math.isfinite(after / before):
        return ""
    ratio = after / before
    return (
        f" ({ratio:.3g} x)"
        if ratio >= 2 or ratio <= 0
        else f" ({'+' if ratio > 1 else '−'}{percent(abs(ratio - 1))})"
    )


def without_effect(a: Run, b: Run, changes: ConfigChanges) -> list[str]:
    """Declarations that the logs contradict or that left no trace in them, as sentences."""
    found = [*_schedule_overridden(a), *_schedule_overridden(b)]
    names = " ".join([*changes.changed, *changes.added, *changes.removed])
    if any(word in names for word in ("lr", "learning_rate", "warmup", "schedule")) and _same(a, b, "lr"):
        found.append(
            "The schedule was changed in the configuration, but the logged learning rates are the same."
        )
    if "clip" in names or "max_grad_norm" in names:
        found += _clip_idle(a, b)
    if len(changes) and _same(a, b, "loss"):
        found.append("Every logged training loss of the two runs is the same: no change had any effect.")
    return found


def _schedule_overridden(run: Run) -> Iterator[str]:
    declared, observed = declared_and_observed(run)
    if declared and observed and declared.get("family") != observed.get("family"):
        yield (
            f"{markdown_code(run.name, 60)} declares the schedule "
            f"{markdown_text(schedule_text(declared))}; observed is "
            f"{markdown_text(family_words(observed))}."
        )


def _same(a: Run, b: Run, name: str) -> bool:
    """Whether the two runs logged the same numbers at the steps that both have, at least three of them."""
    first, second = a.recording.steps[name], b.recording.steps[name]
    _, at_a, at_b = np.intersect1d(first.steps, second.steps, return_indices=True)
    return len(at_a) > 2 and bool(np.array_equal(first.values[at_a], second.values[at_b], equal_nan=True))


def _clip_idle(a: Run, b: Run) -> Iterator[str]:
    clips = [_clip(run.recording.header) for run in (a, b)]
    norms = [run.recording.steps["grad_norm"].values for run in (a, b)]
    highest = [float(np.nanmax(values)) if np.isfinite(values).any() else math.nan for values in norms]
    if all(norm < clip for norm, clip in zip(highest, clips, strict=True)):
        yield "The gradient clip was changed, but no gradient of either run reached its clip value."


def _clip(header: dict[str, Any]) -> float:
    clip = header.get("grad_clip")
    return float(clip) if isinstance(clip, int | float) and clip > 0 else math.inf
