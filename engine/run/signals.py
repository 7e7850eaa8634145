"""Ctrl-C, SIGTERM and a lost terminal as wishes: the loop finishes its step, saves, and then goes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from flight_recorder.engine.distributed.distributed import World

_WISHES = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGHUP is how a closed terminal or a cut connection says it; nohup ignores it, and so do we then."""


class StopWish:
    """Which signal asked to stop, if any. The second one of its kind is obeyed at once by Python itself.

    Several processes stop after the same step: the wish of one is the wish of all, once it is shared.
    """

    def __init__(self) -> None:
        self._received: signal.Signals | None = None
        self._shared: signal.Signals | None = None

    @property
    def reason(self) -> str | None:
        """Reason for the log's exit record, or None."""
        if self._shared is None:
            return None
        return "interrupted" if self._shared == signal.SIGINT else "terminated"

    @property
    def name(self) -> str:
        """Name of the signal, such as SIGTERM; empty without one."""
        return self._shared.name if self._shared else ""

    def share(self, world: World) -> None:
        """The wish of any rank is that of every rank, after the same step. Every rank has to ask.

        A signal that comes while they ask each other is kept for the next time.
        """
        wishes = world.sum(torch.tensor([float(self._received == number) for number in _WISHES]))
        self._shared = next((each for each, n in zip(_WISHES, wishes.tolist(), strict=True) if n), None)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: remember the wish, and do not catch that signal again."""
        self._received = signal.Signals(number)
        signal.signal(number, signal.SIG_IGN if _is_launched() else _SECOND_TIME[self._received])


def _is_launched() -> bool:
    """Whether a launcher repeats each signal that its processes have already had from the scheduler."""
    return "TORCHELASTIC_RUN_ID" in os.environ


_SECOND_TIME: dict[signal.Signals, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_IGN,  # kernel and shell both send one, and nobody is impatient
}


@contextmanager
def stop_wish() -> Iterator[StopWish]:
    """Signals become wishes inside; afterwards they do what they did before."""
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield wish
        return
    heard = [number for number in _WISHES if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, wish.receive) for number in heard}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
