"""Columns that no field of our own format describes: what else somebody's program logs."""

from __future__ import annotations

from functools import lru_cache

from flight_recorder.engine.runlog.schema import KINDS
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.sources.naming.directions import direction_of


def further_losses(recording: Recording) -> dict[str, Column]:
    """Other losses beside the one that is judged: the parts of a sum, or those of players; by name."""
    return _extra(recording, are_losses=True)


def metrics(recording: Recording) -> dict[str, Column]:
    """Everything else, by name; what was evaluated comes first."""
    return _extra(recording, are_losses=False)


def _extra(recording: Recording, are_losses: bool) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for kind, table in (("evaluation", recording.evaluations), ("step", recording.steps)):
        repeated = set(table.repeated_names)
        for name in _unknown(kind, table.names):
            if name not in repeated and not direction_of(name):
                continue  # measured once: a score of the end, or a number in a sentence
            if ("loss" in name.lower()) is are_losses:
                shown = printable(name.removeprefix("other/"))
                found[f"{shown} (train)" if shown in found else shown] = table[name]
    return found


@lru_cache(16)
def _unknown(kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name.partition("/")[0] not in KINDS[kind])
