"""D2, spikes: how often the loss jumps, whether it comes back, and what the gradient did before."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Floats, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.signals.random_walk import first_step_of_players, is_no_fault
from flight_recorder.tui.checks.signals.rolling import trailing_median
from flight_recorder.tui.checks.signals.spike_finder import PAST, RATIO_MIN, Spike, SpikeFinder
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_OURS = "ours: robust z over 6, 1.3 x the 50-step mean"

CLUSTER_STEPS = 200
"""Span in which spikes are counted; the stability checklist counts its outliers in the same."""

SETTLED, GIVEN_UP = 50, 200
"""Steps after a spike at which its outcome is read, and after which it is final."""

CONFIRMED_BY = 10.0
"""Gradient norm over its rolling median that confirms a spike, within two records of it."""


@dataclass(slots=True)
class _Shared:
    """The spikes of one replay of a log, found once for all of the checks that ask."""

    finder: SpikeFinder = field(default_factory=SpikeFinder)
    spikes: list[Spike] = field(default_factory=list)
    num_rows: int = 0


_OF_REPLAY: WeakKeyDictionary[Facts, _Shared] = WeakKeyDictionary()
"""By the facts of the replay, which live exactly as long as the checks that judge by them."""


class _Spikes:
    """The spikes among the new rows, and those before that a measure still needs."""

    def __init__(self) -> None:
        self.spikes: list[Spike] = []

    def take(self, view: View) -> list[Spike]:
        """The spikes of the new rows."""
        shared = _OF_REPLAY.setdefault(view.facts, _Shared())
        end = view.first_index + len(view)
        if end > shared.num_rows:
            first_row = view.first_index - view.num_past
            seen = shared.num_rows - first_row
            shared.spikes += shared.finder.find(view.with_past("loss"), first_row, seen)
            shared.num_rows = end
        first = bisect_left(shared.spikes, view.first_index, key=lambda spike: spike.row)
        last = bisect_left(shared.spikes, end, key=lambda spike: spike.row)
        found = shared.spikes[first:last]
        self.spikes += found
        return found


def incident(spike: Spike, view: View) -> str:
    """A spike among the rows of this view in a sentence, with everything that the log says of it."""
    row = spike.row - view.first_index + view.num_past
    named = {name: float(view.with_past(name)[row]) for name in ("grad_norm", "lr", "batch")}
    parts = [
        f"step {int(view.steps_with_past[row])}: loss {spike.before:.3g} → {spike.loss:.3g}",
        *(f"gradient norm {v:.3g}" for v in [named["grad_norm"]] if np.isfinite(v)),
        *(f"lr {v:.3g}" for v in [named["lr"]] if np.isfinite(v)),
        *(f"batch {v:.0f}" for v in [named["batch"]] if np.isfinite(v)),
    ]
    dtype = view.facts.header.get("dtype")
    return ", ".join(parts) + (f", {dtype}" if dtype else "")


@check(
    "D2.1",
    section="spikes",
    question="Does the loss jump away from its own recent past?",
    panel="loss",
    reads=("loss",),
    optional=("grad_norm", "lr", "batch"),
    window=PAST + 1,
    leaves=(
        Leaf(
            "loss spike",
            above=RATIO_MIN,
            level=Level.YELLOW,
            keep=SETTLED,
            causes=("loss_spike", "gradient_outlier"),
            weight=HINT,
            fix="Look at the batch of that step; one spike that comes back needs nothing else.",
        ),
    ),
    source=_OURS,
    why="one isolated spike that recovers is normal in honest runs",
)
class SpikeRatio(_Spikes):
    """Loss over its 50-step exponential mean where it is a spike by its robust z, else 1."""

    def __call__(self, view: View) -> Readings:
        """One reading for each step."""
        values = np.ones(len(view))
        spikes = {spike.row - view.first_index: spike for spike in self.take(view)}
        for row, spike in spikes.items():
            values[row] = spike.ratio
        return Readings(
            view.steps,
            values,
            lambda i: incident(spikes[i], view) if i in spikes else "no spike at this step",
        )


@check(
    "D2.2",
    section="spikes",
    question="Do spikes of the loss come in clusters?",
    panel="loss",
    reads=("loss",),
    optional=("grad_norm",),
    window=PAST + 1,
    leaves=(
        Leaf(
            "cluster of spikes",
            above=2.5,
            level=Level.ORANGE,
            keep=CLUSTER_STEPS,
            causes=("instability", "gradient_outlier", "lr_too_high", "loss_spike"),
            weight=STRONG,
            fix="Lower lr_max or the clip value, lengthen the warm-up; look whether the same batches recur.",
        ),
    ),
    source="the stability checklist, Q3.2",
    as_written="more than 3 outliers in 200 steps: instability",
    why="counted are spikes of the loss, at least 10 steps apart, confirmed by a gradient norm of 10 x its "
    "median where the log has one",
)
class SpikesInCluster(_Spikes):
    """Spikes of the loss in the last 200 steps, a run of neighbouring ones counted once; 0 among players."""

    def __init__(self) -> None:
        super().__init__()
        self._median = np.nan
        self._starts: list[int] = []
        self._last = -CLUSTER_STEPS

    def __call__(self, view: View) -> Readings:
        """One reading for each step; a spike counts from two records after it on, when it is confirmed."""
        self.take(view)
        ready = [spike for spike in self.spikes if spike.row + 2 < view.first_index + len(view)]
        self.spikes = self.spikes[len(ready) :]
        for spike in ready:
            if spike.row - self._last > 10 and _is_confirmed(spike, view):
                self._starts.append(int(view.steps_with_past[_place(spike, view) + 2]))
                self._last = spike.row
        starts = np.array(self._starts, np.int64)
        count = np.searchsorted(starts, view.steps, side="right")
        count -= np.searchsorted(starts, view.steps - CLUSTER_STEPS, side="right")
        values = np.where(view.steps < first_step_of_players(view.recording), count.astype(np.float64), 0.0)
        return Readings(view.steps, values, lambda i: f"{values[i]:.0f} spikes in {CLUSTER_STEPS} steps")


def _place(spike: Spike, view: View) -> int:
    return spike.row - view.first_index + view.num_past


def _is_confirmed(spike: Spike, view: View) -> bool:
    """Whether the gradient norm within two records of the spike is 10 x its median over the 50 before."""
    norms, place = view.with_past("grad_norm"), _place(spike, view)
    before = norms[max(place - 52, 0) : max(place - 2, 0)]
    before = before[np.isfinite(before)]
    if not len(before):
        return True
    near = norms[max(place - 2, 0) : place + 3]
    return bool(np.nanmax(near) >= CONFIRMED_BY * np.median(before)) if np.isfinite(near).any() else True


@check(
    "D2.3",
    section="spikes",
    question="Does the loss come back after it has jumped?",
    panel="loss",
    reads=("loss",),
    window=PAST + 1,
    leaves=(
        Leaf(
            "did not recover",
            above=0.25,
            level=Level.ORANGE,
            hold=20,
            keep=20,
            causes=("instability", "loss_spike", "lr_too_high"),
            weight=STRONG,
            fix="Go back to the last checkpoint before the jump, skip its batch, lower the rate.",
        ),
        Leaf(
            "still not recovered after 200 steps",
            above=0.25,
            level=Level.RED,
            hold=GIVEN_UP - SETTLED,
            keep=20,
            causes=("instability", "lr_too_high", "loss_spike"),
            weight=STRONG,
            fix="The run has left its valley: go back to the last checkpoint before the jump.",
        ),
    ),
    source="ours; outcome at +50 and +200 steps: back within 0.1 nats, within 0.5, or not",
    why="0.5 nats at a loss of 2, as a share of the loss before the jump, so that it holds for any loss",
)
class NotRecovered(_Spikes):
    """Mean loss of 20 steps over the loss before the last spike, minus 1, from 50 steps after it; else 0."""

    _FORGET = 2 * GIVEN_UP

    def __call__(self, view: View) -> Readings:
        """One reading for each step."""
        self.take(view)
        values = np.zeros(len(view))
        rows = view.first_index + np.arange(len(view))
        first_of_event: list[Spike] = []
        for spike in self.spikes:
            if not first_of_event or spike.row - first_of_event[-1].row > self._FORGET:
                first_of_event.append(spike)
        for spike in first_of_event:
            due = np.flatnonzero((rows >= spike.row + SETTLED) & (rows < spike.row + self._FORGET))
            for row in due.tolist():
                end = row + view.num_past + 1
                recent = view.with_past("loss")[max(end - 20, 0) : end]
                recent = recent[np.isfinite(recent)]
                values[row] = float(np.mean(recent)) / spike.before - 1 if len(recent) else np.inf
            self._excuse(view, spike, rows, due, values)
        self.spikes = first_of_event[-1:]
        return Readings(view.steps, values, lambda i: f"loss {values[i]:+.0%} of what it was before the jump")

    def _excuse(self, view: View, spike: Spike, rows: Steps, due: Steps, values: Floats) -> None:
        """Set to 0 where the data may have changed, or the loss is one that players share."""
        risen = due[values[due] > 0]
        if len(risen):
            steps = view.steps[risen]
            since_steps = steps - (rows[risen] - spike.row)
            values[risen[is_no_fault(view, steps, since_steps)]] = 0.0


@check(
    "D2.4",
    section="spikes",
    question="Does the gradient norm run up before anything else shows?",
    panel="grad_norm",
    reads=("grad_norm",),
    window=120,
    after=lambda facts: (facts.warmup_steps or 0) + 200,
    leaves=(
        Leaf(
            "gradient norm runs up",
            above=4.0,
            level=Level.YELLOW,
            hold=10,
            keep=20,
            causes=("instability", "lr_too_high"),
            weight=HINT,
            fix="Watch the loss; if it follows, lower the learning rate.",
        ),
    ),
    source="ours",
    why="ten steps in a row, not one outlier",
)
def gradient_run_up(view: View) -> Readings:
    """Gradient norm over the median of the 100 steps before it."""
    chosen, medians = trailing_median(view, "grad_norm", 100, 20)
    norms = view["grad_norm"][chosen]
    values: Floats = norms / np.maximum(medians, 1e-30)
    kept = np.isfinite(values)
    values, steps = values[kept], view.steps[chosen[kept]]
    return (
        Readings(steps, values, lambda i: f"gradient norm is {values[i]:.3g} x its median")
        if len(steps)
        else NOTHING
    )
