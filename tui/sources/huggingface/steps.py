"""At which step a line of the Hugging Face Trainer was printed; the line itself does not say.

The witness is the progress bar `30/200`, which the Trainer repaints right after each line: a line that stands
alone in front of a bar was printed at that bar's step. Standard output into a file comes in blocks, though:
many lines stand in front of one bar then, and the last of them is at most one interval behind it. That gives
the interval, and lines stand at its multiples from then on; an evaluation lies between two of them by its
epoch. Without any bar (disable_tqdm) the interval is what is given as logging_steps, or one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flight_recorder.tui.sources.naming.names import number

Metrics = dict[str, Any]
Placed = Iterator[tuple[int, Metrics]]

BAR = re.compile(r"(?<![\w/:])(?<!: )(?<!:  )(?<!:   ) {0,3}\d{1,3}%\|[^|]*\| *(\d+)/(\d+) *\[[^\]\r\n]*\]?")
"""A progress bar without a description: training and evaluation have none, downloads and maps do."""

_EVALUATION, _TRAINING, _END = "eval_loss", "loss", "train_runtime"

EPOCH_ROUNDING = 0.005
"""Largest error of a printed epoch: 4.x prints two digits behind the point."""

LEAST_EPOCH = 1e-9
"""Smallest epoch from which steps an epoch are told."""

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
        self._evaluation_step = -1
        self._training_step = 0
        self._training_epoch = 0.0
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
        num_training = sum(_TRAINING in metrics for metrics in waiting) + is_line_open
        self._comes_in_blocks = self._comes_in_blocks or num_training > 1
        if self._comes_in_blocks and self._interval is None:
            self._interval = self._found_interval(waiting, num_training)
        for metrics in waiting:
            self._step = self._step_of(metrics, waiting)
            if _TRAINING in metrics:
                # The Trainer logs a step before it evaluates it: one logged after is a later one.
                self._step += self._step == self._evaluation_step
                self._training_step, self._training_epoch = self._step, _epoch(metrics)
            self._evaluation_step = self._step if _EVALUATION in metrics else -1
            yield self._step, metrics

    def _found_interval(self, waiting: list[Metrics], num_lines: int) -> int | None:
        """Steps between training lines, from a block of them and the bar behind it.

        The last line is at the bar's step or up to one interval before it. Where that leaves a choice, the
        roundest number is it.
        """
        if self._bar_step is None or not self._is_training:
            return None
        num_lines -= self._begins_at_one(waiting)
        steps = self._bar_step - self._training_step
        choices = range(-(-steps // (num_lines + 1)), steps // max(1, num_lines) + 1)
        return max((choice for choice in choices if choice > 0), key=_roundness, default=None)

    def _step_of(self, metrics: Metrics, waiting: list[Metrics]) -> int:
        if _END in metrics:
            return self._step
        if self._is_training and self._bar_step is not None and not self._comes_in_blocks:
            return self._bar_step
        if _TRAINING not in metrics:
            return self._step_between(_epoch(metrics))
        if self._training_step == 0 and self._begins_at_one(waiting):
            return 1
        if self._interval is None and (found := self._by_epoch(_epoch(metrics))) > self._training_step:
            return found
        interval = self._interval or 1
        return (self._training_step // interval + 1) * interval

    def _begins_at_one(self, waiting: list[Metrics]) -> bool:
        """Whether the first line ever was printed at step 1 (logging_first_step), by its epoch."""
        epochs = [_epoch(metrics) for metrics in waiting if _TRAINING in metrics]
        if self._training_step or len(epochs) < 4:
            return False
        usual = (epochs[-1] - epochs[1]) / (len(epochs) - 2)
        return epochs[0] + EPOCH_ROUNDING < 0.75 * usual

    def _step_between(self, epoch: float) -> int:
        """Step of an evaluation, from the last training line on and before the next."""
        if self._training_epoch < LEAST_EPOCH or not self._is_training:
            return self._step
        per_epoch = self._training_step / self._training_epoch
        later = round((epoch - self._training_epoch) * per_epoch)
        return self._training_step + min(max(later, 0), (self._interval or 1) - 1)

    def _by_epoch(self, epoch: float) -> int:
        """Step by the steps per epoch that are given or follow from the banner; 0 where they are unknown."""
        per_epoch = self._steps_per_epoch
        if per_epoch is None and self.planned_steps and self.num_epochs:
            per_epoch = self.planned_steps / self.num_epochs
        return round(epoch * per_epoch) if per_epoch and epoch < 1e9 else 0


def _epoch(metrics: Metrics) -> float:
    epoch = number(metrics.get("epoch"))
    return epoch if epoch is not None and 0 <= epoch < 1e9 else 0.0


def _roundness(interval: int) -> tuple[int, int]:
    """Multiples of 100 before those of 50, 25, 10, 5 and 2; of equals the larger."""
    return max(unit for unit in (1, 2, 5, 10, 25, 50, 100) if interval % unit == 0), interval


def _is_repeat(metrics: Metrics, last: Metrics) -> bool:
    """Whether another process printed the same line; lines of a run that is all nan do look alike."""
    return (
        metrics == last
        and metrics.get("grad_norm") != "nan"
        and metrics.get("epoch") not in (None, "0", "0.0")
    )
