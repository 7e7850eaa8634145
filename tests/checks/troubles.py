"""Runs in trouble, and healthy ones like them, made from seeds: of any kind of model, scale and length.

Each kind of trouble is a function of a source of random numbers that gives the curves of a sick run and of
its healthy twin: the same program, the same scale and noise, and no trouble. `runs(kind)` makes ten of each.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Source = np.random.Generator

NUM_RUNS = 10


@dataclass
class Curves:
    """What a run records: columns of its steps, and of its evaluations, every so many steps."""

    steps: dict[str, Floats]
    evaluations: dict[str, Floats] = field(default_factory=dict)
    decimals: int = 6

    def records(self, every: int = 1) -> list[dict[str, Any]]:
        """The log, steps counted from 1, each number as printed with so many significant digits."""
        count = len(next(iter(self.steps.values())))
        num_evaluations = len(next(iter(self.evaluations.values()), ()))
        apart = count // max(num_evaluations, 1)
        written: list[dict[str, Any]] = [{"kind": "header", "format": "1.0", "source": "printed"}]
        for row in range(count):
            step = every * (row + 1)
            written.append({"kind": "step", "step": step, **self._row(self.steps, row)})
            place, is_due = divmod(row + 1, apart)
            if not is_due and 0 < place <= num_evaluations:
                written.append({"kind": "evaluation", "step": step, **self._row(self.evaluations, place - 1)})
        return written

    def _row(self, columns: dict[str, Floats], row: int) -> dict[str, float]:
        return {name: float(f"{values[row]:.{self.decimals}g}") for name, values in columns.items()}


def noisy(source: Source, levels: Floats, share: float) -> Floats:
    """The levels with noise in proportion to them."""
    return np.asarray(levels * np.exp(share * source.standard_normal(len(levels))))


def falling(count: int, first: float, last: float, power: float = 0.6) -> Floats:
    """A power law from the first level towards the last."""
    return np.asarray(last + (first - last) * np.arange(1.0, count + 1) ** -power)


def length(source: Source, least: int = 60, most: int = 2500) -> int:
    """A number of records, any power of ten as likely."""
    return int(np.exp(source.uniform(np.log(least), np.log(most))))


def scale(source: Source) -> float:
    """A unit of the loss: squared errors of 1e-5 and sums of thousands alike."""
    return float(10 ** source.uniform(-4, 4))


Pair = tuple[Curves, Curves]


def never_learned(source: Source) -> Pair:
    """Flat from the start, within its noise."""
    count, unit, noise = length(source), scale(source), source.uniform(0.002, 0.02)
    flat = unit * noisy(source, np.ones(count), noise)
    return Curves({"loss": flat}), Curves({"loss": unit * noisy(source, falling(count, 1, 0.3), noise)})


def at_chance(source: Source) -> Pair:
    """At ln k with the accuracy of a guess, after a start above it."""
    classes, count = int(source.choice([2, 2, 3, 5, 10, 37])), length(source, 60, 2000)
    chance = np.log(classes) * np.ones(count)
    chance[: count // 20 + 1] *= source.uniform(1.0, 1.5)
    guess = np.clip(1 / classes + 0.01 / classes * source.standard_normal(count), 0, 1)
    sick = {"loss": noisy(source, chance, 0.003), "accuracy": guess}
    learned = falling(count, np.log(classes), 0.1 * np.log(classes), 0.4)
    gained = np.linspace(1 / classes, 0.95, count)
    return Curves(sick), Curves({"loss": noisy(source, learned, 0.03), "accuracy": gained})


def collapsed_to_chance(source: Source) -> Pair:
    """Learned, then back at a guess for good."""
    classes, count = int(source.integers(3, 200)), length(source, 120)
    learned = falling(count, np.log(classes), 0.3 * np.log(classes))
    lost = learned.copy()
    lost[int(count * source.uniform(0.4, 0.7)) :] = np.log(classes)
    return tuple(Curves({"loss": noisy(source, levels, 0.02)}) for levels in (lost, learned))  # type: ignore[return-value]


def overfit(source: Source) -> Pair:
    """Validation climbs through its own noise while training falls."""
    count, unit, noise = length(source, 200), scale(source), source.uniform(0.01, 0.05)
    evaluations = int(source.integers(20, 100))
    train = unit * noisy(source, falling(count, 3, 0.2, 0.5), 0.05)
    honest = falling(evaluations, 3, 1, 0.7)
    turn = evaluations // int(source.integers(3, 5))
    climb = 1 + source.uniform(0.5, 1.5) * np.maximum(np.arange(evaluations) - turn, 0) / evaluations
    sick = unit * noisy(source, honest * climb, noise)
    return (
        Curves({"loss": train}, {"val_loss": sick}),
        Curves({"loss": train}, {"val_loss": unit * noisy(source, honest, noise)}),
    )


def diverged(source: Source) -> Pair:
    """Goes back up, and stays there."""
    count, unit = length(source, 100), scale(source)
    level = falling(count, 5, 1)
    lost = level.copy()
    turn = int(count * source.uniform(0.3, 0.6))
    lost[turn:] = level[turn] + (source.uniform(0.6, 2) * (5 - level[turn])) * (
        1 - np.exp(-np.arange(count - turn) / (count / 12))
    )
    return tuple(Curves({"loss": unit * noisy(source, each, 0.05)}) for each in (lost, level))  # type: ignore[return-value]


def diverged_below_zero(source: Source) -> Pair:
    """The same of a log-likelihood, which has no zero of its own."""
    count, offset = length(source, 100), source.uniform(5, 50)
    level = falling(count, 20, 1) - offset
    lost = level.copy()
    turn = int(count * source.uniform(0.3, 0.6))
    lost[turn:] += source.uniform(0.6, 2) * (level[0] - level[turn])
    noise = 0.2 * source.standard_normal(count)
    return Curves({"loss": lost + noise}), Curves({"loss": level + noise})


def negative_loss(source: Source) -> Pair:
    """Falls below zero ever faster: a term without a lower bound."""
    count = length(source, 100)
    runs_away = 1 - np.exp(np.linspace(0, source.uniform(14, 20), count))
    honest = falling(count, 3, -2) + 0.05 * source.standard_normal(count)
    return Curves({"loss": runs_away}), Curves({"loss": honest})


def reward_collapse(source: Source) -> Pair:
    """A policy loses its return."""
    count, unit, noise = length(source, 100), scale(source), source.uniform(0.05, 0.15)
    gain = 1 - np.exp(-np.arange(count) / (count / 6))
    lost = gain.copy()
    lost[int(count * source.uniform(0.5, 0.7)) :] *= source.uniform(0.0, 0.1)
    start, scatter = source.uniform(-0.3, 0.3), noise * source.standard_normal(count)
    losses = {"policy_loss": 0.01 * source.standard_normal(count)}
    return tuple(
        Curves({"ep_reward_mean": unit * (start + each + scatter), **losses}) for each in (lost, gain)
    )  # type: ignore[return-value]


def metric_collapse(source: Source) -> Pair:
    """A metric falls to nothing while the losses hardly move."""
    name = str(source.choice(["val_map", "val_bleu", "val_dice", "val_f1", "val_auc"]))
    count, evaluations, unit = length(source, 100), int(source.integers(30, 120)), source.choice([1.0, 100.0])
    gain = 0.1 + 0.6 * (1 - np.exp(-np.arange(evaluations) / (evaluations / 8)))
    gain = gain + 0.02 * source.standard_normal(evaluations)
    lost = gain.copy()
    lost[int(evaluations * source.uniform(0.5, 0.7)) :] *= source.uniform(0, 0.2)
    train = {"loss": noisy(source, falling(count, 1, 0.5), 0.03)}
    val = noisy(source, falling(evaluations, 1, 0.55), 0.01)
    return tuple(Curves(train, {"val_loss": val, name: unit * each}) for each in (lost, gain))  # type: ignore[return-value]


def frozen_validation(source: Source) -> Pair:
    """An evaluation that never changes while training learns."""
    count, unit, evaluations = length(source, 100), scale(source), int(source.integers(10, 80))
    train = {"loss": unit * noisy(source, falling(count, 2, 0.4), 0.05)}
    same = unit * np.full(evaluations, 2.1)
    moves = unit * noisy(source, falling(evaluations, 2, 0.5), 0.01)
    return Curves(train, {"val_loss": same}), Curves(train, {"val_loss": moves})


def swinging_validation(source: Source) -> Pair:
    """An evaluation that swings by more than training gained."""
    count, unit, evaluations = length(source, 100), scale(source), int(source.integers(12, 80))
    train = {"loss": unit * noisy(source, falling(count, 2, 0.8), 0.03)}
    swings = unit * (2 + 4 * source.standard_normal(evaluations) ** 2)
    steady = unit * noisy(source, falling(evaluations, 2, 0.9), 0.03)
    return Curves(train, {"val_loss": swings}), Curves(train, {"val_loss": steady})


def not_finite(source: Source) -> Pair:
    """NaN that stays."""
    count, unit = length(source), scale(source)
    level = unit * noisy(source, falling(count, 3, 1), 0.05)
    lost = level.copy()
    lost[int(count * source.uniform(0.3, 0.9)) :] = np.nan
    return Curves({"loss": lost}), Curves({"loss": level})


def overfit_but_better(source: Source) -> Pair:
    """Validation loss climbs while the metric that matters still improves: over-confident; twin: it falls."""
    count, unit, evaluations = length(source, 200), scale(source), int(source.integers(40, 100))
    train = {"loss": unit * noisy(source, falling(count, 3, 0.1, 0.5), 0.05)}
    rise = 1 + 2.5 * np.maximum(np.arange(evaluations) - evaluations // 4, 0) / evaluations
    val = unit * noisy(source, falling(evaluations, 3, 1, 0.7) * rise, 0.01)
    gain = 0.2 + 0.6 * (1 - np.exp(-np.arange(evaluations) / (evaluations / 3)))
    scatter = 0.005 * source.standard_normal(evaluations)
    return (
        Curves(train, {"val_loss": val, "val_accuracy": gain + scatter}),
        Curves(train, {"val_loss": val, "val_accuracy": gain[::-1] + scatter}),
    )


def memorised(source: Source) -> Pair:
    """A language model that has nothing left to learn, and no validation; its twin keeps what text costs."""
    count, speed = length(source, 100), 1e4 * np.exp(0.1 * source.standard_normal(2500))
    level = 0.004 + 5 * np.exp(-np.arange(count) / (count / 12))
    honest = noisy(source, falling(count, 8, 2), 0.05)
    return (
        Curves({"loss": noisy(source, level, 0.1), "tokens_per_s": speed}),
        Curves({"loss": honest, "tokens_per_s": speed}),
    )


def setback(source: Source) -> Pair:
    """Loses most of what it had reached, and comes back."""
    count, unit = length(source, 200), scale(source)
    level = falling(count, 5, 0.5)
    lost = level.copy()
    start = int(count * source.uniform(0.4, 0.6))
    lost[start:] += 3 * np.exp(-np.arange(count - start) / (count / 10))
    return tuple(Curves({"loss": unit * noisy(source, each, 0.03)}) for each in (lost, level))  # type: ignore[return-value]


REMARKS: dict[str, Callable[[Source], Pair]] = {"memorised": memorised, "setback": setback}
"""What is worth a look: yellow once it is over."""

TROUBLES: dict[str, tuple[Callable[[Source], Pair], frozenset[str]]] = {
    "never learned": (never_learned, frozenset({"never_learned"})),
    "at chance": (at_chance, frozenset({"never_learned"})),
    "collapsed to chance": (
        collapsed_to_chance,
        frozenset({"diverged", "instability", "drift", "loss_spike"}),
    ),
    "overfit": (overfit, frozenset({"overfit"})),
    "diverged": (diverged, frozenset({"diverged", "drift", "instability"})),
    "diverged below zero": (diverged_below_zero, frozenset({"diverged"})),
    "negative loss": (negative_loss, frozenset({"negative_loss", "diverged"})),
    "reward collapse": (reward_collapse, frozenset({"reward_collapse"})),
    "metric collapse": (metric_collapse, frozenset({"diverged"})),
    "frozen validation": (frozen_validation, frozenset({"eval_broken"})),
    "swinging validation": (swinging_validation, frozenset({"eval_broken"})),
    "not finite": (not_finite, frozenset({"nan"})),
}
"""By kind what makes it, and the causes of which one must be named first."""


def runs(kind: str, make: Callable[[Source], Pair] | None = None) -> Iterator[tuple[int, Pair]]:
    """(steps between records, sick and healthy curves) of the ten runs of a kind, always the same ten."""
    for seed in range(NUM_RUNS):
        source = np.random.default_rng([zlib.crc32(kind.encode()), seed])
        yield int(source.choice([1, 1, 10, 50])), (make or TROUBLES[kind][0])(source)
