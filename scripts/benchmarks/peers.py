"""The same run opened by others: W&B LEET and toolong in a terminal, TensorBoard as far as its server.

They are installed into a virtual environment of their own, once, from the package index. TensorBoard's time
ends when its server hands out the last step; what a browser then takes to draw is not counted.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from scripts.benchmarks.logs import log_of
from scripts.benchmarks.table import KEPT, ROOT, Figure
from scripts.benchmarks.terminal import Terminal

TUI = str(ROOT / ".venv/bin/tui")
HOME = KEPT / "peers"
PACKAGES = ("toolong==1.5.0", "wandb==0.31.0", "tensorboard==2.21.0", "setuptools<81")
SIZES = {1_000: 3, 8_000: 3, 100_000: 1}
"""Steps, and how often each program opens them; W&B LEET takes over six minutes for a million."""
LONGEST_S = 900.0

WRITE_WANDB = str(Path(__file__).with_name("write_wandb.py"))


@dataclass(frozen=True, slots=True)
class Opened:
    """Seconds to the first curve and to the whole run, MiB at the peak over all of its processes."""

    first: float
    whole: float
    mib: float

    def __str__(self) -> str:
        return f"{self.first:.2f} / {self.whole:.2f} s, {self.mib:.0f} MiB"


def measure() -> list[Figure]:
    """A row for each size, the programs one after another in every round, medians."""
    _install()
    return [_figure(num_steps, rounds) for num_steps, rounds in SIZES.items()]


def _figure(num_steps: int, rounds: int) -> Figure:
    log = log_of(num_steps)
    wandb, events = _as_wandb(log), _as_events(log)
    programs: dict[str, Callable[[], Opened]] = {
        "ours": lambda: _in_terminal([TUI, "watch", str(log)], "Spectral norm", "green"),
        "W&B LEET 0.31": lambda: _in_terminal(
            [_bin("wandb"), "leet", "run", str(wandb)], "Metrics [1", "Finished"
        ),
        "toolong 1.5 (lines, no curves)": lambda: _in_terminal([_bin("tl"), str(log)], '"kind":"step"', None),
        "TensorBoard 2.21 (server alone)": lambda: _tensorboard(events, num_steps),
    }
    taken: dict[str, list[Opened]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, run in programs.items():
            taken[name].append(run())
    medians = {name: _median(runs) for name, runs in taken.items()}
    ours = medians.pop("ours")
    return Figure(
        f"first curve / whole run drawn, peak memory, {num_steps:,} steps",
        str(ours),
        "; ".join(f"{name} {opened}" for name, opened in medians.items()),
        "faster, less memory",
        all(
            ours.first < other.first and ours.whole < other.whole and ours.mib < other.mib
            for other in medians.values()
        ),
    )


def _median(runs: list[Opened]) -> Opened:
    return Opened(
        median(run.first for run in runs), median(run.whole for run in runs), median(run.mib for run in runs)
    )


def _in_terminal(command: list[str], first: str, whole: str | None) -> Opened:
    """In a pane of 220 x 50; where no word says that it is whole, until nothing was drawn for two seconds."""
    with Terminal(command, env={"TUI_INDEX": "off"}) as terminal:  # each time as if for the first time
        first_s = terminal.wait_for(lambda text: first in text, LONGEST_S, quiet_s=0.0)
        if whole is None:
            whole_s = terminal.wait_for(lambda _: True, quiet_s=2.0)
        else:
            whole_s = terminal.wait_for(lambda text: whole in text, LONGEST_S)
        return Opened(first_s, whole_s, _peak_mib(terminal.process.pid))


def _tensorboard(folder: Path, num_steps: int) -> Opened:
    port = _free_port()
    command = [_bin("tensorboard"), "--logdir", str(folder), "--port", str(port), "--host", "127.0.0.1"]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/data/plugin/scalars/"
        found = _served(address + "tags", lambda runs: any(runs.values()))
        first = time.monotonic() - started
        run = next(run for run, tags in found.items() if "loss" in tags)
        query = f"scalars?run={urllib.request.quote(run)}&tag=loss"
        _served(address + query, lambda points: bool(points) and points[-1][1] >= num_steps - 1)
        return Opened(first, time.monotonic() - started, _peak_mib(process.pid))
    finally:
        process.terminate()
        process.wait(10)


def _served(address: str, is_there: Callable[..., bool]) -> dict[str, object]:
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                content = json.load(answer)
            if is_there(content):
                return content  # type: ignore[no-any-return]
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.02)
    raise TimeoutError(f"{address} did not serve the run")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _peak_mib(pid: int) -> float:
    """Peaks of resident memory of a process and of everything that it started, added up."""
    return sum(_high_water_kib(each) for each in _family(pid)) / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _family(int(child))


def _high_water_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def _as_wandb(log: Path) -> Path:
    path = HOME / "runs" / log.parent.name / "run-bench.wandb"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        subprocess.run([_bin("python"), WRITE_WANDB, str(log), str(unfinished)], check=True)
        unfinished.rename(path)
    return path


def _as_events(log: Path) -> Path:
    folder = HOME / "runs" / log.parent.name / "events"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([TUI, "export", str(log), "--to", "tensorboard", "--out", str(folder)], check=True)
    return folder


def _bin(name: str) -> str:
    return str(HOME / "venv/bin" / name)


def _install() -> None:
    if Path(_bin("tl")).exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(HOME / "venv")], check=True)
    subprocess.run([_bin("pip"), "install", "--quiet", *PACKAGES], check=True)
