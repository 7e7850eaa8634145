"""Runs on several processes of this machine, started as a user would, and always cleaned up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flight_recorder.engine.config_file import to_yaml
from tests.engine.runs import ROOT, small

PATIENCE_S = 120
"""For a machine that others use; a run here takes seconds."""


ENGINE = ("-m", "engine")


def gentle(**sections: Any) -> Any:
    """The small config with a learning rate at which rounding errors of one step are not blown up later."""
    training = {"T": 200, "lr_max": 3e-4, "lr_min": 3e-5, "eval_every": 50, "ckpt_every": 100}
    return small(**{**sections, "training": training | sections.get("training", {})})


class Launched:
    """torchrun and its ranks, from the start of the object until `finish` or `stop`."""

    def __init__(
        self, config: Any, folder: Path, *options: str, ranks: int = 2, program: Sequence[str] = ENGINE
    ) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        source = folder.with_suffix(".yaml")
        source.write_text(to_yaml(config))
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
        command = [*program, "train", str(source), "--out", str(folder), "--no-report", *options]
        self.process = subprocess.Popen(
            [sys.executable, *launcher, *command],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pid_of(self, rank: int) -> int:
        """Process id of a rank; it waits until torchrun has started it."""
        return _waited_for(lambda: next((pid for pid in self._ranks() if _rank_of(pid) == rank), None))

    def finish(self) -> subprocess.CompletedProcess[str]:
        """What it said and how it ended; after PATIENCE_S everything is killed and the test fails."""
        try:
            said, complained = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.stop()
            raise
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, said, complained)

    def stop(self) -> None:
        """None of its processes is left."""
        for pid in [*self._ranks(), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.communicate()

    def _ranks(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []


def torchrun(
    config: Any, folder: Path, *options: str, program: Sequence[str] = ENGINE
) -> subprocess.CompletedProcess[str]:
    """A whole run."""
    return Launched(config, folder, *options, program=program).finish()


def wait_until(condition: Callable[[], bool]) -> None:
    """It holds now."""
    _waited_for(lambda: condition() or None)


def _waited_for(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise TimeoutError


def _rank_of(pid: int) -> int | None:
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((int(word[5:]) for word in words if word.startswith(b"RANK=")), None)
