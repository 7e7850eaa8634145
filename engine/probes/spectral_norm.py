"""spectral_norm: the largest singular value of each weight matrix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.probes.measured import Measured

SQUARINGS = 10
"""G to the power 2^10. A competing eigenvalue then shifts the result by less than 1 / (2 e 1024) = 0.02 %."""


def spectral_norms(matrices: Sequence[Tensor]) -> Tensor:
    """Largest singular value of each, in their order, shape (len(matrices),).

    A tensor of more than two dimensions (a convolution) counts as the matrix (first, all the others).
    A matrix with a non-finite element has the norm NaN. On the CPU exact: root of the largest eigenvalue of
    the Gram matrix of the smaller side, one call for all matrices of the same size. Eigenvalue solvers wait
    for the device, so elsewhere the Gram matrix is squared until one eigenvector is left (see SQUARINGS).
    """
    by_size: dict[tuple[int, torch.device], list[int]] = defaultdict(list)
    grams = [_scaled_gram(matrix.detach()) for matrix in matrices]
    for index, (gram, _) in enumerate(grams):
        by_size[gram.shape[-1], gram.device].append(index)
    norms: list[Tensor] = [torch.empty(0)] * len(matrices)
    for indices in by_size.values():
        largest = _largest_eigenvalue(torch.stack([grams[index][0] for index in indices]))
        for index, value in zip(indices, largest.clamp_min(0).sqrt(), strict=True):
            norms[index] = value * grams[index][1]
    device = norms[0].device if norms else None
    return torch.stack([norm.to(device) for norm in norms]) if norms else torch.empty(0)


def measure(matrices: Sequence[Tensor]) -> Measured:
    """`spectral_norm` of the matrices, in the order of the header's `matrices`."""
    return Measured(spectral_norms(matrices), lambda numbers: {"spectral_norm": numbers})


def _scaled_gram(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrix of the smaller side after division by the largest element, and that element.

    Scaled, because the squares of an exploding matrix overflow long before the matrix itself does.
    """
    flat = matrix.flatten(1).to(torch.promote_types(matrix.dtype, torch.float32))
    if flat.shape[0] > flat.shape[1]:
        flat = flat.mT
    scale = flat.abs().amax()
    scaled = flat / torch.where(scale > 0, scale, 1.0)
    return scaled @ scaled.mT, scale


def _largest_eigenvalue(grams: Tensor) -> Tensor:
    """Of each of a batch of symmetric positive semi-definite matrices, shape (batch, n, n)."""
    finite = torch.isfinite(grams).all(-1).all(-1)
    grams = torch.where(finite[:, None, None], grams, 0.0)  # LAPACK raises on NaN; the mask restores it
    largest = torch.linalg.eigvalsh(grams)[:, -1] if grams.device.type == "cpu" else by_squaring(grams)
    return torch.where(finite, largest, torch.nan)


def by_squaring(grams: Tensor) -> Tensor:
    """Largest eigenvalue by repeated squaring: matrix products only, so nothing waits for the device."""
    power = grams
    for _ in range(SQUARINGS):
        power = power / _trace(power).clamp_min(torch.finfo(power.dtype).tiny)[:, None, None]
        power = power @ power
    return (power * grams).sum((-2, -1)) / _trace(power).clamp_min(torch.finfo(power.dtype).tiny)


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
