"""A counter that begins again with each epoch, as one that goes on."""

from __future__ import annotations

_LAST_TENTH = 0.9
"""A counter that begins again from this share of its end on has begun another epoch."""


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

    def step(self, count: int, epoch: int | None, end: int = 0) -> int:
        """Steps since the run's beginning; `end` is the last count of a lap, 0 where the log lacks it."""
        self.is_by_epoch = self.is_by_epoch or epoch is not None
        if self._begins_again(count, self._is_later(epoch)):
            self._before += self._end or self._last + self._interval - count
            self.has_begun_again = True
        elif count > self._last >= 0:
            self._interval = count - self._last
        self._last, self._end, self._epoch = count, end, epoch
        return self._before + count

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
