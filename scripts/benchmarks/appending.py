"""How long after its append a record is on the screen, and what watching costs; beside `tail -F`."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from flight_recorder.engine.runlog.codec import encode
from scripts.benchmarks.logs import _noise, header, step_line
from scripts.benchmarks.table import ROOT, Figure
from scripts.benchmarks.terminal import Terminal, without_escapes

SECONDS = {1: 12.0, 10: 8.0, 100: 8.0, 1000: 8.0}
"""Records a second, and for how long."""
PAST_STEPS = 8_000
TUI = str(ROOT / ".venv/bin/tui")
_SHOWN = re.compile(r"step ([\d,]+) /")
_PRINTED = re.compile(r'"step":(\d+),"lr"')
IDLE_S = 20.0


class Writer(threading.Thread):
    """Appends step records at a steady rate and remembers when."""

    def __init__(self, path: Path, rate: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self.path, self.rate, self.count = path, rate, int(rate * seconds)
        self.written_at: dict[int, float] = {}
        self._noise = _noise()

    def run(self) -> None:
        started = time.monotonic()
        with self.path.open("ab", buffering=0) as file:
            for number in range(self.count):
                step = PAST_STEPS + number
                time.sleep(max(0.0, started + number / self.rate - time.monotonic()))
                self.written_at[step] = time.monotonic()
                file.write(step_line(step, 100_000, self._noise))


def measure() -> list[Figure]:
    """One opening for each rate, after a past of 8,000 steps."""
    figures = [_idle()]
    for rate, seconds in SECONDS.items():
        ours, cpu = _follow([TUI, "watch"], _SHOWN, rate, seconds)
        tail, tail_cpu = _follow(["tail", "-F", "-n", "1"], _PRINTED, rate, seconds)
        beside = f"tail -F {np.median(tail) * 1000:.0f} / {_p95(tail):.0f} ms"
        text = f"{np.median(ours) * 1000:.0f} / {_p95(ours):.0f} ms"
        what = f"append to visible at {rate:,} records/s, median / p95"
        figures.append(Figure(what, text, beside, "p95 100 ms", _p95(ours) < 100))
        if rate == 100:
            share = f"{100 * cpu:.1f} % of a core"
            figures.append(
                Figure("CPU at 100 records/s", share, f"tail -F {100 * tail_cpu:.1f} %", "15 %", cpu < 0.15)
            )
    return figures


def _p95(latencies: np.ndarray) -> float:
    return float(np.percentile(latencies, 95)) * 1000


def _follow(
    command: list[str], shown: re.Pattern[str], rate: int, seconds: float
) -> tuple[np.ndarray, float]:
    """Latency in seconds of each record, and the share of a core that it took."""
    with tempfile.TemporaryDirectory() as folder:
        log = _past(Path(folder))
        with Terminal([*command, str(log)]) as terminal:
            terminal.wait_for(lambda text: bool(shown.search(text)))
            _let_pass(terminal, 1.5)
            first, cpu, started = len(terminal.written), terminal.cpu_s(), time.monotonic()
            before = terminal.text
            writer = Writer(log, rate, seconds)
            writer.start()
            while writer.is_alive() or time.monotonic() < max(writer.written_at.values()) + 0.5:
                terminal.read(0.005)
            share = (terminal.cpu_s() - cpu) / (time.monotonic() - started)
            # Steps are counted from 0 in the log and by those done on the screen.
            ahead = int(shown.findall(before)[-1].replace(",", "")) - (PAST_STEPS - 1)
            written_at = {step + ahead: at for step, at in writer.written_at.items()}
            return _latencies(terminal.written[first:], shown, written_at), share


def _latencies(
    written: list[tuple[float, bytes]], shown: re.Pattern[str], written_at: dict[int, float]
) -> np.ndarray:
    """A record is visible when it or one after it is the newest on the screen."""
    newest, found, text = min(written_at) - 1, [], ""
    for at, data in written:
        text = text[-60:] + without_escapes(data)
        for match in shown.finditer(text):
            step = int(match[1].replace(",", ""))
            found += [at - written_at[one] for one in range(newest + 1, step + 1) if one in written_at]
            newest = max(newest, step)
    assert len(found) >= 0.9 * len(written_at), (len(found), len(written_at))
    return np.array(found)


def _idle() -> Figure:
    with (
        tempfile.TemporaryDirectory() as folder,
        Terminal([TUI, "watch", str(_past(Path(folder)))]) as terminal,
    ):
        terminal.wait_for(lambda text: bool(_SHOWN.search(text)))
        _let_pass(terminal, 3.0)
        cpu, started = terminal.cpu_s(), time.monotonic()
        _let_pass(terminal, IDLE_S)
        share = (terminal.cpu_s() - cpu) / (time.monotonic() - started)
    return Figure("CPU while nothing is written", f"{100 * share:.1f} % of a core", "", "1 %", share < 0.01)


def _let_pass(terminal: Terminal, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read(0.1)


def _past(folder: Path) -> Path:
    log = folder / "inspector.log.jsonl"
    noise = _noise()
    lines = [step_line(step, 100_000, noise) for step in range(PAST_STEPS)]
    log.write_bytes(encode(header(100_000)) + b"".join(lines))
    return log
