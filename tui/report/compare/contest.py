"""Which of two runs is better, by a measure that is named; no praise for one that is worse than guessing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.signals.onset import told_apart_from
from flight_recorder.tui.numbers import count, number, percent
from flight_recorder.tui.report.markdown.overfit_story import Story, story_of
from flight_recorder.tui.report.wording import markdown_code, markdown_text
from flight_recorder.tui.run import Run

ANY_VOCABULARY = 1e8
"""No vocabulary is larger: a loss above its logarithm is worse than a uniform guess for every model."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who won ("a", "b", "tie", "neither", "unknown"), and why, in sentences."""

    winner: Literal["a", "b", "tie", "neither", "unknown"]
    words: str


def uniform_loss(run: Run) -> float:
    """Loss of a uniform guess in nats; an upper limit for it where the log does not say the vocabulary."""
    ln_vocab = Facts(run.recording.header).ln_vocab
    return ln_vocab if ln_vocab is not None else math.log(ANY_VOCABULARY)


def worse_than_uniform(run: Run, story: Story) -> bool:
    """Whether even the best evaluation is no better than guessing."""
    return bool(story.facts["val_min"] >= uniform_loss(run))


def outcome(a: Run, b: Run) -> Outcome:
    """The contest, by the best validation loss: the model that one would keep."""
    stories = story_of(a), story_of(b)
    if stories[0] is None or stories[1] is None:
        return _without_validation(a, b, stories)
    first, second = stories[0], stories[1]
    vocabularies = [run.recording.header.get("vocab_size") for run in (a, b)]
    if None not in vocabularies and vocabularies[0] != vocabularies[1]:
        sizes = " and ".join(markdown_text(size, 20) for size in vocabularies)
        return Outcome("unknown", f"The vocabularies differ ({sizes}), so nats per token do not compare.")
    bad = worse_than_uniform(a, first), worse_than_uniform(b, second)
    if all(bad):
        return Outcome("neither", _both_worse(a, b, first, second))
    if any(bad):
        good, lost = (b, a) if bad[0] else (a, b)
        return Outcome(
            "b" if bad[0] else "a",
            f"{_name(good)} won, because {_name(lost)} is worse than a uniform guess "
            f"({number(uniform_loss(lost))} nats) at its best evaluation.",
        )
    return _by_best(a, b, first, second)


def _by_best(a: Run, b: Run, first: Story, second: Story) -> Outcome:
    losses = first.facts["val_min"], second.facts["val_min"]
    difference = abs(losses[0] - losses[1])
    if difference <= told_apart_from(min(losses)):
        words = f"Too close to call: the best validation losses differ by {number(difference, 2)} nats."
        return Outcome("tie", f"{words} {_sooner(a, b, first, second)}")
    a_won = losses[0] < losses[1]
    winner, loser = (a, b) if a_won else (b, a)
    won, lost = (first, second) if a_won else (second, first)
    words = (
        f"**{_name(winner)} won, by its best validation loss**: {number(won.facts['val_min'])} at step "
        f"{count(won.facts['t_val_min'])} against {number(lost.facts['val_min'])} at step "
        f"{count(lost.facts['t_val_min'])} of {_name(loser)}, {number(difference, 3)} nats better "
        "(perplexity "
        f"{math.exp(-difference):.3g} x). {_overtakes(won, lost)}"
    )
    return Outcome("a" if a_won else "b", words + _at_end(winner, loser, won, lost))


def _overtakes(won: Story, lost: Story) -> str:
    """When the winner passed the other's best."""
    reached = [step for step, val in zip(won.seen.steps.tolist(), won.seen.val.tolist(), strict=True)
               if val <= lost.facts["val_min"]]  # fmt: skip
    return f"It passed the other's best at step {count(reached[0])}."


def _at_end(winner: Run, loser: Run, won: Story, lost: Story) -> str:
    """The end may tell another story than the best."""
    ends = won.facts["val_final"], lost.facts["val_final"]
    if ends[0] <= ends[1]:
        return ""
    return (
        f" By the last evaluation it is the other way round ({number(ends[0])} against {number(ends[1])}): "
        "keep its "
        f"checkpoint of step {count(won.facts['t_val_min'])}, not the last."
    )


def _sooner(a: Run, b: Run, first: Story, second: Story) -> str:
    at = first.facts["t_val_min"], second.facts["t_val_min"]
    if at[0] == at[1]:
        return f"Both were at their best at step {count(at[0])}."
    quick, slow = (a, b) if at[0] < at[1] else (b, a)
    return f"{_name(quick)} got there first: step {count(min(at))} against {count(max(at))} of {_name(slow)}."


def _both_worse(a: Run, b: Run, first: Story, second: Story) -> str:
    losses = f"{number(first.facts['val_min'])} and {number(second.facts['val_min'])}"
    known = Facts(a.recording.header).ln_vocab
    guess = (
        f"{number(known)} nats"
        if known is not None
        else f"at most {number(math.log(ANY_VOCABULARY), 3)} nats for any vocabulary"
    )
    return (
        f"**Neither won.** Both are worse than a uniform guess: {losses} nats per token at their best "
        "evaluations, and a "
        f"guess has {guess}. Either the evaluation is broken or the models are; a smaller number is no "
        "merit here."
    )


def _without_validation(a: Run, b: Run, stories: tuple[Story | None, Story | None]) -> Outcome:
    lacking = [_name(run) for run, story in zip((a, b), stories, strict=True) if story is None]
    words = f"{' and '.join(lacking)} logged no finite validation loss, so who generalises better is unknown."
    ends = _last_losses(a), _last_losses(b)
    if all(math.isfinite(end) for end in ends):
        words += (
            f" The training losses at the end (mean of the last tenth) are {number(ends[0])} and "
            f"{number(ends[1])}, "
            f"which differ by {percent(abs(ends[0] - ends[1]) / max(abs(ends[0]), 1e-300))} and settle "
            "nothing."
        )
    return Outcome("unknown", words)


def _last_losses(run: Run) -> float:
    values = run.recording.steps["loss"].values
    tail = values[-max(1, len(values) // 10) :]
    return float(tail.mean()) if len(tail) else math.nan


def _name(run: Run) -> str:
    return markdown_code(run.name, 60)
