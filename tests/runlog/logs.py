"""A small log with every kind of record, and how records compare."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.codec import Record, encode

RECORDS: list[Record] = [
    {"kind": "header", "format": "1.0", "name": "nan", "layers": ["embed_out", "block_0_out"]},
    {"kind": "initial", "step": 0, "activation": [0.02, 0.021]},
    {"kind": "step", "step": 0, "loss": 6.2528123, "grad_norm": 2.4713, "activation": [0.016, math.inf]},
    {"kind": "evaluation", "step": 1, "val_loss": math.nan},
    {"kind": "checkpoint", "step": 1, "path": "checkpoints/über.pt"},
    {"kind": "resume", "step": 1},
    {"kind": "step", "step": 1, "loss": -math.inf},
    {"kind": "exit", "step": 2, "reason": "finished"},
]
LINES = [encode(record) for record in RECORDS]
LOG = b"".join(LINES)


def comparable(value: Any) -> Any:
    """The value with NaN replaced by a word, which unlike NaN equals itself."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return value


_WRITER = """
import sys
from pathlib import Path
from flight_recorder.engine.runlog.writer import LogWriter
writer, _ = LogWriter.reopen(Path(sys.argv[1]))
print("writing", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process_writes(path: Path) -> Iterator[int]:
    """A process, known by its number, that has the log open to write; killed at the end."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        yield process.pid
        process.kill()
