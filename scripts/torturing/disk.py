"""Disks that are full, that refuse, and that take half a record."""

from __future__ import annotations

import errno
import io
import os
import random
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from flight_recorder.engine.config import Config
from flight_recorder.engine.run.checkpoint import CheckpointError, load_checkpoint
from flight_recorder.engine.run.run_folder import RunFolder, RunFolderError
from flight_recorder.engine.runlog import writer as writer_module
from flight_recorder.engine.runlog.reader import read_log
from flight_recorder.engine.train import train
from scripts.torturing.killing import CONFIG
from scripts.torturing.table import Injected


def fill_disks(folder: Path, num_runs: int) -> list[Injected]:
    """Runs on disks of several sizes that become full on the way, real ones where we may mount."""
    rows = [_limited(folder, num_runs, policy) for policy in ("continue", "stop")]
    if _can_mount(folder):
        rows.append(_mounted(folder, num_runs))
    return [*rows, _refusing(folder, num_runs)]


def _limited(folder: Path, num_runs: int, policy: str) -> Injected:
    """Files may not grow beyond a size, another one for each run."""
    wrong: list[str] = []
    for number in range(num_runs):
        path = folder / f"limited-{policy}-{number}"
        limit = 6_000 + 40_000 * number // num_runs
        status = _in_fork(path, policy, limit)
        wrong += _flaws(path, status, policy)
    remark = "said once; whole lines and whole checkpoints only"
    return Injected(
        f"file size limit reached, on_write_error: {policy}", num_runs, 0, len(wrong), remark, tuple(wrong)
    )


def _mounted(folder: Path, num_runs: int) -> Injected:
    """A file system of a few hundred kilobytes; then it is given room and the run is resumed."""
    wrong: list[str] = []
    for number in range(num_runs):
        path = folder / f"full-{number}"
        path.mkdir()
        size = 60 + 300 * number // num_runs
        with _tmpfs(path, size):
            status = _in_fork(path / "run", "continue", None)
            wrong += _flaws(path / "run", status, "continue")
            _mount("-o", f"remount,size={size + 4000}k", str(path))
            wrong += _flaws_of_resuming(path / "run")
    remark = "the run goes on, and can be resumed once there is room"
    return Injected("disk full (ENOSPC on a tmpfs)", num_runs, 0, len(wrong), remark, tuple(wrong))


def _refusing(folder: Path, num_runs: int) -> Injected:
    """Every tenth write of the log fails or takes only part of the record, at random."""
    wrong: list[str] = []
    num_faults = 0
    for number in range(num_runs):
        path = folder / f"refusing-{number}"
        with _bad_descriptor(random.Random(number)) as faults, redirect_stdout(io.StringIO()) as said:
            outcome = _train(path, "continue")
        num_faults += faults[0]
        records, reader = read_log(path / "inspector.log.jsonl")
        num_expected = 1 + 1 + CONFIG["training"]["T"]
        num_there = sum(record["kind"] in ("header", "initial", "step") for record in records)
        if reader.damaged or reader.torn_bytes or num_there > num_expected:
            wrong.append(f"{path}: {reader.damaged} {reader.torn_bytes}")
        if outcome.ending.reason != "finished":
            wrong.append(f"{path}: ended with {outcome.ending}")
        if faults[0] and said.getvalue().count("cannot write to the log") != 1:
            wrong.append(f"{path}: said {said.getvalue()!r}")
    remark = "refused records are counted; every other one is whole"
    return Injected(
        "write errors and half writes of the log", num_faults, 0, len(wrong), remark, tuple(wrong)
    )


def _flaws(path: Path, status: int, policy: str) -> list[str]:
    """What is not as promised after a run on a full disk."""
    wrong = []
    log = path / "inspector.log.jsonl"
    said = (path.with_name(path.name + ".out")).read_text(errors="replace")
    if log.exists():
        reader = read_log(log)[1]
        if reader.damaged:
            wrong.append(f"{path}: damaged {reader.damaged}")
    for checkpoint in path.glob("checkpoints/*.pt"):
        try:
            load_checkpoint(checkpoint)
        except CheckpointError as error:
            wrong.append(str(error))
    if leftovers := list(path.rglob("*.tmp")):
        wrong.append(f"{path}: left behind {leftovers}")
    if "Traceback" in said:
        wrong.append(f"{path}: {said[-300:]}")
    num_said = said.count("cannot save") + said.count("cannot write")
    if num_said > 1 or (num_said == 0 and policy == "stop" and status == 0 and "error" in said):
        wrong.append(f"{path}: said {num_said} times: {said}")
    return wrong


def _flaws_of_resuming(path: Path) -> list[str]:
    try:
        RunFolder(path, path / "source.yaml").resumable()
    except RunFolderError:
        return []
    status = _in_fork(path, "continue", None, resume=True)
    reader = read_log(path / "inspector.log.jsonl")[1]
    said = (path.with_name(path.name + ".out")).read_text(errors="replace")
    is_complete = "taken all of its" in said
    return [f"{path}: not resumed: {said}"] if (status and not is_complete) or reader.damaged else []


def _in_fork(path: Path, policy: str, limit: int | None, *, resume: bool = False) -> int:
    """Train in a child; its exit status. What it says is in a file beside the folder."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        out = os.open(_out_of(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(out, 1)
        os.dup2(out, 2)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        status = int(_train(path, policy, resume=resume).ending.reason == "error")
    except RunFolderError as error:
        print(error)
    except BaseException as error:
        print("Traceback", repr(error))
    finally:
        import sys

        sys.stdout.flush()
        os._exit(status)


def _out_of(path: Path) -> Path:
    return path.with_name(path.name + ".out")


def _train(path: Path, policy: str, *, resume: bool = False) -> Any:
    config = Config.model_validate(CONFIG | {"run": {**CONFIG["run"], "on_write_error": policy}})
    return train(config, RunFolder(path, path / "source.yaml"), resume=resume)


@contextmanager
def _bad_descriptor(rng: random.Random) -> Iterator[list[int]]:
    """os.write of the log's writer fails now and then; the list holds how often."""
    faults = [0]

    class BadOs:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def write(self, descriptor: int, line: bytes) -> int:
            if rng.random() >= 0.1:
                return os.write(descriptor, line)
            faults[0] += 1
            if rng.random() < 0.5:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return os.write(descriptor, line[: len(line) // 2])

    writer_module.os = BadOs()  # type: ignore[assignment]
    try:
        yield faults
    finally:
        writer_module.os = os


def _can_mount(folder: Path) -> bool:
    if os.geteuid() != 0:
        return False
    place = folder / "may-mount"
    place.mkdir()
    try:
        with _tmpfs(place, 100):
            return True
    except (subprocess.CalledProcessError, FileNotFoundError):
        return False


@contextmanager
def _tmpfs(place: Path, kilobytes: int) -> Iterator[None]:
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place))
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
