"""Standard output of the Hugging Face Trainer, 4.x and 5.x, and of what is built on it.

    {'loss': 0.1282, 'grad_norm': 0.0854, 'learning_rate': 0.00018, 'epoch': 15.0}
    {'eval_loss': '0.1376', 'eval_runtime': '4.2', 'epoch': '15'}
    {'train_runtime': 41995.1, 'train_loss': 0.06, 'epoch': 100.0}

What the numbers mean: `loss` is the mean since the line before, `grad_norm` and `learning_rate` are those of
the last step. The printed step s counts updates done, so its learning rate is schedule(s - 1): the number
that the program prints is kept as `step`, and the header says `lr_lag: 1`. `train_loss` of the closing line
is a mean over the whole run and no step.

The lines bear no step; `huggingface_steps` finds it. `loss` 0.0 beside a `grad_norm` of nan is a mean over
losses that were all nan, masked by the Trainer (logging_nan_inf_filter): it is nan here, not memorised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.huggingface.steps import BAR, StepFinder
from flight_recorder.tui.sources.naming.names import number, own_name, renamed, whole
from flight_recorder.tui.sources.naming.options import GivenNames
from flight_recorder.tui.sources.parser import SourceOptions, TextParser
from flight_recorder.tui.sources.timeline import no_step

Metrics = dict[str, Any]

_DICT = re.compile(r"\{\s*'[^{}]*\}")
_ITEM = re.compile(r"'([^']{1,200})'\s*:\s*('[^']*'|\"[^\"]*\"|[\w.]*\([^()]*\)|[^,}]*)")
_TELLING = ("'loss'", "'eval_", "'train_runtime'", "'train_loss'")
_EMBEDDED = re.compile(r"(?!\W*rank)[^{%]*[A-Za-z]{2}[^{%|]*\{", re.IGNORECASE)
"""A dict behind words of a logger: another program's."""
_BEGUN = re.compile(r"\{\s*'(?:loss|eval_loss)'\s*:[^{}]*$")
_BANNER = re.compile(r"(Num examples|Num Epochs|Total optimization steps|Gradient Accumulation steps"
                     r"|Number of trainable parameters) = ([\d,]+)(?![\d.])")  # fmt: skip
_CHECKPOINT = re.compile(r"Saving model checkpoint to (\S*checkpoint-(\d+))")

_EVALUATION_NAMES = {"eval_loss": "val_loss", "eval_runtime": "eval_s", "epoch": "epoch"}

MAX_OPEN_LENGTH = 65_536
"""How long a record may be that a progress bar broke in two."""


def metrics_of(text: str) -> Metrics:
    """Keys and values of a printed dict; values as text, quotes taken off."""
    return {name: value.strip().strip("'\"") for name, value in _ITEM.findall(text)}


def is_record(text: str) -> bool:
    """Whether a printed dict, complete in this text, is a line of the Trainer's log."""
    return any(is_log(metrics_of(found)) for found in _DICT.findall(text) if _tells(found))


def is_log(metrics: Metrics) -> bool:
    """Whether these are metrics of training, of an evaluation or of the run's end."""
    names = ("loss", "eval_loss", "train_runtime")
    return any(number(metrics[name]) is not None for name in names if name in metrics)


def _tells(text: str) -> bool:
    return any(mark in text for mark in _TELLING)


def unmasked(record: Record) -> Record:
    """The record with a masked NaN shown: a mean of 0.0 next to a gradient of nan was never 0."""
    if record.get("loss") == 0.0 and math.isnan(record.get("grad_norm", 0.0)):
        record |= {"loss": math.nan, "nonfinite_count": 1}
    return record


def training_record(metrics: Iterable[tuple[str, Any]], step: int, names: Mapping[str, str]) -> Record:
    """Step record of a training line; `names` are those that the user gave."""
    found = renamed(metrics, names)
    found.pop("step", None)
    return unmasked({"kind": "step", "step": step, **found})


