"""D2, spikes: how often the loss jumps, whether it comes back, and what the gradient did before."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Floats, Leaf, Readings, check
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.random_walk import validation_acquits
from flight_recorder.tui.checks.signals.rolling import Events, rolling_sums, trailing_median
from flight_recorder.tui.checks.signals.spike_finder import Spike, Spikes
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


def incident(view: View, row: int) -> str:
    """A spike among the new rows in a sentence, with everything that the log says of it."""
    loss, ratio = view["loss"][row], view["signal.loss.spikes.ratio"][row]
    known = {name: value for name in ("grad_norm", "lr", "batch") if np.isfinite(value := view[name][row])}
    words = {"grad_norm": "gradient norm {:.3g}", "lr": "lr {:.3g}", "batch": "batch {:.0f}"}
    dtype = view.facts.header.get("dtype")
    parts = [
        f"step {view.steps[row]}: loss {loss / ratio:.3g} → {loss:.3g}",
        *(words[name].format(value) for name, value in known.items()),
        *([str(dtype)] if dtype else []),
    ]
    return ", ".join(parts)


@check(
    "D2.1",
    question="Does the loss jump away from its own recent past?",
    panel="loss",
    reads=("loss", "signal.loss.spikes", "signal.loss.spikes.ratio", "signal.loss.spikes.is_spike"),
    optional=("grad_norm", "lr", "batch"),
    leaves=(
        Leaf(
            "loss spike",
            above=1.3,
            level=Level.YELLOW,
            keep=50,
            causes=("loss_spike", "gradient_outlier"),
            weight=HINT,
            unless=("no_spike",),
            fix="Look at the batch of that step; one spike that comes back needs nothing else.",
        ),
    ),
    source="ours: robust z over 6, 1.3 x the 50-step mean",
    why="one isolated spike that recovers is normal in honest runs",
)
def spike_ratio(view: View) -> Readings:
    """Loss over its 50-step exponential mean."""
    ratios, losses, is_spike = (
        view["signal.loss.spikes.ratio"],
        view["loss"],
        view["signal.loss.spikes.is_spike"] > 0,
    )
    return Readings(
        view.steps,
        ratios,
        lambda i: (
            incident(view, i) if is_spike[i] else f"loss {losses[i]:.3g}, {ratios[i]:.2f} x its recent mean"
        ),
        {"no_spike": ~is_spike},
    )


@check(
    "D2.2",
    question="Do spikes of the loss come in clusters?",
    panel="loss",
    reads=("loss", "signal.loss.spikes"),
    optional=("grad_norm",),
    window=lambda p: int(p["before"] + 2 * p["near"] + 1),
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
    source="PaLM (Chowdhery et al. 2022), https://arxiv.org/abs/2204.02311, section 5.1, on loss spikes",
    as_written="more than 3 outliers in 200 steps: instability",
    why="counted are spikes of the loss, at least 10 steps apart, confirmed by a gradient norm of 10 x its "
    "median where the log has one",
)
def num_spikes(
    view: View,
    *,
    steps: int = 200,
    apart: int = 10,
    confirmed_by: float = 10.0,
    near: int = 2,
    before: int = 50,
) -> Readings:
    """Spikes of the loss in the last 200 steps, a run of neighbouring ones counted once.

    A spike counts from two records after it on, when the gradient norm near it has confirmed it: 10 x the
    median of the 50 before, where the log has one.
    """
    spikes: Spikes = view.signal("loss.spikes")
    events, norms = view.kept("spikes", Events), view.with_past("grad_norm")
    for spike in spikes.between(view.first_index - near, view.first_index + len(view) - near):
        place = spike.row - view.first_index + view.num_past
        first = max(place - near, 0)
        if _is_confirmed(
            norms[max(first - before, 0) : first], norms[first : place + near + 1], confirmed_by
        ):
            events.add(spike.row, int(view.steps_with_past[place + near]), apart + 1)
    counts = events.within(view.steps, steps)
    return Readings(view.steps, counts, lambda i: f"{counts[i]:.0f} spikes in {steps} steps")


def _is_confirmed(before: Floats, near: Floats, by: float) -> bool:
    """Whether the largest norm near a spike is so many times the usual one; true where nothing is known."""
    before, near = before[np.isfinite(before)], near[np.isfinite(near)]
    return not len(before) or not len(near) or bool(near.max() >= by * np.median(before))


@check(
    "D2.3",
    question="Does the loss come back after it has jumped?",
    panel="loss",
    reads=("loss", "signal.loss.spikes"),
    window=lambda p: int(p["settled"] + p["recent"]),
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
            unless=("no_jump", "validation_at_its_best"),
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
            unless=("no_jump", "validation_at_its_best"),
            fix="The loss did not recover from the spike: resume from the last checkpoint before it.",
        ),
    ),
    source="ours; outcome at +50 and +200 steps: back within 0.1 nats, within 0.5, or not",
    why="0.5 nats at a loss of 2, as a share of the loss before the jump, so that it holds for any loss",
)
def not_recovered(view: View, *, settled: int = 50, forgotten: int = 400, recent: int = 20) -> Readings:
    """Mean loss of 20 steps over the loss before the last spike, minus 1, from 50 to 400 records after it.

    Where there is none, over the mean of 20 steps 50 records back.
    """
    since, jumped = view.steps.copy(), np.zeros(len(view), np.bool_)
    rows = view.first_index + np.arange(len(view))
    means = _finite_rolling_means(view.with_past("loss"), recent)
    now, before = means[view.num_past :], np.full(len(view), np.nan)
    back = np.arange(len(means) - len(view), len(means)) - settled
    known = back >= recent - 1
    before[known] = means[back[known]]
    for spike in _first_of_events(view, forgotten):
        due = (rows >= spike.row + settled) & (rows < spike.row + forgotten)
        before[due], jumped[due] = spike.before, True
        since[due] = view.steps[due] - (rows[due] - spike.row)
    values = now / before - 1
    judged = jumped | np.isfinite(values)
    values, steps, since, jumped = (part[judged] for part in (values, view.steps, since, jumped))
    acquitted = jumped & (values > 0)
    if acquitted.any():
        acquitted &= validation_acquits(view, steps, since)
    return Readings(
        steps,
        values,
        lambda i: f"loss {values[i]:+.0%} of what it was {'before the jump' if jumped[i] else 'before'}",
        {"no_jump": ~jumped, "validation_at_its_best": acquitted},
    )


def _finite_rolling_means(losses: Floats, count: int) -> Floats:
    """Mean of the finite ones of the last `count` values at each; infinite where there is none."""
    finite = np.isfinite(losses)
    padding = np.zeros(count - 1)
    totals = rolling_sums(np.concatenate([padding, np.where(finite, losses, 0.0)]), count)
    numbers = rolling_sums(np.concatenate([padding, finite.astype(np.float64)]), count)
    return np.where(numbers > 0, totals / np.maximum(numbers, 1), np.inf)


def _first_of_events(view: View, forgotten: int) -> list[Spike]:
    """Of each spike and those that follow while it is not forgotten, the first."""
    events: list[Spike] = []
    for spike in view.signal("loss.spikes").between(0, view.first_index + len(view)):
        if not events or spike.row - events[-1].row > forgotten:
            events.append(spike)
    return events


@check(
    "D2.4",
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
