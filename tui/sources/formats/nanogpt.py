"""Standard output of nanoGPT.

    step 250: train loss 1.9668, val loss 2.0712
    iter 250: loss 1.8413, time 5120.44ms, mfu 5.63%

`loss` of an iteration is that of its last micro-batch; `mfu` is -100 % until it has been measured. There is
no learning rate and no gradient norm. The losses of a step come before its iteration: no update between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import NUMBER, number
from flight_recorder.tui.sources.parser import SourceOptions, TextParser

_ITERATION = re.compile(
    rf"\biter ({NUMBER}): loss ({NUMBER})(?:, time ({NUMBER})ms)?(?:, mfu ({NUMBER})%)?", re.IGNORECASE
)
_STEP = re.compile(rf"\bstep ({NUMBER}): train loss ({NUMBER}), val loss ({NUMBER})(?![\d.])", re.IGNORECASE)
_FACTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("planned_steps", re.compile(r"^\s*max_iters\s*=\s*(\d+)")),
    ("planned_steps", re.compile(r"Overriding: max_iters = (\d+)")),
    ("eval_every", re.compile(r"^\s*eval_interval\s*=\s*(\d+)")),
    ("grad_clip", re.compile(rf"^\s*grad_clip\s*=\s*({NUMBER})")),
    ("tokens_per_step", re.compile(r"tokens per iteration will be: ([\d,]+)")),
    ("vocab_size", re.compile(r"found vocab_size = (\d+)")),
    ("vocab_size", re.compile(r"defaulting to vocab_size of GPT-2 to (\d+)")),
)
_ORIGINS = {"Initializing a new model from scratch": "scratch", "Initializing from OpenAI GPT-2": "fine-tune"}
_CHECKPOINT = re.compile(r"saving checkpoint to (\S+)")


class NanoGptParser(TextParser):
    """Source for what train.py of nanoGPT prints."""

    format = "nanogpt"

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether an iteration or an evaluation stands in this piece."""
        return bool(_ITERATION.search(text) or _STEP.search(text))

    def records_in(self, text: str) -> Iterator[Record]:
        """Every evaluation and iteration in the piece, in the order in which they stand there."""
        found = [*_STEP.finditer(text), *_ITERATION.finditer(text)]
        for match in sorted(found, key=re.Match.start):
            self.timeline.note("the loss of an iteration is that of its last micro-batch")
            record = _evaluation(match) if match.re is _STEP else _iteration(match)
            yield from self.timeline.place(record)
        if not found:
            self._learn(text)
            if saved := _CHECKPOINT.search(text):
                path = f"{saved[1]}/ckpt.pt"
                step = max(self.timeline.step, 0)
                yield from self.timeline.place(
                    {"kind": "checkpoint", "step": step, "path": path, "role": "best"}
                )

    def _learn(self, text: str) -> None:
        for name, pattern in _FACTS:
            if match := pattern.search(text):
                self.timeline.learn(**{name: number(match[1].replace(",", ""))})
        for words, origin in _ORIGINS.items():
            if words in text:
                self.timeline.learn(origin=origin)


def _evaluation(match: re.Match[str]) -> Record:
    return {
        "kind": "evaluation",
        "step": match[1],
        "val_loss": float(match[3]),
        "train_loss": float(match[2]),
    }


def _iteration(match: re.Match[str]) -> Record:
    record = {"kind": "step", "step": match[1], "loss": float(match[2])}
    if match[3]:
        record["step_s"] = float(match[3]) / 1000
    if match[4] and float(match[4]) >= 0:
        record["mfu"] = float(match[4]) / 100
    return record
