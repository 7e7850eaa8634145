"""One JSON document with a whole history in it, written anew each time: a list of records, or one object with
such a list ("history", "logs"), or one object of lists side by side, as Keras keeps them.

    [{"step": 1, "loss": 2.5}, ...]    {"history": [{...}, ...]}    {"loss": [2.5, ...], "val_loss": [...]}

Lists that are shorter or longer than those of the training loss stand at steps that nobody knows: they are
left out, and the header says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flight_recorder.engine.runlog.codec import DamagedLine, Record, decode
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.sources.naming.names import field_of, names_a_loss, number
from flight_recorder.tui.sources.naming.options import SourceOptions
from flight_recorder.tui.sources.parser import TextParser
from flight_recorder.tui.sources.tables.cut_json import until_cut
from flight_recorder.tui.sources.tables.json_lines import MAX_DEPTH, flat
from flight_recorder.tui.sources.tables.rows import Rows

_CLOSING = {ord("["): ord("]"), ord("{"): ord("}")}
_OF_LISTS = b'{"":'
_WRAPPERS = {"history", "logs", "log", "log_history", "metrics", "data"}
"""Names under which a document keeps what this module reads."""

Row = Iterable[tuple[str, Any]]


class JsonDocumentParser(TextParser):
    """Source for a JSON document; nothing is read before it is whole."""

    format = "json"
    is_whole = True

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._rows = Rows(self.timeline, self.options.names)
        self._document = bytearray()
        self._is_read = False

    @classmethod
    def recognises_whole(cls, head: bytes, options: SourceOptions) -> bool:
        """Whether these bytes are a whole document with a history in it."""
        content = _content(head)
        return content is not None and _history(content, options.names) is not None

    def finish(self) -> list[Record]:
        """What there is of a document that is cut off."""
        rest = None if self._is_read else until_cut(bytes(self._document))
        if rest is None:
            return []
        size = len(self._document)
        self._document = bytearray(rest[0])
        records = self.feed(b"")
        self.offset = rest[1]
        self.damaged.append(
            Damaged(rest[1], size - rest[1], f"the JSON document is cut off at byte {size:,}")
        )
        return records

    def feed(self, data: bytes) -> list[Record]:
        """All records, with the bytes that complete the document."""
        self._document += data
        content = None if self._is_read else _content(bytes(self._document))
        history = None if content is None else _history(content, self.options.names)
        if history is None:
            return []
        self._is_read = True
        self._piece_bytes = len(self._document)
        rows, num_left_out = history
        if num_left_out:
            self.timeline.note(_left_out(num_left_out))
        records = [record for row in rows for record in self._rows.add(row)]
        records += self._rows.flush()
        self.offset = len(self._document)
        return records


def _content(data: bytes) -> Any:
    """What a whole document says, None for one that is not whole or is none."""
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not text or _CLOSING.get(text[0]) != text[-1]:
        return None
    try:
        return decode(_OF_LISTS + text + b"}")[""]
    except DamagedLine:
        return None


def _history(content: Any, names: Mapping[str, str], depth: int = 0) -> tuple[Iterable[Row], int] | None:
    """The rows of a document and how many lists were left out; None where it has no loss."""
    if isinstance(content, list):
        return (map(flat, content), 0) if _are_records(content, names) else None
    if not isinstance(content, dict) or depth > MAX_DEPTH:
        return None
    for name in _WRAPPERS & content.keys():
        if (found := _history(content[name], names, depth + 1)) is not None:
            return found
    items = flat(content)
    for _, value in items:
        if isinstance(value, list) and _are_records(value, names):
            return map(flat, value), 0
    return _side_by_side({name: value for name, value in items if _are_numbers(value)}, names)


def _are_records(content: list[Any], names: Mapping[str, str]) -> bool:
    if not content or not all(isinstance(row, dict) for row in content):
        return False
    return any(number(value) is not None and names_a_loss(name, names) for name, value in _items(content))


def _items(content: list[Any]) -> Iterator[tuple[str, Any]]:
    return (item for row in content for item in flat(row))


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(number(one) is not None for one in value)


def _side_by_side(lists: dict[str, list[Any]], names: Mapping[str, str]) -> tuple[Iterable[Row], int] | None:
    losses = [name for name in lists if names_a_loss(name, names)]
    if not losses:
        return None
    training = [name for name in losses if field_of(name, names) == "loss"]
    length = len(lists[(training or losses)[0]])
    kept = {name: values for name, values in lists.items() if len(values) == length}
    rows = (zip(kept, row, strict=True) for row in zip(*kept.values(), strict=True))
    return rows, len(lists) - len(kept)


def _left_out(num_lists: int) -> str:
    lists = "1 list" if num_lists == 1 else f"{num_lists} lists"
    verb = "is" if num_lists == 1 else "are"
    return f"{lists} of another length than that of the loss {verb} left out"
