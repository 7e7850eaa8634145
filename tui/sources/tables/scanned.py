"""Any text with numbers in it: tables, objects, boxes, lines of print, one file may mix them.

Nothing here knows a program. Each line is read for what it is; which of the numbers are the loss is chosen
by `Rows` once there are enough of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.sources.naming.choice import named_loss
from flight_recorder.tui.sources.naming.names import number, ranked, whole
from flight_recorder.tui.sources.naming.nulls import Nulls
from flight_recorder.tui.sources.naming.words import is_held_out, is_of_training, split_of, words_of
from flight_recorder.tui.sources.parser import SourceOptions, TextParser
from flight_recorder.tui.sources.tables.grid import Grid
from flight_recorder.tui.sources.tables.named import (
    MAX_LENGTH,
    SPLIT_AT_NUMBERS,
    Shape,
    shape_of,
)
from flight_recorder.tui.sources.tables.objects import (
    Document,
    in_line,
    left_out,
    numbers_of,
    rows_of_document,
    split_named_in,
    until_cut,
    whole_document,
)
from flight_recorder.tui.sources.tables.rows import Place, Row, Rows
from flight_recorder.tui.sources.tables.said import Said
from flight_recorder.tui.sources.timeline import no_step

SAMPLES_NOTE = (
    "the log counts samples: a step here is one printed line; "
    "steps_per_epoch in a --config gives optimizer steps"
)
MAX_PREFIX = 200
"""Characters that a logger may put in front of an object: time, level, rank."""

MAX_SHAPES = 5000
MAX_LABELS = 500
"""Shapes that are remembered, and names that are kept: text of another kind has no end of them."""

_TOTALS = frozenset({"total_steps", "max_steps"})
_RUN_WIDE = frozenset({"step", "epoch", "time"})
_FIELDS = frozenset({*_RUN_WIDE, "lr", "grad_norm", "tokens", "loss_scale", "mfu"})
_PAINTED = re.compile(r"(?<=%\|)[^|]*(?=\|)|[━╸╺█▏▎▍▌▋▊▉]+|(?<=\[)[=>.]{8,}(?=\])")
_RANK = re.compile(r"\s*\[?(?:rank|Rank|RANK)[ :=]?(\d+)\]?")
_BOXED = re.compile(r"[|│┃]( *)([^|│┃]*[^\W\d][^|│┃]*?) *[|│┃] *([^|│┃]{0,40}?) *[|│┃]\s*")
_STEP_TIMES = frozenset(
    {"time", "dt", "step_avg", "step time", "step_time", "iter_time", "elapsed time per iteration"}
)
_OTHERWISE = {
    "tel": "val/tel",
    "trl": "train/trl",
    "number of skipped iterations": "skipped_updates",
    "number of nan iterations": "nonfinite_count",
    "inf/nan count": "nonfinite_count",
}
"""Names whose words do not say what they are."""
_KIND_NAMES = {"e": "epoch", "": "line"}

MAX_BOX = 100
"""Lines of one box that are kept: nobody prints more about one step."""


class _Line:
    """A shape with what is always the same about its rows: their names, and where each number is."""

    __slots__ = (
        "counter",
        "counts_iterations",
        "end",
        "epoch",
        "factors",
        "is_held_out",
        "is_placed",
        "names",
        "places",
        "shape",
        "tells",
        "with_counters",
    )

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.names: tuple[str, ...] = ()
        self.places: list[int] = []
        self.factors: list[float] = []
        self.epoch = self.counter = self.end = -1
        self.tells = self.counts_iterations = self.is_placed = self.is_held_out = False
        self.with_counters: dict[tuple[bool, bool, bool, str], tuple[str, ...]] = {}


class ScannedParser(TextParser):
    """Source for text of any program."""

    format = "printed"
    closing_mark = "}"

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._rows = Rows(self.timeline, self.options.names)
        self._nulls = Nulls()
        self._grid = Grid()
        self._said = Said(self.timeline)
        self._lines: dict[tuple[str, ...], _Line] = {}
        self._labels: dict[str, str] = {}
        self._document: Document | None = Document()
        self._is_read = self.is_cut_off = False
        self._rank = ""
        self._split = ""
        self._epoch: int | None = None
        self._step: tuple[int, int] | None = None
        self._is_lost = False  # below a heading whose count is none
        self._box: list[tuple[str, Any]] = []
        self._section = ""

    @property
    def names(self) -> list[str]:
        """Names of the numbers that were seen while nothing was decided."""
        return self._rows.names

    @property
    def has_begun(self) -> bool:
        """Whether there is the row of names of a table with a loss, and nothing below it yet."""
        return any(map(named_loss, self._grid.begins_with))

    @property
    def confidence(self) -> float:
        """How sure it is which number is the loss."""
        return self._rows.choice.confidence

    @property
    def is_decided(self) -> bool:
        """Whether a series was found that is read."""
        return self._rows.is_decided

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes; of a JSON document all, once it is whole."""
        if self._document is None:
            return super().feed(data)
        self._document.add(data)
        if self._document.may_be_one:
            return self._of_document(self._document)
        held, self._document = bytes(self._document.data), None
        return super().feed(held)

    def _of_document(self, document: Document) -> list[Record]:
        if not document.is_closed:
            return []
        held, taken_back = bytes(document.data), list[Record]()
        if self._is_read:
            if not document.goes_on:
                return []
            taken_back = self._rows.take_back()
        elif not document.goes_on and (history := rows_of_document(whole_document(held))) is not None:
            self._is_read = True
            return self._of_history(history, len(held))
        self._document = None
        self.format, self.is_whole, self.offset = "printed", False, 0
        return taken_back + super().feed(held)

    def _of_history(self, history: tuple[list[Any], int], size: int) -> list[Record]:
        rows, num_left_out = history
        self.is_whole = True
        self._is_called("json")
        if num_left_out:
            self.timeline.note(left_out(num_left_out))
        self._piece_bytes = size
        records = [record for row in rows for record in self._object(row, "")]
        self.offset = size
        return records + self._rows.flush()

    def records_in(self, text: str) -> Iterator[Record]:
        """The records that this piece completes."""
        if "ank" in text[:12] and (rank := _RANK.match(text)):
            self._rank = self._rank or rank[1]
            if rank[1] != self._rank:
                return
            text = text[rank.end() :]
        if self._boxed(text):
            return
        if self._box:
            yield from self._closed_box()
        start = text.find("{")
        if 0 <= start <= MAX_PREFIX and text.rstrip()[-1:] == "}":
            items = in_line(text, start)
            if items is not None:
                if any(named_loss(name) for name, _ in items):
                    self._is_called("jsonl")
                yield from self._object(items, split_of(text[:start]))
                return
            if self.format == "jsonl" and not text[:start].strip():
                raise ValueError("not JSON")
        elif start == 0 and self.format == "jsonl":
            raise ValueError("not JSON")
        if text[:1] == "#" and self._grid.names:
            return
        cells = self._grid.row(text)
        if cells:
            self._was_row = True
            self._is_called("csv" if self._grid.delimiter in ",\t;" else "table")
            yield from self._rows.add_row(self._of_given_split(Row(self._grid.names, cells)))
        if cells is None:
            yield from self._print(text[:MAX_LENGTH])

    def last_records(self) -> Iterator[Record]:
        """What still waits for more of its step, or for a surer choice."""
        if self._box:
            yield from self._closed_box()
        yield from self._rows.flush()

    def finish(self) -> list[Record]:
        """What only the end completes: a document that is cut off, or one that was none after all."""
        records: list[Record] = []
        if self._document is not None and not self._is_read:
            held, self._document = bytes(self._document.data), None
            records = self._of_rest(held)
        return records + super().finish()

    def _of_rest(self, held: bytes) -> list[Record]:
        content = whole_document(held)
        if content is not None:
            return super().feed(held if held.endswith(b"\n") else held + b"\n")
        rest = until_cut(held)
        history = rows_of_document(whole_document(rest[0])) if rest else None
        if rest is None or history is None:
            self.is_cut_off = rest is not None
            return super().feed(held)
        records = self._of_history(history, len(held))
        self.offset = rest[1]
        reason = f"the JSON document is cut off at byte {len(held):,}"
        self.damaged.append(Damaged(rest[1], len(held) - rest[1], reason))
        return records

    def _is_called(self, name: str) -> None:
        """The first rows say what the format is called."""
        if self.format == "printed" and not self._rows.is_decided:
            self.format = name
            self.timeline.learn(source=name)

    def _object(self, items: list[tuple[str, Any]], split: str) -> Iterator[Record]:
        self._was_row = True
        split = split or split_named_in(items) or self.options.split
        for name, value in items:
            if name in _TOTALS:
                self.timeline.learn(planned_steps=value)
        names, values = numbers_of(item for item in items if item[0] not in _TOTALS)
        values = self._nulls.resolved(names, values)
        if split:
            names = tuple(_of_split(name, split) for name in names)
        yield from self._rows.add_row(Row(names, values, is_split=bool(split)))
        if not any(type(value) in (int, float) for value in values):
            for value in values:
                if isinstance(value, str) and len(value) > 8:
                    yield from self._print(value[:MAX_LENGTH])

    def _of_given_split(self, row: Row) -> Row:
        split = self.options.split
        return Row(tuple(_of_split(name, split) for name in row.names), row.values) if split else row

    def _boxed(self, text: str) -> bool:
        """Whether this is a line of a box about one step; it is kept then."""
        if text.lstrip()[:1] not in ("|", "│", "┃") or (self._grid.delimiter == "|" and self._grid.names):
            return False
        boxed = _BOXED.fullmatch(text.strip())
        if not boxed or len(self._box) >= MAX_BOX:
            return False
        is_indented, name, value = len(boxed[1]) > 1, boxed[2], boxed[3]
        if value and number(value.rstrip("%")) is None:
            return bool(self._box)
        if not is_indented:
            self._section = name if name.endswith("/") else ""
        name = f"{self._section}{name}" if is_indented else name
        if value and any(name == before for before, _ in self._box):
            return False
        if value:
            self._box.append((name, number(value.rstrip("%"))))
        return True

    def _closed_box(self) -> Iterator[Record]:
        box, self._box, self._section = self._box, [], ""
        names, values = zip(*box, strict=True)
        yield from self._rows.add_row(Row(names, values))

    def _print(self, text: str) -> Iterator[Record]:
        if "|" in text or "━" in text or "=====" in text:
            text = _PAINTED.sub("", text)
        parts = SPLIT_AT_NUMBERS.split(text)
        if len(parts) == 1:
            yield from self._told(text, 1)
            if len(text) < 60 and (split := _heading(text)):
                self._split = split
            return
        shape = tuple(parts[::2])
        line = self._lines.get(shape)
        if line is None:
            if len(self._lines) >= MAX_SHAPES:
                self._lines.clear()
            line = self._lines[shape] = self._worked_out(shape_of(text, parts))
            line.tells = self._said.is_told_by(text)
        if line.tells:
            yield from self._told(text, len(parts))
        if line.names:
            yield from self._row(line, parts, text)
            if line.shape.again:
                at, name = line.shape.again
                yield from self._print(f"{name} {''.join(parts[at:])}")
        elif line.shape.is_heading:
            yield from self._below(line, parts)

    def _told(self, text: str, num_parts: int) -> Iterator[Record]:
        """The checkpoints that a line tells of; its facts are learned."""
        self._said.see(text, num_parts)
        if self._said.records:
            yield from self._said.taken(self._rows)

    def _worked_out(self, shape: Shape) -> _Line:
        """The names of the rows of a shape, with the split that stands in front of the numbers."""
        line = _Line(shape)
        counters = [counter for counter in shape.counters if counter[1] != "epoch"]
        inner = [at for at, kind, _, _ in counters if kind == "inner"]
        line.epoch = next((at for at, kind, _, _ in shape.counters if kind == "epoch"), -1)
        if line.epoch < 0 and len(inner) > 1:
            line.epoch = inner[0]
            counters = [counter for counter in counters if counter[0] != inner[0]]
        if counters:
            line.counter, _, line.end, _ = max(counters, key=_rank_of_counter)
        names = []
        for at, name, unit in shape.metrics:
            name, factor = _measured(name, unit)
            if _is_counter(name):
                name = f"{name} {unit}".strip() if unit else ""
            if name and (label := self._label(name, shape)) and label not in names:
                names.append(label)
                line.places.append(at)
                line.factors.append(factor)
        line.names = tuple(names)
        if all(factor == 1 for factor in line.factors):
            line.factors = []
        line.is_placed = line.counter >= 0 and (line.end >= 0 or line.counter in inner)
        line.counts_iterations = "skipped_updates" in line.names or "nonfinite_count" in line.names
        line.is_held_out = bool(shape.split)
        return line

    def _label(self, name: str, shape: Shape) -> str:
        """The name under which a number of these lines is kept; empty where there are too many names."""
        known = ranked(name, self.options.names)
        if known and known[0] in (_RUN_WIDE if shape.split else _FIELDS):
            return name
        if shape.split and not is_held_out(name) and not is_of_training(name):
            name = f"{shape.split}/{name}"
        label = name
        while self._labels.setdefault(label, shape.kind) != shape.kind:
            label += f"_{_KIND_NAMES.get(shape.kind, 'step')}"
        return label if len(self._labels) <= MAX_LABELS else ""

    def _row(self, line: _Line, parts: list[str], text: str) -> Iterator[Record]:
        self._was_row = line.counter >= 0 or line.epoch >= 0
        values: list[Any] = [_number(parts[at]) for at in line.places]
        if line.factors:
            values = [value * factor for value, factor in zip(values, line.factors, strict=True)]
            values = [
                None if name == "mfu" and value < 0 else value
                for name, value in zip(line.names, values, strict=True)
            ]
        place, is_part, has_step = None, False, False
        if line.counts_iterations:
            values = self._said.iterations(line.names, values)
        epoch = parts[line.epoch] if line.epoch >= 0 else self._epoch
        if line.counter >= 0 or line.epoch >= 0:
            self._split = ""
        if line.is_placed:
            end = parts[line.end] if line.end >= 0 else "0"
            if whole(parts[line.counter]) is None or whole(end) is None:
                self.timeline.damage(no_step(end if whole(end) is None else parts[line.counter]))
                return
            place = self._place(line, parts[line.counter], end, epoch)
        elif self._is_lost and line.epoch < 0 and line.counter < 0:
            return
        elif line.counter >= 0:
            has_step = True
            values.append(parts[line.counter])
        elif self._step is not None and line.epoch < 0:
            is_part = True
            if self._step[1]:
                place = Place(*self._step, self._epoch)
            else:
                has_step = True
                values.append(self._step[0])
        if epoch is not None:
            values.append(_number(epoch) if isinstance(epoch, str) else epoch)
        has_time = line.shape.stamp is not None and (time := _seconds(text[line.shape.stamp])) is not None
        if has_time:
            values.append(time)
        if place is not None and line.is_held_out and line.counter >= 0:
            if place.count < place.end - 1:
                return
            place = None
        names = self._names(line, has_step, epoch is not None, has_time)
        yield from self._rows.add_row(Row(names, values, place, is_printed=True, is_part=is_part))

    def _names(self, line: _Line, has_step: bool, has_epoch: bool, has_time: bool) -> tuple[str, ...]:
        """The names of a row of this shape with the counters that it has now, of the split of its heading."""
        key = has_step, has_epoch, has_time, self._split
        if key not in line.with_counters:
            counters = (("step", has_step), ("epoch", has_epoch), ("time", has_time))
            names = (*line.names, *(name for name, is_there in counters if is_there))
            split = self._split
            line.with_counters[key] = tuple(_of_split(name, split) for name in names) if split else names
        return line.with_counters[key]

    def _place(self, line: _Line, count: str, end: str, epoch: Any) -> Place | None:
        done, of = int(float(count)), int(float(end))
        if line.shape.counts_samples:
            per_epoch = whole(self.timeline.fact("steps_per_epoch"))
            if not per_epoch:
                self.timeline.note(SAMPLES_NOTE)
                return None
            done, of = round(done / of * per_epoch), per_epoch
        return Place(done, of, None if epoch is None else whole(epoch))

    def _below(self, line: _Line, parts: list[str]) -> Iterator[Record]:
        """A heading: its counters and its split hold for the lines below."""
        shape = line.shape
        if shape.is_bar:
            yield from self._end(line, parts)
            return
        if shape.is_indented and self._step is not None:
            return
        if not shape.is_pure:
            self._step = None if line.counter >= 0 else self._step
            return
        self._split = shape.split
        if line.epoch >= 0:
            self._epoch = whole(parts[line.epoch])
        if line.counter >= 0:
            count = whole(parts[line.counter])
            end = whole(parts[line.end]) if line.end >= 0 else 0
            self._step = None if count is None or end is None else (count, end)
            self._is_lost = self._step is None
            if self._is_lost:
                self.timeline.damage(no_step(parts[line.counter if count is None else line.end]))
        elif line.epoch >= 0:
            self._step, self._is_lost = None, False

    def _end(self, line: _Line, parts: list[str]) -> Iterator[Record]:
        """A bar that is full, of the run's length, and bare of a loss: the last step was made."""
        if line.end >= 0 and parts[line.counter] == parts[line.end] and (end := whole(parts[line.end])):
            yield from self._rows.add_row(Row((), (), Place(end, end, None), is_printed=True))


