"""run-*.wandb of Weights & Biases: the file that a run writes beside the network, offline or not.

Records in blocks of 32 KiB as LevelDB frames its log: checksum, length, and whether a record is whole or its
first, middle or last part. The wandb package knows what a record is. A damaged block costs no more than
itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from flight_recorder.engine.runlog.codec import DamagedLine, Record, decode
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.facts import facts_of
from flight_recorder.tui.sources.parser import SourceOptions, plain_text
from flight_recorder.tui.sources.tables.rows import Rows
from flight_recorder.tui.sources.timeline import Timeline

BLOCK_BYTES = 32_768
_FILE_HEADER_BYTES = 7
_PART = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class WandbParser:
    """Source for run-*.wandb; a run that ends writes an exit record."""

    format = "wandb"
    is_whole = False
    promises_exit = True

    def __init__(self, options: SourceOptions | None = None) -> None:
        options = options or SourceOptions()
        self.offset = 0
        self.damaged: list[Damaged] = []
        self.timeline = Timeline(self.format, options, self._damage)
        self._part_bytes = 0
        self._parse = _package()
        self._rows = Rows(self.timeline, options.names, is_part_of_run=True)
        self._rest = b""
        self._parts = b""

    @staticmethod
    def recognises_head(head: bytes) -> bool:
        """Whether a file begins with W&B's mark."""
        return head[:4] == b":W&B"

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes."""
        self._rest += data
        records: list[Record] = []
        while (length := self._length_of_next()) and len(self._rest) >= length:
            part, self._rest = self._rest[:length], self._rest[length:]
            records += self._take(part)
            self.offset += length
        return records

    def settle(self) -> list[Record]:
        """What still waits for more of its step."""
        return list(self._rows.flush())

    def finish(self) -> list[Record]:
        """The same; a torn record stays unread."""
        return self.settle()

    def _length_of_next(self) -> int:
        """Bytes to the end of the next part, of a block's padding or of the file's header; 0: not known."""
        if self.offset < _FILE_HEADER_BYTES:
            return _FILE_HEADER_BYTES
        left_in_block = BLOCK_BYTES - self.offset % BLOCK_BYTES
        if left_in_block < _PART.size:
            return left_in_block
        if len(self._rest) < _PART.size:
            return 0
        _, length, kind = _PART.unpack_from(self._rest)
        if kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST) or _PART.size + length > left_in_block:
            return left_in_block
        return int(_PART.size + length)

    def _take(self, part: bytes) -> Iterator[Record]:
        if self.offset == 0 or len(part) < _PART.size:
            return
        self._part_bytes = len(part)
        checksum, length, kind = _PART.unpack_from(part)
        data = part[_PART.size :]
        if len(data) != length or zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum:
            self._parts = b""
            if part.strip(b"\0"):
                self._damage("no record with a right checksum")
            return
        self._parts = data if kind in (_WHOLE, _FIRST) else self._parts + data
        if kind in (_WHOLE, _LAST):
            yield from self._records(self._parts)

    def _damage(self, reason: str) -> None:
        self.damaged.append(Damaged(self.offset, self._part_bytes, reason))

    def _records(self, data: bytes) -> Iterator[Record]:
        try:
            record = self._parse(data)
            kind = record.WhichOneof("record_type")
        except Exception as error:  # whatever the package thinks of bytes that it did not write
            self._damage(f"no record: {type(error).__name__}")
            return
        if kind == "run":
            self._learn(record.run)
        elif kind == "history":
            yield from self._rows.add(_items(record.history))
        elif kind == "exit":
            yield from self._rows.flush()
            reason = "error" if record.exit.exit_code else "finished"
            message = f"exit code {record.exit.exit_code}"
            yield from self.timeline.place({"kind": "exit", "reason": reason, "message": message})

    def _learn(self, run: Any) -> None:
        config = {update.key: _value(update.value_json) for update in run.config.update}
        config.pop("_wandb", None)
        self.timeline.learn(**facts_of(config), config=config or None, run_id=run.run_id or None)
        self.timeline.learn(name=plain_text(run.display_name) or None)


def _items(history: Any) -> Iterator[tuple[str, Any]]:
    for item in history.item:
        name = item.key or "/".join(item.nested_key)
        if name not in ("_runtime", "_step"):
            yield plain_text(name), item.value_json
    yield "_step", history.step.num


def _value(text: str) -> Any:
    try:
        return decode(b'{"value":' + text.encode() + b"}").get("value")
    except DamagedLine:
        return text


def _package() -> Callable[[bytes], Any]:
    """Reader of one record, from the wandb package.

    Raises:
        CannotRead: it is not installed.
    """
    try:
        from wandb.proto.wandb_internal_pb2 import Record as WandbRecord
    except ImportError:
        raise CannotRead(
            "This is a Weights & Biases run; to read it, pip install 'training-flight-recorder[wandb]'"
        ) from None
    parse: Callable[[bytes], Any] = WandbRecord.FromString
    return parse
