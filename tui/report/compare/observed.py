"""What a run was trained with, as far as its log shows it: beside the configuration, or where there is none.

A configuration says what was meant. Two runs can have the same and yet have run at other rates, and most logs
of other programs hold none at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flight_recorder.tui.numbers import number
from flight_recorder.tui.report.markdown.run_facts import run_facts, settings
from flight_recorder.tui.report.wording import markdown_text, table
from flight_recorder.tui.run import Run

UNKNOWN = "unknown"

_BATCH_SIZES = ("per_device_train_batch_size", "micro_batch_size", "train_batch_size", "batch_size")
_FACTS = (
    "steps planned", "gradient clip", "tokens per step", "parameters", "vocabulary", "processes", "seed",
    "arithmetic", "origin",
)  # fmt: skip
"""Of what is known of each run, what may make them differ."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One thing that logs show of how their runs were trained: a text for each, "unknown" for one without."""

    name: str
    texts: tuple[str, ...]
    differs: bool
    """Whether two runs of which it is known were trained differently."""


def observed(runs: Sequence[Run]) -> list[Observed]:
    """All that at least one of the logs shows."""
    peaks = [_peak(run) for run in runs]
    scale = min((peak for peak in peaks if peak is not None), default=0.0)
    facts = [dict(run_facts(run)) for run in runs]
    found = [
        _rates("peak learning rate", peaks, scale),
        _rates("final learning rate", [_final(run) for run in runs], scale),
        _same_words("batch size", [_batch_size(run) for run in runs]),
        _same_words("schedule", [_schedule(run, "family") for run in runs]),
        _same_words("warm-up steps", [_schedule(run, "warmup_steps") for run in runs]),
        *(_same_words(name, [known.get(name) for known in facts]) for name in _FACTS),
        Observed("epochs done", tuple(_epochs(run) or UNKNOWN for run in runs), differs=False),
    ]
    return [one for one in found if set(one.texts) != {UNKNOWN}]


def differing(found: Sequence[Observed]) -> list[str]:
    """Names of what differs between runs of which it is known."""
    return [one.name for one in found if one.differs]


def observed_table(found: Sequence[Observed], names: Sequence[str]) -> str:
    """A row for each, those that differ first; empty where the logs show nothing."""
    if not found:
        return ""
    rows = [
        (f"**{one.name}**" if one.differs else one.name, *(markdown_text(text, 80) for text in one.texts))
        for one in sorted(found, key=lambda one: not one.differs)
    ]
    return table(("seen in the log", *names), rows)


def _same_words(name: str, texts: Sequence[str | None]) -> Observed:
    known = {text for text in texts if text is not None}
    return Observed(name, tuple(text or UNKNOWN for text in texts), len(known) > 1)


def _rates(name: str, rates: Sequence[float | None], scale: float) -> Observed:
    known = [rate for rate in rates if rate is not None]
    differs = bool(known) and round((max(known) - min(known)) / (scale or 1), 2) > 0  # logs print few digits
    return Observed(name, tuple(UNKNOWN if rate is None else number(rate, 3) for rate in rates), differs)


def _peak(run: Run) -> float | None:
    values = run.recording.steps["lr"].values
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else None


def _final(run: Run) -> float | None:
    values = run.recording.steps["lr"].values
    return float(values[-1]) if len(values) and math.isfinite(values[-1]) else None


def _schedule(run: Run, name: str) -> str | None:
    seen = (run.judge.schedule or {}).get("observed") or {}
    family = str(seen.get("family", UNKNOWN))
    found = {**(seen.get("parameters") or {}), "family": family.replace("_", " ")}
    return None if family == UNKNOWN else str(found.get(name, 0))


def _batch_size(run: Run) -> str | None:
    found = settings(run.recording.header.get("config"))
    by_last_word = {name.rpartition(".")[2]: value for name, value in found.items()}
    return next((by_last_word[name] for name in _BATCH_SIZES if name in by_last_word), None)


def _epochs(run: Run) -> str | None:
    values = run.recording.steps["epoch"].values
    return number(float(values[-1]), 3) if len(values) and math.isfinite(values[-1]) else None
