"""The gradient norm against its own recent past."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.signals.rolling import trailing_median
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View


@signal(
    "grad_norm.over_median",
    reads=("grad_norm",),
    window=lambda p: int(p["recent"] + p["every"]),
    why="the size of a norm depends on model and reduction, a median of the run's own does not, and outliers "
    "do not move it. It counts as at least a tenth of the clip value: without that floor every batch with a "
    "mistake in it would stand out of a run that has memorised",
    reference="Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, on the norm of the gradient",
)
def over_median(view: View, *, recent: int = 50, every: int = 10, floor: float = 0.1) -> Derived:
    """Gradient norm of a step over the median of 50 recent steps, which is renewed every 10."""
    rows, medians = trailing_median(view, "grad_norm", recent, every)
    usual = np.maximum(medians, floor * (view.facts.grad_clip or 0.0))
    judged = usual > 0
    rows, usual = rows[judged], usual[judged]
    return Derived(view.steps[rows], {"": view["grad_norm"][rows] / usual})
