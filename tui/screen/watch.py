"""`tui watch` and `tui replay`: the monitor on a terminal, until the user quits."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.exit import CANNOT_READ
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.runs.run_set import Gathering
from flight_recorder.tui.screen.terminal import require_terminal
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions

Observe = Callable[[str], AbstractContextManager[Callable[[Run], None]]]


def watch(
    paths: Sequence[str],
    *,
    options: SourceOptions | None = None,
    thresholds: Thresholds | None = None,
    speed: float | None = None,
    observe: Observe | None = None,
) -> int:
    """Show these logs until the user quits, and give the exit code.

    With a `speed` the first path is played again from its beginning, that many times faster than recorded.
    `observe` gives what to do at each look at the run of a path, until the end.

    Raises:
        CannotRead: a log cannot be read, there is no terminal, or the monitor failed; the message is for the
            user.
    """
    gathering = Gathering(paths, options, thresholds, speed)
    watched = gathering.open_all()
    require_terminal()
    looks: dict[str, Callable[[Run], None]] = {}
    with ExitStack() as stack:

        def look(run: Run) -> None:
            if observe is None:
                return
            if run.path not in looks:
                looks[run.path] = stack.enter_context(observe(run.path))
            looks[run.path](run)

        app = Monitor(watched, gathering, observe=look)
        gc.freeze()  # records make no cycles: looking for some took a third of the time of reading
        gc.set_threshold(100_000, 50, 100)
        app.run(mouse=False)  # nothing here is clicked on, and the terminal's own selection stays
    if app.failure and app.return_code == CANNOT_READ:
        raise CannotRead(app.failure)
    return app.return_code or 0
