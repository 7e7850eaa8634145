"""What several runs are called: by what tells them apart, not by what they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

from flight_recorder.tui.run import Run


def name_apart(runs: Sequence[Run]) -> None:
    """Call each run by its own name where no other has that, else by the part of its path that is its own."""
    if len(runs) < 2:
        return
    own = [str(run.recording.header.get("name") or "") for run in runs]
    counts = Counter(own)
    for run, name, path in zip(runs, own, told_apart([run.path for run in runs]), strict=True):
        run.called = name if name and counts[name] == 1 else path


def told_apart(paths: Sequence[str]) -> list[str]:
    """The paths without the folders that all of them begin with and the names that all of them end with.

    lr1/metrics.jsonl and lr2/metrics.jsonl are lr1 and lr2.
    """
    parts = [[part for part in path.split("/") if part not in ("", ".")] for path in paths]
    shortest = min(map(len, parts))
    first = sum(1 for _ in takewhile(_is_same, zip(*parts, strict=False)))
    last = sum(1 for _ in takewhile(_is_same, zip(*(each[::-1] for each in parts), strict=False)))
    if not shortest or first + last > shortest:
        last = max(0, shortest - first - 1)
    kept = [each[first : len(each) - last] for each in parts]
    return ["/".join(each) or path for each, path in zip(kept, paths, strict=True)]


def _is_same(parts: Sequence[str]) -> bool:
    return len(set(parts)) == 1


def worst_first(runs: Sequence[Run]) -> list[int]:
    """The places of the runs, those of the worst level first, else in their own order."""
    return sorted(range(len(runs)), key=lambda place: -runs[place].judge.level)
