"""Lines that any loop prints: "step 100 | loss 2.31 | lr 3e-4", "Epoch [2/10], Step [100/600], Loss: 0.41",
a progress bar that ends in ", loss=2.31]".

A line counts if it names a loss and says where in the run it is: a step, an epoch, or a counter `100/600` in
brackets, behind a bar or at the beginning of the line; or if a line before it was the heading of an epoch. A
counter that begins again with the next epoch is counted on, and the header says that steps were inferred. A
line that begins with the name of a held-out split ("Test set: average loss 0.3") is an evaluation.

The counter of PyTorch's own example, "Train Epoch: 1 [640/60000 (1%)]", counts samples, and nothing says how
many of them make a step: each such line is a step then, and the header says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import NUMBER, field_of, names_a_loss, number, ranked, whole
from flight_recorder.tui.sources.naming.words import is_held_out, is_of_training
from flight_recorder.tui.sources.parser import SourceOptions, TextParser
from flight_recorder.tui.sources.tables.laps import Laps
from flight_recorder.tui.sources.tables.printed_blocks import Blocks, Boxes
from flight_recorder.tui.sources.tables.rows import Rows
from flight_recorder.tui.sources.timeline import no_step

_ITEM_NAME = r"[A-Za-z](?:[\w/.]|-(?=[A-Za-z])){0,60}(?: [A-Za-z]\w{0,40})?"
_ITEM = re.compile(
    rf"(?<![\w.])({_ITEM_NAME})[ \t]*+[:=]?[ \t]*+[\[(]?[ \t]*+({NUMBER})"
    r"(?![\w.]*[A-Za-z_])(?:[ \t]*+/[ \t]*(\d+))?",
    re.IGNORECASE,
)
_BAR = re.compile(r"([^\r\n|]{0,200})\d{1,3}%\|[^|]*\|[ \t]*(\d+)/(\d+)[ \t]*\[")
_COUNTER = re.compile(r"\[[ \t]*(\d+)[ \t]*/[ \t]*(\d+)[ \t]*[\](]|^[ \t]*(\d+)/(\d+)[ \t]+[^\s\d]")
_ROUND = re.compile(r"\[(\d+)\]\t")
_BOOSTED = re.compile(r"(\w)'s (?:binary_|multi_)?(?=logloss\b)")
_EPOCH_AND_STEP = re.compile(r"\[(\d+)/\d+\][ \t]?\[[ \t]*(\d+)/(\d+)\]")
_OF_EPOCHS = re.compile(r"epochs?\W*$", re.IGNORECASE)
_EPOCH_HEADING = re.compile(r"\W*epoch\W*(\d+)(?:\W+(?:of\W+)?\d+)?\W*", re.IGNORECASE)

_OF_SAMPLES = re.compile(r"Train(?:ing)? Epoch: *\d+ *\[ *\d+/\d+ *\( *\d+(?:\.\d*)?%\)\]")
SAMPLES_NOTE = (
    "the log counts samples: a step here is one printed line; "
    "steps_per_epoch in a --config gives optimizer steps"
)

MAX_LENGTH = 4000
"""Characters of a piece that are looked at: nobody prints a longer line about one step."""

Item = tuple[str, str]


@dataclass
class _Line:
    """What a piece says: names with numbers, its counter with the counter's end, and the split it is of."""

    items: list[Item] = field(default_factory=list)
    place: tuple[int, int] | None = None
    is_held_out: bool = False
    counts_samples: bool = False
    is_bar: bool = False
    flaw: str = ""

    def stands_at(self, count: str, end: str) -> None:
        """It counts so far, of so many; where either is no number of steps, that is its flaw."""
        done, of = whole(count), whole(end)
        if done is None or of is None:
            self.flaw = no_step(end if of is None else count)
        else:
            self.place = (done, of) if of else None

    def names_a_loss(self, options: SourceOptions) -> bool:
        return any(names_a_loss(name, options.names) for name, _ in self.items)

    def says_where(self, options: SourceOptions) -> bool:
        fields = {field_of(name, options.names) for name, _ in self.items}
        return self.place is not None or bool(fields & {"step", "epoch"})


