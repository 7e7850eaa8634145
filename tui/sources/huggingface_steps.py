"""At which step a line of the Hugging Face Trainer was printed; the line itself does not say.

Three witnesses:

1. The progress bar `30/200`. The Trainer repaints it right after each line, so a line that stands alone
   between two bars was printed at the second one's step.
2. The epoch, where the steps of one are known (given, or from the banner's total steps and epochs).
3. Counting: each line is logging_steps after the one before (one step where that is not known).

Standard output into a file arrives in blocks of many lines while the bar has long moved on. Two lines without
a bar between them give that away, and the first witness is not believed from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tui.sources.names import number

Metrics = dict[str, Any]

BAR = re.compile(r"(?<![\w:/])\d{1,3}%\|[^|]*\| *(\d+)/(\d+) *\[[^\]\r\n]*\]?")
"""A progress bar without a description: training and evaluation have none, downloads and maps do."""

_EVALUATION, _TRAINING, _END = "eval_loss", "loss", "train_runtime"


class StepFinder:
    """Gives each line its step as soon as that is certain.

    Attributes:
        planned_steps: optimizer steps of the whole run, from the training bar or the banner; None so far.
        num_epochs: epochs of the whole run, from the banner; None so far.
    """

    def __init__(self, logging_steps: int | None = None, steps_per_epoch: int | None = None) -> None:
        self.planned_steps: int | None = None
        self.num_epochs: int | None = None
        self._interval = logging_steps
        self._steps_per_epoch = steps_per_epoch
        self._waiting: list[Metrics] = []
        self._counting = logging_steps is not None
        self._bar_step: int | None = None
        self._step = 0
        self._last_line: Metrics | None = None

    def bar(self, step: int, total: int) -> Iterator[tuple[int, Metrics]]:
        """A bar was painted: the lines whose step it confirms."""
        if self.planned_steps is None:
            self.planned_steps = total
        if total != self.planned_steps:
            return
        self._bar_step = step
        if not self._counting:
            yield from self._release()

    def line(self, metrics: Metrics) -> Iterator[tuple[int, Metrics]]:
        """A line was printed: the lines whose step is certain now."""
        if _is_repeat(metrics, self._last_line):
            return
        self._last_line = metrics
        if _TRAINING in metrics and any(_TRAINING in waiting for waiting in self._waiting):
            self._counting = True  # two lines and no bar between them
        self._waiting.append(metrics)
        if self._counting or self._per_epoch() is not None or _END in metrics:
            yield from self._release()

    def flush(self) -> Iterator[tuple[int, Metrics]]:
        """Every line that still waits for a bar."""
        yield from self._release()

    def _release(self) -> Iterator[tuple[int, Metrics]]:
        for metrics in self._waiting:
            self._step = self._step_of(metrics)
            yield self._step, metrics
        self._waiting.clear()

    def _per_epoch(self) -> float | None:
        if self._steps_per_epoch:
            return self._steps_per_epoch
        if self.planned_steps and self.num_epochs:
            return self.planned_steps / self.num_epochs
        return None

    def _step_of(self, metrics: Metrics) -> int:
        if _END in metrics:
            return self._step
        if not self._counting and self._bar_step is not None:
            return self._bar_step
        if _TRAINING not in metrics:
            return self._step
        if self._interval is None and (found := self._step_by_epoch(metrics)) is not None:
            return found
        return self._step + (self._interval or 1)

    def _step_by_epoch(self, metrics: Metrics) -> int | None:
        """Epoch times steps per epoch; None where the printed epoch is too coarse to tell two lines apart."""
        epoch, per_epoch = number(metrics.get("epoch")), self._per_epoch()
        if epoch is None or per_epoch is None or not 0 <= epoch < 1e9:
            return None
        step = round(epoch * per_epoch)
        return step if step != self._step else None


def _is_repeat(metrics: Metrics, last: Metrics | None) -> bool:
    """Whether another process printed the same line; lines of a run that is all nan do look alike."""
    return (
        metrics == last
        and metrics.get("grad_norm") != "nan"
        and metrics.get("epoch") not in (None, "0", "0.0")
    )
