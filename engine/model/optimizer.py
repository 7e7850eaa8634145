"""AdamW with weight decay on matrices only, and the clip that stands before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flight_recorder.engine.config import Training
from flight_recorder.engine.distributed.shards import local_part, sum_over_parts


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Two groups: matrices and embeddings decay, gains and biases (1-D) do not."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0},
    ]


def build_optimizer(model: nn.Module, training: Training) -> torch.optim.AdamW:
    """AdamW over the two decay groups; the learning rate is set before every update."""
    groups = decay_groups(model, training.weight_decay)
    return torch.optim.AdamW(groups, lr=training.lr_max, betas=training.betas, eps=training.eps, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Every group steps with `lr` from now on."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def gradient_norm(parameters: list[nn.Parameter]) -> Tensor:
    """Global L2 norm over all gradients, a scalar on the device; those cut among ranks count whole.

    Summed in double precision where the device has it, so that the norm, and with it the clipped gradient,
    does not depend on how the parameters are cut.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.tensor(0.0)
    wide = torch.float32 if gradients[0].device.type == "mps" else torch.float64
    norms = torch._foreach_norm([local_part(gradient) for gradient in gradients], 2.0, dtype=wide)
    squares = torch.stack([norm.to(norms[0].device) for norm in norms]).square().sum()
    return sum_over_parts(squares, gradients[0]).sqrt().float()


def clip_gradients(parameters: list[nn.Parameter], norm: Tensor, largest: float) -> float | Tensor:
    """Scale all gradients by min(1, largest / norm) and return that factor; 0 leaves them as they are."""
    if largest == 0:
        return 1.0
    factor = (largest / (norm + 1e-12)).clamp(max=1.0)
    gradients = [local_part(parameter.grad) for parameter in parameters if parameter.grad is not None]
    torch._foreach_mul_(gradients, factor)
    return factor