def _number(raw: str) -> float | int:
    if raw.isdigit():
        return int(raw) if len(raw) < 18 else float(raw)
    return float(raw.replace(",", "") if "," in raw else raw)


def _seconds(stamp: str) -> float | None:
    """Seconds since 1970 of a point in local time; None where it is none."""
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None


def _measured(name: str, unit: str) -> tuple[str, float]:
    """Our name and unit for a duration of a step and for a utilisation; any other number is as it stands."""
    plain = name.lower()
    if plain.endswith(" ms"):
        plain, unit = plain[:-3], "ms"
    if (plain in _STEP_TIMES or _is_counter(plain)) and unit in ("ms", "s"):
        return "step_s", 0.001 if unit == "ms" else 1
    return (name, 0.01) if plain == "mfu" and unit == "%" else (_OTHERWISE.get(plain, name), 1)


def _rank_of_counter(counter: tuple[int, str, int, str]) -> int:
    """A count of the run's steps before one that ends with an epoch, before one without a name."""
    _, kind, end, name = counter
    if kind == "inner":
        return 0
    words = words_of(name)
    if end >= 0:
        return 1
    return 4 if "global" in words or "updates" in words else 3 if "step" in words else 2


def _is_counter(name: str) -> bool:
    known = ranked(name)
    return known is not None and known[0] in ("step", "epoch")


def _heading(text: str) -> str:
    """The held-out split that a line without numbers names, if it says little more."""
    words = words_of(text)
    return split_of(text) if 0 < len(words) <= 3 else ""


def _of_split(name: str, split: str) -> str:
    """The name with the split's in front, unless it is of the run as a whole or names a split itself."""
    known = ranked(name)
    is_of_run = known is not None and known[0] in _RUN_WIDE
    return name if is_of_run or is_held_out(name) or is_of_training(name) else f"{split}/{name}"