def evaluation_record(metrics: Iterable[tuple[str, Any]], step: int, names: Mapping[str, str]) -> Record:
    """Evaluation record of a line with eval_ metrics; a name that the user gave for ours has it."""
    ours = _EVALUATION_NAMES | {theirs: ours for ours, theirs in names.items()}
    found: Record = {}
    for name, raw in metrics:
        if isinstance(names, GivenNames):
            names.see(name)
        if name != "step" and (value := number(raw)) is not None:
            is_taken = ours.get(name) in names and names[ours[name]] != name
            found[own_name(name) if is_taken else ours.get(name) or own_name(name)] = value
    return {"kind": "evaluation", "step": step, **found}


class HuggingFaceParser(TextParser):
    """Source for what the Trainer prints."""

    format = "huggingface"
    closing_mark = "}"

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self.timeline.learn(lr_lag=1)
        fact = self.timeline.fact
        self._steps = StepFinder(whole(fact("logging_steps")), number(fact("steps_per_epoch")))
        self._steps.planned_steps = whole(fact("planned_steps"))
        self._open = ""

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether a line of the Trainer's log stands somewhere in this piece."""
        return _tells(text) and not _EMBEDDED.match(text) and is_record(text)

    def records_in(self, text: str) -> Iterator[Record]:
        """Records of one piece: progress bars tell the step, dicts the numbers, the banner the rest."""
        self._read_banner(text)
        at = 0
        for bar in BAR.finditer(text):
            yield from self._dicts(text[at : bar.start()])
            at = bar.end()
            step, total = whole(bar[1]), whole(bar[2])
            if step is None or total is None:
                self.timeline.damage(no_step(bar[1] if step is None else bar[2]))
            else:
                yield from self._placed(self._steps.bar(step, total, bool(self._open)))
        yield from self._dicts(text[at:])
        if checkpoint := _CHECKPOINT.search(text):
            yield from self._placed(self._steps.flush())
            yield from self.timeline.place(
                {"kind": "checkpoint", "step": checkpoint[2], "path": checkpoint[1], "role": "periodic"}
            )

    def last_records(self) -> Iterator[Record]:
        """The lines whose step nothing confirmed any more."""
        yield from self._placed(self._steps.flush())

    def _dicts(self, text: str) -> Iterator[Record]:
        """Printed dicts; one that a progress bar broke in two is put together again.

        Standard output into a file is written in blocks of 8 KB that end anywhere, and the bar on standard
        error writes on in between.
        """
        if self._open:
            text, self._open = self._open + text, ""
        if "'" not in text:
            return
        end = 0
        for found in _DICT.finditer(text):
            end = found.end()
            if _tells(found[0]) and is_log(metrics := metrics_of(found[0])):
                yield from self._placed(self._steps.line(metrics))
        if _BEGUN.search(text, end) and len(text) - end < MAX_OPEN_LENGTH:
            self._open = text[text.index("{", end) :]

    def _placed(self, found: Iterable[tuple[int, Metrics]]) -> Iterator[Record]:
        for step, metrics in found:
            self.timeline.learn(planned_steps=self._steps.planned_steps, steps_inferred=True)
            for record in self._records_of(metrics, step):
                yield from self.timeline.place(record)

    def _records_of(self, metrics: Metrics, step: int) -> Iterator[Record]:
        if "loss" in metrics:
            yield training_record(metrics.items(), step, self.options.names)
        elif "eval_loss" in metrics:
            yield evaluation_record(metrics.items(), step, self.options.names)
        else:
            runtime = number(metrics.get("train_runtime"))
            yield {
                "kind": "exit",
                "step": step,
                "reason": "finished",
                "message": f"train_runtime {runtime} s",
            }

    def _read_banner(self, text: str) -> None:
        if " = " not in text or not (found := _BANNER.search(text)):
            return
        value = whole(found[2].replace(",", ""))
        if value is None:
            return
        if found[1] == "Total optimization steps":
            self._steps.planned_steps = value
            self.timeline.learn(planned_steps=value)
        elif found[1] == "Num Epochs":
            self._steps.num_epochs = value
        elif found[1] == "Gradient Accumulation steps":
            self.timeline.learn(accumulation=value)
        elif found[1] == "Number of trainable parameters":
            self.timeline.learn(num_parameters=value)
