"""causality: whether a later token can reach an earlier logit. A proof, where a loss curve is only a hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.probes.measured import Fields
from flight_recorder.engine.probes.undisturbed import undisturbed

NUM_EXAMPLES = 2
NUM_POSITIONS = 4


@torch.no_grad()
def causality(
    model: nn.Module,
    tokens: Tensor,
    *,
    logits: Callable[[Tensor], Tensor] | None = None,
    vocab_size: int | None = None,
) -> Fields:
    """Largest change of any logit at positions before the one whose token was changed.

    Exactly 0 for a causal model: all passes have the same shape, so what a changed token cannot reach is
    computed from the same numbers in the same order. Costs one forward pass of two examples and four more,
    each with one position changed: the last, the second, and two between. Empty when the sequences are
    shorter than 2. The model's modes and the random numbers are as before afterwards.

    Args:
        model: its modes are put to evaluation and back.
        tokens: ids, shape (B, T).
        logits: from tokens (B, T) to logits (B, T, V); the model's own output otherwise.
        vocab_size: number of ids to choose the other token from; the width of the logits otherwise.
    """
    tokens = tokens[:NUM_EXAMPLES]
    length = tokens.shape[1]
    if length < 2:
        return {}
    forward = logits or (lambda ids: logits_of(model(ids)))
    with undisturbed(model):
        before = forward(tokens)
        size = vocab_size or before.shape[-1]
        changes = []
        for position in _positions(length):
            changed = tokens.clone()
            changed[:, position] = (changed[:, position] + 1 + size // 3) % size
            changes.append((forward(changed) - before)[:, :position].abs().max())
    return {"causality": torch.stack(changes).amax().item()}


def logits_of(output: Any) -> Tensor:
    """The logits in a model's output: itself, its attribute `logits`, or the first of a tuple.

    Raises:
        TypeError: there are none.
    """
    if isinstance(output, tuple | list) and output:
        output = output[0]
    found = getattr(output, "logits", output)
    if not isinstance(found, Tensor):
        raise TypeError(f"no logits in an output of type {type(output).__name__}; pass `logits`")
    return found


def _positions(length: int) -> list[int]:
    """Evenly over the sequence, first and last possible included."""
    span = length - 2
    return sorted({1 + round(index * span / (NUM_POSITIONS - 1)) for index in range(NUM_POSITIONS)})
