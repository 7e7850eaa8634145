"""What measuring may cost: a share of the training's own time, earned step by step and spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from flight_recorder.engine.probes.cadence import GROUPS, Cadence

SHARE = 0.02
"""CPU time of what is timed over that of the bare step. What cannot be timed (closed hooks, caches that the
measuring has cooled, memory pages asked for anew) has the rest of the five per cent that a monitor may take:
1 to 3 % where outputs are large, as in a CNN."""

LONGEST_STRETCH = 50
"""Every group is measured at least at every so many times its cadence, whatever it costs: where a step takes
a millisecond, the record alone is dearer than the share."""

_SAVED_STEPS = 20
"""What is not spent can be saved for so many steps, so that one dear measurement need not wait for long."""


class Budget:
    """Chooses what is measured in each step so that all of it costs a share of the steps' own time.

    While the account is in credit, the groups that are due by the cadence are measured, those first that
    have waited longest; the others wait for a later step. Where measuring is cheap that is the cadence
    itself. What the cadence asks for in its `early` steps is measured at any price.

    Args:
        cadence: how often at most.
        share: of the CPU time of the bare steps.
        clock: CPU seconds of this thread.
    """

    def __init__(
        self, cadence: Cadence, share: float = SHARE, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self.cadence = cadence
        self.share = share
        self._clock = clock
        self._now: float | None = None
        self._total = 0.0
        self._earned = math.inf
        self._credit = 0.0
        self._costs: dict[str, float] = {}
        self._measured_at: dict[str, int] = {}
        self._before: dict[str, float] = {}
        self._forced_at = 0.0

    def choose(self, step: int, seconds: Mapping[str, float]) -> frozenset[str]:
        """The groups to measure in this step; to be called once a step, as it begins.

        `seconds` is the CPU time that each part of measuring has taken so far, the groups by their names.
        """
        self._settle(seconds)
        nothing_is_due = step >= self.cadence.early and step < self._forced_at
        chosen = frozenset() if self._credit <= 0 and nothing_is_due else self._chosen(step)
        self._before = {group: seconds.get(group, 0.0) for group in chosen}
        return chosen

    def _chosen(self, step: int) -> frozenset[str]:
        waited = {group: self._waited(group, step) for group in GROUPS if self._is_due(group, step)}
        chosen = {group for group, stretch in waited.items() if stretch >= LONGEST_STRETCH}
        if step < self.cadence.early:
            chosen |= self.cadence.due(step)
        credit = self._credit - sum(self._costs.get(group, 0.0) for group in chosen)
        for group in sorted(waited.keys() - chosen, key=lambda group: -waited[group]):
            if credit <= 0:
                break
            chosen.add(group)
            credit -= self._costs.get(group, 0.0)
        self._measured_at |= dict.fromkeys(chosen, step)
        ends = (last + LONGEST_STRETCH * getattr(self.cadence, g) for g, last in self._measured_at.items())
        self._forced_at = min(ends, default=math.inf)
        return frozenset(chosen)

    def _settle(self, seconds: Mapping[str, float]) -> None:
        """Book what the step before has earned and cost."""
        now, before = self._clock(), self._now
        total = sum(seconds.values()) - self._total
        self._now, self._total = now, self._total + total
        if before is None:
            return
        # A step that takes far longer than the one before was an evaluation, or the work of somebody else.
        self._earned = min(self.share * max(0.0, now - before - total), 2 * self._earned)
        self._credit = min(self._credit + self._earned - total, _SAVED_STEPS * self._earned)
        self._costs |= {group: seconds.get(group, 0.0) - then for group, then in self._before.items()}

    def _is_due(self, group: str, step: int) -> bool:
        every: int = getattr(self.cadence, group)
        return every > 0 and (self.cadence.is_due(group, step) or self._waited(group, step) >= 1)

    def _waited(self, group: str, step: int) -> float:
        """Steps since it was measured last, in multiples of its cadence; as many as can be at first."""
        every: int = getattr(self.cadence, group)
        last = self._measured_at.get(group)
        return float(LONGEST_STRETCH) if last is None else (step - last) / every
