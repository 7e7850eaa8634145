"""Standard input, followed like a file: `python train.py | tui watch -`."""

from __future__ import annotations

import os
import select
import sys
import time

from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.intake import Intake
from flight_recorder.tui.follow.tail import BLOCK_BYTES, Clock
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions


class PipeFollower:
    """Follows a descriptor until its other end is closed; same methods as Follower."""

    def __init__(
        self,
        descriptor: int | None = None,
        options: SourceOptions | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._clock = clock
        self._intake = Intake("standard input", options)
        self._num_bytes = 0
        self._is_closed = False

    @property
    def pulse(self) -> Pulse:
        """How the writer is doing, as of the last batch."""
        return self._intake.pulse

    @property
    def is_caught_up(self) -> bool:
        """Whether everything that arrived was handed out."""
        return not self._intake.num_waiting

    def poll(self, limit_records: int = 2000, limit_s: float = 0.05) -> Batch | None:
        """What is new, as Follower.poll; after the end of the input the pulse says how it ended.

        Raises:
            CannotRead: what arrived is of no known format.
        """
        deadline = self._clock() + limit_s
        while not self._is_closed and self._intake.num_waiting < limit_records and self._has_bytes():
            self._take(os.read(self._descriptor, BLOCK_BYTES))
            if self._clock() >= deadline:
                break
        now = self._clock()
        self._intake.settle(now)
        return self._intake.batch(limit_records, now, self._num_bytes, True, self._is_closed)

    def close(self) -> None:
        """Nothing to let go of: the descriptor is the caller's."""

    def _has_bytes(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def _take(self, data: bytes) -> None:
        if data:
            self._num_bytes += len(data)
            self._intake.heart.grew(self._clock())
            self._intake.take(data)
            return
        self._is_closed = True
        if not self._num_bytes:
            raise CannotRead("Standard input ended without a single byte.")
        self._intake.finish()
