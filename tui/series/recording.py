"""A run as it is known so far: the header's facts, the columns, and the records that come singly."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.schema import EVALUATION, KINDS, STEP, is_row
from flight_recorder.tui.series.columns import Table
from flight_recorder.tui.series.fields import is_text
from flight_recorder.tui.sources.endings import takes_back


class Recording:
    """Everything that records have said, resumes applied. It grows by `extend` and by nothing else.

    Attributes:
        header: facts of the run; empty before a header came.
        initial: the record of the measurements before the first step, or None.
        steps: columns of the step records.
        evaluations: columns of the evaluation records.
        checkpoints, resumes: those records, in order, superseded ones left out.
        exit: the exit record, or None while there is none (a resume takes it back, and what the run records
            after it).
        silence: how a log without an exit has fallen silent: "stalled" for now, "over" for good, or "". It
            comes from the clock and not from a record: the owner of the recording sets it.
        texts: (step, field, value) of step fields that are not numbers, such as nonfinite_site.
        num_resets: how often rows were dropped; who keeps a position in a column starts over when it moves.
        misshapen_before: those of `misshapen` that were counted when the recording was stored.
        num_out_of_order: records dropped because their step does not come after the last one's.
    """

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.initial: Record | None = None
        self.steps = Table(STEP)
        self.evaluations = Table(EVALUATION)
        self.misshapen_before: Mapping[str, int] = {}
        self._misshapen: Counter[str] = Counter()
        self.checkpoints: list[Record] = []
        self.resumes: list[Record] = []
        self.exit: Record | None = None
        self.silence = ""
        self.texts: list[tuple[int, str, Any]] = []
        self.num_resets = 0
        self.num_out_of_order = 0

    @property
    def misshapen(self) -> dict[str, int]:
        """How many values of each field, "header.layers", had another shape than the schema gives it.

        They count as not measured; the rest of their records is kept.
        """
        tables = (("step", self.steps), ("evaluation", self.evaluations))
        counts = self._misshapen + Counter(self.misshapen_before)
        for kind, table in tables:
            counts.update({f"{kind}.{name}": count for name, count in table.misshapen.items() if count})
        return {name: count for name, count in sorted(counts.items()) if count}

    @property
    def last_step(self) -> int | None:
        """Newest step that was recorded, or None."""
        return int(self.steps.steps[-1]) if len(self.steps) else None

    @property
    def num_steps(self) -> int:
        """Optimizer steps known to be done.

        Our own step record s is written by update number s + 1. A foreign log numbers the updates done if its
        header says so (`lr_lag`) or if it does not begin at 0.
        """
        last = self.last_step
        done = 0 if last is None else last + (not self._counts_done)
        evaluated = int(self.evaluations.steps[-1]) if len(self.evaluations) else 0
        ended = self.exit.get("step") if self.exit else 0
        return max(done, evaluated, ended if isinstance(ended, int) else 0)

    @property
    def _counts_done(self) -> bool:
        """Whether step s is known only to follow s updates, not to make one more."""
        begins_at_0 = "source" not in self.header or self.steps.steps[0] == 0
        return bool(self.header.get("lr_lag")) or not begins_at_0

    def extend(self, records: Sequence[Record]) -> None:
        """Take in records in the order in which they were written."""
        waiting: dict[str, list[Record]] = {"step": [], "evaluation": []}
        for record in records:
            kind = record["kind"]
            if kind in waiting:
                waiting[kind].append(record)
                if self.exit is not None and takes_back(self.exit, record):
                    self.exit = None
            else:
                self._flush(waiting)
                self._take(kind, record)
        self._flush(waiting)

    def _flush(self, waiting: dict[str, list[Record]]) -> None:
        for kind, table in (("step", self.steps), ("evaluation", self.evaluations)):
            rows = self._increasing(table, waiting[kind])
            keys = table.extend(rows) if rows else set()
            if kind == "step" and not _TEXT_FIELDS.isdisjoint(keys):
                self.texts.extend(self._texts(rows))
            waiting[kind] = []

    def _increasing(self, table: Table, records: list[Record]) -> list[Record]:
        last = int(table.steps[-1]) if len(table) else -1
        steps = np.fromiter(map(_STEP, records), np.int64, len(records))
        if (np.diff(steps, prepend=last) > 0).all():
            return records
        kept = []
        for record in records:
            if record["step"] > last:
                last = record["step"]
                kept.append(record)
        self.num_out_of_order += len(records) - len(kept)
        return kept

    def _take(self, kind: str, written: Record) -> None:
        record = self._shaped(kind, written)
        if kind == "header":
            self.header.update({key: value for key, value in record.items() if key != "kind"})
            self._name_items()
        elif kind == "initial":
            self.initial = record
        elif kind == "checkpoint":
            self.checkpoints.append(record)
        elif kind == "resume":
            self._rewind(record)
        elif kind == "exit":
            self.exit = record

    def _shaped(self, kind: str, record: Record) -> Record:
        """The record without what is not of the shape that the schema gives it."""
        fields = KINDS[kind]
        wrong = {
            name
            for name, value in record.items()
            if name in fields and value is not None and not fields[name].holds(value)
        }
        self._misshapen.update(f"{kind}.{name}" for name in wrong)
        shaped = {name: value for name, value in record.items() if name not in wrong} if wrong else record
        for name in [
            name for name in shaped if shaped[name] and name in fields and fields[name].shape == "rows"
        ]:
            known = [{key: value for key, value in row.items() if value is not None} for row in shaped[name]]
            rows = [row for row in known if is_row(name, row)]
            self._misshapen[f"{kind}.{name}"] += len(known) - len(rows)
            shaped = {**shaped, name: rows}
        return shaped

    def _texts(self, records: Iterable[Record]) -> Iterable[tuple[int, str, Any]]:
        for record in records:
            for name in _TEXT_FIELDS.intersection(record):
                if record[name] is None:
                    continue
                if STEP[name].holds(record[name]):
                    yield record["step"], name, record[name]
                else:
                    self._misshapen[f"step.{name}"] += 1

    def _name_items(self) -> None:
        for table, fields in ((self.steps, STEP), (self.evaluations, EVALUATION)):
            for field in fields.values():
                names = self.header.get(field.shape)
                if isinstance(names, list):
                    table.item_names[field.name] = [str(name) for name in names]

    def _rewind(self, resume: Record) -> None:
        step = resume["step"]
        self.resumes.append(resume)
        self.exit = None
        self.num_resets += 1
        self.steps.keep_steps_before(step)
        # An evaluation at the step of the resume saw the parameters that the run goes on with: it stays.
        self.evaluations.keep_steps_before(step + 1)
        self.checkpoints = [record for record in self.checkpoints if record["step"] <= step]
        self.texts = [text for text in self.texts if text[0] < step]


_STEP = operator.itemgetter("step")
_TEXT_FIELDS = frozenset(field.name for field in STEP.values() if is_text(field) or field.shape == "facts")
