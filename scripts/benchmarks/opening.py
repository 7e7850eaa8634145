"""From `tui watch` to the first word, the first panels and the whole run, beside a bare Textual app."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

from scripts.benchmarks.logs import log_of
from scripts.benchmarks.table import ROOT, Figure
from scripts.benchmarks.terminal import Terminal

TUI = str(ROOT / ".venv/bin/tui")
LAST_PANEL = "Spectral norm"
SIZES = {8_000: 5, 100_000: 3, 1_000_000: 1, 2_850_000: 1}
"""Steps of the logs, and how often each is opened; the last one is a gigabyte."""

BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("\\n".join(f"plain text {row} " * 12 for row in range(48)) + "\\nthe end")
Bare().run()
"""


def measure() -> list[Figure]:
    """Medians; each opening in a terminal of 220 x 50."""
    bare = median(_bare_app() for _ in range(5))
    figures = []
    for num_steps, num_runs in SIZES.items():
        opened = [_open(log_of(num_steps)) for _ in range(num_runs)]
        first, panels, whole, mib = (median(each) for each in zip(*opened, strict=True))
        figures += _figures(num_steps, first, panels, whole, mib, bare)
    return figures


def _figures(
    num_steps: int, first: float, panels: float, whole: float, mib: float, bare: float
) -> list[Figure]:
    log = f"{num_steps:,} steps, {log_of(num_steps).stat().st_size / 1e6:,.0f} MB"
    floor = f"bare Textual app with plain text {bare:.2f} s"
    whole_reach = {8_000: 0.6, 100_000: 1.5, 1_000_000: 8.0}.get(num_steps)
    mib_reach = {8_000: 150, 1_000_000: 400}.get(num_steps)
    read = f"raw read {_raw_read(log_of(num_steps)):.2f} s"
    return [
        Figure(f"first information, {log}", f"{first * 1000:.0f} ms", _python(), "100 ms", first < 0.1),
        Figure(f"panels on the screen, of the beginning of {log}", f"{panels:.2f} s", floor),
        Figure(
            f"whole run drawn and judged, {log}",
            f"{whole:.2f} s",
            f"{floor}; {read}",
            f"{whole_reach} s" if whole_reach else "0.6 s for its newest part",
            whole < (whole_reach or 0.6),
        ),
        Figure(
            f"peak memory, {log}",
            f"{mib:.0f} MiB",
            "",
            f"{mib_reach} MB" if mib_reach else "",
            mib < mib_reach if mib_reach else None,
        ),
    ]


def _open(log: Path) -> tuple[float, float, float, float]:
    """Seconds to the first word, to the panels and to the whole run, and the peak of memory in MiB."""
    with Terminal([TUI, "watch", str(log)]) as terminal:
        while not terminal.written:
            terminal.read(1.0)
        first = terminal.written[0][0] - terminal.started_at
        panels = terminal.wait_for(lambda text: LAST_PANEL in text, quiet_s=0.0)
        whole = terminal.wait_for(lambda text: "finished" in text, 180.0)
        return first, panels, whole, terminal.peak_mib()


def _bare_app() -> float:
    with Terminal([sys.executable, "-c", BARE_APP]) as terminal:
        return terminal.wait_for(lambda text: "the end" in text)


def _python() -> str:
    """The floor of everything: Python that starts and writes a line."""
    found = []
    for _ in range(5):
        with Terminal([sys.executable, "-c", "print('a line')"]) as terminal:
            found.append(terminal.wait_for(lambda text: "a line" in text, quiet_s=0.0))
    return f"python that prints a line {median(found) * 1000:.0f} ms"


def _raw_read(log: Path) -> float:
    started = time.perf_counter()
    with log.open("rb", buffering=0) as file:
        while file.read(2**20):
            pass
    return time.perf_counter() - started
