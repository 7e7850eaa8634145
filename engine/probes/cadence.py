"""When what is measured."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("activation", "dead", "spectral_norm", "optimizer", "frozen", "contract")
"""What is measured together, by the names of the cadence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Every how many steps each group of fields is measured; 0 for never.

    What configuration faults show in (`optimizer`, `frozen`, `contract`) is measured in each of the first
    `early` steps as well: such a fault is there from the first update, and nobody should wait ten steps to
    learn of it. `facts` that can be wrong at any step are looked at in every step, whatever the budget: they
    take microseconds. As long as they are as they should be, they are written every so many steps.
    """

    activation: int = 1
    dead: int = 1
    spectral_norm: int = 10
    optimizer: int = 10
    frozen: int = 10
    contract: int = 50
    facts: int = 10
    early: int = 4

    def is_due(self, name: str, step: int) -> bool:
        """Whether the group of that name is measured at that step."""
        every: int = getattr(self, name)
        if every <= 0:
            return False
        return step % every == 0 or (name in ("optimizer", "frozen", "contract") and step < self.early)

    def due(self, step: int) -> frozenset[str]:
        """The groups that are measured at that step."""
        return frozenset(group for group in GROUPS if self.is_due(group, step))


NEVER = Cadence(activation=0, dead=0, spectral_norm=0, optimizer=0, frozen=0, contract=0, facts=0, early=0)
"""The cadence of a run without measurements."""
