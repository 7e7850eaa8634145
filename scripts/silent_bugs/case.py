"""One program of the suite: what it does, what is wrong in it, and what has to be said."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.silent_bugs.training import Training

EXACT, SYMPTOM, NOTHING = "exact", "symptom", "nothing"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A program and what it has to say of itself.

    `causes`: any of these names is right. `says`: EXACT, SYMPTOM (the cause cannot be known, only what
    follows from it), or NOTHING. `acts_at`: the first step whose record can show it. `left_out`: why the
    program cannot be had here.
    """

    id: str
    mechanism: str
    program: type[Training] = Training
    twin: type[Training] | None = None
    reference: str = ""
    causes: tuple[str, ...] = ()
    says: str = NOTHING
    acts_at: int = 0
    left_out: str = ""

    @property
    def is_bug(self) -> bool:
        """Whether something has to be said."""
        return self.says != NOTHING

    @property
    def twin_id(self) -> str:
        """Bugs whose healthy twin is the same share its run."""
        return f"T-{self.twin.__name__}" if self.twin else ""
