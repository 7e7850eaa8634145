"""D5.9, where V is unknown: a validation loss beside which the untrained model's training loss is small."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.rule import NOTHING, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.scope import VOCABULARY_UNKNOWN
from flight_recorder.tui.checks.signals.onset import first_loss_before, train_beside
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


def _trained(view: View) -> NDArray[np.float64]:
    """The training loss just before each evaluation, -inf where none is known."""
    # A mean over the steps since the evaluation before, which must be known: hence the window of two.
    now = train_beside(view.recording, view.steps_with_past)[view.num_past :]
    return np.where(np.isfinite(now), now, -np.inf)


@check(
    "D5.9",
    section="level of the loss",
    question="Was validation ever as low as the training loss of the untrained model?",
    panel="loss",
    reads=("evaluation.val_loss", "signal.val.lowest"),
    window=2,
    applies=(VOCABULARY_UNKNOWN,),
    leaves=(
        Leaf(
            "worse than untrained",
            above=3.0,
            level=Level.ORANGE,
            hold=2,
            causes=("eval_broken", "above_uniform"),
            weight=STRONG,
            fix="Either the evaluation is broken (wrong tokens, a sum for a mean, other units) or the model "
            "is: evaluate a batch of the training set in the same way.",
        ),
    ),
    source="our own proposal",
    why="an untrained model is no worse than a guess on any split; three times that is left to splits that "
    "differ and to fine-tunes",
)
def over_untrained(view: View) -> Readings:
    """Lowest validation loss so far over the first training loss, or the newest if that is larger: where
    training stands as high it is not the evaluation.

    Evaluations before any training loss are left out.
    """
    best = view["signal.val.lowest"]
    untrained = np.fmax(first_loss_before(view.recording, view.steps), _trained(view))
    known = np.isfinite(untrained) & np.isfinite(best)
    if not known.any():
        return NOTHING
    steps, best, untrained = view.steps[known], best[known], untrained[known]
    return Readings(
        steps,
        best / untrained,
        lambda i: f"the best validation loss is {best[i]:.3g}, training began, or is, at {untrained[i]:.3g}",
    )
