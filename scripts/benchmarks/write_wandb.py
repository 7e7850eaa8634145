"""A log of ours as W&B's file, written by the peers' own Python: write_wandb.py LOG FILE.

W&B's own client takes hours for a million steps. Records lie in blocks of 32 KiB as LevelDB
frames its log: checksum, length, and whether a part is the whole record or its first, middle or last.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK_BYTES = 32_768
FILE_HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
PART = struct.Struct("<IHB")
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def main() -> None:
    """Write the file."""
    from wandb.proto import wandb_internal_pb2 as pb

    with Path(sys.argv[1]).open(encoding="utf-8") as log, Path(sys.argv[2]).open("wb") as file:
        offset = file.write(FILE_HEADER)
        for record in _records(pb, log):
            offset += file.write(_framed(record.SerializeToString(), offset))


def _records(pb: Any, lines: Iterator[str]) -> Iterator[Any]:
    run, end = pb.Record(), pb.Record()
    run.run.run_id, run.run.project = "bench", "bench"
    yield run
    for line in lines:
        values = json.loads(line)
        if values.pop("kind") == "step":
            yield _history(pb.Record(), values)
    end.exit.exit_code = 0
    yield end


def _history(record: Any, values: dict[str, Any]) -> Any:
    step = record.history.step.num = values.pop("step")
    values = {"_step": step, "_timestamp": values.pop("time"), **values}
    for name, value in values.items():
        for number, one in enumerate(value if isinstance(value, list) else [value]):
            item = record.history.item.add()
            item.key = f"{name}/{number}" if isinstance(value, list) else name
            item.value_json = json.dumps(one)
    return record


def _framed(data: bytes, offset: int) -> bytes:
    framed = b""
    is_first = True
    while is_first or data:
        left = BLOCK_BYTES - (offset + len(framed)) % BLOCK_BYTES
        if left < PART.size:
            framed += bytes(left)
            continue
        part, data = data[: left - PART.size], data[left - PART.size :]
        kind = (WHOLE if is_first else LAST) if not data else (FIRST if is_first else MIDDLE)
        framed += PART.pack(zlib.crc32(part, zlib.crc32(bytes([kind]))), len(part), kind) + part
        is_first = False
    return framed


if __name__ == "__main__":
    main()
