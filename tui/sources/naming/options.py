"""What is known of a log beyond its own bytes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flight_recorder.tui.sources.text import plain_text

MAX_SEEN, MAX_LISTED = 10_000, 30
"""Names of a log that are kept, and that are listed in a sentence."""


class GivenNames(dict[str, str]):
    """Our name to the log's own name, as the user gave them; knows which names the log has had so far.

    The parsers of all parts of a run share it, so that what one part lacks another may have.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__(names)
        self._seen: dict[str, None] = {}

    def see(self, name: str) -> None:
        """The log has a number of this name."""
        if len(self._seen) < MAX_SEEN:
            self._seen[name] = None

    def unmet(self) -> str:
        """A sentence on the first name that nothing in the log was called so far; empty for none."""
        for ours, theirs in self.items():
            if theirs not in self._seen:
                given = f"--map {ours}={_shown(theirs)}"
                return f"{given}: nothing in the log is called that{self._seen_names(theirs)}."
        return ""

    def _seen_names(self, theirs: str) -> str:
        seen = list(self._seen)  # at once: another thread may be adding to it
        if not seen:
            return ", and its format has no names that could be mapped"
        near = difflib.get_close_matches(theirs, seen, n=1)
        names = ", ".join(map(_shown, seen[:MAX_LISTED])) + (", ..." if len(seen) > MAX_LISTED else "")
        return f"; did you mean {_shown(near[0])}? It has {names}" if near else f"; it has {names}"


def _shown(name: str) -> str:
    return " ".join(plain_text(name[:80]).split())


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the user says about a log that the log itself does not say, and what lies beside it.

    `names` maps our field to the log's own name (`--map loss=train/loss`), GivenNames where somebody wants to
    know whether the log has them. `facts` are header fields
    (vocab_size, planned_steps, grad_clip, schedule, config ...), stronger than what the log says; `beside`
    are header fields found in files beside the log, weaker than what the log says. `split` is the name of the
    folder that says of which split all numbers are ("val"), where the names do not.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
