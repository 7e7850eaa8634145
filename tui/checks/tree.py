"""The order in which the tree is walked: the configuration first, then the exact probes, then the dynamics.

The first firing leaf on this walk is the headline. The order is that of the ids, Q before P before D; a file
of nodes belongs into MODULES, wherever in it.
"""

from __future__ import annotations

import re
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
    metrics,
    never_learned,
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
    summed_gradients,
    validation_level,
)
from flight_recorder.tui.checks.rules import after_best as aftermath
from flight_recorder.tui.checks.rules import literal as as_written
from flight_recorder.tui.checks.rules import overfitting as overfit
from flight_recorder.tui.checks.signals import (
    blocks,
    evaluation_noise,
    level_curve,
    lowest,
    norms,
    onset,
    rates,
    spike_finder,
    standing,
)
from flight_recorder.tui.checks.signals import (
    metrics as metric_curves,
)

SIGNAL_FILES: tuple[ModuleType, ...] = (
    evaluation_noise,
    onset,
    standing,
    lowest,
    blocks,
    level_curve,
    metric_curves,
    rates,
    norms,
    spike_finder,
)
"""Files of signals, each behind those that it reads: importing declares."""

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
    validation_level,
    aftermath,
    drift,
    setback,
    level_of_loss,
    never_learned,
    layers,
    metrics,
    pace,
    endings,
    as_written,
)
"""Every file that declares nodes."""


@cache
def every_check() -> tuple[Check, ...]:
    """Every declared node in walking order, those that only a thresholds file switches on last."""
    return tuple(sorted(REGISTRY.values(), key=_place))


def _place(check: Check) -> tuple[bool, int, list[int], str]:
    """Where a node is walked: "Q3.1a" among the questions, by its numbers 3 and 1, then its letter."""
    letter = check.id[0]
    numbers = [int(number) for number in re.findall(r"\d+", check.id)]
    return not check.shipped, "QPD".index(letter) if letter in "QPD" else 3, numbers, check.id


def walk() -> tuple[Check, ...]:
    """The nodes that are on as shipped, in walking order."""
    return tuple(check for check in every_check() if check.shipped)
