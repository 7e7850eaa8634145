"""Ctrl-C, SIGTERM and a lost terminal as stop requests: the loop finishes its step, saves, and ends."""

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

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGHUP is how a closed terminal or a cut connection says it; nohup ignores it, and so do we then."""


class StopRequest:
    """Which signal asked to stop, if any. The second one of its kind is obeyed at once by Python itself.

    A request to any rank is all-reduced, so that every rank stops after the same step.
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
        """All-reduce the request, so that every rank stops after the same step.

        A collective: every rank calls it. A signal that arrives during the collective counts at the next one.
        """
        asked = world.sum(torch.tensor([float(self._received == number) for number in _STOP_SIGNALS]))
        self._shared = next((each for each, n in zip(_STOP_SIGNALS, asked.tolist(), strict=True) if n), None)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: remember the request, and do not catch that signal again."""
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
def stop_request() -> Iterator[StopRequest]:
    """Signals become stop requests inside; afterwards they do what they did before."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield request
        return
    heard = [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, request.receive) for number in heard}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
