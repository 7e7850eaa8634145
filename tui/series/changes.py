"""What else changed between two steps of a run, and what was measured and did not.

A number of one step is noise. Each side of a comparison is the mean over a short stretch of steps, and a
change counts when it is a tenth of the value or more and clear of the noise of both stretches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flight_recorder.tui.series.columns import Column, Floats
from flight_recorder.tui.series.recording import Recording

STRETCH = 50
"""Steps on each side of a comparison."""

LEAST_SHARE = 0.1
"""A change smaller than this share of the value before is none."""

CLEAR = 4.0
"""Standard errors by which the two means must differ."""


@dataclass(frozen=True, slots=True)
class Change:
    """One measurement before and after; `changed` says whether the difference is one."""

    name: str
    before: float
    after: float
    changed: bool

    @property
    def ratio(self) -> float:
        """After over before; NaN where before is 0."""
        return self.after / self.before if self.before else float("nan")


PANELS: tuple[tuple[str, str], ...] = (
    ("activation", "activation"),
    ("spectral_norm", "spectral norm"),
    ("dead_units", "dead units"),
    ("dead_heads", "dead heads"),
    ("grad_norm", "gradient norm"),
    ("weight_norm", "weight norm"),
)
"""Step fields of the panels that are compared, with their names in a sentence."""


def changes_since(recording: Recording, step: int) -> dict[str, list[Change]]:
    """Per field everything that was measured around this step and around the end of the run."""
    found = {field: list(_of_field(recording, field, step)) for field, _ in PANELS}
    return {field: changes for field, changes in found.items() if changes}


def _of_field(recording: Recording, field: str, step: int) -> Iterator[Change]:
    group = recording.steps.group(field) or {field: recording.steps[field]}
    for name, column in group.items():
        if not len(column):
            continue
        before = _around(column, step - STRETCH, step + 1)
        after = _around(column, int(column.steps[-1]) - STRETCH, int(column.steps[-1]) + 1)
        if len(before) and len(after) and int(column.steps[-1]) - STRETCH >= step:
            yield Change(name, float(before.mean()), float(after.mean()), _differ(before, after))


def _around(column: Column, first: int, end: int) -> Floats:
    """Finite values from step `first` up to `end`; the last one before where none was measured there."""
    start, stop = np.searchsorted(column.steps, [first, end])
    values = column.values[max(0, min(start, stop - 1)) : stop]
    return values[np.isfinite(values)]


def _differ(before: Floats, after: Floats) -> bool:
    difference = abs(float(after.mean()) - float(before.mean()))
    if difference < LEAST_SHARE * abs(float(before.mean())) or difference == 0:
        return False
    error = np.sqrt(before.var() / len(before) + after.var() / len(after))
    return bool(difference > CLEAR * error)