class PrintedParser(TextParser):
    """Source for lines of a loop of one's own."""

    format = "printed"

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._rows = Rows(self.timeline, self.options.names)
        self._laps = Laps()
        self._blocks, self._boxes = Blocks(), Boxes()
        self._epoch: int | None = None

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether this piece names a loss and a place in the run, or is a line of a box about one."""
        name, value = Boxes.item(text)
        if name and names_a_loss(name, options.names) and number(value) is not None:
            return True
        line = _read(text, options)
        return line.names_a_loss(options) and line.says_where(options)

    @classmethod
    def goes_on(cls, text: str, options: SourceOptions) -> bool:
        """Whether this piece names a loss, which is enough below the heading of an epoch."""
        return _read(text, options).names_a_loss(options)

    @classmethod
    def is_heading(cls, text: str) -> bool:
        """Whether this piece only says where the next ones are: "Epoch 3/24", "[step=10/1000]"."""
        return _EPOCH_HEADING.fullmatch(text) is not None or Blocks.is_head(text)

    def records_in(self, text: str) -> Iterator[Record]:
        """The records that this piece completes."""
        if self._blocks.keeps(text) or self._boxes.keeps(text):
            return
        yield from self._of_line(self._blocks.closed())
        self._blocks.open(text)
        if items := self._boxes.closed_by(text):
            yield from self._rows.add(items)
        yield from self._of_line(text)

    def _of_line(self, text: str) -> Iterator[Record]:
        if heading := _EPOCH_HEADING.fullmatch(text):
            self._epoch = whole(heading[1])
            return
        line = _read(text, self.options)
        if not (line.names_a_loss(self.options) or _is_of_a_step(line)):
            yield from self._end(line)
            return
        if line.flaw:
            self.timeline.damage(line.flaw)
        elif line.is_held_out:
            yield from self._evaluation(line)
        elif line.says_where(self.options) or self._epoch is not None:
            yield from self._training(line)

    def last_records(self) -> Iterator[Record]:
        """What still waits for more of its step."""
        yield from self._of_line(self._blocks.closed())
        yield from self._rows.flush()

    def _training(self, line: _Line) -> Iterator[Record]:
        items = line.items
        epoch = next((whole(raw) for name, raw in items if field_of(name) == "epoch"), None)
        if epoch is None and self._epoch is not None:
            epoch = self._epoch
            items = [*items, ("epoch", str(epoch))]
        if (place := self._in_steps(line)) is not None:
            count, end = place
            items = [item for item in items if field_of(item[0], self.options.names) != "step"]
            items.append(("step", str(self._laps.step(count, epoch, end))))
            self._learn(end)
        yield from self._rows.add(items)

    def _end(self, line: _Line) -> Iterator[Record]:
        """A bar that is full, of the run's length, and bare of a loss: the last step was made."""
        count, end = line.place or (0, -1)
        if line.is_bar and count == end == self.timeline.fact("planned_steps") > self.timeline.step:
            yield from self._rows.flush()
            yield from self.timeline.place({"kind": "step", "step": count})

    def _in_steps(self, line: _Line) -> tuple[int, int] | None:
        """The line's counter with its end, in optimizer steps; None where it has none or they are unknown."""
        if not line.counts_samples or line.place is None:
            return line.place
        per_epoch = whole(self.timeline.fact("steps_per_epoch"))
        if not per_epoch:
            self.timeline.note(SAMPLES_NOTE)
            return None
        return round(line.place[0] / line.place[1] * per_epoch), per_epoch

    def _learn(self, end: int) -> None:
        """The end of a counter is the run's, until it proves to be that of an epoch."""
        self.timeline.learn(steps_inferred=self._laps.has_begun_again or None)
        if self._laps.has_begun_again:
            self.timeline.forget("planned_steps")
        elif not self._laps.is_by_epoch:
            self.timeline.learn(planned_steps=end)

    def _evaluation(self, line: _Line) -> Iterator[Record]:
        """A mean over a split. A counter counts its batches, so what stands beside one is of a batch."""
        if line.place is None and self.timeline.step >= 0:
            own = [(name, raw) for name, raw in line.items if field_of(name, self.options.names) == "step"]
            rest = [item for item in line.items if item not in own]
            yield from self._rows.add([*own, *((_held_out_name(name), raw) for name, raw in rest)])


def names_beside_a_place(text: str) -> list[str]:
    """Names of the numbers in a line that says where in the run it is; [] for any other line."""
    line = _read(text, SourceOptions())
    return [name for name, _ in line.items] if line.says_where(SourceOptions()) else []


def _read(text: str, options: SourceOptions) -> _Line:
    text = text[:MAX_LENGTH]
    bar = _BAR.search(text) if "%|" in text else None  # looking for one costs more than all the rest
    if bar and is_held_out(bar[1]):
        return _Line()
    line = _Line(is_bar=bar is not None)
    if bar:
        line.stands_at(bar[2], bar[3])
    if boosting_round := _ROUND.match(text):
        line.items.append(("iteration", boosting_round[1]))
        text = _BOOSTED.sub(r"\1/", text)
    for name, raw, end in _ITEM.findall(text):
        short = _known_part(name, options)
        if end and (ranked(short, options.names) or ("",))[0] == "step" and number(raw) is not None:
            line.stands_at(raw, end)
        line.items.append((short, raw))
    if line.place is None and (both := _EPOCH_AND_STEP.search(text)):
        line.items.append(("epoch", both[1]))
        line.stands_at(both[2], both[3])
    if line.place is None and (counter := _counter(text)):
        line.stands_at(*counter)
    line.counts_samples = bar is None and _OF_SAMPLES.search(text) is not None
    line.is_held_out = bar is None and _is_of_held_out_split(text, line, options)
    return line


def _counter(text: str) -> tuple[str, str] | None:
    """The first counter with its end that does not count epochs."""
    for counter in _COUNTER.finditer(text):
        if not _OF_EPOCHS.search(text[: counter.start()]):
            return counter[1] or counter[3], counter[2] or counter[4]
    return None


def _is_of_held_out_split(text: str, line: _Line, options: SourceOptions) -> bool:
    """Whether the first loss stands behind the name of a held-out split, or every loss bears such a name."""
    losses = [name for name, _ in line.items if names_a_loss(name, options.names)]
    if not losses:
        return False
    before = text[: text.find(losses[0])]
    if is_held_out(before) and not is_of_training(before + losses[0]):
        return True
    return line.place is None and all(map(is_held_out, losses))


def _held_out_name(name: str) -> str:
    is_of_run = field_of(name) in ("epoch", "time", "lr", "grad_norm")
    return name if is_of_run or is_held_out(name) else f"val/{name}"


def _is_of_a_step(line: _Line) -> bool:
    """Whether a line without a loss tells the learning rate or the gradient norm of a step that it names."""
    fields = [field_of(name) for name, _ in line.items]
    return "step" in fields and ("lr" in fields or "grad_norm" in fields)


def _known_part(name: str, options: SourceOptions) -> str:
    """The name, without a first word that is no part of it ("INFO step")."""
    first, space, second = name.partition(" ")
    if not space or ranked(name, options.names) is not None:
        return name
    return second if ranked(second, options.names) is not None and not is_held_out(first) else name
