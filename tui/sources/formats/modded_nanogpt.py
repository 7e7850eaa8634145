"""Log file of modded-nanogpt and of the speed runs that keep its form.

    step:125/1750 val_loss:4.6012 train_time:18412ms step_avg:147.29ms
    step:126/1750 train_loss:4.5873 train_time:18560ms step_avg:147.30ms

The program's own listing stands in front of the first record. Lines without any loss carry the time only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import NUMBER, number, own_name
from flight_recorder.tui.sources.parser import SourceOptions, TextParser

_LINE = re.compile(rf"\bstep:({NUMBER})/({NUMBER})((?: +\w+: ?{NUMBER}(?:ms|s|%)?)+)", re.IGNORECASE)
_ITEM = re.compile(rf"(\w+): ?({NUMBER})(ms|s|%)?", re.IGNORECASE)


class ModdedNanoGptParser(TextParser):
    """Source for the logs of modded-nanogpt."""

    format = "modded-nanogpt"

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether `step:N/T` with a metric stands in this piece."""
        return _LINE.search(text) is not None

    def records_in(self, text: str) -> Iterator[Record]:
        """One record for each `step:` in the piece."""
        for match in _LINE.finditer(text):
            self.timeline.learn(planned_steps=match[2])
            yield from self.timeline.place(_record(match[1], match[3]))


def _record(step: str, items: str) -> Record:
    values: dict[str, float | int] = {}
    for name, raw, _unit in _ITEM.findall(items):
        value = number(raw)
        if value is not None:
            values[name] = value
    step_ms = values.pop("step_avg", None)
    values.pop("train_time", None)
    kind = "evaluation" if "val_loss" in values else "step"
    known = {"val_loss": "val_loss", "train_loss": "loss" if kind == "step" else "train_loss", "lr": "lr"}
    record: Record = {"kind": kind, "step": step}
    record |= {known.get(name) or own_name(name): value for name, value in values.items()}
    if kind == "step" and step_ms is not None and step_ms == step_ms:
        record["step_s"] = step_ms / 1000
    return record
