"""Rows of named numbers to records: what CSV, JSON lines, TensorBoard and W&B have in common.

A row may hold anything: a training step, an evaluation, both, or only the learning rate of a step whose loss
comes in the next row. Parts of one step are put together before they go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.schema import EVALUATION
from flight_recorder.tui.sources.formats.pico_train import PERPLEXITY_NOTE, log_perplexity
from flight_recorder.tui.sources.naming.names import (
    COARSE,
    EVALUATED,
    Naming,
    field_of,
    number,
    own_name,
    whole,
)
from flight_recorder.tui.sources.naming.words import is_held_out
from flight_recorder.tui.sources.tables.laps import Laps
from flight_recorder.tui.sources.timeline import Timeline, no_step

_PERPLEXITY_RANK = 9
TRAIN_PERPLEXITY_NOTE = "loss is the natural logarithm of the perplexity that the log gives"
_SHARED = frozenset({"epoch", "time"})
_MARK_OF = {"step": "loss", "evaluation": "val_loss"}

_NO_STEP = 10
"""Rank of the step while no row has named one."""

_SPLITS = frozenset({"mode", "split", "phase", "stage", "subset"})
"""Names whose value says of which split the numbers of a row are."""

Metrics = dict[str, float | int]
_Stated = tuple[int, str, Any]
"""Rank, name and value of what counts a row."""


class Rows:
    """Puts rows on a timeline. With `holds` a step waits until a row of another step comes."""

    def __init__(self, timeline: Timeline, names: Mapping[str, str], holds: bool = False) -> None:
        self._timeline = timeline
        self._naming = Naming(names)
        self._step_rank = _NO_STEP
        self._holds = holds
        self._num_rows = self._newest = 0
        self._no_counters: set[str] = set()
        self._fraction_in_front = ""
        self._laps = Laps()
        self._open: dict[str, Record] = {}

    def add(self, metrics: Iterable[tuple[str, Any]]) -> Iterator[Record]:
        """The records that this row completes."""
        row = list(metrics)
        split = _split_named_in(row)
        parts, stated = self._split(_of_split(row, split) if split else row)
        if not any(set(part) - _SHARED for part in parts.values()):
            return
        try:
            count = self._count_among(stated)
        except ValueError as error:
            self._timeline.damage(str(error))
            return
        is_beside = not set(parts["step"]) - _SHARED
        step = self._step_of(count, parts["step"].get("epoch"), is_beside, bool(split))
        self._num_rows += not (is_beside and count is None)
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

    def _split(self, metrics: Iterable[tuple[str, Any]]) -> tuple[dict[str, Metrics], list[_Stated]]:
        """Numbers of the training step and of the evaluation in a row, under our names, and its counts."""
        parts: dict[str, Metrics] = {"step": {}, "evaluation": {}}
        stated: list[_Stated] = []
        for name, raw in metrics:
            value = number(raw)
            if value is None or not name:
                if raw not in (None, "") and self._naming.was("step", name):
                    stated.append((self._naming.rank(name), name, raw))
                continue
            field, rank = self._naming.ranked(name) or ("", 0)
            if field == "step":
                stated.append((rank, name, value))
            elif field == "time" and not 1e9 < value < 1e10:
                continue  # seconds since the start, or milliseconds: no point in time
            elif field in _SHARED:
                for part in parts.values():
                    part.setdefault(field, value)
            elif field == "val_loss" or "perplexity" in field or is_held_out(name):
                self._add_evaluated(parts, name, field, rank, value)
            else:
                self._add(parts["step"], name, field, rank, value)
        return parts, stated

    def _count_among(self, stated: list[_Stated]) -> int | None:
        """The step that a row states under its best name; None for none, or one of a coarser count.

        A name with a fraction beside another one that counts, or twice before anything has counted, measures
        epochs. Any other fraction is a row's own damage, and what follows it is not to pay for it.

        Raises:
            ValueError: what stands there is no step.
        """
        stated = [one for one in stated if one[1] not in self._no_counters]
        if not stated:
            return None
        best = min(rank for rank, _, _ in stated)
        named = [(name, raw) for rank, name, raw in stated if rank == best]
        count = next((found for _, raw in named if (found := whole(raw)) is not None), None)
        if count is not None:
            self._no_counters |= {name for _, name, raw in stated if _is_fraction(raw)}
        if best >= COARSE > self._step_rank:
            return None  # rows with a better name count something else
        if count is None:
            name, raw = named[0]
            if self._step_rank < _NO_STEP or self._fraction_in_front != name or not _is_fraction(raw):
                self._fraction_in_front = name if _is_fraction(raw) else ""
                raise ValueError(no_step(raw))
            self._no_counters.add(name)
            self._timeline.note(f"{name} is a fraction and counts no steps; each row is one")
            return self._count_among(stated)
        self._step_rank = min(best, self._step_rank)
        return count

    def _step_of(self, count: int | None, epoch: float | None, is_beside: bool, is_split: bool) -> int:
        """The step of a row that states this count, or none; `is_beside` for one without training."""
        if count is None and (is_beside or self._step_rank < _NO_STEP):
            return self._newest  # it belongs to the newest step
        if count is None:
            self._timeline.learn(steps_inferred=True)
            return self._num_rows
        lap = None if epoch is None or not 0 <= epoch < 2**53 else int(epoch)
        if is_beside:
            step = self._laps.beside(count, lap) if is_split or self._laps.has_begun_again else count
            return self._newest if step is None else step
        step = self._laps.step(count, lap)
        self._timeline.learn(steps_inferred=self._laps.has_begun_again or None)
        return step

    def _add_evaluated(
        self, parts: dict[str, Metrics], name: str, field: str, rank: int, value: float | int
    ) -> None:
        ours = name.removeprefix(EVALUATED)
        if ours not in (name, "val_loss") and ours.partition("/")[0] in EVALUATION:
            parts["evaluation"][ours] = value
            return
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


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and value > 0 and value % 1 > 0


def of_given_split(row: Iterable[tuple[str, Any]], split: str) -> Iterable[tuple[str, Any]]:
    """The row of a table whose own name says that it is of this split."""
    return _of_split(row, split) if split else row


def _split_named_in(row: Iterable[tuple[str, Any]]) -> str:
    """The split that a row says it is of, where that is a held-out one; empty otherwise."""
    named = (raw for name, raw in row if name in _SPLITS and isinstance(raw, str) and len(raw) < 20)
    return next((raw for raw in named if is_held_out(raw)), "")


def _of_split(row: Iterable[tuple[str, Any]], split: str) -> Iterator[tuple[str, Any]]:
    """The row with the split's name in front of what was measured on it."""
    for name, raw in row:
        is_of_run = field_of(name) in ("step", "epoch", "time") or is_held_out(name)
        yield name if is_of_run else f"{split}/{name}", raw
