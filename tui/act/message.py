"""What is told of a run: one message for everything that changed at one moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from flight_recorder.tui.checks.verdict import Level


class Kind(StrEnum):
    """What happened."""

    ROSE = "rose"  # a verdict of the level that is told fires
    RESOLVED = "resolved"  # one that was told fires no more
    SILENT = "silent"  # nothing is written any more, and no ending was recorded
    ENDED = "ended"  # the run is over, for good or ill


@dataclass(frozen=True, slots=True)
class Event:
    """One change; `key` is the same whoever sees it and however often the log is read again."""

    key: str
    kind: Kind
    level: Level
    step: int | None
    sentence: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values, the level as a word."""
        return asdict(self) | {"kind": self.kind.value, "level": str(self.level)}


@dataclass(frozen=True, slots=True)
class Message:
    """Events that are told together.

    Attributes:
        id: names the message for ever: a receiver that gets it twice can tell.
        run: name of the run; `path` is its log.
        level: the worst level of its events.
        picture: the panel where the first event shows, as lines of text.
    """

    id: str
    run: str
    path: str
    level: Level
    step: int | None
    events: tuple[Event, ...] = field(default_factory=tuple)
    picture: str = ""

    @property
    def title(self) -> str:
        """One line: how bad, which run, what first."""
        first = self.events[0]
        word = str(self.level).upper() if first.kind is Kind.ROSE else first.kind.value.upper()
        others = f" (and {len(self.events) - 1} more)" if len(self.events) > 1 else ""
        return f"{word} {self.run}: {first.sentence}{others}"

    @property
    def body(self) -> str:
        """Every event with its fix, the picture, and the line to type for more."""
        lines = []
        for event in self.events:
            lines.append(f"{event.kind.value}, {event.level}: {event.sentence}")
            if event.fix:
                lines.append(f"  what to do: {event.fix}")
        if self.picture:
            lines += ["", self.picture]
        return "\n".join([*lines, "", f"tui check {self.path}"])

    def as_json(self) -> dict[str, Any]:
        """What a webhook gets."""
        return {
            "id": self.id,
            "run": self.run,
            "path": self.path,
            "level": str(self.level),
            "step": self.step,
            "title": self.title,
            "body": self.body,
            "events": [event.as_json() for event in self.events],
        }
