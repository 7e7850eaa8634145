"""What was told of a run, beside its log: the memory of every watcher, and a lock so that one of them tells.

Each message stands in it twice: when it is about to be sent, and when a receiver has taken it. A watcher that
was killed between both sends it again under the same id, for a call that is lost is worse than one that comes
twice, and the id tells them apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.lock import LogInUse, lock
from flight_recorder.tui.act.message import Message

SUFFIX = ".told"
"""Of `.train.jsonl.told`: hidden, so that nobody takes it for a log."""


@dataclass
class Journal:
    """The journal of one log.

    Attributes:
        told: keys of all events that were told, or are about to be.
        unsent: messages by id, oldest first, that were written down and that not everybody has taken yet.
        last_told: for each level, when a message of it was written, seconds since the epoch.
    """

    path: Path
    now: Callable[[], float] = time.time
    told: set[str] = field(default_factory=set)
    unsent: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_told: dict[str, float] = field(default_factory=dict)
    _missing: dict[str, set[str]] = field(default_factory=dict)
    _descriptor: int = -1

    def try_to_hold(self) -> bool:
        """Be the one that tells, if no other watcher is; what was told so far is read then."""
        if self._descriptor >= 0:
            return True
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            lock(descriptor, self.path)
        except LogInUse:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        self._read()
        return True

    def _read(self) -> None:
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):  # a watcher was killed within a line
            os.write(self._descriptor, b"\n")
        for line in content.splitlines():
            try:
                entry = json.loads(line)
                self._take(entry["state"], entry)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue

    def _take(self, state: str, entry: dict[str, Any]) -> None:
        if state == "sent":
            self._missing.get(entry["id"], set()).discard(entry["to"])
            self._drop_taken()
        elif state == "to send":
            message = entry["message"]
            self.told.update(event["key"] for event in message["events"])
            self.unsent[message["id"]], self._missing[message["id"]] = message, set(entry["to"])
            self.last_told[message["level"]] = float(entry["at"])

    def _drop_taken(self) -> None:
        for id_ in [id_ for id_ in self.unsent if not self._missing[id_]]:
            del self.unsent[id_], self._missing[id_]

    def keep_only(self, receivers: Collection[str]) -> None:
        """Forget whoever is not among these any more."""
        for names in self._missing.values():
            names.intersection_update(receivers)
        self._drop_taken()

    def unsent_to(self, receiver: str) -> list[dict[str, Any]]:
        """Messages that this receiver has not taken yet, oldest first."""
        return [message for id_, message in self.unsent.items() if receiver in self._missing[id_]]

    def write(self, message: Message, receivers: Collection[str]) -> None:
        """Note that a message is about to be sent to these; on disk when this returns."""
        self._append(
            {"state": "to send", "at": self.now(), "to": sorted(receivers), "message": message.as_json()}
        )

    def sent(self, id_: str, receiver: str) -> None:
        """Note that a receiver has taken it."""
        self._append({"state": "sent", "at": self.now(), "id": id_, "to": receiver})

    def _append(self, entry: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(entry).encode() + b"\n")
        os.fsync(self._descriptor)
        self._take(entry["state"], entry)

    def close(self) -> None:
        """Let another watcher tell."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def journal_of(log: Path) -> Journal:
    """The journal beside a log, or in the cache folder where the log's folder cannot be written."""
    if os.access(log.parent, os.W_OK):
        return Journal(log.parent / f".{log.name}{SUFFIX}")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "training-flight-recorder"
    folder.mkdir(parents=True, exist_ok=True)
    whole_path = hashlib.sha256(os.fsencode(log.resolve())).hexdigest()[:16]
    return Journal(folder / f"{whole_path}-{log.name[-100:]}{SUFFIX}")
