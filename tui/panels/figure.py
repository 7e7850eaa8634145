"""A panel's content as plain values in data units. Whoever draws it knows nothing of training runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.verdict import Level

Floats = NDArray[np.float64]
Scale = Literal["linear", "log"]
Role = Literal["main", "second", "faint", "overlay", "other-0", "other-1", "other-2", "other-3", "layer"]
"""What a line is to its panel; "layer" is one of an ordered family, told apart by its place in it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, reduced to the width it is drawn at.

    Per column of the drawing: where it is on x, the smallest, largest and last value in it. `low` and `high`
    keep every spike; a column without finite values is NaN in all three, one in which nothing was measured is
    left out. `nonfinite` holds the x of values that were NaN or infinite. The first and the last entry may
    lie outside the figure's `x_range`, so that the line enters the picture from its edge.
    """

    name: str
    x: Floats
    low: Floats
    high: Floats
    last: Floats
    nonfinite: Floats
    latest: float | None
    """Newest value, for the legend and the title."""
    role: Role = "main"
    words: str = ""
    """What a list says beside it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal dashed line: a threshold, the baseline, the clip value."""

    value: float
    label: str
    level: Level | None = None
    """None for a plain reference such as the baseline."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled position on x: best, t*, a checkpoint, a resume."""

    x: float
    label: str
    y: float | None = None
    kind: Literal["best", "onset", "checkpoint", "resume", "cursor"] = "best"


@dataclass(frozen=True, slots=True)
class Tint:
    """A range of x in which a leaf holds; without a level it is excused there, and hatched."""

    first: float
    last: float
    level: Level | None


@dataclass(frozen=True, slots=True)
class Figure:
    """Everything needed to draw one panel at any size."""

    panel: str
    """Its id, the name of its file."""
    number: int
    title: str
    lines: tuple[Line, ...] = ()
    y_scale: Scale = "linear"
    x_label: str = "step"
    y_label: str = ""
    x_range: tuple[float, float] = (0.0, 1.0)
    rules: tuple[Rule, ...] = ()
    marks: tuple[Mark, ...] = ()
    tints: tuple[Tint, ...] = ()
    health: str = "ok"
    """Words at the right of the title: "ok", or the worst verdict of this panel in short."""
    level: Level = Level.GREEN
    latest: str = ""
    """Latest values in words, "train 0.712  val 2.431"."""
    note: str = ""
    """Why there is nothing to draw, in a sentence; empty when there is."""
    heat: tuple[tuple[str, Floats], ...] = field(default=())
    """Rows of a heat strip, name and value per column, drawn in place of the lines when not empty.
    The columns have equal lengths on x; NaN where nothing was measured, inf where a value was not finite."""
    heat_offender: str = ""
    """Name of the row that stands out most, to be named whatever room there is."""
    y_includes: tuple[float, ...] = ()
    """Values that the y axis shows even when no line comes near them."""
    as_list: bool = False
    """Whether the lines have no axis in common and stand below each other, a row each."""
    y_whole: bool = False
    """Whether values are counts, so that there is nothing between whole numbers to be labelled."""
