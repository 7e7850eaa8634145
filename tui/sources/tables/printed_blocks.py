"""Numbers of one step printed over several lines, put together again.

OLMo              Composer                            Stable-Baselines3
[step=10/1000]    [epoch=1][batch=10/625]:            ---------------------------
    train/x=2.5    	 Train loss/train/total: 2.5      | train/       |          |
    optim/y=0.1    	 Train metrics/train/y: 0.1       |    loss      | 2.5      |
                                                      ---------------------------
"""

from __future__ import annotations

import re

from flight_recorder.tui.sources.naming.names import NUMBER

_HEAD = re.compile(
    r"(?:[^\[\]]{0,200}\s)?"
    r"((?:\[epoch=\d+(?:/\d+)?\])?\[(?:step|batch)=\d+/\d+(?:,epoch=\d+(?:/\d+)?)?\]):?\s*"
)
_ROW = re.compile(rf"\s+(?:Train )?([A-Za-z][\w/.\-]{{0,100}}(?:=|: ){NUMBER})\s*", re.IGNORECASE)
_EDGE = re.compile(r"-{8,}\s*")
_BOXED = re.compile(r"\|( *)([A-Za-z][\w/.\-]{0,100}) *\| *([^|]{0,40}?) *\|\s*")

MAX_ROWS = 100
"""Lines of one block or box that are kept: nobody prints more about one step."""

Items = list[tuple[str, str]]


class Blocks:
    """Lines below one that only says where in the run they are: `[step=10/1000]`."""

    def __init__(self) -> None:
        self._head = ""
        self._rows: list[str] = []

    @staticmethod
    def is_head(text: str) -> bool:
        """Whether a block begins with this line."""
        return _HEAD.fullmatch(text) is not None

    def keeps(self, text: str) -> bool:
        """Whether this is a line of the open block; it is kept then."""
        row = _ROW.fullmatch(text) if self._head and len(self._rows) < MAX_ROWS else None
        if row:
            self._rows.append(row[1])
        return row is not None

    def closed(self) -> str:
        """The open block as one line, which is then closed; empty where there is none."""
        line = " ".join([self._head, *self._rows]) if self._rows else ""
        self._head, self._rows = "", []
        return line

    def open(self, text: str) -> None:
        """Begin a block if this is the head of one."""
        if head := _HEAD.fullmatch(text):
            self._head = head[1].replace("[batch=", "[step=")


class Boxes:
    """Boxes of names with values; an indented name belongs to the one above that ends in a slash."""

    def __init__(self) -> None:
        self._section = ""
        self._items: Items = []

    @staticmethod
    def item(text: str) -> tuple[str, str]:
        """Name and value in a line of a box; empty for any other line."""
        boxed = _BOXED.fullmatch(text)
        return (boxed[2], boxed[3]) if boxed else ("", "")

    def keeps(self, text: str) -> bool:
        """Whether this is a line of a box; it is kept then."""
        boxed = _BOXED.fullmatch(text)
        if not boxed or len(self._items) >= MAX_ROWS:
            return False
        is_indented, name, value = len(boxed[1]) > 1, boxed[2], boxed[3]
        if not is_indented:
            self._section = name if name.endswith("/") else ""
        if value:
            self._items.append((f"{self._section}{name}" if is_indented else name, value))
        return True

    def closed_by(self, text: str) -> Items:
        """The numbers of the box that this line closes."""
        if not _EDGE.fullmatch(text):
            return []
        items, self._items, self._section = self._items, [], ""
        return items
