"""A log as it is now, read to its end in large blocks: for the commands that look once and answer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from stat import S_ISFIFO
from typing import BinaryIO

from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.follow.intake import Intake
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.beginning import without_waiting
from flight_recorder.tui.sources.locate.recorded import STANDARD_INPUT, locate, parts_of, splits_of
from flight_recorder.tui.sources.locate.splits import event_files
from flight_recorder.tui.sources.parser import SourceOptions, plain_text

BLOCK_BYTES = 2**18
"""About a thousand records: enough to share the cost of a batch, few enough to stay in the cache."""

WRITER_WAIT_S = 2.0
"""How long the writer of a named pipe may take to open it."""


def read_all(path: Path | str, options: SourceOptions | None = None) -> Iterator[Batch]:
    """Every record of a log that is there now, one batch per block; the last batch knows the pulse.

    `path` is a file, a folder (its newest log), a pattern, or "-" for standard input.

    Raises:
        CannotRead: there is nothing that can be read; the message is for the user.
    """
    given, log = Path(path), locate(path, options)
    if parts := splits_of(given, log, options):
        yield _joined(parts, options)
        return
    yield from _read(parts_of(given, log), options)


def _read(parts: list[Path], options: SourceOptions | None) -> Iterator[Batch]:
    log = parts[-1]
    is_pipe = log == STANDARD_INPUT
    intake = Intake("standard input" if is_pipe else str(log), options)
    try:
        if is_pipe:
            yield from _batches(intake, _blocks(sys.stdin.buffer), is_pipe)
            return
        intake.is_at(log)
        intake.heart.silent_for(time.time() - log.stat().st_mtime)
        yield from _batches(intake, _blocks_of(parts), is_pipe)
    except OSError as error:
        raise CannotRead(f"{log} cannot be read: {error.strerror}.") from error


def _joined(parts: list[Path], options: SourceOptions | None) -> Batch:
    """Every record of a run that has a folder or a table for each split."""
    from flight_recorder.tui.follow.splits import joined, options_of

    batches = [
        (part, batch)
        for part in parts
        for batch in _read([part] if part.is_file() else event_files(part), options_of(part, parts, options))
    ]
    return joined(batches)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _blocks_of(parts: list[Path]) -> Iterator[bytes]:
    for part in parts:
        with without_waiting(part) as file:
            if first := _first_block(file, plain_text(str(part))):
                yield first
                yield from _blocks(file)


def _first_block(file: FileIO, name: str) -> bytes:
    """What the file begins with; a pipe is waited for as long as it takes once somebody has it open.

    Raises:
        CannotRead: nobody writes to the pipe, or what is no file has nothing to give.
    """
    first = file.read(BLOCK_BYTES)
    if S_ISFIFO(os.fstat(file.fileno()).st_mode):
        deadline = time.monotonic() + WRITER_WAIT_S
        while first == b"" and time.monotonic() < deadline:
            time.sleep(0.02)
            first = file.read(BLOCK_BYTES)
        if first == b"":
            raise CannotRead(f"{name} is a pipe that nobody writes to; start its writer before this.")
        os.set_blocking(file.fileno(), True)
        first = first or file.read(BLOCK_BYTES)
    if first is None:
        raise CannotRead(f"{name} has nothing to read now and is no log file; name the file of the log.")
    return first


def _batches(intake: Intake, blocks: Iterator[bytes], is_pipe: bool) -> Iterator[Batch]:
    num_bytes = 0
    for block in blocks:
        num_bytes += len(block)
        intake.take(block)
        if intake.reading_stopped:
            break
        if batch := intake.batch(intake.num_waiting, time.monotonic(), num_bytes):
            yield batch
    intake.finish()
    now, waiting = time.monotonic(), intake.num_waiting
    if batch := intake.batch(waiting, now, num_bytes, is_closed=is_pipe, is_last=True):
        yield batch
