"""What several runs are called: by what tells them apart, not by what they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.locate.runs import telling_names


def name_apart(runs: Sequence[Run]) -> None:
    """Call each run by its own name where no other has that, else by the part of its path that is its own."""
    if len(runs) < 2:
        return
    own = [str(run.recording.header.get("name") or "") for run in runs]
    counts = Counter(own)
    for run, name, path in zip(runs, own, telling_names([run.path for run in runs]), strict=True):
        run.called = name if name and counts[name] == 1 else path


def worst_first(runs: Sequence[Run]) -> list[int]:
    """The places of the runs, those of the worst level first, else in their own order."""
    return sorted(range(len(runs)), key=lambda place: -runs[place].judge.level)
