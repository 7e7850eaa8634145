"""Standard output of Megatron-LM and its relatives.

     iteration      200/    1000 | consumed samples: 800 | elapsed time per iteration (ms): 430.0 |
    learning rate: 1.342E-04 | lm loss: 7.399415E+00 | loss scale: 16384.0 | grad norm: 2.918 |
    number of skipped iterations: 0 | number of nan iterations: 0 |            (all of it on one line)
     validation loss at iteration 1000 | lm loss value: 6.5E+00 | lm loss PPL: 6.6E+02 |

`lm loss` is the mean since the line before and may be missing when every step since was skipped; it is NaN
then if that of every step since was. The numbers
of skipped and nan iterations count since the line before; ours count so far. Skipped updates while fp16 finds
its loss scale are normal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import NUMBER, number, own_name, whole
from flight_recorder.tui.sources.parser import SourceOptions, TextParser

_LINE = re.compile(rf"\biteration +({NUMBER})/ *({NUMBER}) *\|([^\n]*)", re.IGNORECASE)
_OF_MEGATRON = re.compile(r"consumed (?:samples|tokens):|elapsed time per iteration")
"""What stands in each of its lines and in none of those who print an iteration in the same words."""

_CLOCK = re.compile(r"\[ *(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)?\]")
"""The writer's local time, which is taken for ours: only the time between two lines is judged."""

_VALIDATION = re.compile(
    r"\b(validation|test) loss at (?:iteration +(\d+)|the end of training)[^|]*\|([^\n]*)"
)
_ITEM = re.compile(rf"([A-Za-z][^|:]*): *({NUMBER})(?:/{NUMBER})? *(?=\||$)", re.IGNORECASE)
_ARGUMENT = re.compile(r"^\s*(?:\[[^\]]*\]:?\s*)?(\w+) \.{2,} (\S+)")
_PADDED = re.compile(r"padded vocab \(size: (\d+)\)")

_FIELDS = {
    "lm loss": "loss",
    "learning rate": "lr",
    "grad norm": "grad_norm",
    "loss scale": "loss_scale",
    "consumed tokens": "tokens",
    "params norm": "weight_norm",
}
_ARGUMENTS = {
    "train_iters": "planned_steps",
    "clip_grad": "grad_clip",
    "seed": "seed",
    "world_size": "world_size",
    "eval_interval": "eval_every",
    "save_interval": "ckpt_every",
    "hidden_dropout": "dropout",
}


class MegatronParser(TextParser):
    """Source for what Megatron prints; the last rank prints the training log, any rank may print between."""

    format = "megatron"

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._num_skipped = self._last_step = 0

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether an iteration's line stands in this piece."""
        return (line := _LINE.search(text)) is not None and _OF_MEGATRON.search(line[3]) is not None

    def records_in(self, text: str) -> Iterator[Record]:
        """Iterations and validations of the piece; arguments and vocabulary become facts."""
        if match := _LINE.search(text):
            if not match[3].rstrip().endswith("|") and "|" not in match[3]:
                raise ValueError("iteration without its numbers")
            self.timeline.learn(planned_steps=match[2])
            step = self._step(match[1], match[3])
            if clock := _CLOCK.search(text, 0, match.start()):
                step["time"] = datetime.fromisoformat(clock[1]).timestamp()
            yield from self.timeline.place(step)
        elif match := _VALIDATION.search(text):
            yield from self._validation(match)
        elif match := _ARGUMENT.search(text):
            if match[1] in _ARGUMENTS:
                self.timeline.learn(**{_ARGUMENTS[match[1]]: number(match[2])})
        elif match := _PADDED.search(text):
            self.timeline.learn(vocab_size=match[1])

    def _step(self, stated: str, items: str) -> Record:
        record: Record = {"kind": "step", "step": stated}
        if (step := whole(stated)) is None:
            return record
        since, self._last_step = step - self._last_step, step
        for name, raw in _ITEM.findall(items):
            value, name = number(raw), name.strip()
            if value is None:
                continue
            if name.startswith("elapsed time per iteration"):
                record["step_s"] = value / (1000 if "(ms)" in name else 1)
            elif name == "number of skipped iterations":
                self._num_skipped += whole(value) or 0
                record["skipped_updates"] = self._num_skipped
            elif name == "number of nan iterations":
                record |= {"nonfinite_count": count} if (count := whole(value)) else {}
            else:
                record[_FIELDS.get(name) or own_name(name)] = value
        if "loss" not in record and record.get("nonfinite_count", 0) >= since > 0:
            record["loss"] = float("nan")
        return record

    def _validation(self, match: re.Match[str]) -> Iterator[Record]:
        values = {name.strip(): number(raw) for name, raw in _ITEM.findall(match[3])}
        loss = values.get("lm loss value")
        if match[1] == "validation" and loss is not None:
            step = match[2] or max(self.timeline.step, 0)
            yield from self.timeline.place({"kind": "evaluation", "step": step, "val_loss": loss})
