"""How a program ended, from the words that it, its shell or its scheduler left behind its last number.

Nothing of this is a number of the run, and most programs write no closing line when they die. What counts is
what nothing of the run follows: an error that was caught, or an attempt that was begun again, is no end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flight_recorder.engine.runlog.codec import Record

SUCCESSES = ("finished", "early_stopping")
"""Reasons of an exit record that say that the run did what it was meant to."""

MAX_MESSAGE = 500
"""Characters of a message that are kept."""

_RANK = re.compile(r"^\s*\[?(?:rank|Rank)\s?\d+\]?:\s?")
_TRACEBACK = "Traceback (most recent call last):"
_HARMLESS = re.compile(r"^(Exception ignored|--- Logging error ---)")
_RAISED = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::\s*(.*))?$")
_LAUNCHER = re.compile(r"^(\w+\.)*(ChildFailedError|CalledProcessError|ProcessRaisedException)\b")
"""What a launcher raises after its process has died: the message of the process says more."""

_KILLED = re.compile(
    r"^(?:\S+: line \d+: +)?(?:\d+ +)?Killed\b|oom-kill event|[Oo]ut of memory: Killed process"
    r"|^Segmentation fault|^(?:\S+: line \d+: +)?\d+ Segmentation fault|^Bus error|^Aborted \(core dumped\)"
    r"|^Fatal Python error:"
)
_CANCELLED = re.compile(r"^slurmstepd: error: \*\*\* (?:JOB|STEP) \S+ ON .* CANCELLED")
_EARLY = re.compile(
    r"^\W*(?:early[ _-]?stopp(?:ed|ing)|stopping[ _-]early)\b(?!\W*(?:counter|patience))", re.I
)


class Ending:
    """Takes the pieces of a print-out that are no records, and knows how it ends if nothing follows."""

    def __init__(self) -> None:
        self._said: tuple[str, str] | None = None
        self._told: tuple[str, str] | None = None
        self._is_inside = self._is_harmless = False

    @property
    def is_inside(self) -> bool:
        """Whether the lines of a traceback are being printed."""
        return self._is_inside

    def see(self, text: str) -> None:
        """A piece in which no record was found."""
        line = _RANK.sub("", text, count=1)
        if _TRACEBACK in line:
            self._is_inside = line.startswith(_TRACEBACK) and not self._is_harmless
            self._is_harmless = False
        elif self._is_inside:
            self._see_inside(line)
        elif reason := _reason_of(line):
            self._said = reason, line.strip()[:MAX_MESSAGE]
        else:
            self._is_harmless = _HARMLESS.match(line) is not None

    def _see_inside(self, line: str) -> None:
        """The lines of a traceback are indented; the first that is not is the exception."""
        if not line.strip() or line[0] in " \t|+":
            return
        self._is_inside = False
        if not (raised := _RAISED.match(line)):
            return
        if raised[1].rpartition(".")[2] == "KeyboardInterrupt":
            self._said = "interrupted", "KeyboardInterrupt"
        elif self._said is None or self._said[0] != "error" or not _LAUNCHER.match(line):
            self._said = "error", line.strip()[:MAX_MESSAGE]

    def goes_on(self, records: Iterable[Record]) -> None:
        """Records of the run were found behind what was seen."""
        if any(record["kind"] == "exit" or takes_back(self._said, record) for record in records):
            self.__init__()  # type: ignore[misc]

    def records(self, step: int) -> list[Record]:
        """The exit record of what was seen, unless it was given before or the run has not begun."""
        if self._said is None or self._said == self._told or step < 0:
            return []
        self._told = self._said
        reason, message = self._said
        return [{"kind": "exit", "step": step, "reason": reason, "message": message}]


def is_last_word(line: str) -> bool:
    """Whether a line says that the run ends, though it holds numbers as well."""
    return bool(_reason_of(line))


def _reason_of(line: str) -> str:
    """What this line alone says of the end of the run; empty for nothing."""
    if _KILLED.search(line):
        return "error"
    if _CANCELLED.match(line):
        return "terminated"
    return "early_stopping" if _EARLY.match(line) else ""


def takes_back(said: tuple[str, str] | Record | None, record: Record) -> bool:
    """Whether a run that had ended like this has not, because it recorded this afterwards.

    After a run that ended in order an evaluation may follow; after an error there is none.
    """
    if said is None:
        return False
    reason = said[0] if isinstance(said, tuple) else said.get("reason")
    return record["kind"] == "step" or (record["kind"] == "evaluation" and reason not in SUCCESSES)
