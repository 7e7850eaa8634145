"""Which artefacts a run gets, and writing them one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from flight_recorder.tui.report.artefact import write_artefact
from flight_recorder.tui.report.html.dashboard import page
from flight_recorder.tui.report.markdown.gap_analysis import gap_analysis
from flight_recorder.tui.report.markdown.post_mortem import post_mortem
from flight_recorder.tui.run import Run

OWN_FORMAT = "runlog"
"""Format of a log that the engine or the inspector wrote."""


def artefacts(run: Run) -> dict[str, Callable[[Run], str]]:
    """File name of everything that a run of this kind gets, and what makes its text."""
    if run.format == OWN_FORMAT:
        return {"dashboard.html": page, "gap-analysis.md": gap_analysis}
    return {"dashboard.html": page, "post-mortem.md": post_mortem}


def report(run: Run, folder: Path, say: Callable[[str], None] | None = None) -> list[Path]:
    """The files that were written into the folder, which is made if it is not there.

    `say` is told what is being written before it is; by default a terminal on standard error shows it.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    say = say or _say_on_terminal
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text_of in artefacts(run).items():
        say(f"writing {name}")
        write_artefact(folder / name, text_of(run))
        written.append(folder / name)
    return written


def _say_on_terminal(words: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"tui: {words}\n")
