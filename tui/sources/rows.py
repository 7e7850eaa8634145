"""Rows of named numbers to records: what CSV, JSON lines, TensorBoard and W&B have in common.

A row may hold anything: a training step, an evaluation, both, or only the learning rate of a step whose loss
comes in the next row. Parts of one step are put together before they go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.runlog.codec import Record
from tui.sources.name_words import is_held_out
from tui.sources.names import COARSE, Naming, number, own_name, whole
from tui.sources.pico_train import PERPLEXITY_NOTE, log_perplexity
from tui.sources.timeline import Timeline

_PERPLEXITY_RANK = 9
TRAIN_PERPLEXITY_NOTE = "loss is the natural logarithm of the perplexity that the log gives"
_SHARED = frozenset({"epoch", "time"})
_MARK_OF = {"step": "loss", "evaluation": "val_loss"}

_NO_STEP = 10
"""Rank of the step while no row has named one."""

Metrics = dict[str, float | int]


class Rows:
    """Puts rows on a timeline. With `holds` a step waits until a row of another step comes."""

    def __init__(self, timeline: Timeline, names: Mapping[str, str], holds: bool = False) -> None:
        self._timeline = timeline
        self._naming = Naming(names)
        self._step_rank = _NO_STEP
        self._holds = holds
        self._num_rows = self._newest = 0
        self._open: dict[str, Record] = {}

    def add(self, metrics: Iterable[tuple[str, Any]]) -> Iterator[Record]:
        """The records that this row completes."""
        parts, step = self._split(metrics)
        if not any(set(part) - _SHARED for part in parts.values()):
            return
        if step is None and self._step_rank < _NO_STEP:
            step = self._newest  # the log names its steps, and this row belongs to the newest one
        elif step is None:
            self._timeline.learn(steps_inferred=True)
            step = self._num_rows
        self._num_rows += 1
        self._newest = step
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
        found: tuple[int, int | None] = (_NO_STEP, None)
        for name, raw in metrics:
            value = number(raw)
            if value is None or not name:
                continue
            field, rank = self._naming.ranked(name) or ("", 0)
            if field == "step":
                found = (rank, whole(value)) if rank < found[0] else found
            elif field == "time" and not 1e9 < value < 1e10:
                continue  # seconds since the start, or milliseconds: no point in time
            elif field in _SHARED:
                for part in parts.values():
                    part.setdefault(field, value)
            elif field == "val_loss" or "perplexity" in field or is_held_out(name):
                self._add_evaluated(parts, name, field, rank, value)
            else:
                self._add(parts["step"], name, field, rank, value)
        return parts, self._step_of_row(*found)

    def _step_of_row(self, rank: int, step: int | None) -> int | None:
        """The step that a row states, unless it counts something else than rows with a better name do."""
        is_other_count = rank >= COARSE > self._step_rank
        self._step_rank = min(rank, self._step_rank)
        return None if is_other_count else step

    def _add_evaluated(
        self, parts: dict[str, Metrics], name: str, field: str, rank: int, value: float | int
    ) -> None:
        if "perplexity" not in field:
            self._add(parts["evaluation"], name, field if field == "val_loss" else "", rank, value)
            return
        kind, loss = ("evaluation", "val_loss") if field == "val_perplexity" else ("step", "loss")
        parts[kind][own_name(name)] = value
        if self._naming.has(name, loss, _PERPLEXITY_RANK):
            self._timeline.note(PERPLEXITY_NOTE if kind == "evaluation" else TRAIN_PERPLEXITY_NOTE)
            parts[kind].setdefault(loss, log_perplexity(value))

    def _add(self, part: Metrics, name: str, field: str, rank: int, value: float | int) -> None:
        """The number under our name if this one has it, under its own if not."""
        before = self._naming.holder(field)
        if field and self._naming.has(name, field, rank):
            if before != name and field in part:
                part[own_name(before)] = part[field]
            part[field] = value
        else:
            part.setdefault(own_name(name), value)

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
