"""The one worker thread: follows a log and posts frozen batches, one at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from flight_recorder.tui.defect import with_traceback
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.tail import POLL_INTERVAL_S
from flight_recorder.tui.sources.errors import CannotRead, ReadingStopped

BOOT_LIMIT = (1_500, 0.25)
"""Records and seconds per batch until the file has been read once: large enough to share the cost of a
message, small enough that the records are still in the cache when they become columns (measured)."""

LIVE_LIMIT = (2_000, 0.025)
"""The same once the end was reached: small batches, soon on the screen."""

QUIET_INTERVAL_S = 0.2
"""Between two looks at a log that has ended or fallen silent: it may be left open for a week, and what then
comes all the same may be seen a little later."""

_PATIENCE_S = 0.002
"""How long an owner who wants to look waits for the thread to let go of the follower."""


class Follows(Protocol):
    """What the thread needs of a follower: Follower or PipeFollower."""

    @property
    def is_caught_up(self) -> bool:
        """Whether everything there was handed out."""

    def poll(self, limit_records: int, limit_s: float) -> Batch | None:
        """What is new, None for nothing."""

    def close(self) -> None:
        """Let go of the file."""


class FollowThread(threading.Thread):
    """Posts each batch and reads on only when the owner has `acknowledge`d it: that is the back-pressure.

    `post` and `fail` are called on this thread; they must hand over and return. After `fail` it ends, whether
    the log cannot be read or the program itself failed: a thread that died in silence would look like a run
    in which nothing happens.
    """

    def __init__(
        self, follower: Follows, post: Callable[[Batch], object], fail: Callable[[CannotRead], object]
    ) -> None:
        super().__init__(name="follow", daemon=True)
        self._follower = follower
        self._post = post
        self._fail = fail
        self._pulse = Pulse.WAITING
        self._errands: deque[Callable[[], object]] = deque()
        self._turn = threading.Lock()
        self._is_read = threading.Event()
        self._stopping = threading.Event()

    def acknowledge(self) -> None:
        """The owner has taken in the batch that was posted last."""
        self._is_read.set()

    def poll_now(self) -> Batch | None:
        """What is new, for an owner who has read all that was posted and is about to look.

        None as well while the thread itself is at it; what it finds will be posted.
        """
        if not self.is_alive() or not self._turn.acquire(timeout=_PATIENCE_S):
            return None
        try:
            return None if self._stopping.is_set() else self._look(LIVE_LIMIT)
        except Exception as error:
            self._fail(_failure(error))
            self.stop()
            return None
        finally:
            self._turn.release()

    def run_errand(self, errand: Callable[[], object]) -> None:
        """Have this done on the thread, before it reads on."""
        self._errands.append(errand)

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End soon; returns at once."""
        self._stopping.set()
        self._is_read.set()

    def run(self) -> None:
        """Poll until stopped or until the log cannot be read."""
        limit = BOOT_LIMIT
        try:
            while not self._stopping.is_set():
                with self._turn:
                    self._hand_over(self._look(limit))
                    while self._errands and not self._stopping.is_set():
                        self._errands.popleft()()
                if self._follower.is_caught_up:
                    limit = LIVE_LIMIT
                    self._stopping.wait(self._interval_s)
        except Exception as error:
            self._fail(_failure(error))
        finally:
            self._follower.close()

    @property
    def _interval_s(self) -> float:
        return POLL_INTERVAL_S if self._pulse in (Pulse.WAITING, Pulse.LIVE) else QUIET_INTERVAL_S

    def _look(self, limit: tuple[int, float]) -> Batch | None:
        batch = self._follower.poll(*limit)
        if batch is not None:
            self._pulse = batch.pulse
        return batch

    def _hand_over(self, batch: Batch | None) -> None:
        if batch is None:
            return
        self._is_read.clear()
        if self._stopping.is_set():
            return
        self._post(batch)
        self._is_read.wait()


def _failure(error: Exception) -> CannotRead:
    return (
        error
        if isinstance(error, CannotRead)
        else ReadingStopped(f"reading stopped: {with_traceback(error)}")
    )
