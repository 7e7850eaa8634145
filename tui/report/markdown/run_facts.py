"""What is known of a run as a whole, as pairs of a name and a text; and its configuration, flat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flight_recorder.tui.numbers import count, duration, number
from flight_recorder.tui.panels.pulse_words import pulse_words
from flight_recorder.tui.run import Run

_RUNTIME = re.compile(r"^train_runtime ([0-9.]+) s$")
"""What the closing line of a foreign trainer says, as its source hands it on."""

MOST_SETTINGS = 400
"""Settings of a configuration that are listed; the rest is counted."""


def wall_time_s(run: Run) -> float | None:
    """Seconds from the first dated record to the last, else what the closing line says, else all steps."""
    recording = run.recording
    times = [column.values[at] for column in (recording.steps["time"], recording.evaluations["time"])
             for at in (0, -1) if len(column)]  # fmt: skip
    for record in (recording.header, recording.exit or {}):
        if isinstance(record.get("time"), int | float):
            times.append(record["time"])
    if len(times) > 1 and max(times) > min(times):
        return float(max(times) - min(times))
    if closing := _RUNTIME.search(str((recording.exit or {}).get("message", ""))):
        return float(closing[1])
    step_s = recording.steps["step_s"].values
    return float(step_s.sum()) if len(step_s) and len(step_s) == len(recording.steps) else None


def run_facts(run: Run) -> list[tuple[str, str]]:
    """The facts of the header and the state of the log that a reader asks for first; only those known."""
    recording, header = run.recording, run.recording.header
    planned = header.get("planned_steps")
    done = "none" if recording.last_step is None else count(recording.num_steps)
    facts = [
        ("steps done", done),
        ("steps planned", _count(planned)),
        ("state", pulse_words(run)),
        ("wall time", duration(wall_time_s(run))),
        ("origin", header.get("origin")),
        ("parameters", _count(header.get("num_parameters"))),
        ("vocabulary", _count(header.get("vocab_size"))),
        ("seed", header.get("seed")),
        ("schedule declared", schedule_text(header.get("schedule"))),
        ("schedule observed", observed_text(run)),
        ("gradient clip", header.get("grad_clip")),
        ("baseline loss", _measure(header.get("baseline_loss"))),
        ("tokens per step", _count(header.get("tokens_per_step"))),
        ("arithmetic", header.get("dtype")),
        ("device", header.get("device")),
        ("processes", header.get("world_size")),
        ("log format", run.format),
        ("run id", header.get("run_id")),
        ("damaged stretches", _count(len(run.damaged)) if run.damaged else None),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "", "unknown")]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Any) -> str | None:
    return count(value) if _is_number(value) else None


def _measure(value: Any) -> str | None:
    return number(value) if _is_number(value) else None


def schedule_text(schedule: Any) -> str:
    """A schedule in one line: "cosine, warmup 100, lr_max 0.003"; empty for none."""
    if not isinstance(schedule, Mapping):
        return ""
    family = schedule.get("family", schedule.get("kind", ""))
    constants = [
        f"{name} {_setting(value)}" for name, value in schedule.items() if name not in ("family", "kind")
    ]
    return ", ".join([str(family), *constants]) if family else ", ".join(constants)


def observed_text(run: Run) -> str:
    """The schedule that the logged learning rates follow, in one line; empty where that cannot be told."""
    observed = (run.judge.schedule or {}).get("observed")
    if not isinstance(observed, Mapping):
        return ""
    constants = observed.get("parameters") or {}
    return schedule_text({"family": observed.get("family", ""), **constants})


def settings(config: Any) -> dict[str, str]:
    """The configuration as dotted names and texts, in order: {"training.lr_max": "0.003"}."""
    return {name: _setting(value) for name, value in _leaves("", config)} if config else {}


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every leaf of a nested configuration; a stack of our own, because a hostile one may be deep."""
    waiting = [(prefix, value)]
    while waiting:
        name, found = waiting.pop()
        if isinstance(found, Mapping) and found:
            inner = [(f"{name}.{key}" if name else str(key), item) for key, item in found.items()]
            waiting += reversed(inner)
        else:
            yield name, found


def _setting(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_setting(item) for item in value) + "]"
    return str(value)
