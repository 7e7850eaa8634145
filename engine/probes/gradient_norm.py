"""grad_norm: the global norm of the gradients that an optimizer is about to use."""

from __future__ import annotations

import torch
from torch import Tensor


def global_norm(gradients: list[Tensor]) -> Tensor:
    """The norm over all of them, sparse ones too, a scalar on the device of the first.

    Of one kind it takes three calls; torch's own sorts the tensors by device and type first.
    """
    norms = norms_of_each(gradients)
    if norms is None:
        return torch.nn.utils.get_total_norm([dense_part(gradient) for gradient in gradients])
    norm: Tensor = torch.linalg.vector_norm(norms)
    return norm


def norms_of_each(gradients: list[Tensor]) -> Tensor | None:
    """The norm of each, in their order; None where they are of several kinds."""
    dense = [dense_part(gradient) for gradient in gradients]
    if len({(gradient.device, gradient.dtype) for gradient in dense}) != 1:
        return None
    return torch.stack(torch._foreach_norm(dense))


def dense_part(gradient: Tensor) -> Tensor:
    """The gradient itself, or of a sparse one the rows that are not zero, each once."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient
