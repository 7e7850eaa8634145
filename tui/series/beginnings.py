"""A recording as it was at earlier steps, without a copy: long ones are worked through in parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flight_recorder.tui.series.columns import Table
from flight_recorder.tui.series.recording import Recording


def beginnings(recording: Recording, num_steps: int) -> Iterator[Recording]:
    """Ever longer beginnings of a recording, `num_steps` step records more each; the last one is all of it.

    They share its arrays and its facts, and no beginning has an exit.
    """
    for row in range(num_steps, len(recording.steps), num_steps):
        yield _beginning(recording, int(recording.steps.steps[row]))
    yield recording


def _beginning(recording: Recording, step: int) -> Recording:
    """What was known before this step, in the order in which it was drawn up: without what was superseded."""
    part = Recording()
    part.header, part.initial = recording.header, recording.initial
    part.resumes, part.num_resets = recording.resumes, recording.num_resets
    part.checkpoints = [record for record in recording.checkpoints if record["step"] <= step]
    part.texts = [text for text in recording.texts if text[0] < step]
    _fill(part.steps, recording.steps, step)
    _fill(part.evaluations, recording.evaluations, step)
    return part


def _fill(part: Table, table: Table, step: int) -> None:
    before = np.array([step])
    part.item_names = table.item_names
    columns = []
    for name in table.names:
        column = table[name]
        size = int(column.num_before(before)[0])
        rows = column.rows
        columns.append((name, column.values[:size], None if rows is None else rows[:size]))
    part.restore(table.steps[: np.searchsorted(table.steps, step)], columns)
