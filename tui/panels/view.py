"""Which part of a run a panel shows, and how."""

from __future__ import annotations

from dataclasses import dataclass

from flight_recorder.tui.panels.figure import Scale
from flight_recorder.tui.series.axis import AxisName


@dataclass(frozen=True, slots=True)
class View:
    """What may be chosen about a panel; the default is the whole run by steps, as the panel wants it."""

    width_dots: int = 320
    """Cells of the reduction: two for each character of a braille drawing."""
    x_first: float | None = None
    """First x shown, in the unit of `x_axis`; None for the beginning."""
    x_last: float | None = None
    """Last x shown; None for the newest."""
    x_axis: AxisName = "step"
    """A choice that the run has no numbers for falls back to the step."""
    y_scale: Scale | None = None
    """None for the panel's own."""
    smoothing: int = 1
    """Length in values of the moving average drawn beside the measured line; 1 for none."""
    search: str = ""
    """What stands in the names of those lines of a list that are shown."""
    heat: bool = False
    """Whether a panel with a line for each layer shows a heat strip instead; with many layers it does."""
