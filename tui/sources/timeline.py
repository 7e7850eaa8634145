"""The order and form of our own log, given to records of programs that know neither.

A foreign log has no header, says in passing what it is about, prints a step twice when two processes print,
and simply goes back to an earlier step when it was resumed. Whoever reads records further down the path
should not have to know any of that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.schema import FORMAT_VERSION
from flight_recorder.tui.sources.naming.names import number, whole
from flight_recorder.tui.sources.naming.options import SourceOptions
from flight_recorder.tui.sources.text import plain_text

RESTART = "restart"
"""Kind of the record that takes all records before it back: they come again, under other names."""

_SERIAL_KINDS = ("step", "evaluation")

COUNTS = frozenset(
    {
        "planned_steps",
        "eval_every",
        "ckpt_every",
        "logging_steps",
        "tokens_per_step",
        "accumulation",
        "vocab_size",
        "num_parameters",
        "world_size",
        "seed",
    }
)
"""Facts that are whole numbers from 0."""


def is_sound(name: str, value: Any) -> bool:
    """Whether this can be the value of the header's fact: a count is whole, a number fits a double."""
    if name in COUNTS:
        return whole(value) is not None
    return not isinstance(value, int) or isinstance(value, bool) or number(value) is not None


PROGRAMS: Mapping[str, Record] = {
    "megatron": {"unit": "nats_per_token"},
    "nanogpt": {"unit": "nats_per_token"},
    "llm.c": {"unit": "nats_per_token"},
    "modded-nanogpt": {"unit": "nats_per_token"},
    "pico-train": {"unit": "nats_per_token"},
    "huggingface": {"pretrained": True},
    "trainer_state": {"pretrained": True},
}
"""What is known of each run of a program: that it prints the mean loss of a token in nats; that it is mostly
used for fine-tunes."""


class Timeline:
    """Puts a header in front, a `resume` before a step that runs backwards, and drops repeats.

    Every step and every count of a foreign log goes through here, as a number or as the text that stands
    there. A record whose step is none costs no more than itself: `damage` is called with the reason.

    A header comes before the first record, and again, whole, when a later line told something new about the
    run (its planned length, say): the newest header holds.
    """

    def __init__(
        self, source: str, options: SourceOptions, damage: Callable[[str], object] = lambda reason: None
    ) -> None:
        self.damage = damage
        self._given = dict(options.facts)
        self._header: Record = {"kind": "header", "format": FORMAT_VERSION, "source": source}
        self._header |= PROGRAMS.get(source, {})
        self._header |= options.beside
        self._shown: Record | None = None
        self._last = dict.fromkeys(_SERIAL_KINDS, -1)
        self._recent: deque[tuple[str, int]] = deque(maxlen=4)
        self._several_ranks = False
        self._has_ended = False
        self.step = -1
        """Newest step of any record, -1 before the first."""

    def begin_again(self) -> None:
        """Every record so far is void: they come again, named anew."""
        self._shown = None
        self._last = dict.fromkeys(_SERIAL_KINDS, -1)
        self._recent.clear()
        self._several_ranks = self._has_ended = False
        self.step = -1

    def learn(self, **facts: Any) -> None:
        """Remember facts for the header; what the user gave stays, None is nothing learned."""
        for name, value in facts.items():
            if value is not None and is_sound(name, value):
                self._header[name] = whole(value) if name in COUNTS else value

    def forget(self, name: str) -> None:
        """Take back a fact of the header that later lines proved wrong."""
        if name in self._header:
            self._header[name] = None

    def note(self, sentence: str, instead_of: str = "") -> None:
        """Add a remark on how these records were obtained to the header's `notes`, once; or take one back."""
        notes = [note for note in self._header.get("notes", []) if note != instead_of]
        if sentence and sentence not in notes:
            notes.append(sentence)
        if notes or "notes" in self._header:
            self._header["notes"] = notes

    def fact(self, name: str) -> Any:
        """What is known of the run under this name, or None."""
        return self._given.get(name, self._header.get(name))

    def last_step(self, kind: str) -> int:
        """Newest step of this kind of record, -1 before the first."""
        return self._last[kind]

    def place(self, record: Record, repeats: bool = False) -> list[Record]:
        """The record with whatever must stand before it; nothing for a repeat.

        `repeats` lets a second record of the same kind and step pass, for sources that split a step.
        """
        if "step" in record:
            stated, record["step"] = record["step"], whole(record["step"])
            if record["step"] is None:
                self.damage(no_step(stated))
                return []
        records = self._new_header()
        kind = record["kind"]
        if kind in _SERIAL_KINDS:
            step = record["step"]
            if not repeats and self._is_repeat(kind, step):
                return records
            if step < self._last[kind] or self._has_ended:
                records.append({"kind": "resume", "step": step})
                self._last = dict.fromkeys(_SERIAL_KINDS, step - 1)
                self._recent.clear()
                self._has_ended = False
            self._last[kind] = self.step = step
            self._recent.append((kind, step))
        elif kind == "exit":
            self._has_ended = True
            record.setdefault("step", max(self.step, 0))
        records.append(record)
        return records

    def _is_repeat(self, kind: str, step: int) -> bool:
        """Whether another process printed this step already.

        Ranks drift a record or two apart. Only once two have been seen to print the same step is a small
        step back theirs; before that it is a resume.
        """
        if step == self._last[kind]:
            self._several_ranks = True
            return not self._has_ended
        return self._several_ranks and (kind, step) in self._recent

    def _new_header(self) -> list[Record]:
        header = self._header | self._given
        if header == self._shown:
            return []
        self._shown = header
        return [dict(header)]


def no_step(stated: Any) -> str:
    """What is wrong with what stands where a step should."""
    return f"step {plain_text(_beginning(stated))} is no whole number from 0 to 2^53"


def _beginning(value: Any) -> str:
    if isinstance(value, int) and abs(value) > 2**63:
        return "with too many digits"
    return str(value)[:40]


def since_restart(records: Sequence[Record]) -> tuple[list[Record], bool]:
    """The records that still count, and whether others were taken back."""
    for at in range(len(records) - 1, -1, -1):
        if records[at]["kind"] == RESTART:
            return list(records[at + 1 :]), True
    return list(records), False
