"""Log of pico-train: a heading with the step, then one metric a line, the last one marked.

    2025-08-29 12:00:00 - pico-train - INFO - Step 50 -- 🔄 Training Metrics
    2025-08-29 12:00:00 - pico-train - INFO - ├── Loss: 10.9132
    2025-08-29 12:00:00 - pico-train - INFO - ├── Learning Rate: 1.00e-06
    2025-08-29 12:00:00 - pico-train - INFO - └── Inf/NaN count: 0
    2025-08-29 12:00:00 - pico-train - INFO - Step 1000 -- 📊 Evaluation Results
    2025-08-29 12:00:00 - pico-train - INFO - └── paloma: 2176.41

`Loss` is the mean over the finite micro-batches since the record before. Paloma is a perplexity: `val_loss`
is its natural logarithm, so that 5.07e18 shows as what it is, 43 nats a token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import NUMBER, number, own_name
from flight_recorder.tui.sources.parser import SourceOptions, TextParser

_HEADING = re.compile(rf"\bStep ({NUMBER}) -- \W*(Training Metrics|Evaluation Results|Saving Checkpoint)")
_METRIC = re.compile(rf"([├└])──? *([^:├└]+): *({NUMBER}) *$", re.IGNORECASE)
_FACT = re.compile(
    r"\b(max_steps|vocab_size|Trainable Parameters|Number of Devices|Gradient Accumulation Steps)"
    r": *([\d,]+) *$"
)
_FACT_NAMES = {
    "max_steps": "planned_steps",
    "vocab_size": "vocab_size",
    "Trainable Parameters": "num_parameters",
    "Number of Devices": "world_size",
    "Gradient Accumulation Steps": "accumulation",
}
_TRAINING, _EVALUATION = "Training Metrics", "Evaluation Results"
_TRAINING_NAMES = {"Loss": "loss", "Learning Rate": "lr", "Inf/NaN count": "nonfinite_count"}
PERPLEXITY_NOTE = "val_loss is the natural logarithm of the perplexity that the log gives"


class PicoTrainParser(TextParser):
    """Source for pico-train."""

    format = "pico-train"

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._open: Record | None = None

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether a heading stands in this piece."""
        return _HEADING.search(text) is not None

    def records_in(self, text: str) -> Iterator[Record]:
        """The record that this line completes: its last metric, or the heading of the next one."""
        if heading := _HEADING.search(text):
            yield from self.last_records()
            yield from self._begin(heading[1], heading[2])
        elif (metric := _METRIC.search(text)) and self._open is not None:
            self._add(metric[2].strip(), metric[3])
            if metric[1] == "└":
                yield from self.last_records()
        elif fact := _FACT.search(text):
            self.timeline.learn(**{_FACT_NAMES[fact[1]]: fact[2].replace(",", "")})

    def last_records(self) -> Iterator[Record]:
        """The record that is open, if it has a number."""
        record, self._open = self._open, None
        if record is not None and len(record) > 2:
            yield from self.timeline.place(record)

    def _begin(self, step: str, heading: str) -> Iterator[Record]:
        if heading == _TRAINING:
            self._open = {"kind": "step", "step": step}
        elif heading == _EVALUATION:
            self._open = {"kind": "evaluation", "step": step}
        else:
            path = f"checkpoints/step_{step}"
            yield from self.timeline.place(
                {"kind": "checkpoint", "step": step, "path": path, "role": "periodic"}
            )

    def _add(self, name: str, raw: str) -> None:
        value = number(raw)
        if self._open is None or value is None:
            return
        if self._open["kind"] == "step":
            self._open[_TRAINING_NAMES.get(name) or own_name(name)] = value
        elif name == "paloma":
            self.timeline.note(PERPLEXITY_NOTE)
            self._open["val_loss"] = log_perplexity(value)
        else:
            self._open[own_name(name)] = value


def log_perplexity(perplexity: float) -> float:
    """Nats per token of a perplexity; nan for what is none."""
    if math.isinf(perplexity) and perplexity > 0:
        return math.inf
    return math.log(perplexity) if perplexity > 0 else math.nan
