"""Lines that any loop prints: "step 100 | loss 2.31 | lr 3e-4", "Epoch [2/10], Step [100/600], Loss: 0.41",
a progress bar that ends in ", loss=2.31]".

A line counts if it names a loss and says where in the run it is: a step, an epoch, or a counter `100/600` in
brackets or behind a bar. A counter that begins again with the next epoch is counted on, and the header says
that steps were inferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.runlog.codec import Record
from tui.sources.name_words import is_held_out
from tui.sources.names import NUMBER, field_of, names_a_loss, number, ranked, whole
from tui.sources.parser import SourceOptions, TextParser
from tui.sources.rows import Rows

_ITEM = re.compile(
    rf"(?<![\w.])([A-Za-z][\w/.]{{0,60}}(?: [A-Za-z]\w{{0,40}})?)[ \t]*+[:=]?[ \t]*+[\[(]?[ \t]*+({NUMBER})"
    r"(?![\w.]*[A-Za-z_])(?:[ \t]*+/[ \t]*(\d+))?",
    re.IGNORECASE,
)
_BAR = re.compile(r"([^\r\n|]{0,200})\d{1,3}%\|[^|]*\|[ \t]*(\d+)/(\d+)[ \t]*\[")
_COUNTER = re.compile(r"\[[ \t]*(\d+)[ \t]*/[ \t]*(\d+)[ \t]*[\](]")

MAX_LENGTH = 4000
"""Characters of a piece that are looked at: nobody prints a longer line about one step."""

_LAST_TENTH = 0.9
"""A counter that begins again from this share of its end on has begun another epoch."""

Item = tuple[str, str]


class PrintedParser(TextParser):
    """Source for lines of a loop of one's own."""

    format = "printed"

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._rows = Rows(self.timeline, self.options.names)
        self._laps = _Laps()

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether this piece names a loss and a place in the run."""
        items, place = _read(text, options)
        if not any(names_a_loss(name, options.names) for name, _ in items):
            return False
        return place is not None or any(
            field_of(name, options.names) in ("step", "epoch") for name, _ in items
        )

    def records_in(self, text: str) -> Iterator[Record]:
        """The records that this piece completes."""
        if not self.recognises(text, False, self.options):
            return
        items, place = _read(text, self.options)
        if place is not None:
            items = [item for item in items if field_of(item[0], self.options.names) != "step"]
            epoch = next((whole(raw) for name, raw in items if field_of(name) == "epoch"), None)
            items.append(("step", str(self._laps.step(*place, epoch))))
            self.timeline.learn(steps_inferred=self._laps.has_begun_again or None)
            if not self._laps.has_begun_again and not self._laps.is_by_epoch:
                self.timeline.learn(planned_steps=place[1])
        yield from self._rows.add(items)

    def last_records(self) -> Iterator[Record]:
        """What still waits for more of its step."""
        yield from self._rows.flush()


class _Laps:
    """A counter that may begin again with each epoch, as one that goes on."""

    def __init__(self) -> None:
        self._before = 0
        self._last, self._end = -1, 0
        self._epoch: int | None = None
        self.has_begun_again = False
        self.is_by_epoch = False

    def step(self, count: int, end: int, epoch: int | None) -> int:
        """Steps since the run's beginning."""
        self.is_by_epoch = self.is_by_epoch or epoch is not None
        is_later = None not in (epoch, self._epoch) and (epoch or 0) > (self._epoch or 0)
        if count < self._last and (is_later or self._last >= _LAST_TENTH * self._end):
            self._before += self._end
            self.has_begun_again = True
        self._last, self._end, self._epoch = count, end, epoch
        return self._before + count


def _read(text: str, options: SourceOptions) -> tuple[list[Item], tuple[int, int] | None]:
    """Names with numbers of a piece, and its counter and the counter's end if it has one."""
    text = text[:MAX_LENGTH]
    bar = _BAR.search(text)
    if bar and is_held_out(bar[1]):
        return [], None
    place = (int(bar[2]), int(bar[3])) if bar else None
    items: list[Item] = []
    for name, raw, end in _ITEM.findall(text):
        short = _known_part(name, options)
        if end and (ranked(short, options.names) or ("",))[0] == "step" and number(raw) is not None:
            place = (int(float(raw)), int(end))
        items.append((short, raw))
    if place is None and (counter := _COUNTER.search(text)):
        place = (int(counter[1]), int(counter[2]))
    return items, place if place and place[1] else None


def _known_part(name: str, options: SourceOptions) -> str:
    """The name, without a first word that is no part of it ("INFO step")."""
    first, space, second = name.partition(" ")
    if not space or ranked(name, options.names) is not None:
        return name
    return second if ranked(second, options.names) is not None and not is_held_out(first) else name
