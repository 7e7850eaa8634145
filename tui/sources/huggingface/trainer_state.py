"""trainer_state.json of the Hugging Face Trainer: the whole history in one document, written anew at each
checkpoint.

`log_history` has training lines, evaluations and the closing line like the Trainer's output, each with its
step; after a resume it may repeat steps. NaN and Infinity stand there as bare words, which is not JSON but
what Python writes. What the numbers mean is told in `huggingface`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flight_recorder.engine.runlog.codec import DamagedLine, Record, decode
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.huggingface.stdout import evaluation_record, training_record
from flight_recorder.tui.sources.naming.names import number, whole
from flight_recorder.tui.sources.parser import SourceOptions, TextParser, plain_text
from flight_recorder.tui.sources.tables.objects import MAX_OPEN, until_cut

_FACTS = {
    "max_steps": "planned_steps",
    "eval_steps": "eval_every",
    "save_steps": "ckpt_every",
    "logging_steps": "logging_steps",
}


class TrainerStateParser(TextParser):
    """Source for trainer_state.json; nothing is read before the document is whole."""

    format = "trainer_state"
    is_whole = True

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self.timeline.learn(lr_lag=1)
        self._document = bytearray()
        self._is_read = False

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether this line opens the history."""
        return '"log_history"' in text and not text.startswith('{"kind"')

    def feed(self, data: bytes) -> list[Record]:
        """All records, with the bytes that complete the document."""
        self._document += data
        if self._is_read or self._document.rstrip()[-1:] != b"}":
            return []
        try:
            state = decode(bytes(self._document))
        except DamagedLine:
            return []
        self._is_read = True
        self._piece_bytes = len(self._document)
        records = list(self._records(state))
        self.offset = len(self._document)
        return records

    def finish(self) -> list[Record]:
        """What there is of a document that is cut off.

        Raises:
            CannotRead: nothing can be read of it.
        """
        if self._is_read or not self._document:
            return []
        size = len(self._document)
        reason = f"the JSON document is cut off at byte {size:,}"
        rest = until_cut(bytes(self._document))
        try:
            records = list(self._records(decode(rest[0]))) if rest else []
        except DamagedLine:
            records = []
        if rest is None:
            raise CannotRead(
                f"This is no JSON document that can be read: broken, or nested over {MAX_OPEN} deep."
            )
        if not records:
            raise CannotRead(f"There is nothing to read here yet: {reason}.")
        self.damaged.append(Damaged(rest[1], size - rest[1], reason))
        return records

    def _records(self, state: Record) -> Iterator[Record]:
        self.timeline.learn(**{ours: state.get(name) for name, ours in _FACTS.items()})
        history = state.get("log_history")
        for line in history if isinstance(history, list) else ():
            if isinstance(line, dict) and (step := line.get("step")) is not None:
                yield from self._line(line, step)
        yield from self._best(state)

    def _line(self, line: dict[str, Any], step: Any) -> Iterator[Record]:
        if number(line.get("loss")) is not None:
            yield from self.timeline.place(training_record(line.items(), step, self.options.names))
        elif number(line.get("eval_loss")) is not None:
            yield from self.timeline.place(evaluation_record(line.items(), step, self.options.names))
        elif number(line.get("train_runtime")) is not None:
            message = f"train_runtime {number(line['train_runtime'])} s"
            yield from self.timeline.place(
                {"kind": "exit", "step": step, "reason": "finished", "message": message}
            )

    def _best(self, state: Record) -> Iterator[Record]:
        """The checkpoint that the Trainer keeps as its best."""
        path = state.get("best_model_checkpoint")
        step = whole(state.get("best_global_step"))
        if step is None and isinstance(path, str):
            step = whole(path.rpartition("-")[2])
        if isinstance(path, str) and step is not None:
            path = plain_text(path)
            yield from self.timeline.place({"kind": "checkpoint", "step": step, "path": path, "role": "best"})
