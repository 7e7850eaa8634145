"""Size and drawing time of dashboard.html, by scripts/bench-dashboard."""

from __future__ import annotations

import re
import subprocess

from scripts.benchmarks.table import ROOT, Figure


def measure() -> list[Figure]:
    """What that script says, as figures; none where there is no Chromium."""
    done = subprocess.run(
        [str(ROOT / "scripts/bench-dashboard")], capture_output=True, text=True, check=False
    )
    kilobytes = re.search(r"(\d+) KB", done.stdout)
    drawn = re.search(r"drawn in (\d+) ms.*an empty page in (\d+) ms", done.stdout)
    if not (kilobytes and drawn):
        return []
    size, milliseconds = int(kilobytes[1]), int(drawn[1])
    return [
        Figure("dashboard.html, 8,000 steps", f"{size} KB", "", "500 KB", size < 500),
        Figure(
            "dashboard.html drawn in Chromium",
            f"{milliseconds} ms",
            f"empty page {drawn[2]} ms",
            "250 ms",
            milliseconds < 250,
        ),
    ]
