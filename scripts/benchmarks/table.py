"""Figures beside what they are compared with, and the one table that they make."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "experiments/bench"
"""One file a benchmark, so that one can be repeated without the others."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        reached: the figure with its unit; a median where it is one of several runs.
        beside: the floor or the peer, measured in the same run.
        reach: what was to be reached.
        is_reached: whether it was; None where nothing was promised.
    """

    what: str
    reached: str
    beside: str
    reach: str = ""
    is_reached: bool | None = None


def keep(name: str, figures: list[Figure]) -> None:
    """These are the newest figures of the benchmark of this name."""
    KEPT.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(figure) for figure in figures], indent=1)
    (KEPT / f"{name}.json").write_text(text, encoding="utf-8")


def kept(names: list[str]) -> list[Figure]:
    """The newest figures of these benchmarks, in order."""
    paths = [KEPT / f"{name}.json" for name in names]
    return [Figure(**each) for path in paths if path.exists() for each in json.loads(path.read_text())]


def rendered(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    marks = {True: "yes", False: "**no**", None: ""}
    rows = [
        f"| {each.what} | {each.reached} | {each.beside} | {each.reach} | {marks[each.is_reached]} |"
        for each in figures
    ]
    return "\n".join(
        [
            "| what | measured | beside it, in the same run | to reach | reached |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def machine() -> str:
    """Where the figures were measured, and how busy it was."""
    cpus = os.cpu_count()
    model = next(
        (line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")),
        platform.processor(),
    )
    return f"{cpus} cores ({model}), Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
