"""D2, spikes: how often the loss jumps, whether it comes back, and what the gradient did before."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Floats, Leaf, Readings, check
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.random_walk import validation_acquits
from flight_recorder.tui.checks.signals.rolling import Events, trailing_median
from flight_recorder.tui.checks.signals.spike_finder import PAST, RATIO_MIN, Spike, Spikes
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_OURS = "ours: robust z over 6, 1.3 x the 50-step mean"


def _new_spikes(view: View, delay: int = 0) -> list[Spike]:
    """The spikes among the new rows, or among those so many rows before them."""
    spikes: Spikes = view.signal("loss.spikes")
    return spikes.between(view.first_index - delay, view.first_index + len(view) - delay)


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
    reads=("loss", "signal.loss.spikes"),
    optional=("grad_norm", "lr", "batch"),
    window=PAST + 1,
    leaves=(
        Leaf(
            "loss spike",
            above=RATIO_MIN,
            level=Level.YELLOW,
            keep=50,
            causes=("loss_spike", "gradient_outlier"),
            weight=HINT,
            fix="Look at the batch of that step; one spike that comes back needs nothing else.",
        ),
    ),
    source=_OURS,
    why="one isolated spike that recovers is normal in honest runs",
)
def spike_ratio(view: View) -> Readings:
    """Loss over its 50-step exponential mean where it is a spike by its robust z, else 1."""
    values = np.ones(len(view))
    spikes = {spike.row - view.first_index: spike for spike in _new_spikes(view)}
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
    reads=("loss", "signal.loss.spikes"),
    optional=("grad_norm",),
    window=PAST + 1,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "cluster of spikes",
            above=2.5,
            level=Level.ORANGE,
            keep=200,
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
def num_spikes(view: View, *, steps: int = 200, apart: int = 10, confirmed_by: float = 10.0) -> Readings:
    """Spikes of the loss in the last 200 steps, a run of neighbouring ones counted once.

    A spike counts from two records after it on, when it is confirmed.
    """
    events = view.kept("spikes", Events)
    for spike in _new_spikes(view, delay=2):
        if _is_confirmed(spike, view, confirmed_by):
            events.add(spike.row, int(view.steps_with_past[_place(spike, view) + 2]), apart + 1)
    counts = events.within(view.steps, steps)
    return Readings(view.steps, counts, lambda i: f"{counts[i]:.0f} spikes in {steps} steps")


def _place(spike: Spike, view: View) -> int:
    return spike.row - view.first_index + view.num_past


def _is_confirmed(spike: Spike, view: View, by: float) -> bool:
    """Whether the gradient norm within two records of the spike is 10 x its median over the 50 before."""
    norms, place = view.with_past("grad_norm"), _place(spike, view)
    before = norms[max(place - 52, 0) : max(place - 2, 0)]
    before = before[np.isfinite(before)]
    if not len(before):
        return True
    near = norms[max(place - 2, 0) : place + 3]
    return bool(np.nanmax(near) >= by * np.median(before)) if np.isfinite(near).any() else True


@check(
    "D2.3",
    section="spikes",
    question="Does the loss come back after it has jumped?",
    panel="loss",
    reads=("loss", "signal.loss.spikes"),
    window=PAST + 1,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "did not recover",
            above=0.25,
            level=Level.ORANGE,
            hold=20,
            keep=20,
            causes=("instability", "loss_spike", "lr_too_high"),
            weight=STRONG,
            unless=("validation_at_its_best",),
            fix="Go back to the last checkpoint before the jump, skip its batch, lower the rate.",
        ),
        Leaf(
            "still not recovered after 200 steps",
            above=0.25,
            level=Level.RED,
            hold=150,
            keep=20,
            causes=("instability", "lr_too_high", "loss_spike"),
            weight=STRONG,
            unless=("validation_at_its_best",),
            fix="The loss did not recover from the spike: resume from the last checkpoint before it.",
        ),
    ),
    source="ours; outcome at +50 and +200 steps: back within 0.1 nats, within 0.5, or not",
    why="0.5 nats at a loss of 2, as a share of the loss before the jump, so that it holds for any loss",
)
def not_recovered(view: View, *, settled: int = 50, forgotten: int = 400, recent: int = 20) -> Readings:
    """Mean loss of 20 steps over the loss before the last spike, minus 1, from 50 steps after it; else 0."""
    values = np.zeros(len(view))
    since = view.steps.copy()
    rows = view.first_index + np.arange(len(view))
    losses = view.with_past("loss")
    for spike in _first_of_events(view, forgotten):
        due = np.flatnonzero((rows >= spike.row + settled) & (rows < spike.row + forgotten))
        for row in due.tolist():
            end = row + view.num_past + 1
            known = losses[max(end - recent, 0) : end]
            known = known[np.isfinite(known)]
            values[row] = float(np.mean(known)) / spike.before - 1 if len(known) else np.inf
        since[due] = view.steps[due] - (rows[due] - spike.row)
    acquitted = values > 0
    if acquitted.any():
        acquitted &= validation_acquits(view, view.steps, since)
    return Readings(
        view.steps,
        values,
        lambda i: f"loss {values[i]:+.0%} of what it was before the jump",
        {"validation_at_its_best": acquitted},
    )


def _first_of_events(view: View, forgotten: int) -> list[Spike]:
    """Of each spike and those that follow while it is not forgotten, the first."""
    events: list[Spike] = []
    for spike in view.signal("loss.spikes").between(0, view.first_index + len(view)):
        if not events or spike.row - events[-1].row > forgotten:
            events.append(spike)
    return events


@check(
    "D2.4",
    section="spikes",
    question="Does the gradient norm run up before anything else shows?",
    panel="grad_norm",
    reads=("grad_norm",),
    window=lambda p: int(p["recent"] + p["every"]),
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
def gradient_run_up(view: View, *, recent: int = 100, every: int = 20) -> Readings:
    """Gradient norm over the median of the 100 steps before it."""
    chosen, medians = trailing_median(view, "grad_norm", recent, every)
    norms = view["grad_norm"][chosen]
    values: Floats = norms / np.maximum(medians, 1e-30)
    kept = np.isfinite(values)
    values, steps = values[kept], view.steps[chosen[kept]]
    return (
        Readings(steps, values, lambda i: f"gradient norm is {values[i]:.3g} x its median")
        if len(steps)
        else NOTHING
    )
