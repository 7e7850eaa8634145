"""What each panel looks like when it is sick, which nodes see that, and in which order to read the panels.

What does not show so in practice is left out (see TREE.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flight_recorder.tui.checks.verdict import Level, State, Verdict


@dataclass(frozen=True, slots=True)
class Signature:
    """A shape to look for on a panel; it holds now while one of `checks` fires or is amber.

    A check may be written "Q3.1a:always clipping" where only one of its leaves means this signature.
    """

    panel: str
    text: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One look of the reading order: at which panel, with which question, and what the answer means."""

    panel: str
    question: str
    means: str


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        "loss", "starts far above a uniform guess: bad initialisation or a sum for a mean", ("Q1.1a", "Q1.1d")
    ),
    Signature("loss", "zero from the start: no target counts", ("Q1.1b", "Q1.2b", "Q1.2c")),
    Signature("loss", "does not fall in the first 200 steps", ("Q4.1a", "Q4.1b", "D5.14", "D5.20")),
    Signature("loss", "training and validation far under the baseline early: a broken mask", ("Q4.1c", "P1")),
    Signature(
        "loss",
        "training goes on down, validation stops or rises: overfitting",
        ("Q4.2a", "D4.1", "D4.2", "D4.3", "D4.4"),
    ),
    Signature("loss", "validation below training: a leak", ("Q4.2b", "P2")),
    Signature("loss", "a spike", ("D2.1", "D2.2", "D2.3")),
    Signature("loss", "not a number", ("D1.1", "D1.2", "D1.3", "D1.4")),
    Signature(
        "lr", "flat at lr_max from step 0: no warm-up, or a scheduler that never steps", ("Q2.1b", "Q2.1d")
    ),
    Signature("lr", "flat at zero", ("Q2.1a",)),
    Signature("lr", "a staircase where a smooth curve is declared", ("Q2.1c",)),
    Signature(
        "lr", "reaches its minimum before training ends, or not at all: wrong total_steps", ("Q2.2e", "Q2.2d")
    ),
    Signature("lr", "off the declared curve", ("Q2.2a", "Q2.2b", "Q2.2c")),
    Signature(
        "grad_norm", "explodes in the first steps: bad initialisation or a sum for a mean", ("Q1.2a", "Q6.3")
    ),
    Signature("grad_norm", "far above the clip line for long", ("Q3.1a", "Q3.1b", "Q3.1d")),
    Signature("grad_norm", "at the floor while there is loss: dead training", ("Q3.1c", "Q6.4")),
    Signature("grad_norm", "single steps stand far out", ("Q3.2a", "Q3.2b", "D2.4")),
    Signature("activation", "grows from block to block at step 0: bad initialisation", ("Q5.2a", "Q5.2b")),
    Signature(
        "activation",
        "one block far louder than the one before: normalisation missing",
        ("Q5.2c", "Q5.2e", "Q5.2d", "Q5.1f", "D7.3"),
    ),
    Signature("spectral_norm", "starts far too high or at zero: bad initialisation", ("Q5.1a", "Q5.1b")),
    Signature("spectral_norm", "grows without bound: learning rate or weight decay", ("D7.1", "D7.2")),
    Signature("dead", "units dead from the start or more and more of them", ("D7.4",)),
    Signature("dead", "a head stuck on one key", ("D7.5",)),
    Signature("class_loss", "both near zero unreasonably fast, no gap: a broken mask", ("Q4.1d", "D7.7")),
    Signature("class_loss", "irregular ahead of regular: memorised, or a leak", ("D7.6",)),
)
"""Every sick signature, by panel."""

READING_ORDER: tuple[Reading, ...] = (
    Reading("loss", "Did the loss go down?", "if not: the learning rate, then the gradients"),
    Reading(
        "grad_norm", "Did the gradients explode or vanish?", "if so: initialisation, or a numerical fault"
    ),
    Reading("lr", "Did the schedule run?", "if not: no warm-up, or a scheduler that never steps"),
    Reading("loss", "Did validation track training?", "if not: overfitting, a broken mask, or a leak"),
    Reading("activation", "Are the layers balanced?", "if not: initialisation or normalisation"),
    Reading("spectral_norm", "Do the weights grow?", "if without bound: learning rate or weight decay"),
    Reading("dead", "Is everything alive?", "if not: the scale of the initialisation"),
    Reading("class_loss", "Did the model learn the regular pattern?", "if irregular falls faster: a leak"),
)
"""In which order to look at a failed run."""


def holding_now(panel: str, verdicts: Iterable[Verdict]) -> tuple[Signature, ...]:
    """The sick signatures of this panel that its nodes see now."""
    standing = {
        name
        for verdict in verdicts
        if verdict.state in (State.FIRING, State.AMBER) and verdict.level > Level.GREEN
        for name in (verdict.check, f"{verdict.check}:{verdict.symptom}")
    }
    return tuple(one for one in SIGNATURES if one.panel == panel and standing.intersection(one.checks))
