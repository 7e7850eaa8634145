"""`tui run -- COMMAND`: judge a training while it runs, by what it prints or by the log that it writes."""

from __future__ import annotations

import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.tui.act import passthrough
from flight_recorder.tui.act.guard import Guard, dry_run, one_by_one
from flight_recorder.tui.act.policy import PolicyError, load_policy
from flight_recorder.tui.act.processes import open_files
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.splits import PathFollower
from flight_recorder.tui.follow.tail import POLL_INTERVAL_S
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions

Look = Callable[[Run], None]
Observe = Callable[[str], AbstractContextManager[Look]]

_SEARCH_S = 2.0
"""How often to look whether the command has opened a log of our own."""


def run_command(
    command: Sequence[str],
    copy: Path,
    options: SourceOptions,
    thresholds: Thresholds | None,
    look: Look,
    guard: Guard | None = None,
) -> int:
    """Exit code of the command, or 143 where the guard stopped it. `look` sees the run as it goes on.

    Raises:
        OSError: the command cannot be started, or the copy cannot be written.
    """
    with copy.open("wb") as file:
        watcher = _Watcher(copy, options, thresholds, look, guard)
        code = passthrough.run(command, file, watcher.begin)
    watcher.finish(code)
    return guard.exit_code(code) if guard else code


class _Watcher:
    """The thread that follows the log of a command."""

    def __init__(
        self,
        copy: Path,
        options: SourceOptions,
        thresholds: Thresholds | None,
        look: Look,
        guard: Guard | None,
    ) -> None:
        self._log, self._options, self._thresholds = copy, options, thresholds
        self._look, self._guard = look, guard
        self._pid = 0
        self._code: int | None = None
        self._searched_at = 0.0
        self._thread = threading.Thread(target=self._work, name="judge", daemon=True)

    def begin(self, pid: int) -> None:
        """The command runs: judge what it writes."""
        self._pid = pid
        if self._guard:
            self._guard.protect(pid)
        self._thread.start()

    def finish(self, code: int) -> None:
        """The command has ended: judge the rest, its ending too."""
        self._code = code
        if self._guard:
            self._guard.ended()
        self._thread.join()

    def _work(self) -> None:
        run, follower = self._open()
        while True:
            is_over = self._code is not None
            if own := self._own_log():
                self._log = own
                follower.close()
                run, follower = self._open()
            try:
                batch = follower.poll()
            except CannotRead:
                batch = None  # it prints nothing that could be judged, so far
            if batch is not None:
                self._take(run, batch, is_over)
            if batch is None and is_over and follower.is_caught_up:
                self._end(run)
                follower.close()
                return
            self._look(run)
            if follower.is_caught_up:
                time.sleep(POLL_INTERVAL_S)

    def _take(self, run: Run, batch: Batch, is_over: bool) -> None:
        """Judge a batch; with a guard record by record, so that it acts where a dry run says it would."""
        if self._guard is None or is_over:
            run.extend(batch)
            return
        for part in one_by_one(batch):
            run.extend(part)
            self._guard.look(run)

    def _open(self) -> tuple[Run, PathFollower]:
        return Run(str(self._log), self._thresholds), PathFollower(self._log, self._options)

    def _own_log(self) -> Path | None:
        """A log of our own that the command or one of its children has open; None once it is followed."""
        if self._log.name == LOG_NAME or time.monotonic() - self._searched_at < _SEARCH_S:
            return None
        self._searched_at = time.monotonic()
        return next((path for path in open_files(self._pid) if path.name == LOG_NAME), None)

    def _end(self, run: Run) -> None:
        """What the command's exit code says of the ending, where its log says nothing."""
        if run.recording.exit is None and run.has_numbers and self._code is not None:
            step = run.recording.last_step or 0
            run.extend(_ending(self._code, step, run))
        self._look(run)


def _ending(code: int, step: int, run: Run) -> Batch:
    reason = "finished" if code == 0 else "terminated" if code > 128 else "error"
    message = None if code == 0 else f"exit code {code}" if code <= 128 else f"ended by signal {code - 128}"
    record = {"kind": "exit", "step": step, "reason": reason, "message": message}
    pulse = Pulse.FINISHED if code == 0 else Pulse.CRASHED
    return Batch((record,), (), run.next_offset, run.size_bytes, pulse, run.format)


def run_supervised(
    command: Sequence[str],
    copy: Path | None,
    options: SourceOptions,
    thresholds: Thresholds | None,
    observe: Observe,
    policy: Path | None,
) -> int:
    """Exit code of `tui run`.

    Raises:
        CannotRead: the command cannot be started, or the policy says what cannot be done.
    """
    copy = copy or Path(time.strftime("run-%Y%m%d-%H%M%S.log"))
    try:
        guard = Guard(load_policy(policy), copy.parent / f".{copy.name}.acted") if policy else None
    except PolicyError as error:
        raise CannotRead(str(error)) from None
    if shutil.which(command[0]) is None:
        raise CannotRead(f"There is no command {command[0]}.")
    if sys.stderr.isatty():
        print(f"tui watch {shlex.quote(str(copy))}   follows this run", file=sys.stderr)
    with observe(str(copy)) as look:
        code = run_command(command, copy, options, thresholds, look, guard)
    for act in guard.acts if guard else ():
        print(f"tui: the guard did: {printable(act.sentence, 2000)}", file=sys.stderr)
    return code


def rehearse(path: str, batches: Iterable[Batch], thresholds: Thresholds | None, policy: Path) -> str:
    """What a guard would have done in a recorded run, in words.

    Raises:
        CannotRead: the policy says what cannot be done.
    """
    try:
        loaded = load_policy(policy)
    except PolicyError as error:
        raise CannotRead(str(error)) from None
    run, batches = Run(path, thresholds), list(batches)
    last = max((record.get("step", 0) for batch in batches for record in batch.records), default=0)
    acts = dry_run(run, batches, loaded)
    lines = [f"would {act.sentence}" for act in acts] or ["would not have acted"]
    stop = next((act for act in acts if act.rule.do == "stop"), None)
    if stop and stop.step is not None and last > stop.step:
        share = (last - stop.step) / last
        lines.append(f"saved: {last - stop.step:,} of {last:,} steps ({share:.0%})")
    return "\n".join(printable(line, 2000) for line in lines)
