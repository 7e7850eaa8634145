"""A run whose terminal is closed, whose connection is cut, whose reader has gone."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from flight_recorder.engine.run.checkpoint import load_checkpoint
from tests.engine.runs import ROOT, SMALL, records

STEPS = 4000


def _start(
    folder: Path, out: int, *, ignores_hang_up: bool = False, steps: int = STEPS
) -> subprocess.Popen[bytes]:
    """`engine train` in a session of its own that writes to this descriptor."""
    config = folder / "source.yaml"
    training = {**SMALL["training"], "T": steps, "eval_every": 0, "ckpt_every": 0}
    config.write_text(yaml.safe_dump({**SMALL, "training": training}))

    def prepare() -> None:
        os.setsid()
        if ignores_hang_up:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    command = [
        sys.executable,
        "-m",
        "engine",
        "train",
        str(config),
        "--out",
        str(folder / "run"),
        "--no-report",
    ]
    return subprocess.Popen(command, stdin=out, stdout=out, stderr=out, cwd=ROOT, preexec_fn=prepare)


def _wait_for_steps(path: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (path / "inspector.log.jsonl").exists() and len(records(path, "step")) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("the run did not get going")


def test_a_lost_terminal_ends_the_run_with_a_checkpoint_and_an_exit_record(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = _start(tmp_path, theirs)
    os.close(theirs)
    _wait_for_steps(tmp_path / "run", 3)
    os.close(ours)  # writing to the terminal is an error from here on
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)  # the shell's, after the kernel's
    assert process.wait(60) == 143
    last = records(tmp_path / "run")[-1]
    assert (last["kind"], last["reason"]) == ("exit", "terminated")
    assert load_checkpoint(tmp_path / "run/checkpoints/last.pt")["step"] == last["step"] < STEPS


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = _start(tmp_path, theirs, ignores_hang_up=True, steps=60)
    os.close(theirs)
    _wait_for_steps(tmp_path / "run", 3)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0
    assert records(tmp_path / "run")[-1]["reason"] == "finished"


def test_a_run_whose_output_nobody_reads_goes_on(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    process = _start(tmp_path, writing, steps=30)
    os.close(writing)
    os.close(reading)
    assert process.wait(60) == 0
    assert records(tmp_path / "run")[-1]["reason"] == "finished"
