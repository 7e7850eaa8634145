"""What the person at the terminal sees: a bar where there is one, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

REDRAW_INTERVAL_S = 0.25
LINE_INTERVAL_S = 10.0
"""Without a terminal a line is printed at most this often, and at every evaluation that is worth one."""


class ProgressReport:
    """Loss, learning rate, pace and time left of a run of `total` steps that starts at `first`.

    A silent one says nothing: of several processes one is enough.
    """

    def __init__(self, total: int, first: int = 0, *, is_silent: bool = False) -> None:
        self._console = Console(highlight=False, soft_wrap=True, quiet=is_silent)
        self._first, self._total = first, total
        self._started = self._shown = time.monotonic()
        self._val = ""
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if sys.stdout.isatty() and not is_silent:
            self._bar = Progress(
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=self._console,
                auto_refresh=False,
            )
            self._task = self._bar.add_task("", total=total, completed=first, text="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, step: int, loss: float, lr: float) -> None:
        """Step `step` is done; drawn only when the last drawing is old enough."""
        now = time.monotonic()
        interval = REDRAW_INTERVAL_S if self._bar else LINE_INTERVAL_S
        if now - self._shown < interval and step + 1 < self._total:
            return
        self._shown = now
        pace = (step + 1 - self._first) / max(now - self._started, 1e-9)
        text = f"loss {loss:.4f}{self._val}  lr {lr:.2e}  {pace:.1f} steps/s"
        if self._bar:
            self._bar.update(self._task, completed=step + 1, text=text, refresh=True)
        else:
            left = (self._total - step - 1) / pace
            self.say(f"step {step + 1} of {self._total}  {text}  {left:.0f} s left")

    def evaluation(self, val_loss: float) -> None:
        """The validation loss to show beside the training loss from now on."""
        self._val = f"  val {val_loss:.4f}"

    def say(self, text: str) -> None:
        """One line that stays, above the bar."""
        self._console.print(text, markup=False)
