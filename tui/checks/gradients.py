"""Section 3, are the gradients sane: the norm before clipping, over windows and step by step."""

from __future__ import annotations

from tui.checks.form import HINT, Bound, Leaf, Readings, check
from tui.checks.verdict import Level
from tui.checks.view import View
from tui.checks.windows import rolling_mean

_SOURCE = "the stability checklist"

WINDOW = 20
FIVE_CLIPS = Bound("5 x clip", lambda facts: None if facts.grad_clip is None else 5 * facts.grad_clip)


@check(
    "Q3.1a",
    section="gradients",
    question="Is the gradient norm, averaged over 20 steps, in proportion to the clip value?",
    panel="grad_norm",
    reads=("grad_norm", "header.grad_clip"),
    window=WINDOW,
    after=lambda facts: facts.warmup_steps or 0,
    drawn=True,
    leaves=(
        Leaf(
            "always clipping",
            above=FIVE_CLIPS,
            level=Level.ORANGE,
            hold=20,
            keep=20,
            causes=("lr_too_high", "instability"),
            weight=HINT,
            fix="Halve lr_max, and walk the tree again from Q1.1.",
        ),
    ),
    source=f"{_SOURCE}, Q3.1",
    as_written="> 5.0 always clipping",
    why="the size of a healthy norm depends on model and reduction; 5.0 is 5 x the clip value it was "
    "written for",
)
def mean_grad_norm(view: View) -> Readings:
    """Mean global L2 norm of the gradient over 20 steps, before clipping."""
    steps, means = rolling_mean(view, "grad_norm", WINDOW)
    return Readings(steps, means, lambda i: f"mean gradient norm over {WINDOW} steps is {means[i]:.3g}")
