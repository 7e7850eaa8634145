"""main.log of llm.c, and of what keeps its form.

    s:250 tel:4.5012
    s:250 trl:4.4873 lr:0.000214 norm:1.02

`trl` is the loss of step s before its update, `lr` the learning rate of that update: our own convention.
`tel` is the validation loss, `eval` the accuracy on HellaSwag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import NUMBER, number, own_name
from flight_recorder.tui.sources.parser import SourceOptions, TextParser

_LINE = re.compile(rf"\bs:({NUMBER})((?: +\w+: ?{NUMBER})+)(?![\d.])", re.IGNORECASE)
_ITEM = re.compile(rf"(\w+): ?({NUMBER})", re.IGNORECASE)
_STEP_NAMES = {"trl": "loss", "lr": "lr", "norm": "grad_norm"}


class LlmCParser(TextParser):
    """Source for main.log of llm.c."""

    format = "llm.c"

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether a step with a training or a validation loss stands in this piece."""
        match = _LINE.search(text)
        return bool(match and ("trl:" in match[2] or "tel:" in match[2]))

    def records_in(self, text: str) -> Iterator[Record]:
        """One record for each `s:` in the piece."""
        for match in _LINE.finditer(text):
            values = {
                name: found for name, raw in _ITEM.findall(match[2]) if (found := number(raw)) is not None
            }
            step = match[1]
            if "trl" in values:
                metrics = {_STEP_NAMES.get(name) or own_name(name): value for name, value in values.items()}
                yield from self.timeline.place({"kind": "step", "step": step, **metrics})
            elif "tel" in values:
                yield from self.timeline.place(
                    {"kind": "evaluation", "step": step, "val_loss": values["tel"]}
                )
