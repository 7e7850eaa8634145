"""Who looks at a run beside its user, each time that its log was read: who calls, and what is exported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flight_recorder.tui.act.metrics import MetricsFile
from flight_recorder.tui.act.notifier import Notifier, Receivers
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.run import Run

_PATIENCE_S = 10.0
"""How long a command that is done waits for its last messages to be taken."""


@dataclass(frozen=True)
class Observers:
    """What the user asked for: --notify, --notify-level, --metrics."""

    receivers: Receivers
    level: Level
    metrics: Path | None

    @contextmanager
    def of(self, path: str) -> Iterator[Callable[[Run], None]]:
        """What to do at each look at the run of a path. Behind it the last messages may still arrive."""
        notifier = Notifier(self.receivers, Path(path), self.level) if self.receivers.by_name else None
        metrics = MetricsFile(self.metrics) if self.metrics else None
        newest: Run | None = None

        def look(run: Run) -> None:
            nonlocal newest
            newest = run
            if notifier:
                notifier.look(run)
            if metrics:
                metrics.look(run)

        try:
            yield look
        finally:
            if metrics and newest:
                metrics.write(newest)
            if notifier and (left := notifier.close(_PATIENCE_S)):
                many = "s" if left > 1 else ""
                sentence = f"{left} message{many} could not be delivered; the run's next watcher tries again."
                print(sentence, file=sys.stderr)
