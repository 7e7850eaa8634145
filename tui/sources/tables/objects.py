"""Objects of named numbers: JSON in a line, and whole histories in one JSON document."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from flight_recorder.engine.runlog.codec import DamagedLine, Record, decode
from flight_recorder.tui.sources.naming.choice import named_loss
from flight_recorder.tui.sources.naming.names import number
from flight_recorder.tui.sources.naming.words import split_of

MAX_DEPTH = 4
MAX_ITEMS = 8
"""Items of a list that are kept, the first under the list's own name."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_CLOSING = {b"[": b"]", b"{": b"}"}
_SPLITS = frozenset({"mode", "split", "phase", "stage", "subset", "dataset"})
"""Names whose value says of which split the numbers of a row are."""

_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*(?:[\[{]|$|-?\d[\d.eE+-]*\s*,)|\{\s*(?:\"|\}|$))")

MAX_OPEN = 500
"""Lists and objects in one another; deeper than that no parser of JSON goes, and no history is."""

Items = list[tuple[str, Any]]


def flat(record: Record, prefix: str = "", depth: int = 0) -> Items:
    """Names and values of an object; what is nested bears the names on the way, "train/loss"."""
    items: Items = []
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < MAX_DEPTH:
            items += flat(value, f"{name}/", depth + 1)
        elif isinstance(value, list) and depth < MAX_DEPTH and 0 < len(value) <= MAX_ITEMS:
            items += [(f"{name}/{at}" if at else name, one) for at, one in enumerate(value)]
        else:
            items.append((name, value))
    return items


def split_named_in(items: Items) -> str:
    """The held-out split that a row says it is of; empty otherwise."""
    named = (raw for name, raw in items if name in _SPLITS and isinstance(raw, str) and len(raw) < 20)
    return next((split for raw in named if (split := split_of(raw))), "")


def rows_of_document(content: Any) -> tuple[list[Items], int] | None:
    """The rows of a document and how many lists were left out; None where it has no history.

    A history is a list of objects, or an object of equally long lists, wherever it stands; of several the
    one with most rows, of those with a loss in them.
    """
    found = max(_histories(content, 0), key=lambda history: (history[2], len(history[0])), default=None)
    return (found[0], found[1]) if found else None


def _histories(content: Any, depth: int) -> Iterator[tuple[list[Items], int, bool]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        rows = [flat(row) for row in content]
        if any(number(value) is not None for row in rows for _, value in row):
            yield rows, 0, any(named_loss(name) for row in rows[:100] for name, _ in row)
    elif isinstance(content, dict):
        lists = {name: value for name, value in _nested(content) if _are_numbers(value)}
        if lists:
            yield _side_by_side(lists)
        for value in content.values():
            yield from _histories(value, depth + 1)


def _nested(content: Record, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _nested(value, f"{prefix}{key}/", depth + 1)
        else:
            yield f"{prefix}{key}", value


def _are_numbers(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(one is None or number(one) is not None for one in value)
    )


def _side_by_side(lists: dict[str, list[Any]]) -> tuple[list[Items], int, bool]:
    losses = [name for name in lists if named_loss(name)]
    training = [name for name in losses if not split_of(name)]
    length = len(lists[(training or losses)[0]]) if losses else max(map(len, lists.values()))
    kept = {name: values for name, values in lists.items() if len(values) == length}
    outer = (
        os.path.commonpath([f"./{name.rpartition('/')[0]}" for name in kept]).removeprefix(".").lstrip("/")
    )
    kept = {name.removeprefix(f"{outer}/") if outer else name: values for name, values in kept.items()}
    rows = [list(zip(kept, row, strict=True)) for row in zip(*kept.values(), strict=True)]
    return rows, len(lists) - len(kept), bool(losses)


def left_out(num_lists: int) -> str:
    """What to tell the user of lists that stand at steps that nobody knows."""
    lists = "1 list" if num_lists == 1 else f"{num_lists} lists"
    verb = "is" if num_lists == 1 else "are"
    return f"{lists} of another length than that of the loss {verb} left out"


class Document:
    """Bytes that may be one JSON document, as they come.

    Attributes:
        data: all of them.
        is_closed: whether the first list or object was closed.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_closed = False
        self._at = self._depth = 0

    @property
    def may_be_one(self) -> bool:
        """Whether they begin like one; true for too few to tell."""
        head = bytes(self.data[:400])
        return not head.strip(b"\xef\xbb\xbf \t\r\n") or _BEGINNING.match(head) is not None

    @property
    def goes_on(self) -> bool:
        """Whether anything stands behind what was closed."""
        return self.is_closed and bool(self.data[self._at :].strip())

    def add(self, data: bytes) -> None:
        """These come next."""
        self.data += data
        while not self.is_closed and (token := _TOKEN.search(self.data, self._at)):
            if b'"' in self.data[self._at : token.start()]:
                return  # text whose end has not come yet
            self._at = token.end()
            if token[0] in _CLOSING:
                self._depth += 1
            elif token[0][:1] != b'"':
                self._depth -= 1
                self.is_closed = self._depth <= 0


def whole_document(data: bytes) -> Any:
    """What a whole document says, None for one that is not whole or is none."""
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not text or _CLOSING.get(text[:1]) != text[-1:]:
        return None
    try:
        return decode(b'{"":' + text + b"}")[""]
    except DamagedLine:
        return None


def until_cut(document: bytes) -> tuple[bytes, int] | None:
    """The document with everything closed behind its last whole list or object, and that byte's offset.

    Empty where nothing in it is whole; None for a document that is whole, and for what is none.
    """
    if document.lstrip()[:1] not in _CLOSING:
        return None
    open_ones: list[bytes] = []
    found = 0, b""
    for token in _TOKEN.finditer(document):
        mark = token[0]
        if mark in _CLOSING:
            open_ones.append(_CLOSING[mark])
            if len(open_ones) > MAX_OPEN:
                return None
        elif open_ones and mark == open_ones[-1]:
            open_ones.pop()
            if not open_ones:
                return None
            found = token.end(), b"".join(reversed(open_ones))
    return document[: found[0]] + found[1], found[0]


def in_line(text: str, start: int) -> Items | None:
    """Names and values of the JSON object that begins here and ends the line; None for no such object."""
    try:
        return flat(decode(text[start:].encode()))
    except DamagedLine:
        return None


def numbers_of(items: Iterable[tuple[str, Any]]) -> tuple[tuple[str, ...], list[Any]]:
    """Names, and values as numbers where they stand for some; text and None stay."""
    names, values = [], []
    for name, value in items:
        names.append(name)
        kind = type(value)
        if kind is str and (found := number(value)) is not None:
            value = found
        elif kind is bool:
            value = None
        elif kind is int:
            value = value if abs(value) < 2**63 else float(value) if abs(value) < 10**308 else None
        values.append(value)
    return tuple(names), values
