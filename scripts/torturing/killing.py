"""The engine is killed at random moments, resumed, and killed again, until its run is done.

Each run is a forked child that tells, through a pipe, of every record that the log's writer has acknowledged.
After each death the log must hold all of those, and every checkpoint under a final name must load; the run
that has been killed and resumed to its end must have the numbers of one that was left alone, to the last bit.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
import traceback
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flight_recorder.engine.config import Config
from flight_recorder.engine.run.checkpoint import CheckpointError, load_checkpoint
from flight_recorder.engine.run.run_folder import LAST, RunFolder, RunFolderError
from flight_recorder.engine.runlog.reader import LogReader, read_log
from flight_recorder.engine.runlog.writer import LogWriter
from flight_recorder.engine.train import train
from scripts.torturing.table import Injected

CONFIG: dict[str, Any] = {
    "seed": 3,
    "training": {"batch_size": 8, "T": 60, "warmup": 5, "eval_every": 7, "ckpt_every": 5, "eval_tokens": 256},
    "model": {"width": 16, "n_heads": 2, "context": 16},
    "data": {"train_sentences": 200, "val_sentences": 20},
    "run": {"device": "cpu"},
}
EXACT = ("step", "loss", "lr", "grad_norm", "class_loss", "batch_hash", "weight_norm")


@dataclass
class Toll:
    """What the killings have cost so far."""

    num_kills: int = 0
    num_runs: int = 0
    num_acknowledged: int = 0
    num_torn: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def kill_engines(folder: Path, num_kills: int, seed: int = 0) -> Injected:
    """So many kills, spread over as many runs as it takes."""
    rng = random.Random(seed)
    whole = folder / "whole"
    started = time.monotonic()
    _wait(_start(whole, resume=False)[0])
    duration = time.monotonic() - started
    expected = _numbers(whole)
    toll = Toll()
    while toll.num_kills < num_kills:
        path = folder / f"killed-{toll.num_runs}"
        _kill_until_done(path, rng, duration, toll, num_kills)
        toll.num_runs += 1
        if _numbers(path) != expected:
            toll.wrong.append(f"{path} has other numbers than a run that was left alone")
    remark = (
        f"{toll.num_runs} runs, each resumed to its end and bit-equal; "
        f"{toll.num_acknowledged:,} records acknowledged, {toll.num_torn} torn lines"
    )
    return Injected(
        "kill -9 of the engine at a random moment",
        toll.num_kills,
        len(toll.lost),
        len(toll.wrong),
        remark,
        (*toll.lost, *toll.wrong),
    )


def _kill_until_done(path: Path, rng: random.Random, duration: float, toll: Toll, num_kills: int) -> None:
    while True:
        before = _whole_lines(path)
        resume = _is_resumable(path)
        if not resume and before:
            path.rename(path.with_name(f"{path.name}-before-{toll.num_kills}"))
            before = []
        child, pipe = _start(path, resume=resume)
        is_spared = toll.num_kills >= num_kills
        has_ended = _waited(child, None if is_spared else rng.uniform(0.3, 1.0) * duration)
        if not has_ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            toll.num_kills += 1
        _inspect(path, before, _drained(pipe), toll)
        if has_ended or _is_finished(path):
            return


def _inspect(path: Path, before: list[bytes], acknowledged: list[bytes], toll: Toll) -> None:
    toll.num_acknowledged += len(acknowledged)
    lines = _whole_lines(path)
    if lines[: len(before)] != before:
        toll.lost.append(f"{path}: what was there before is gone")
    seen = set(map(_mark, lines))
    toll.lost += [
        f"{path}: record {n} of this start" for n, mark in enumerate(acknowledged) if mark not in seen
    ]
    if (path / "inspector.log.jsonl").exists():
        reader: LogReader = read_log(path / "inspector.log.jsonl")[1]
        toll.num_torn += bool(reader.torn_bytes)
        toll.wrong += [f"{path}: damage at {damaged.offset}" for damaged in reader.damaged]
    for checkpoint in path.glob("checkpoints/*.pt"):
        try:
            load_checkpoint(checkpoint)
        except CheckpointError as error:
            toll.wrong.append(str(error))


def _start(path: Path, *, resume: bool) -> tuple[int, int]:
    """A child that trains into this folder; its process id and the pipe of its acknowledgements."""
    receiving, sending = os.pipe()
    os.set_blocking(receiving, False)
    child = os.fork()
    if child:
        os.close(sending)
        return child, receiving
    in_child(lambda: _train_and_tell(path, resume, sending))
    raise AssertionError("in_child does not return")


def in_child(work: Callable[[], object]) -> None:
    """Run this as the whole life of a forked child."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        work()
        code = 0
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(code)


def _train_and_tell(path: Path, resume: bool, pipe: int) -> None:
    write = LogWriter.write

    def write_and_tell(self: LogWriter, record: dict[str, Any]) -> bool:
        written = write(self, record)
        if written:
            os.write(pipe, _mark(last_line(self.path)))
        return written

    LogWriter.write = write_and_tell  # type: ignore[method-assign]
    train(Config.model_validate(CONFIG), RunFolder(path, path / "source.yaml"), resume=resume)


def last_line(path: Path) -> bytes:
    """The last whole line of a file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65_536))
        return file.read().rstrip(b"\n").rpartition(b"\n")[2]


def _mark(line: bytes) -> bytes:
    """Four bytes that stand for a line: thousands of them fit into a pipe that nobody reads yet."""
    return zlib.crc32(line).to_bytes(4, "big")


def _drained(pipe: int) -> list[bytes]:
    """The marks of the lines that were acknowledged."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(pipe, 65_536):
            data += piece
    os.close(pipe)
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def _waited(child: int, limit_s: float | None) -> bool:
    """Whether the child has ended by itself within the limit."""
    deadline = None if limit_s is None else time.monotonic() + limit_s
    while deadline is None or time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.002)
    return False


def _wait(child: int) -> None:
    os.waitpid(child, 0)


def _is_resumable(path: Path) -> bool:
    folder = RunFolder(path, path / "source.yaml")
    try:
        folder.resumable()
    except RunFolderError:
        return False
    return folder.log.exists()


def _is_finished(path: Path) -> bool:
    """Whether it was killed after its last step: there is nothing left to resume."""
    last = RunFolder(path, path / "source.yaml").checkpoint(LAST)
    return last.exists() and load_checkpoint(last)["step"] >= CONFIG["training"]["T"]


def _whole_lines(path: Path) -> list[bytes]:
    log = path / "inspector.log.jsonl"
    return log.read_bytes().split(b"\n")[:-1] if log.exists() else []


def _numbers(path: Path) -> dict[int, tuple[str, ...]]:
    """What must be equal to the last bit, by step, of the steps that stand in the end."""
    found: dict[int, tuple[str, ...]] = {}
    for record in read_log(path / "inspector.log.jsonl")[0]:
        if record["kind"] == "resume":
            found = {step: numbers for step, numbers in found.items() if step < record["step"]}
        if record["kind"] == "step":
            found[record["step"]] = tuple(str(record[name]) for name in EXACT if name in record)
    return found
