"""Call somebody when a run goes wrong: each look decides what to tell, and a thread of its own sends it."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from flight_recorder.tui.act.journal import Journal, journal_of
from flight_recorder.tui.act.message import Event, Kind, Message
from flight_recorder.tui.act.picture import picture
from flight_recorder.tui.act.receivers import NotTaken, Receiver, receiver
from flight_recorder.tui.act.transitions import news
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.locate.recorded import STANDARD_INPUT, locate

EVERY_S = 600.0
"""A level is told once in so many seconds: what follows within them is told together. Worse comes at once."""

_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 60.0


@dataclass(frozen=True)
class Receivers:
    """Who is told, by a name that gives no secret away."""

    by_name: Mapping[str, Receiver]

    @classmethod
    def of(cls, urls: list[str]) -> Receivers:
        """Those that --notify names.

        Raises:
            NoSuchReceiver: one of them is none.
        """
        return cls({hashlib.sha256(url.encode()).hexdigest()[:12]: receiver(url) for url in urls})


class Notifier:
    """The calls about one run. `look` never waits for a network or a disk."""

    def __init__(
        self,
        receivers: Receivers,
        log: Path,
        level: Level = Level.ORANGE,
        now: Callable[[], float] = time.time,
        retry_s: float = _FIRST_RETRY_S,
    ) -> None:
        self._level, self._now, self._log = level, now, log
        self._told: set[str] = set()
        self._last_told: dict[Level, float] = {}
        self._is_holding = False
        self._messages: queue.Queue[Message | None] = queue.Queue()
        self._sender = _Sender(receivers, self._messages, retry_s)
        self._seen: object = None
        self._due = 0.0

    def look(self, run: Run) -> None:
        """Tell what is new of this run since it was last told, to anybody and by anybody."""
        seen = (run.recording.last_step, run.pulse, run.recording.exit is None, run.judge.level)
        if (seen == self._seen and self._now() < self._due) or not run.is_settled:
            return
        self._seen, self._due = seen, self._now() + 1.0
        events = news(run, self._level, self._told)
        if events and self._may_tell(events) and self._holds_journal():
            events = [event for event in events if event.key not in self._told]  # another told some meanwhile
            if events:
                self._tell(run, events)

    def _may_tell(self, events: list[Event]) -> bool:
        level = max(event.level for event in events)
        if any(event.kind is Kind.ENDED for event in events):
            return True
        return self._now() - self._last_told.get(level, float("-inf")) >= EVERY_S

    def _holds_journal(self) -> bool:
        """One watcher tells; where that is another one, this one asks again at its next look."""
        if not self._is_holding:
            journal = journal_of(self._journalled())
            if not journal.try_to_hold():
                return False
            self._is_holding = True
            self._told |= journal.told
            self._last_told |= {Level[name.upper()]: at for name, at in journal.last_told.items()}
            self._sender.begin(journal)
        return True

    def _journalled(self) -> Path:
        """The log beside which the journal lies; that of standard input lasts as long as its reader."""
        if self._log == STANDARD_INPUT:
            return Path(mkdtemp(prefix="tui-")) / "standard-input"
        return locate(self._log)

    def _tell(self, run: Run, events: list[Event]) -> None:
        self._told.update(event.key for event in events)
        level = max(event.level for event in events)
        self._last_told[level] = self._now()
        check = events[0].key.partition("@")[0]
        panel = next((verdict.panel for verdict in run.judge.verdicts if verdict.check == check), "loss")
        drawn = picture(run, panel or "loss")
        step = run.recording.last_step
        self._messages.put(Message(uuid.uuid4().hex, run.name, run.path, level, step, tuple(events), drawn))

    def close(self, patience_s: float) -> int:
        """Wait so long for the last messages; how many nobody has taken then. They stay in the journal."""
        self._messages.put(None)
        return self._sender.finish(patience_s)


class _Sender:
    """The thread that writes messages into the journal and sends them, in order, until they are taken."""

    def __init__(self, receivers: Receivers, messages: queue.Queue[Message | None], retry_s: float) -> None:
        self._receivers, self._messages, self._first_retry_s = receivers.by_name, messages, retry_s
        self._journal: Journal | None = None
        self._thread: threading.Thread | None = None
        self._waits: dict[str, float] = {}
        self._is_over = False

    def begin(self, journal: Journal) -> None:
        """Send what an earlier watcher could not, and then whatever comes."""
        self._journal = journal
        journal.keep_only(self._receivers)
        self._thread = threading.Thread(target=self._work, args=(journal,), name="notify", daemon=True)
        self._thread.start()

    def _work(self, journal: Journal) -> None:
        while not (self._is_over and not journal.unsent):
            for name, receive in self._receivers.items():
                self._send_to(name, receive, journal)
            try:
                message = self._messages.get(timeout=min(self._waits.values(), default=None))
            except queue.Empty:
                continue
            if message is None:
                self._is_over = True
            else:
                journal.write(message, self._receivers)

    def _send_to(self, name: str, receive: Receiver, journal: Journal) -> None:
        """Send all that this receiver has not taken yet; where it refuses, the next wait doubles."""
        for message in journal.unsent_to(name):
            try:
                receive(message)
            except NotTaken:
                wait_s = self._waits.get(name, self._first_retry_s / 2)
                self._waits[name] = min(2 * wait_s, _LAST_RETRY_S)
                return
            journal.sent(message["id"], name)
        self._waits.pop(name, None)

    def finish(self, patience_s: float) -> int:
        """Wait for the last messages; how many are left."""
        if self._thread is None or self._journal is None:
            return 0
        self._thread.join(patience_s)
        if not self._thread.is_alive():
            self._journal.close()
        return len(self._journal.unsent)
