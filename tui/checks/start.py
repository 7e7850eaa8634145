"""Section 1, did the run start: the loss and the gradient of the first batch."""

from __future__ import annotations

from tui.checks.form import STRONG, Bound, Leaf, Readings, check
from tui.checks.verdict import Level
from tui.checks.view import View

_SOURCE = "the stability checklist"

TOO_HIGH = Bound("ln V + 1.76", lambda facts: _plus(facts.scratch_ln_vocab, 1.76))
TOO_LOW = Bound("ln V - 2.24", lambda facts: _plus(facts.scratch_ln_vocab, -2.24))
PASS_LOW = Bound("ln V - 0.5", lambda facts: _plus(facts.scratch_ln_vocab, -0.5))
PASS_HIGH = Bound("ln V + 0.5", lambda facts: _plus(facts.scratch_ln_vocab, 0.5))


def _plus(base: float | None, offset: float) -> float | None:
    return None if base is None else base + offset


@check(
    "Q1.1",
    section="start",
    question="Is the loss at step 0 that of a uniform guess, ln V?",
    panel="loss",
    reads=("loss", "header.vocab_size"),
    at=0,
    passes=(PASS_LOW, PASS_HIGH),
    leaves=(
        Leaf(
            "loss far above a uniform guess",
            above=TOO_HIGH,
            level=Level.RED,
            latch=True,
            causes=("bad_init", "head_bias", "embedding_scale", "sum_reduction"),
            weight=STRONG,
            fix="The initialisation is off or the head's bias is not zero: look at the weights (Q5.1).",
        ),
        Leaf(
            "loss far below a uniform guess",
            below=TOO_LOW,
            level=Level.ORANGE,
            latch=True,
            causes=("loaded_checkpoint", "masked_targets", "broken_mask"),
            weight=STRONG,
            fix="The model is not untrained: look for a checkpoint loaded by mistake, and at the targets.",
        ),
    ),
    source=f"{_SOURCE}, Q1.1",
    as_written="within ln V ± 0.5; > 8.0 bad init, < 4.0 not untrained",
    why="8.0 and 4.0 hold for V = 512 only; the same distances from ln V hold for any vocabulary, and a "
    "fine-tune starts wherever its parent ended",
)
def first_loss(view: View) -> Readings:
    """Training loss of the first batch, before any update, in nats per token."""
    uniform = view.facts.ln_vocab or 0.0
    values = view["loss"]
    return Readings(
        view.steps,
        values,
        lambda i: f"loss at step {view.steps[i]} is {values[i]:.3f}, a uniform guess {uniform:.3f}",
    )
