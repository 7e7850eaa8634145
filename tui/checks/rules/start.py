"""Section 1, did the run start: the loss, the gradient and the targets of the first batch."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, STRONG, Bound, Leaf, Readings, check
from flight_recorder.tui.checks.scope import DECLARED_FROM_SCRATCH, FROM_SCRATCH
from flight_recorder.tui.checks.signals.rolling import unbroken
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


def _from_ln_vocab(offset: float) -> Bound:
    """A bound at this distance from a uniform guess."""

    def of(facts: Facts) -> float | None:
        return None if facts.ln_vocab is None else facts.ln_vocab + offset

    return Bound(f"ln V {'+' if offset > 0 else '-'} {abs(offset):g}", of)


@check(
    "Q1.1a",
    question="Is the loss at step 0 that of a uniform guess, ln V?",
    panel="loss",
    reads=("loss", "header.vocab_size"),
    applies=(FROM_SCRATCH,),
    at=0,
    passes=(_from_ln_vocab(-0.5), _from_ln_vocab(0.5)),
    drawn=False,
    leaves=(
        Leaf(
            "loss far above a uniform guess",
            above=_from_ln_vocab(1.76),
            level=Level.RED,
            causes=("bad_init", "head_bias", "embedding_scale", "sum_reduction"),
            weight=STRONG,
            fix="The initialisation is off or the head's bias is not zero: look at the weights (Q5.1).",
        ),
        Leaf(
            "loss is a sum over tokens",
            above=Bound("50 ln V", lambda facts: 50 * facts.ln_vocab if facts.ln_vocab else None),
            level=Level.RED,
            causes=("sum_reduction", "bad_init"),
            weight=2 * STRONG,
            fix="Take the mean over the target tokens, not their sum.",
        ),
        Leaf(
            "loss far below a uniform guess",
            below=_from_ln_vocab(-2.24),
            causes=("loaded_checkpoint", "masked_targets"),
            weight=STRONG,
            fix="The model is not untrained: look for a checkpoint loaded by mistake, then at the targets.",
        ),
    ),
    as_written="pass within ln V ± 0.5; > 8.0 broken init; < 4.0 not untrained",
    why="8.0 and 4.0 hold for V = 512 only; the same distances from ln V hold for any vocabulary, and a "
    "fine-tune starts wherever its parent ended",
)
def first_loss(view: View) -> Readings:
    """Training loss of the first batch, before any update, in nats per token."""
    values, uniform = view["loss"], view.facts.ln_vocab or 0.0
    return Readings(
        view.steps,
        values,
        lambda i: f"loss at step {view.steps[i]} is {values[i]:.4g}, a uniform guess {uniform:.3f}",
    )


@check(
    "Q1.1b",
    question="Is there any loss at all?",
    panel="loss",
    reads=("loss",),
    optional=("grad_norm",),
    by=0,
    leaves=(
        Leaf(
            "loss is exactly zero",
            equals=0.0,
            causes=("masked_targets", "degenerate_targets"),
            weight=STRONG,
            fix="No target counts: look at the loss mask and at the ignored index.",
            unless=("has_a_gradient",),
        ),
    ),
    source="our own proposal; zero is also what some trainers print for NaN",
    why="targets that are all masked give no gradient: a loss of 0 beside one is that of a method whose loss "
    "starts at 0",
)
def first_loss_at_all(view: View) -> Readings:
    """Training loss of the first batch.

    In a log that starts later only a loss and a gradient that are both exactly 0 say something of the start.
    """
    loss, norm = view["loss"][:1], view["grad_norm"][:1]
    is_late = view.steps[0] > 1 and not (loss[0] == 0 and norm[0] == 0)
    if view.first_index > 0 or is_late:
        return NOTHING
    return Readings(
        view.steps[:1],
        loss,
        lambda i: f"loss at step {view.steps[i]} is {loss[i]:.4g}",
        {"has_a_gradient": norm > 0},
    )


@check(
    "Q1.2d",
    question="Does the loss have a gradient?",
    panel="loss",
    reads=("loss", "grad_norm"),
    leaves=(
        Leaf(
            "no target counts, and nothing is trained",
            above=2.5,
            level=Level.RED,
            latch=True,
            causes=("masked_targets",),
            weight=4 * PROOF,
            fix="Every label is masked: a mean over none is NaN (or 0) and its gradient 0, so the "
            "parameters are as they were. Look at the collator, at what truncation leaves of a row.",
        ),
    ),
    source="https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html (ignore_index)",
    why="three records from the first on: what overflowed has a gradient that is NaN too",
)
def records_without_targets(view: View) -> Readings:
    """Records from the first of the log on whose loss is NaN or 0 and whose gradient is exactly 0.

    Read up to the first record that has a gradient.
    """
    loss, norm = view["loss"], view["grad_norm"]
    counts = unbroken(view, (np.isnan(loss) | (loss == 0)) & (norm == 0))
    judged = counts >= view.first_index + np.arange(len(view))
    counts = counts[judged]
    return Readings(
        view.steps[judged],
        counts,
        lambda i: f"the loss is {loss[i]:.3g} and its gradient exactly {norm[i]:.3g}, since the first record",
    )


@check(
    "Q1.1c",
    question="Does a run from scratch start without a checkpoint?",
    panel="loss",
    reads=("initial.num_loaded_tensors",),
    applies=(DECLARED_FROM_SCRATCH,),
    leaves=(
        Leaf(
            "weights were loaded",
            above=0.0,
            causes=("loaded_checkpoint",),
            weight=PROOF,
            fix="Start from fresh weights, or declare the run a fine-tune.",
        ),
    ),
)
def num_loaded_tensors(view: View) -> Readings:
    """Tensors that were loaded from a checkpoint before step 0."""
    count = float(view.facts.initial["num_loaded_tensors"])
    return single(view, count, f"{count:.0f} tensors were loaded before step 0")


def single(view: View, value: float, evidence: str) -> Readings:
    """One reading, at the step of the record of the start."""
    step = int(view.facts.initial.get("step", 0))
    return Readings(np.array([step], np.int64), np.array([value]), lambda i: evidence)


@check(
    "Q1.2a",
    question="Is the gradient of the first batch of a usual size?",
    panel="grad_norm",
    reads=("grad_norm",),
    at=0,
    passes=(0.1, 10.0),
    leaves=(
        Leaf(
            "first gradient far too large",
            above=100.0,
            level=Level.RED,
            causes=("sum_reduction", "bad_init"),
            weight=STRONG,
            fix="The loss is summed where a mean is meant, or the initialisation is off (Q5.1).",
            unless=("other_unit",),
        ),
        Leaf(
            "first gradient is large",
            above=100.0,
            level=Level.YELLOW,
            causes=("sum_reduction",),
            weight=HINT,
            fix="A loss in other units than nats may have such gradients; if it is a mean of nats per token, "
            "look whether it is summed.",
            unless=("judged_as_nats",),
        ),
        Leaf(
            "first gradient vanishes",
            below=0.001,
            causes=("masked_targets", "degenerate_targets", "frozen_parameters"),
            weight=STRONG,
            fix="Look at the targets: all the same, or all masked.",
        ),
    ),
    as_written="pass in [0.1, 10]; > 100 init or reduction; < 0.001 degenerate data",
    why="as written for a loss in nats per token of a run from scratch; of another loss, or of a fine-tune, "
    "a large gradient proves nothing. What lies between the pass band and a leaf is amber (an initialisation "
    "100 x too large can read 82)",
)
def first_grad_norm(view: View) -> Readings:
    """Global L2 norm of the gradient of the first batch, before clipping."""
    values = view["grad_norm"]
    is_nats = np.full(len(values), view.facts.scratch_ln_vocab is not None)
    return Readings(
        view.steps,
        values,
        lambda i: f"gradient norm at step {view.steps[i]} is {values[i]:.3g}",
        {"judged_as_nats": is_nats, "other_unit": ~is_nats},
    )


@check(
    "Q1.2b",
    question="Do the tokens of a batch count in the loss?",
    panel="loss",
    reads=("num_targets", "num_tokens"),
    leaves=(
        Leaf(
            "no target counts",
            equals=0.0,
            level=Level.RED,
            causes=("masked_targets",),
            weight=PROOF,
            fix="The loss mask is all zero: look at the ignored index and at the collator.",
        ),
        Leaf(
            "almost every target is masked",
            above=0.0,
            below=0.1,
            hold=2,
            causes=("masked_targets",),
            weight=PROOF,
            fix="Fewer than one token in ten counts: look at the loss mask.",
        ),
    ),
)
def share_of_targets(view: View) -> Readings:
    """Share of a batch's positions, padding left out, that count in the loss."""
    targets, tokens = view["num_targets"], view["num_tokens"]
    shares = targets / np.maximum(tokens, 1)
    return Readings(
        view.steps, shares, lambda i: f"{targets[i]:.0f} of {tokens[i]:.0f} positions count in the loss"
    )


@check(
    "Q1.2c",
    question="Are the targets of a batch different tokens?",
    panel="loss",
    reads=("num_distinct_targets", "num_targets"),
    leaves=(
        Leaf(
            "every target is the same token",
            below=1.5,
            level=Level.RED,
            causes=("degenerate_targets",),
            weight=PROOF,
            fix="Look at how targets are made from inputs: one constant token cannot be a language.",
        ),
        Leaf(
            "hardly any different targets",
            above=1.5,
            below=4.0,
            hold=2,
            causes=("degenerate_targets",),
            weight=HINT,
            fix="Look at the batch: fewer than four different tokens are to be predicted.",
        ),
    ),
)
def num_distinct_targets(view: View, *, least_targets: int = 16) -> Readings:
    """Different tokens among a batch's targets, in batches of at least 16 targets."""
    large = view["num_targets"] >= least_targets
    if not large.any():
        return NOTHING
    steps, distinct = view.steps[large], view["num_distinct_targets"][large]
    targets = view["num_targets"][large]
    return Readings(
        steps, distinct, lambda i: f"{distinct[i]:.0f} different tokens among {targets[i]:.0f} targets"
    )
