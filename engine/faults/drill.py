"""A fire drill: a broken run and a healthy one, as short as the fault allows, and what is said of both."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_recorder.engine.faults.fault import DAMAGED, NAMED, Fault

WARMUP_STEPS = 30
LEVELS = ("green", "yellow", "orange", "red", "black")


class DrillFailed(Exception):
    """One of the two runs could not be made or judged; the message is what its command said."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What `tui check --json` says of one run."""

    name: str
    said: dict[str, Any]

    @property
    def level(self) -> str:
        """The worst level of what fires."""
        return str(self.said["level"])

    @property
    def causes(self) -> list[str]:
        """Causes, likeliest first."""
        return [row["cause"] for row in self.said["causes"]]

    def __str__(self) -> str:
        headline = self.said["headline"]
        if headline is None:
            return f"{self.said['level']}, nothing fires"
        since = f", since step {headline['first_step']}" if headline["first_step"] is not None else ""
        return f"{self.said['level']}, {headline['check']} {headline['symptom']}{since}"


def drill_settings(fault: Fault) -> dict[str, Any]:
    """Config keys of a run that is long enough for the fault to show, and no longer."""
    return {
        "training.T": fault.num_steps,
        "training.warmup": WARMUP_STEPS,
        "training.eval_every": 20,
        "training.ckpt_every": 100,
        "training.eval_tokens": 4096,
        **fault.needs,
    }


def shows(fault: Fault, judged: Judged) -> bool:
    """Whether what had to be shown is: the cause, or the damage that the log has taken."""
    if fault.sign == NAMED:
        return fault.cause in judged.causes
    if fault.sign == DAMAGED:
        return bool(judged.said["source"]["damaged_lines"])
    return str(judged.said["source"]["pulse"]) != "finished"


def run_drill(fault: Fault, config: Path, out: Path) -> tuple[Judged, Judged]:
    """The healthy twin and the broken run, trained into `out` one after the other, and judged.

    Raises:
        DrillFailed: a command says that it cannot.
    """
    settings = drill_settings(fault)
    for name, fault_text in (("healthy", None), ("broken", str(fault))):
        call = ["train", str(config), "--out", str(out / name), "--no-report"]
        for key, value in settings.items():
            call += ["--set", f"{key}={value}"]
        if fault_text:
            call += ["--fault", fault_text]
        if fault.resumes:
            _engine([*call, "--stop-after", str(fault.onset_step)])
            call += ["--resume"]
        _engine(call)
    return _judged("healthy", out / "healthy"), _judged(str(fault), out / "broken")


def _engine(arguments: list[str]) -> None:
    call = subprocess.run(
        [sys.executable, "-m", "flight_recorder.engine", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if call.returncode:
        raise DrillFailed(call.stderr.strip() or call.stdout.strip())


def _judged(name: str, folder: Path) -> Judged:
    """The monitor is another program: it is asked, not imported."""
    call = subprocess.run(
        [sys.executable, "-m", "flight_recorder.tui", "check", "--json", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if call.returncode not in (0, 1):
        raise DrillFailed(call.stderr.strip())
    return Judged(name, json.loads(call.stdout))
