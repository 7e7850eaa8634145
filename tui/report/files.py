"""Which artefacts a run gets, and writing them one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from flight_recorder.tui.report.html.dashboard import write_dashboard
from flight_recorder.tui.report.markdown.gap_analysis import write_gap_analysis
from flight_recorder.tui.report.markdown.post_mortem import write_post_mortem
from flight_recorder.tui.run import Run

OWN_FORMAT = "runlog"
"""Format of a log that the engine or the inspector wrote."""

Writer = Callable[[Run, Path], None]


def artefacts(run: Run) -> dict[str, Writer]:
    """File name and writer of everything that a run of this kind gets."""
    if run.format == OWN_FORMAT:
        return {"dashboard.html": write_dashboard, "gap-analysis.md": write_gap_analysis}
    return {"dashboard.html": write_dashboard, "post-mortem.md": write_post_mortem}


def report(run: Run, folder: Path, say: Callable[[str], None] | None = None) -> list[Path]:
    """The files that were written into the folder, which is made if it is not there.

    `say` is told what is being written before it is; by default a terminal on standard error shows it.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    say = say or _say_on_terminal
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, write in artefacts(run).items():
        say(f"writing {name}")
        write(run, folder / name)
        written.append(folder / name)
    return written


def _say_on_terminal(words: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"tui: {words}\n")
