"""Q1.1d, where the program that printed the log says what its loss is: the mean of a token in nats."""

from __future__ import annotations

from flight_recorder.tui.checks.rule import STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.scope import NATS_PER_TOKEN
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


@check(
    "Q1.1d",
    section="start",
    question="Can the first loss be one of a language model?",
    panel="loss",
    reads=("loss",),
    applies=(NATS_PER_TOKEN,),
    by=0,
    leaves=(
        Leaf(
            "loss above that of any vocabulary",
            above=30.0,
            below=300.0,
            level=Level.RED,
            causes=("bad_init", "sum_reduction"),
            weight=STRONG,
            fix="A guess costs 13 nats at most: look at the initialisation, then whether the loss is a mean.",
        ),
        Leaf(
            "loss of many tokens at once",
            above=300.0,
            level=Level.RED,
            causes=("sum_reduction", "bad_init"),
            weight=2 * STRONG,
            fix="Take the mean over the target tokens, not their sum.",
        ),
    ),
    source="our own proposal: ln V is 13 for 442,000 tokens; 300, "
    "as far above it as Q1.1a asks of a sum (50 x) for the smallest vocabulary, that of bytes",
)
def first_loss_per_token(view: View) -> Readings:
    """Training loss of the first record, in nats per token."""
    values = view["loss"]
    return Readings(
        view.steps,
        values,
        lambda i: f"the loss begins at {values[i]:.4g} nats a token; a guess costs 13 at most",
    )
