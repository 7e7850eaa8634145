"""What programs say of a run in passing, between their numbers: facts for the header, and checkpoints.

One table of (pattern, fact); a pattern names no program, it is what stands in the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import whole
from flight_recorder.tui.sources.timeline import Timeline

if TYPE_CHECKING:
    from flight_recorder.tui.sources.tables.rows import Rows

_N = r"([\d,]+(?:\.\d+)?(?:e[-+]?\d+)?)"
_FACTS: tuple[tuple[str, str], ...] = (
    ("planned_steps", rf"(?:\bmax_iters|\btrain_iters)\s*(?:=|\.{{2,}})\s*{_N}"),
    ("planned_steps", rf"\bmax_steps: *{_N}"),
    ("planned_steps", rf"Total optimization steps = {_N}"),
    ("eval_every", rf"\beval_interval\s*(?:=|\.{{2,}})\s*{_N}"),
    ("ckpt_every", rf"\bsave_interval\s*(?:=|\.{{2,}})\s*{_N}"),
    ("grad_clip", rf"(?:\bgrad_clip|\bclip_grad)\s*(?:=|\.{{2,}})\s*{_N}"),
    ("seed", rf"^\s*seed \.{{2,}} {_N}"),
    ("world_size", rf"\bworld_size \.{{2,}} {_N}"),
    ("world_size", rf"Number of Devices: *{_N}"),
    ("dropout", rf"\bhidden_dropout \.{{2,}} {_N}"),
    ("accumulation", rf"Gradient Accumulation [Ss]teps(?: =|:) *{_N}"),
    ("num_parameters", rf"(?:Trainable Parameters:|Number of trainable parameters =) *{_N}"),
    ("tokens_per_step", rf"tokens per iteration will be: {_N}"),
    (
        "vocab_size",
        rf"(?:found vocab_size = |vocab_size of GPT-2 to |padded vocab \(size: |\bvocab_size: *){_N}",
    ),
)
_FACT = re.compile("|".join(f"(?:{pattern})" for _, pattern in _FACTS))
_NAMES = [name for name, _ in _FACTS]
_HINT = re.compile(
    r"iters|steps|interval|clip|seed|world_size|Devices|dropout|Accumulation|arameters|vocab|per iteration"
)
_ORIGINS = {"Initializing a new model from scratch": "scratch", "Initializing from OpenAI GPT-2": "fine-tune"}
_SAVED = re.compile(r"[Ss]av\w+ (?:model )?checkpoint to (\S*?(?:checkpoint-(\d+))?)$")
_SAVED_AT = re.compile(r"\bStep (\d+) -- \W*Saving Checkpoint")
NATS = re.compile(r"\blm loss:|\bs:\d+ t[re]l:|\btrain_time:\d+ms|\biter \d+: loss \S+, time ")
"""Lines of programs that print the mean loss of a token in nats."""


class Said:
    """Looks for facts in lines, and keeps the checkpoints that were told until they are `taken`."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._is_nats = False
        self._num_skipped = 0
        self.records: list[Record] = []

    def is_told_by(self, text: str) -> bool:
        """Whether lines of this text's shape may tell something."""
        return _HINT.search(text) is not None or NATS.search(text) is not None or "heckpoint" in text

    def see(self, text: str, num_parts: int) -> None:
        """A line of print, split at its numbers into so many parts."""
        if num_parts == 1:
            for words, origin in _ORIGINS.items():
                if words in text:
                    self._timeline.learn(origin=origin)
        elif num_parts <= 9 and _HINT.search(text) and (found := _FACT.search(text)):
            raw = found[found.lastindex or 0].replace(",", "")
            self._timeline.learn(
                **{_NAMES[(found.lastindex or 1) - 1]: float(raw) if "." in raw or "e" in raw else int(raw)}
            )
        if not self._is_nats and num_parts >= 5 and NATS.search(text):
            self._is_nats = True
            self._timeline.learn(unit="nats_per_token")
        if "av" in text and "heckpoint" in text:
            self._checkpoint(text)

    def iterations(self, names: tuple[str, ...], values: list[Any]) -> list[Any]:
        """Updates that were skipped, and losses that were no numbers, as counted since the line before.

        Skipped updates are ours so far.
        """
        found = dict(zip(names, values, strict=True))
        is_counted = "nonfinite_count" in found
        if "skipped_updates" in found:
            self._num_skipped += whole(found["skipped_updates"]) or 0
            found["skipped_updates"] = self._num_skipped
        found["nonfinite_count"] = whole(found.get("nonfinite_count")) or None
        if not is_counted:
            del found["nonfinite_count"]
        return list(found.values())

    def _checkpoint(self, text: str) -> None:
        if saved := _SAVED.search(text.strip()):
            path = saved[1] if saved[2] else f"{saved[1]}/ckpt.pt"
            role = "periodic" if saved[2] else "best"
            self.records.append({"kind": "checkpoint", "step": saved[2] or "", "path": path, "role": role})
        elif saved := _SAVED_AT.search(text):
            path = f"checkpoints/step_{saved[1]}"
            self.records.append({"kind": "checkpoint", "step": saved[1], "path": path, "role": "periodic"})

    def taken(self, rows: Rows) -> Iterator[Record]:
        """The checkpoints that were told since the last time, once the run has begun."""
        records, self.records = self.records, []
        if rows.is_decided:
            for record in records:
                record["step"] = record["step"] or max(self._timeline.step, 0)
                yield from self._timeline.place(record)


def facts_told() -> list[str]:
    """Header fields that a line of print may tell."""
    return sorted(set(_NAMES))
