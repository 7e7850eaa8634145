"""Rows of named numbers to records: what CSV, JSON lines, TensorBoard and W&B have in common.

A row may hold anything: a training step, an evaluation, both, or only the learning rate of a step whose loss
comes in the next row. Parts of one step are put together before they go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.runlog.codec import Record
from tui.sources.names import field_of, number, own_name, whole
from tui.sources.pico_train import PERPLEXITY_NOTE, log_perplexity
from tui.sources.timeline import Timeline

_EVALUATION_PREFIXES = ("eval", "val", "valid", "validation", "test", "dev")
_PERPLEXITIES = {f"{prefix}_{name}" for prefix in _EVALUATION_PREFIXES for name in ("perplexity", "ppl")}
_SHARED = frozenset({"epoch", "time"})
_MARK_OF = {"step": "loss", "evaluation": "val_loss"}

Metrics = dict[str, float | int]


class Rows:
    """Puts rows on a timeline. With `holds` a step waits until a row of another step comes."""

    def __init__(self, timeline: Timeline, names: Mapping[str, str], holds: bool = False) -> None:
        self._timeline = timeline
        self._names = names
        self._holds = holds
        self._num_rows = 0
        self._open: dict[str, Record] = {}

    def add(self, metrics: Iterable[tuple[str, Any]]) -> Iterator[Record]:
        """The records that this row completes."""
        parts, step = self._split(metrics)
        if not any(set(part) - _SHARED for part in parts.values()):
            return
        if step is None:
            self._timeline.learn(steps_inferred=True)
            step = self._num_rows
        self._num_rows += 1
        for kind in [kind for kind, record in self._open.items() if record["step"] < step]:
            yield from self._close(kind)
        for kind, part in parts.items():
            if set(part) - _SHARED:
                yield from self._merge(kind, step, part)

    def flush(self) -> Iterator[Record]:
        """What still waits for more of its step."""
        for kind in list(self._open):
            yield from self._close(kind)

    def _split(self, metrics: Iterable[tuple[str, Any]]) -> tuple[dict[str, Metrics], int | None]:
        """Numbers of the training step and of the evaluation in a row, under our names, and its step."""
        parts: dict[str, Metrics] = {"step": {}, "evaluation": {}}
        step: int | None = None
        for name, raw in metrics:
            value = number(raw)
            if value is None:
                continue
            ours = field_of(name, self._names)
            if ours == "step":
                step = whole(value) if step is None else step
            elif ours == "time" and not 1e9 < value < 1e10:
                continue  # seconds since the start, or milliseconds: no point in time
            elif ours in _SHARED:
                for part in parts.values():
                    part.setdefault(ours, value)
            elif ours == "val_loss" or (ours is None and _is_of_evaluation(name)):
                self._add_evaluated(parts["evaluation"], name, ours, value)
            else:
                parts["step"].setdefault(ours or own_name(name), value)
        return parts, step

    def _add_evaluated(self, part: Metrics, name: str, ours: str | None, value: float | int) -> None:
        if ours is None and name.lower().replace("/", "_") in _PERPLEXITIES:
            self._timeline.note(PERPLEXITY_NOTE)
            part.setdefault("val_loss", log_perplexity(value))
        part.setdefault(ours or own_name(name), value)

    def _merge(self, kind: str, step: int, part: Metrics) -> Iterator[Record]:
        waiting = self._open.get(kind)
        if waiting is not None and waiting["step"] != step:
            yield from self._close(kind)
            waiting = None
        record = (waiting or {"kind": kind, "step": step}) | part
        self._open[kind] = record
        if not self._holds and _MARK_OF[kind] in record:
            yield from self._close(kind)

    def _close(self, kind: str) -> Iterator[Record]:
        """Pass on; what goes back in steps without a loss is no resume, but counts steps of its own."""
        record = self._open.pop(kind)
        if _MARK_OF[kind] in record or record["step"] > self._timeline.last_step(kind):
            yield from self._timeline.place(record)


def _is_of_evaluation(name: str) -> bool:
    return name.lower().replace("/", "_").replace(".", "_").split("_")[0] in _EVALUATION_PREFIXES
