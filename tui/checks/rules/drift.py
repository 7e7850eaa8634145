"""D5, where the losses stand: above a uniform guess, stuck, drifting, or on a plateau."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Flags, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.scope import FROM_SCRATCH, NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.onset import first_loss_before
from flight_recorder.tui.checks.signals.random_walk import excuses
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


def _settled(facts: Facts) -> float:
    """First step at which a run from scratch must have left the level of a uniform guess."""
    return max(200.0, 2 * (facts.warmup_steps or 0))


@check(
    "D5.1",
    section="level of the loss",
    question="Is the training loss better than that of a uniform guess?",
    panel="loss",
    reads=("signal.loss.mean20", "header.vocab_size"),
    after=lambda facts: max(100.0, facts.warmup_steps or 0),
    leaves=(
        Leaf(
            "worse than a uniform guess",
            above=0.5,
            level=Level.RED,
            hold=20,
            keep=20,
            causes=("above_uniform", "instability", "lr_too_high", "bad_init"),
            weight=STRONG,
            fix="The model is confidently wrong: start again with the learning rate and the initialisation.",
            unless=("other_unit",),
        ),
    ),
    source="our own proposal",
    why="only after the warm-up, whose first steps may pass through a peak",
)
def over_uniform(view: View) -> Readings:
    """Mean training loss of 20 steps minus ln V, in nats per token."""
    finite = np.isfinite(view["signal.loss.mean20"])  # what is not is D1's to say
    means, uniform = view["signal.loss.mean20"][finite], view.facts.ln_vocab or 0.0
    return Readings(
        view.steps[finite],
        means - uniform,
        lambda i: f"mean loss of 20 steps is {means[i]:.3g}, ln V is {uniform:.3g}",
        {"other_unit": _is_other_unit(view, view.steps[finite], uniform)},
    )


def _is_other_unit(view: View, steps: Steps, uniform: float, *, times: float = 2.0) -> Flags:
    """Whether the loss is hardly one of this vocabulary: trained weights begin far below twice a guess's."""
    is_told = "unit" in view.facts.header or not view.facts.header.get("pretrained")
    return np.asarray((first_loss_before(view.recording, steps) > times * uniform) & (not is_told))


@check(
    "D5.2",
    section="level of the loss",
    question="Is the validation loss better than that of a uniform guess?",
    panel="loss",
    reads=("evaluation.val_loss", "signal.val.lowest", "signal.val.learned_below", "header.vocab_size"),
    after=1,
    leaves=(
        Leaf(
            "worse than uniform",
            above=0.5,
            level=Level.RED,
            causes=("eval_broken", "above_uniform"),
            weight=STRONG,
            fix="Either the evaluation is broken (wrong tokens, a sum for a mean) or the model is: "
            "evaluate a batch of the training set in the same way.",
            unless=("learned_before", "other_unit"),
        ),
    ),
    source="our own proposal",
    as_written="5.07e+18 -> 2.39e+21: controlled, stable",
    why="a perplexity is judged as its logarithm: 43 to 49 nats per token, where guessing costs 10.8; an "
    "evaluation that once read 0.2 nats less than a guess has worked, and is not to blame (D5.7)",
)
def validation_over_uniform(view: View) -> Readings:
    """Validation loss minus ln V, in nats per token."""
    uniform, finite = view.facts.ln_vocab or 0.0, np.isfinite(view["val_loss"])
    val = view["val_loss"][finite]
    learned = (view["signal.val.lowest"] < view["signal.val.learned_below"])[finite]
    return Readings(
        view.steps[finite],
        val - uniform,
        lambda i: f"validation loss is {val[i]:.3g} nats per token, a uniform guess costs {uniform:.3g}",
        {
            "learned_before": learned,
            "nothing_learned_yet": ~learned,
            "other_unit": _is_other_unit(view, view.steps[finite], uniform),
        },
    )


