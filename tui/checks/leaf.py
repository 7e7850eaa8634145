"""A leaf in one run: its bounds as numbers, whether it holds at a reading, and where it stands."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.hold import Track
from flight_recorder.tui.checks.rule import Bound, BoundLike, Leaf
from flight_recorder.tui.checks.verdict import Level

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NOT_FINITE = Leaf(
    "not finite", causes=("nan",), weight=1.0, fix="Find the first value that was not finite (D1)."
)
"""Every check has this leaf: a reading that is NaN or infinite is compared with nothing."""

OUTSIDE = Leaf("outside its pass band", level=Level.YELLOW)
"""The amber state as a leaf: outside the pass band, in none of the check's own leaves."""


@dataclass(slots=True)
class Sample:
    """One reading and how it was put into words."""

    step: int
    value: float
    evidence: str


class LeafAtWork:
    """A leaf with its bounds resolved for this run; of a band, `bound` is the upper end."""

    def __init__(self, leaf: Leaf, facts: Facts, hold: int | None = None) -> None:
        self.leaf = leaf
        self.track = Track(hold or leaf.hold, leaf.keep, leaf.latch)
        self.newest: Sample | None = None
        self.excused = Track()
        self.newest_excused: Sample | None = None
        self.excused_by = ""
        sides = (("above", operator.gt), ("below", operator.lt), ("equals", operator.eq))
        written = [(getattr(leaf, side), compare) for side, compare in sides]
        given = [(bound, compare) for bound, compare in written if bound is not None]
        resolved = [(resolve(bound, facts), compare) for bound, compare in given]
        self._compared = [(value, compare) for value, compare in resolved if value is not None]
        is_meant = all(scope.holds(facts) for scope in leaf.applies)
        self.can_judge = is_meant and bool(given) and len(self._compared) == len(given)
        self.bound = self._compared[-1][0] if self.can_judge else None
        texts = [bound_text(bound, value) for (bound, _), (value, _) in zip(given, resolved, strict=True)]
        self.bound_text = " to ".join(texts)

    @property
    def label(self) -> str:
        """What stands at its line on the panel: the bound by its name, else what crossing it means."""
        bounds = (self.leaf.above, self.leaf.below, self.leaf.equals)
        named = [bound.text for bound in bounds if isinstance(bound, Bound)]
        return named[0] if named else self.leaf.symptom

    def holds(self, values: Floats) -> Flags:
        """At which of these readings the leaf holds."""
        flags = np.isfinite(values)
        for bound, compare in self._compared:
            flags &= compare(values, bound)
        return flags

    def excuse_at(self, row: int, excuses: Mapping[str, Flags]) -> str:
        """The first excuse that the leaf accepts and that holds at this reading; empty for none."""
        return next((name for name in self.leaf.unless if name in excuses and excuses[name][row]), "")

    def holds_at(self, value: float) -> bool:
        """Whether it holds at this finite reading."""
        return all(compare(value, bound) for bound, compare in self._compared)


def resolve(bound: BoundLike, facts: Facts) -> float | None:
    """The number that a bound is in this run; None where the log lacks what it is made of."""
    return float(bound) if isinstance(bound, int | float) else bound.of(facts)


def bound_text(bound: BoundLike, value: float | None) -> str:
    """The bound in words, "ln V + 1.76 (= 8.00 here)"."""
    if isinstance(bound, int | float):
        return f"{bound:g}"
    return bound.text if value is None else f"{bound.text} (= {value:.4g} here)"
