"""grad_norm_recomputed: the gradient norm that the step's data should have given."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from flight_recorder.engine.probes.undisturbed import undisturbed

SummedLoss = Callable[[], tuple[Tensor, int]]
"""Computes one micro-batch again: the sum of its token losses, and how many tokens that were."""


class RandomState:
    """The random number generators as they stood at one moment, of the CPU and the devices of a model."""

    def __init__(self, model: nn.Module) -> None:
        self._cpu = torch.get_rng_state()
        devices = {parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"}
        self._cuda = {device: torch.cuda.get_rng_state(device) for device in devices}

    def restore(self) -> None:
        """Random numbers continue from that moment."""
        torch.set_rng_state(self._cpu)
        for device, state in self._cuda.items():
            torch.cuda.set_rng_state(state, device)


def grad_norm_recomputed(
    model: nn.Module,
    micro_batches: Iterable[SummedLoss],
    before: RandomState | None = None,
    *,
    over_ranks: Callable[[Tensor], Tensor] = lambda values: values,
) -> Tensor:
    """Norm of the gradient of the mean loss over the tokens of all micro-batches together, a scalar.

    Compared with the norm that the loop found before clipping it shows a wrong reduction, a missing 1 / k
    of the accumulation, and gradients of the step before that were never cleared. Costs as much as the
    step's forward and backward passes. `.grad`, buffers and random numbers are as before afterwards.

    Args:
        model: in the modes it trains in.
        micro_batches: those of the step, in its order.
        before: the random numbers at the start of the step's first pass, so that dropout falls alike.
        over_ranks: sums a tensor over the processes that share the batch.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    totals = [torch.zeros_like(parameter) for parameter in parameters]
    num_targets = 0
    with undisturbed(model, evaluating=False), torch.enable_grad():
        if before is not None:
            before.restore()
        for summed_loss in micro_batches:
            loss, count = summed_loss()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            for total, gradient in zip(totals, gradients, strict=True):
                if gradient is not None:
                    total += gradient
            num_targets += count
    counted = float(over_ranks(torch.tensor(float(num_targets))))
    return torch.nn.utils.get_total_norm([over_ranks(total) for total in totals]) / max(1.0, counted)
