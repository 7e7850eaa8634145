"""D8, metrics that are no losses (accuracy, BLEU, mAP, reward): what was gained and lost again.

The reading is of the metric that has lost most; one metric that fell is a finding whatever the others do.
"""

from __future__ import annotations

from flight_recorder.tui.checks.rule import HINT, STRONG, Leaf, Readings, check, readings_of
from flight_recorder.tui.checks.signals.metrics import Metric
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_OURS = "our own proposal; the statistics of tui/checks/signals/level_curve.py"
_OF_STEPS = ("step", "signal.metrics.of_steps")
_OF_EVALUATIONS = ("evaluation.step", "signal.metrics.of_evaluations")
_FIX = "Go back to the checkpoint from before the fall; look at the rate and the data of that stretch."


def _worst(view: View, signal: str, of_rewards: bool) -> list[Metric]:
    """At each row the metric that has lost most of those of which noise does not explain it."""
    found = (
        [metric for metric in metrics if metric.is_reward is of_rewards]
        for metrics in view.signal(signal).among(view.steps)
    )
    return [max(metrics, key=lambda metric: (_is_real(metric), metric.lost)) for metrics in found if metrics]


def _lost(view: View, signal: str) -> Readings:
    worst = _worst(view, signal, of_rewards=False)
    return readings_of(
        worst,
        [metric.lost for metric in worst],
        Metric.words,
        within_noise=[not _is_real(metric) for metric in worst],
    )


def _reward_lost(view: View, signal: str, little: float) -> Readings:
    worst = _worst(view, signal, of_rewards=True)
    return readings_of(
        worst,
        [metric.shape.given_back for metric in worst],
        Metric.words,
        within_noise=[not _is_real(metric) for metric in worst],
        little_is_lost=[metric.share_of_level < little for metric in worst],
    )


def _is_real(metric: Metric) -> bool:
    return metric.shape.is_real(metric.shape.rise)


def _leaves(weight: float) -> tuple[Leaf, ...]:
    causes = ("diverged", "instability", "overfit")
    return (
        Leaf(
            "a metric has fallen",
            above=0.1,
            hold=2,
            keep=2,
            causes=causes,
            weight=weight,
            fix=_FIX,
            unless=("within_noise",),
        ),
        Leaf(
            "half of a metric is lost",
            above=0.5,
            level=Level.RED,
            hold=2,
            keep=2,
            causes=causes,
            weight=weight,
            fix=_FIX,
            unless=("within_noise",),
        ),
        Leaf(
            "a metric has collapsed",
            above=0.99,
            level=Level.BLACK,
            hold=2,
            keep=2,
            causes=causes,
            weight=weight,
            fix=_FIX,
            unless=("within_noise",),
        ),
    )


@check(
    "D8.1",
    section="metrics",
    question="Do the metrics of the evaluations keep what they had reached?",
    panel="loss",
    reads=_OF_EVALUATIONS,
    leaves=_leaves(HINT),
    source=_OURS,
    why="a tenth, as of a loss in D5.12, of the level or of what was gained if that is less: a metric near "
    "its ceiling loses little of its level, one that never rose has nothing to lose",
)
def evaluated_metric_lost(view: View) -> Readings:
    """The share of its best level, or of its gain if that is less, that a metric of the evaluations has lost:
    the best of late against the best of all."""
    return _lost(view, "metrics.of_evaluations")


@check(
    "D8.2",
    section="metrics",
    question="Do the metrics of training keep what they had reached?",
    panel="loss",
    reads=_OF_STEPS,
    leaves=_leaves(STRONG),
    source=_OURS,
)
def metric_lost(view: View) -> Readings:
    """The same of a metric of the training steps."""
    return _lost(view, "metrics.of_steps")


def _reward_leaves() -> tuple[Leaf, ...]:
    fix = (
        "Go back to the policy from before the fall; smaller updates (rate, clip range, KL) and more samples."
    )
    return (
        Leaf(
            "most of the reward is lost",
            above=0.8,
            hold=2,
            keep=2,
            causes=("reward_collapse", "instability"),
            weight=STRONG,
            fix=fix,
            unless=("within_noise", "little_is_lost"),
        ),
        Leaf(
            "the reward is as low as before training",
            above=0.95,
            level=Level.RED,
            hold=2,
            keep=2,
            causes=("reward_collapse", "instability"),
            weight=STRONG,
            fix=fix,
            unless=("within_noise", "little_is_lost"),
        ),
    )


_WHY_MOST = (
    "a policy explores, and its return moves up and down by halves in honest runs, at each new stage of a "
    "curriculum too: only four fifths of the gain are certain, with half of the level"
)


@check(
    "D8.3",
    section="metrics",
    question="Does the reward keep what the policy had reached?",
    panel="loss",
    reads=_OF_STEPS,
    leaves=_reward_leaves(),
    source=_OURS,
    why=_WHY_MOST,
)
def reward_lost(view: View, *, little: float = 0.5) -> Readings:
    """The share of what the reward had gained that it has lost: the best of late against the best of all."""
    return _reward_lost(view, "metrics.of_steps", little)


@check(
    "D8.4",
    section="metrics",
    question="Does the evaluated reward keep what the policy had reached?",
    panel="loss",
    reads=_OF_EVALUATIONS,
    leaves=_reward_leaves(),
    source=_OURS,
    why=_WHY_MOST,
)
def evaluated_reward_lost(view: View, *, little: float = 0.5) -> Readings:
    """The same of the reward that is measured at evaluations."""
    return _reward_lost(view, "metrics.of_evaluations", little)


@check(
    "D8.5",
    section="metrics",
    question="Does an accuracy rise above where it began, in a log without a loss?",
    panel="loss",
    reads=_OF_STEPS,
    leaves=(
        Leaf(
            "no accuracy has risen",
            below=0.03,
            level=Level.RED,
            hold=3,
            keep=2,
            causes=("never_learned", "lr_too_high", "lr_too_low"),
            weight=STRONG,
            fix="Train on one batch alone; log the loss beside the accuracy.",
            unless=("has_a_loss", "beats_a_coin", "noise_hides_a_rise"),
        ),
    ),
    source=_OURS,
    why="where there is a loss, D5.14 and D5.19 judge by it; an accuracy over a half may have begun trained",
)
def largest_gain(view: View, *, coin: float = 0.5, hidden: float = 0.03) -> Readings:
    """How far the accuracy that rose most is above where it began, from 0 to 1."""
    found = (
        [metric for metric in metrics if metric.is_share]
        for metrics in view.signal("metrics.of_steps").among(view.steps)
    )
    most = [max(metrics, key=lambda metric: metric.gain) for metrics in found if metrics]
    first = view.recording.steps["loss"].steps[:1].tolist()
    return readings_of(
        most,
        [metric.gain for metric in most],
        Metric.words,
        has_a_loss=[first != [] and first[0] <= metric.step for metric in most],
        beats_a_coin=[metric.best / metric.whole > coin for metric in most],
        noise_hides_a_rise=[metric.shape.hidden() / metric.whole > hidden for metric in most],
    )