@check(
    "D5.7",
    section="level of the loss",
    question="Has validation stayed better than a uniform guess?",
    panel="loss",
    reads=("evaluation.val_loss", "signal.val.lowest", "signal.val.learned_below", "header.vocab_size"),
    after=1,
    leaves=(
        Leaf(
            "worse than uniform again",
            above=0.5,
            level=Level.RED,
            causes=("above_uniform",),
            weight=HINT,
            fix="What validation had learned is gone: go back to the checkpoint of the best evaluation.",
            unless=("nothing_learned_yet",),
        ),
    ),
    source="our own proposal",
)
def validation_over_uniform_again(view: View) -> Readings:
    """Validation loss minus ln V, in nats per token."""
    return validation_over_uniform(view)


@check(
    "D5.3",
    section="level of the loss",
    question="Has the loss left the level of a uniform guess?",
    panel="loss",
    reads=("signal.loss.mean20", "signal.loss.mean20.lowest", "header.vocab_size"),
    applies=(FROM_SCRATCH,),
    after=_settled,
    leaves=(
        Leaf(
            "chance plateau",
            above=-0.2,
            below=0.5,
            level=Level.RED,
            hold=50,
            keep=20,
            causes=("plateau", "lr_too_low", "frozen_parameters", "shuffled_labels"),
            weight=STRONG,
            fix="Nothing is learned: look at the rate applied, at frozen parameters, at the targets.",
            unless=("learned_before",),
        ),
    ),
    source="our own proposal",
    why="an honest long plateau lies below ln V; a run that comes back up to this level from a nat below it "
    "has learned before (D5.8)",
)
def distance_to_chance(view: View, *, left: float = 1.0) -> Readings:
    """Mean training loss of 20 steps minus ln V, in nats per token."""
    found, uniform = over_uniform(view), view.facts.ln_vocab
    if uniform is None:
        return NOTHING
    lowest = view["signal.loss.mean20.lowest"][np.isfinite(view["signal.loss.mean20"])]
    return replace(found, excused={"learned_before": lowest < uniform - left})


@check(
    "D5.4",
    section="level of the loss",
    question="Is more learned than how often each token occurs?",
    panel="loss",
    reads=(
        *("signal.loss.mean200", "signal.loss.mean200.before", "signal.loss.mean200.lowest"),
        *("header.vocab_size", "header.baseline_loss"),
    ),
    after=lambda facts: max(500.0, 3 * (facts.warmup_steps or 0)),
    leaves=(
        Leaf(
            "stuck far above the n-gram baseline",
            above=0.3,
            level=Level.RED,
            hold=3,
            keep=3,
            causes=("shuffled_labels", "lr_too_low", "frozen_parameters", "plateau"),
            weight=STRONG,
            fix="The model has learned frequencies only: look whether the targets belong to the inputs.",
            unless=("still_falling",),
        ),
    ),
    source="our own proposal",
    why="0 is the baseline, 1 a uniform guess; healthy runs are below 0 by step 250. A loss that still falls "
    "by over 2 % in 200 steps is given time; one that comes back up has learned before (D5.5)",
)
def way_from_baseline(view: View, *, falling: float = 0.98) -> Readings:
    """Lowest mean loss of 200 steps, from the n-gram baseline (0) to ln V (1)."""
    uniform, baseline = view.facts.ln_vocab, view.facts.baseline_loss
    if uniform is None or baseline is None or uniform <= baseline:
        return NOTHING
    lowest = np.fmin(view["signal.loss.mean200.lowest"], view["signal.loss.mean200.before"])
    return Readings(
        view.steps,
        (lowest - baseline) / (uniform - baseline),
        lambda i: f"mean loss of 200 steps has been {lowest[i]:.3g}, the n-gram baseline is {baseline:.3g}",
        {"still_falling": _still_falls(view, falling)},
    )


def _still_falls(view: View, falling: float) -> Flags:
    """Where the mean loss of 200 records is below such a share of that of the 200 before."""
    return np.asarray(view["signal.loss.mean200"] < falling * view["signal.loss.mean200.before"])


