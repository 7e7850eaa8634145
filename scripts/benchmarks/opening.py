"""From `tui watch` to the first word, the newest part and the whole run, fresh and once indexed."""

from __future__ import annotations

import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from scripts.benchmarks.logs import log_of
from scripts.benchmarks.table import ROOT, Figure
from scripts.benchmarks.terminal import Terminal
from tui.follow.index import LEAST_BYTES, place_of

TUI = str(ROOT / ".venv/bin/tui")
SIZES = {8_000: 5, 100_000: 3, 1_000_000: 1, 2_850_000: 1}
"""Steps of the logs, and how often each is opened; the last one is a gigabyte."""

NOISE = 1.1
"""Two openings that differ by less than this factor are equally fast."""

BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("\\n".join(f"plain text {row} " * 12 for row in range(48)) + "\\nthe end")
Bare().run()
"""


LEVELS = ("green", "YELLOW", "ORANGE", "RED", "BLACK")
"""How the status line ends once a run was judged."""


@dataclass(frozen=True)
class Opening:
    """Seconds to the first word, to panels with the newest part and to all of the run judged; MiB at most."""

    first: float
    newest: float
    whole: float
    mib: float


def measure() -> list[Figure]:
    """Medians; each opening in a terminal of 220 x 50, all sizes beside the smallest of the same round."""
    bare = median(_bare_app() for _ in range(5))
    figures: list[Figure] = []
    small = 0.0
    for num_steps, num_runs in SIZES.items():
        fresh = _median([_opened(num_steps, is_indexed=False) for _ in range(num_runs)])
        again = _median([_opened(num_steps, is_indexed=True) for _ in range(num_runs)])
        small = small or fresh.newest
        figures += _figures(num_steps, fresh, again, bare, small)
    return figures


def _figures(num_steps: int, fresh: Opening, again: Opening, bare: float, small: float) -> list[Figure]:
    log = f"{num_steps:,} steps, {log_of(num_steps).stat().st_size / 1e6:,.0f} MB"
    floor = f"bare Textual app with plain text {bare:.2f} s"
    beside = f"fresh log of {min(SIZES):,} steps {small:.2f} s"
    read = f"raw read {_raw_read(log_of(num_steps)):.2f} s"
    reach = {8_000: 0.6, 100_000: 1.5, 1_000_000: 8.0}.get(num_steps)
    mib_reach = {8_000: 150, 1_000_000: 400}.get(num_steps)
    return [
        Figure(
            f"first information, {log}",
            f"{fresh.first * 1000:.0f} ms",
            _python(),
            "100 ms",
            fresh.first < 0.1,
        ),
        Figure(f"newest part drawn, {log}", f"{fresh.newest:.2f} s", floor, "0.6 s", fresh.newest < 0.6),
        Figure(
            f"whole run drawn and judged, {log}",
            f"{fresh.whole:.2f} s",
            f"{floor}; {read}",
            f"{reach} s" if reach else "",
            fresh.whole < reach if reach else None,
        ),
        Figure(
            f"re-opened once indexed, newest part drawn, {log}",
            f"{again.newest:.2f} s",
            beside,
            "no slower than that",
            again.newest <= small * NOISE,
        ),
        Figure(f"re-opened once indexed, whole run judged, {log}", f"{again.whole:.2f} s", beside),
        Figure(
            f"peak memory, {log}",
            f"{fresh.mib:.0f} MiB; re-opened {again.mib:.0f} MiB",
            "",
            f"{mib_reach} MB" if mib_reach else "",
            max(fresh.mib, again.mib) < mib_reach if mib_reach else None,
        ),
    ]


def _opened(num_steps: int, is_indexed: bool) -> Opening:
    """One opening, of a log that was never opened before or of one whose index is there."""
    log = log_of(num_steps)
    if not is_indexed and (place := place_of(log)):
        place.unlink(missing_ok=True)
    with Terminal([TUI, "watch", str(log)]) as terminal:
        while not terminal.written:
            terminal.read(1.0)
        first = terminal.written[0][0] - terminal.started_at
        newest = terminal.wait_for(lambda text: f"step {num_steps:,} / " in text)
        whole = terminal.wait_for(lambda text: any(level in text[-20_000:] for level in LEVELS), 180.0)
        mib = terminal.peak_mib()
        _let_it_write(terminal, log)
    return Opening(first, newest, whole, mib)


def _let_it_write(terminal: Terminal, log: Path) -> None:
    """Wait until the index is there, where there will be one."""
    deadline = time.monotonic() + 60
    while log.stat().st_size >= LEAST_BYTES and time.monotonic() < deadline:
        if (place := place_of(log)) and place.exists():
            return
        terminal.read(0.1)


def _median(openings: list[Opening]) -> Opening:
    return Opening(*(median(each) for each in zip(*map(astuple, openings), strict=True)))


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
