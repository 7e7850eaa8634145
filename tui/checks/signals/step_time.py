"""How long a step takes, without the checkpoints and evaluations between."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.signals.rolling import Floats, blocks_of
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View


@signal(
    "step_s.blocks",
    reads=("step_s",),
    optional=("data_s",),
    window=lambda p: int(p["size"]),
    columns=("pace", "wait"),
    why="the longest of each 20 records is left out: a checkpoint or an evaluation is no pace, and a mean "
    "from which the extreme is trimmed is moved by no single one",
    reference="https://en.wikipedia.org/wiki/Truncated_mean",
)
def step_time(view: View, *, size: int = 20) -> Derived:
    """Mean seconds of a step, and of its waiting for data, over each 20 records less the longest of them."""
    steps, times = blocks_of(view, "step_s", size)
    _, waits = blocks_of(view, "data_s", size)
    return Derived(steps, {"pace": _trimmed_means(times), "wait": _trimmed_means(waits)})


def _trimmed_means(blocks: Floats) -> Floats:
    """Mean of each block less its longest; NaN where nothing above 0 was measured."""
    finite = np.where(np.isfinite(blocks), blocks, 0.0)
    means = (finite.sum(axis=1) - finite.max(axis=1)) / (blocks.shape[1] - 1)
    return np.asarray(np.where((means > 0) & np.isfinite(blocks).all(axis=1), means, np.nan))
