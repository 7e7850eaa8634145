"""TensorBoard's event files: scalars one by one, framed by length and checksum.

The tensorboard package knows what an event is; this file only cuts the bytes, so that a growing file is read
like any other. Files of one folder may be fed one after the other. Where every split has a writer and a
folder of its own, its name goes in front of the tags: "val/loss".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions, plain_text
from flight_recorder.tui.sources.tables.rows import Rows
from flight_recorder.tui.sources.timeline import Timeline

MAX_EVENT_BYTES = 64 * 2**20
_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
MAX_SCALAR_BYTES = 2**20
"""A longer event is a graph or a picture: passed over, for its checksum takes a second per 4 MB."""

_LIKELY_LENGTH = re.compile(rb"(?!\0{4}).{4}\0{4}", re.DOTALL)
"""A length below 4 GiB that is not 0, which no event's is."""

_NO_EVENT = "no event with a right checksum"
_OVERHEAD = 16  # length 8, its checksum 4, checksum of the data 4


class TensorBoardParser:
    """Source for event files; a step is passed on once a scalar of another step comes."""

    format = "tensorboard"
    is_whole = False
    promises_exit = False

    def __init__(self, options: SourceOptions | None = None) -> None:
        options = options or SourceOptions()
        self.offset = 0
        self.damaged: list[Damaged] = []
        self.timeline = Timeline(self.format, options, self._damage_event)
        self._scalars, self._checksum = _package()
        self._rows = Rows(self.timeline, options.names, holds=True, is_part_of_run=True)
        self._split = f"{options.split}/" if options.split else ""
        self._rest = b""
        self._event_bytes = 0

    @staticmethod
    def recognises_head(head: bytes) -> bool:
        """Whether a file begins with the event that names the version of the format."""
        return b"brain.Event:" in head[12:64]

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes."""
        self._rest += data
        records: list[Record] = []
        at = 0
        while (event := self._event_at(at)) is not None:
            payload, length = event
            if payload is None:
                self._damage(length)
            elif payload:
                records += self._records(payload, length)
            at += length
            self.offset += length
        self._rest = self._rest[at:]
        return records

    def _damage(self, length: int) -> None:
        """What follows damage right away is the same stretch, however the bytes arrived."""
        last = self.damaged[-1] if self.damaged else None
        if last is not None and last.reason == _NO_EVENT and last.offset + last.num_bytes == self.offset:
            self.damaged[-1] = replace(last, num_bytes=last.num_bytes + length)
        else:
            self.damaged.append(Damaged(self.offset, length, _NO_EVENT))

    def _damage_event(self, reason: str) -> None:
        self.damaged.append(Damaged(self.offset, self._event_bytes, reason))

    def settle(self) -> list[Record]:
        """The step that no other one has followed yet."""
        return list(self._rows.flush())

    def finish(self) -> list[Record]:
        """The same; a torn event stays unread."""
        return self.settle()

    def _event_at(self, at: int) -> tuple[bytes | None, int] | None:
        """Payload and length of the event that begins here; no payload for damage; None for half an event."""
        if len(self._rest) - at < _OVERHEAD:
            return None
        (length,) = _LENGTH.unpack_from(self._rest, at)
        if length > MAX_EVENT_BYTES or not self._is_right(at, 8):
            return None, self._distance_to_next(at)
        if len(self._rest) - at < length + _OVERHEAD:
            return None
        if length > MAX_SCALAR_BYTES:
            return b"", length + _OVERHEAD
        payload = self._rest[at + 12 : at + 12 + length]
        return (payload if self._is_right(at + 12, length) else None), length + _OVERHEAD

    def _is_right(self, start: int, length: int) -> bool:
        (expected,) = _CHECKSUM.unpack_from(self._rest, start + length)
        return bool(self._checksum(self._rest[start : start + length]) == expected)

    def _distance_to_next(self, at: int) -> int:
        """Bytes to skip after damage: to the next length with a right checksum, or all that has none."""
        start = at + 1
        while (found := _LIKELY_LENGTH.search(self._rest, start)) and found.start() <= len(self._rest) - 12:
            if self._is_right(found.start(), 8):
                return found.start() - at
            start = found.start() + 1
        return max(1, len(self._rest) - at - 11)

    def _records(self, payload: bytes, length: int) -> Iterator[Record]:
        self._event_bytes = length
        try:
            scalars = self._scalars(payload)
        except Exception as error:  # whatever the package thinks of bytes that it did not write
            self._damage_event(f"no event: {type(error).__name__}")
            return
        for tag, value, step, wall_time in scalars:
            name = plain_text(self._split + tag)
            yield from self._rows.add([("step", step), ("time", round(wall_time, 3)), (name, value)])


def _package() -> tuple[Callable[[bytes], list[tuple[str, float, int, float]]], Callable[[bytes], int]]:
    """Reader of one event and checksum, from the tensorboard package.

    Raises:
        CannotRead: it is not installed.
    """
    import numpy as np

    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise CannotRead(
            "This is a TensorBoard event file; to read it, "
            "pip install 'training-flight-recorder[tensorboard]'"
        ) from None

    def scalar_of(value: Any) -> float | None:
        if value.HasField("simple_value"):
            return float(str(np.float32(value.simple_value)))  # 0.001, not 0.0010000000474974513
        if value.HasField("tensor") and not value.tensor.tensor_shape.dim:
            array = make_ndarray(value.tensor)
            return float(array) if array.dtype.kind in "fiu" else None
        return None

    def scalars(payload: bytes) -> list[tuple[str, float, int, float]]:
        event = Event.FromString(payload)
        found = ((value.tag, scalar_of(value)) for value in event.summary.value)
        return [(tag, value, event.step, event.wall_time) for tag, value in found if value is not None]

    return scalars, masked_crc32c