@check(
    "D5.5",
    section="level of the loss",
    question="Does the training loss drift upwards?",
    panel="loss",
    reads=(
        *("signal.loss.mean200", "signal.loss.mean200.before", "signal.loss.mean200.row"),
        *("signal.loss.mean200.lowest", "signal.loss.mean200.lowest.row", "signal.loss.mean200.lowest.step"),
        "signal.loss.random_walk",
    ),
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    after=lambda facts: (facts.warmup_steps or 0) + 400,
    leaves=(
        Leaf(
            "loss drifts upwards",
            above=0.1,
            level=Level.ORANGE,
            hold=3,
            keep=3,
            causes=("drift", "instability", "lr_too_high"),
            weight=STRONG,
            fix="The run unlearns: check the rate against its schedule, go back to the best checkpoint.",
            unless=("still_falling", "validation_at_its_best", "random_walk_explains", "level_holds"),
        ),
        Leaf(
            "loss creeps upwards",
            above=0.04,
            level=Level.YELLOW,
            hold=3,
            keep=3,
            causes=("drift",),
            weight=HINT,
            fix="Watch it: has the data changed, or does the learning rate creep?",
            unless=("still_falling", "level_holds"),
        ),
    ),
    source="our own proposal",
    why="a loss that falls again, however high it stands, does not drift upwards",
)
def drift(view: View, *, least: float = 0.05, falling: float = 0.98) -> Readings:
    """Mean loss of 200 steps over the lowest such mean so far, minus 1; near 0, where relative changes are
    noise, both are taken as 0.05 nats at least."""
    known = np.isfinite(view["signal.loss.mean200"]) & np.isfinite(view["signal.loss.mean200.lowest"])
    steps, now = view.steps[known], view["signal.loss.mean200"][known]
    lowest = np.maximum(view["signal.loss.mean200.lowest"][known], least)
    rises = np.maximum(now, least) / lowest - 1
    row, low_row, low_step = (
        view[f"signal.loss.mean200.{name}"][known].astype(np.int64)
        for name in ("row", "lowest.row", "lowest.step")
    )
    excused = excuses(view, view.signal("loss.random_walk"), row, steps, low_row, low_step, rises)
    return Readings(
        steps,
        rises,
        lambda i: f"mean loss of 200 steps is {now[i]:.3g}, it has been {lowest[i]:.3g}",
        {
            **excused,
            "still_falling": _still_falls(view, falling)[known],
            "level_holds": np.array([_level_holds(view, step) for step in steps.tolist()], np.bool_),
        },
    )


def _level_holds(view: View, step: int) -> bool:
    """Whether noise explains how far the level of the loss is above its best."""
    shape = view.signal("loss.level").before(step + 1)
    return shape is not None and not shape.is_real(shape.rise)


@check(
    "D5.6",
    section="level of the loss",
    question="Does the training loss still fall?",
    panel="loss",
    reads=tuple(f"signal.loss_and_lr.mean200{name}" for name in ("", ".before", ".lr", ".highest_lr")),
    after=lambda facts: 5 * _settled(facts),
    leaves=(
        Leaf(
            "plateau",
            below=5e-4,
            level=Level.YELLOW,
            hold=25,
            keep=3,
            causes=("plateau",),
            weight=HINT,
            fix="A plateau can be honest and long: wait, or end the run here.",
            unless=("rate_decayed",),
        ),
    ),
    source="our own proposal",
    why="at the end of a schedule nothing should move: judged above a tenth of the peak rate",
)
def fall(view: View, *, decayed: float = 0.1) -> Readings:
    """Share by which the mean loss of 200 steps is below that of the 200 before."""
    now, before, rate, highest = (
        view[f"signal.loss_and_lr.mean200{name}"] for name in ("", ".before", ".lr", ".highest_lr")
    )
    known = np.isfinite(now) & np.isfinite(before)
    now, before = now[known], before[known]
    return Readings(
        view.steps[known],
        1 - now / np.maximum(before, 1e-9),
        lambda i: f"mean loss went from {before[i]:.4g} to {now[i]:.4g}",
        {"rate_decayed": ~(rate > decayed * highest)[known]},
    )
