"""Blocks of 20 records, counted from row 0 of the log so that cutting it changes nothing.

Means over ten of them make windows of 200 records at a cost that does not grow with their length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.lowest import Lowest
from flight_recorder.tui.checks.signals.rolling import blocks_of
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

_WHY = (
    "means of blocks that do not overlap are independent, and adding up ten of them costs the same for a "
    "window of any length"
)
_REFERENCE = "https://en.wikipedia.org/wiki/Resampling_(statistics)#Jackknife"


@signal(
    "loss.blocks",
    reads=("loss",),
    window=lambda parameters: int(parameters["size"]),
    columns=("", "row"),
    why=_WHY,
    reference=_REFERENCE,
)
def loss_blocks(view: View, *, size: int = 20) -> Derived | None:
    """Mean of each block of 20 training losses, and its last row; what is not finite is left out."""
    steps, blocks = blocks_of(view, "loss", size)
    if not len(steps):
        return None
    first = (view.first_index - view.num_past + size - 1) // size
    rows = (first + 1 + np.arange(len(steps), dtype=np.float64)) * size - 1
    return Derived(steps, {"": finite_means(blocks), "row": rows})


@signal(
    "loss.mean200",
    reads=("signal.loss.blocks", "signal.loss.blocks.row"),
    window=lambda parameters: 2 * int(parameters["num_blocks"]),
    columns=("", "before", "row"),
    why=_WHY,
    reference=_REFERENCE,
)
def long_mean_loss(view: View, *, num_blocks: int = 10) -> Derived:
    """Mean of the last 200 training losses, once every 20, and of the 200 before; from 400 records on."""
    steps, now, before = long_means(view, "signal.loss.blocks", num_blocks)
    rows = view["signal.loss.blocks.row"]
    return Derived(steps, {"": now, "before": before, "row": rows[len(rows) - len(steps) :]})


@signal(
    "loss.mean200.lowest",
    reads=("signal.loss.mean200", "signal.loss.mean200.row"),
    columns=("", "row", "step"),
    why="what a run has reached is what it can lose; near 0 relative changes are noise, so no level below "
    "0.05 nats is told from another",
    reference="https://doi.org/10.1007/3-540-49430-8_3",
)
def lowest_long_mean(view: View, *, least: float = 0.05) -> Derived:
    """Lowest mean of 200 training losses so far, at least 0.05, with its row and its step."""
    rows, steps = view["signal.loss.mean200.row"], view.steps.astype(np.float64)
    means = np.maximum(view["signal.loss.mean200"], least)
    return Derived(view.steps, view.kept("lowest", Lowest).take(means, row=rows, step=steps))


@signal(
    "loss_and_lr.blocks",
    reads=("loss", "lr"),
    window=lambda parameters: int(parameters["size"]),
    columns=("loss", "lr"),
    why=_WHY,
    reference=_REFERENCE,
)
def loss_and_rate_blocks(view: View, *, size: int = 20) -> Derived:
    """Means of the training loss and of the learning rate over each block of 20 records that have both."""
    steps, losses = blocks_of(view, "loss", size)
    _, rates = blocks_of(view, "lr", size)
    return Derived(steps, {"loss": finite_means(losses), "lr": finite_means(rates)})


@signal(
    "loss_and_lr.mean200",
    reads=("signal.loss_and_lr.blocks.loss", "signal.loss_and_lr.blocks.lr"),
    window=lambda parameters: 2 * int(parameters["num_blocks"]),
    columns=("", "before", "lr", "highest_lr"),
    why=_WHY,
    reference=_REFERENCE,
)
def loss_under_rate(view: View, *, num_blocks: int = 10) -> Derived:
    """Mean of 200 training losses, of the 200 before, of the rate meanwhile, and the highest such rate."""
    steps, now, before = long_means(view, "signal.loss_and_lr.blocks.loss", num_blocks)
    _, rates, _ = long_means(view, "signal.loss_and_lr.blocks.lr", num_blocks)
    highest = -view.kept("lowest of negatives", Lowest).take(-rates)[""]
    return Derived(steps, {"": now, "before": before, "lr": rates, "highest_lr": highest})


def long_means(view: View, name: str, num_blocks: int) -> tuple[Steps, Floats, Floats]:
    """For each new block with so many twice over: last step, mean of the last ones, that of those before."""
    means = view.with_past(name)
    ready = min(len(means) - 2 * num_blocks + 1, len(view))
    if ready <= 0:
        return view.steps[:0], np.empty(0), np.empty(0)
    count = len(means) - num_blocks + 1
    rolled = sum((means[k : count + k] for k in range(num_blocks)), np.zeros(1)) / num_blocks
    return view.steps[-ready:], rolled[-ready:], rolled[count - ready - num_blocks : count - num_blocks]


def finite_means(rows: Floats) -> Floats:
    """The mean of the finite values of each row, NaN where there is none."""
    finite = np.isfinite(rows)
    total = np.where(finite, rows, 0.0).sum(axis=1)
    counts = finite.sum(axis=1)
    return np.asarray(np.where(counts > 0, total / np.maximum(counts, 1), np.nan))
