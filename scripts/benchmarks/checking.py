"""`tui check` beside a bare loop of orjson and a raw read over the same file, in CPU time."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from scripts.benchmarks.logs import log_of
from scripts.benchmarks.table import ROOT, Figure

RAW = "with open(sys.argv[1], 'rb', buffering=0) as file:\n    while file.read(2**20): pass"
BARE = "import orjson\nwith open(sys.argv[1], 'rb') as file:\n    for line in file: orjson.loads(line)"


def measure() -> list[Figure]:
    """Medians of three turns of each."""
    log = log_of(1_000_000)
    nothing = _median_cpu([sys.executable, "-c", "import orjson"])
    raw = _median_cpu([sys.executable, "-c", f"import sys\n{RAW}", str(log)])
    bare = _median_cpu([sys.executable, "-c", f"import sys\n{BARE}", str(log)]) - nothing
    check = _median_cpu([str(ROOT / ".venv/bin/tui"), "check", str(log)])
    small = _median_cpu([str(ROOT / ".venv/bin/tui"), "check", str(log_of(8_000))])
    ratio = check / bare
    beside = f"bare orjson loop {bare:.2f} s, raw read {raw:.2f} s"
    return [
        Figure(
            "`tui check`, 1,000,000 steps", f"{check:.2f} s, {ratio:.1f} x", beside, "3 x the loop", ratio < 3
        ),
        Figure("`tui check`, 8,000 steps", f"{small:.2f} s", "", ""),
    ]


def _median_cpu(command: list[str]) -> float:
    return median(_cpu(command) for _ in range(3))


def _cpu(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False, cwd=Path("/"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
