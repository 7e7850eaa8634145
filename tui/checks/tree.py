"""The order in which the tree is walked: the configuration first, then the exact probes, then the dynamics.

The first firing leaf on this walk is the headline. A file of nodes belongs into MODULES; within a file
the order of declaration counts.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from flight_recorder.tui.checks.rule import REGISTRY, Check
from flight_recorder.tui.checks.rules import (
    activations,
    drift,
    endings,
    gradients,
    initial_weights,
    layers,
    learning_rate,
    level_of_loss,
    losses,
    nonfinite,
    optimizer_groups,
    optimizer_state,
    pace,
    per_token,
    precision,
    probes,
    rate_ran_out,
    schedule_slips,
    setback,
    spikes,
    start,
    stuck,
    summed_gradients,
    untrained,
)
from flight_recorder.tui.checks.rules import after_best as aftermath
from flight_recorder.tui.checks.rules import literal as as_written
from flight_recorder.tui.checks.rules import overfitting as overfit
from flight_recorder.tui.checks.signals import (
    blocks,
    evaluation_noise,
    level_curve,
    lowest,
    onset,
    standing,
)

SIGNAL_FILES: tuple[ModuleType, ...] = (evaluation_noise, onset, standing, lowest, blocks, level_curve)
"""Files of signals that no rule imports, each behind those that it reads: importing declares."""

MODULES: tuple[ModuleType, ...] = (
    start,
    per_token,
    learning_rate,
    rate_ran_out,
    schedule_slips,
    gradients,
    summed_gradients,
    losses,
    initial_weights,
    activations,
    optimizer_groups,
    optimizer_state,
    probes,
    nonfinite,
    spikes,
    precision,
    overfit,
    aftermath,
    drift,
    setback,
    untrained,
    stuck,
    level_of_loss,
    layers,
    pace,
    endings,
    as_written,
)
"""Every file that declares nodes, in walking order."""


@cache
def every_check() -> tuple[Check, ...]:
    """Every declared node in walking order, those that only a thresholds file switches on included."""
    order = {module.__name__: place for place, module in enumerate(MODULES)}
    return tuple(sorted(REGISTRY.values(), key=lambda check: order.get(check.module, len(order))))


def walk() -> tuple[Check, ...]:
    """The nodes that are on as shipped, in walking order."""
    return tuple(check for check in every_check() if check.shipped)
