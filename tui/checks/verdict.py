"""The result of a check, as plain values: what the screen shows, `--json` prints and the report quotes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Level(IntEnum):
    """How bad it is, in order; seed 001's flags with green below them."""

    GREEN = 0
    YELLOW = 1  # watch it
    ORANGE = 2  # act now
    RED = 3  # damage is happening
    BLACK = 4  # the run is lost

    def __str__(self) -> str:
        return self.name.lower()


class State(StrEnum):
    """Where a node stands. Not measured is not pass."""

    UNKNOWN = "unknown"  # not enough data yet
    NOT_MEASURED = "not_measured"  # the log lacks a field that the node reads
    NOT_APPLICABLE = "not_applicable"  # the node is not meant for such a run
    EXCUSED = "excused"  # beyond a bound, for a reason that is named
    PASS = "pass"
    AMBER = "amber"  # outside the pass band, inside no leaf
    PENDING = "pending"  # a leaf holds, not yet for long enough
    FIRING = "firing"
    RESOLVED = "resolved"  # fired and holds no more
    FAILED = "failed"  # the check itself broke: a defect of ours, and no word on the run


@dataclass(frozen=True, slots=True)
class Span:
    """Steps, both ends included, in which a leaf held."""

    first_step: int
    last_step: int
    level: Level


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound as a line on a panel: constant over the run, in the unit of that panel's y axis."""

    panel: str
    value: float
    label: str
    level: Level


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one node of the tree says of the records so far."""

    check: str
    """Id of the node, "Q3.1a"."""
    section: str
    """Section of the tree, "gradients"."""
    question: str
    state: State
    level: Level
    symptom: str = ""
    """Name of the leaf that holds, "always clipping"; empty when none does."""
    causes: tuple[str, ...] = ()
    """Names of design.md section 6 that this leaf is evidence for, likeliest first."""
    first_step: int | None = None
    last_step: int | None = None
    reading: float | None = None
    """The number measured, at `last_step` of the violation or at the newest step."""
    bound: float | None = None
    bound_text: str = ""
    """The bound in words, "ln V + 1.76 (= 8.00 here)"."""
    evidence: str = ""
    """One sentence with the numbers."""
    fix: str = ""
    panel: str = ""
    """Id of the panel on which it shows: loss, lr, grad_norm, activation, spectral_norm, dead, class_loss."""
    spans: tuple[Span, ...] = ()
    """Every violating range so far, for the tint on the panel and for n / N."""
    excused_by: str = ""
    """The excuse by name, "random_walk_explains", where the state is excused."""
    excused_spans: tuple[Span, ...] = ()
    """Every range beyond a bound that was excused."""
