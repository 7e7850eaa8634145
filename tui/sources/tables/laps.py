"""A counter that begins again with each epoch, as one that goes on."""

from __future__ import annotations

_LAST_TENTH = 0.9
"""A counter that begins again from this share of its end on has begun another epoch."""

_SURE_RISES = 3
"""Rises without a repeat after which a repeated count is no other process's."""


class Laps:
    """Counts on where a counter begins again. A counter that goes back within an epoch is a resume.

    Attributes:
        has_begun_again: whether a lap was completed: from then on steps are inferred.
        is_by_epoch: whether the counter was ever seen beside an epoch.
    """

    def __init__(self) -> None:
        self.has_begun_again = False
        self.is_by_epoch = False
        self._before = 0
        self._last, self._interval, self._end = -1, 1, 0
        self._epoch: int | None = None
        self._num_rises, self._shift = 0, 0
        self._least = 0
        self._was_new = False

    def step(self, count: int, epoch: int | None, end: int = 0, is_new: bool = False) -> int:
        """Steps since the run's beginning; `end` is the last count of a lap, 0 where the log lacks it.

        `is_new` says that a further loss stands there. Where the count is the one before nevertheless, it is
        printed with too few digits (4.72e+04) or counts something coarser: the step is one interval on. Not
        so where counts came twice from the first on: that is another process, which prints the same.
        """
        self.is_by_epoch = self.is_by_epoch or epoch is not None
        if self._begins_again(count, self._is_later(epoch)):
            self._before += self._end or self._last + self._interval - count
            self.has_begun_again = True
        elif count > self._last >= 0:
            self._interval = count - self._last
            self._least = min(self._least or self._interval, self._interval)
            self._num_rises += 1
            self._shift = max(0, self._shift - self._interval)
        elif count == self._last and is_new and self._was_new:
            self._num_rises = self._num_rises if self._num_rises >= _SURE_RISES else -1_000_000_000
            self._shift += self._least if self._num_rises >= _SURE_RISES else 0
        elif count < self._last:
            self._shift = 0
        self._was_new = is_new or (self._was_new and count == self._last)
        self._last, self._end, self._epoch = count, end, epoch
        return self._before + count + self._shift

    def beside(self, count: int, epoch: int | None) -> int | None:
        """The step of what was measured beside the training; None for a count that is of another kind."""
        is_before = count < self._last and epoch is not None and epoch == self._epoch
        return None if is_before or (self._is_later(epoch) and count < self._last) else self._before + count

    def _is_later(self, epoch: int | None) -> bool:
        return epoch is not None and self._epoch is not None and epoch > self._epoch

    def _begins_again(self, count: int, is_later: bool) -> bool:
        if count > self._last or (count == self._last and not (is_later and self._end)):
            return False
        is_near_end = self._last >= _LAST_TENTH * self._end or self._last + self._interval >= self._end
        return is_later or (self._end > 0 and is_near_end)
