"""At which step a line of the Hugging Face Trainer was printed; the line itself does not say.

The witness is the progress bar `30/200`, which the Trainer repaints right after each line: a line that stands
alone in front of a bar was printed at that bar's step. Standard output into a file comes in blocks, though:
several lines stand in front of one bar then. They are spread up to the bar's step, evenly where that comes
out even, by their epochs otherwise; from then on a bar in front of a lone line proves nothing. Without any
bar (disable_tqdm) lines are counted: each is logging_steps after the one before, or one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tui.sources.names import number

Metrics = dict[str, Any]
Placed = Iterator[tuple[int, Metrics]]

BAR = re.compile(r"(?<![\w/:])(?<!: )(?<!:  )(?<!:   ) {0,3}\d{1,3}%\|[^|]*\| *(\d+)/(\d+) *\[[^\]\r\n]*\]?")
"""A progress bar without a description: training and evaluation have none, downloads and maps do."""

_EVALUATION, _TRAINING, _END = "eval_loss", "loss", "train_runtime"

MAX_OTHER_BARS = 50
"""A line waits for this many bars of another length; then the run has another length than before."""


class StepFinder:
    """Gives each line its step as soon as that is certain.

    Attributes:
        planned_steps: optimizer steps of the whole run, from the training bar or the banner; None so far.
        num_epochs: epochs of the whole run, from the banner; None so far.
    """

    def __init__(self, logging_steps: int | None = None, steps_per_epoch: float | None = None) -> None:
        self.planned_steps: int | None = None
        self.num_epochs: int | None = None
        self._interval = logging_steps
        self._steps_per_epoch = steps_per_epoch
        self._waiting: list[Metrics] = []
        self._has_bars = False
        self._total: int | None = None
        self._is_training = False
        self._bar_step: int | None = None
        self._num_other_bars = 0
        self._comes_in_blocks = False
        self._step = 0
        self._last_line: Metrics = {}

    def bar(self, step: int, total: int, is_line_open: bool) -> Placed:
        """A bar was painted: the lines whose step it confirms.

        An evaluation paints bars too, of another length. `is_line_open` says that half of one more line
        stands in front of this bar.
        """
        self._has_bars = True
        if self._total is None and step < total:
            self._total = total
        if total != self._total and not self._adopts(total):
            return
        self._num_other_bars = 0
        self._bar_step = step
        yield from self._release(is_line_open)

    def line(self, metrics: Metrics) -> Placed:
        """A line was printed: the lines whose step is certain now."""
        if _is_repeat(metrics, self._last_line):
            return
        self._waiting.append(metrics)
        self._is_training = self._is_training or _TRAINING in metrics
        if not self._has_bars or not self._is_training or _END in metrics:
            yield from self._release()
        self._last_line = metrics
        if _END in metrics:
            self._total = self._bar_step = None  # the next run into the same output has bars of its own
            self._is_training = False

    def flush(self) -> Placed:
        """Every line that still waits for a bar."""
        yield from self._release()

    def _adopts(self, total: int) -> bool:
        """Whether bars of this length are the training's from now on: no other one came for so long."""
        self._num_other_bars += bool(self._waiting)
        if self._num_other_bars <= MAX_OTHER_BARS:
            return False
        self._total = total
        return True

    def _release(self, is_line_open: bool = False) -> Placed:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if self._is_training:
            self.planned_steps = self._total or self.planned_steps
        steps = self._steps_of(waiting, is_line_open)
        for step, metrics in zip(steps, waiting, strict=True):
            self._step = step
            yield step, metrics

    def _steps_of(self, waiting: list[Metrics], is_line_open: bool) -> list[int]:
        """Steps of lines that came together, in front of the bar painted last."""
        bar = self._bar_step
        if bar is None or not self._is_training:
            return self._counted(waiting)
        if len(waiting) == 1 and not is_line_open and not self._comes_in_blocks:
            self._learn_epoch(bar, waiting[0])
            return [bar]
        num_lines = sum(_TRAINING in metrics for metrics in waiting) + is_line_open
        self._comes_in_blocks = self._comes_in_blocks or num_lines > 1
        evenly, rest = divmod(bar - self._step, num_lines or 1)
        if self._interval is None and num_lines > 1 and evenly > 0 and rest == 0:
            self._interval = evenly
        return self._by_epoch(waiting, bar) if self._interval is None else self._counted(waiting)

    def _learn_epoch(self, step: int, metrics: Metrics) -> None:
        """Steps per epoch, from a line whose step is sure."""
        epoch = number(metrics.get("epoch"))
        if epoch and 0 < epoch < 1e9:
            self._steps_per_epoch = step / epoch

    def _counted(self, waiting: list[Metrics]) -> list[int]:
        steps, step = [], self._step
        for metrics in waiting:
            step += (self._interval or 1) if _TRAINING in metrics else 0
            steps.append(step)
        return steps

    def _by_epoch(self, waiting: list[Metrics], bar: int) -> list[int]:
        epochs = [number(metrics.get("epoch")) or 0.0 for metrics in waiting]
        per_epoch = self._steps_per_epoch
        if per_epoch is None and self.planned_steps and self.num_epochs:
            per_epoch = self.planned_steps / self.num_epochs
        if per_epoch is None and 0 < epochs[-1] < 1e9:
            per_epoch = bar / epochs[-1]
        if per_epoch is None or not all(0 <= epoch < 1e9 for epoch in epochs):
            return self._counted(waiting)
        return [min(round(epoch * per_epoch), bar) for epoch in epochs]


def _is_repeat(metrics: Metrics, last: Metrics) -> bool:
    """Whether another process printed the same line; lines of a run that is all nan do look alike."""
    return (
        metrics == last
        and metrics.get("grad_norm") != "nan"
        and metrics.get("epoch") not in (None, "0", "0.0")
    )
