"""Which of the runs without a fault came out healthy, read from their losses before any check sees them."""

from __future__ import annotations

import math
from pathlib import Path

from scripts.fault_suite.runs import records_of

WITHIN_BEST = 1.02
"""A healthy run ends within 2 % of its best validation loss: what lies beyond is overfitting, and is to be
called."""

LEARNED_NATS = 0.5
"""A healthy run ends at least half a nat below a uniform guess."""


def why_not_healthy(folder: Path) -> str | None:
    """The reason for which a run without a fault is set aside, None for a healthy one."""
    (header, *_), steps = records_of(folder, "header"), records_of(folder, "step")
    evaluations = records_of(folder, "evaluation")
    losses = [step["loss"] for step in steps] + [step["grad_norm"] for step in steps]
    val = [evaluation["val_loss"] for evaluation in evaluations]
    if not all(math.isfinite(loss) for loss in losses + val):
        return "not finite"
    last = sum(step["loss"] for step in steps[-20:]) / 20
    if last > math.log(header["vocab_size"]) - LEARNED_NATS:
        return "nothing learned"
    if val[-1] > WITHIN_BEST * min(val):
        return "overfitted"
    return None
