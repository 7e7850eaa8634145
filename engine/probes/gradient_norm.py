"""grad_norm: the global norm of the gradients that an optimizer is about to use."""

from __future__ import annotations

import torch
from torch import Tensor


def global_norm(gradients: list[Tensor]) -> Tensor:
    """The norm over all of them, sparse ones too, a scalar on the device of the first.

    Of one kind it takes three calls; torch's own sorts the tensors by device and type first.
    """
    dense = [dense_part(gradient) for gradient in gradients]
    if len({(gradient.device, gradient.dtype) for gradient in dense}) > 1:
        return torch.nn.utils.get_total_norm(dense)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(dense)))
    return norm


def dense_part(gradient: Tensor) -> Tensor:
    """The gradient itself, or of a sparse one the rows that are not zero, each once."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient
