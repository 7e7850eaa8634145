"""spectral_norm: the largest singular value of each weight matrix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from flight_recorder.engine.distributed.shards import full_tensor
from flight_recorder.engine.probes import measured
from flight_recorder.engine.probes.measured import Measured
from flight_recorder.engine.probes.probe import Probe, Target

SQUARINGS = 10
"""G to the power 2^10. A competing eigenvalue then shifts the result by less than 1 / (2 e 1024) = 0.02 %."""


def spectral_norms(matrices: Sequence[Tensor]) -> Tensor:
    """Largest singular value of each, in their order, shape (len(matrices),).

    A tensor of more than two dimensions (a convolution) counts as the matrix (first, all the others).
    A matrix with a non-finite element has the norm NaN. On the CPU exact: root of the largest eigenvalue of
    the Gram matrix of the smaller side, one call for all matrices of the same size. Eigenvalue solvers wait
    for the device, so elsewhere the Gram matrix is squared until one eigenvector is left (see SQUARINGS).
    """
    if not matrices:
        return torch.empty(0)
    oriented = [_wide(matrix.detach()) for matrix in matrices]
    by_shape: dict[tuple[torch.Size, torch.device], list[int]] = defaultdict(list)
    for index, matrix in enumerate(oriented):
        by_shape[matrix.shape, matrix.device].append(index)
    norms: list[Tensor] = [oriented[0]] * len(matrices)
    for indices in by_shape.values():
        batch = _norms_of_batch(torch.stack([oriented[index] for index in indices]))
        for index, norm in zip(indices, batch.unbind(), strict=True):
            norms[index] = norm.to(oriented[0].device)
    return torch.stack(norms)


class SpectralNormProbe(Probe):
    """`spectral_norm` of the matrices, in the order of the header's `matrices`."""

    group = "spectral_norm"

    def __init__(self, matrices: Sequence[Tensor]) -> None:
        self._matrices = matrices

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On the matrices, if there are any."""
        matrices = list(target.points.matrices.values())
        return cls(matrices) if matrices else None

    def read(self) -> list[Measured]:
        """The norms as they are now."""
        norms = spectral_norms([full_tensor(matrix) for matrix in self._matrices])
        return [Measured(norms, lambda numbers: {"spectral_norm": numbers})]


def _wide(matrix: Tensor) -> Tensor:
    """As a matrix that is at least as wide as high: the Gram matrix of its rows is the smaller one."""
    flat = matrix.flatten(1).to(torch.promote_types(matrix.dtype, torch.float32))
    return flat.mT if flat.shape[0] > flat.shape[1] else flat


def _norms_of_batch(matrices: Tensor) -> Tensor:
    """Of wide matrices of one shape, (batch, n, m) to (batch,).

    Divided by their largest element first: the squares of an exploding matrix overflow long before itself.
    """
    scale = matrices.abs().amax((1, 2))
    scaled = matrices / torch.where(scale > 0, scale, 1.0)[:, None, None]
    return _largest_eigenvalue(scaled @ scaled.mT).clamp_min(0).sqrt() * scale


def _largest_eigenvalue(grams: Tensor) -> Tensor:
    """Of each of a batch of symmetric positive semi-definite matrices, shape (batch, n, n)."""
    # LAPACK raises on NaN. The 0 that comes out instead meets a scale that is not finite, and is NaN again.
    finite = torch.isfinite(grams).all(-1).all(-1)
    grams = torch.where(finite[:, None, None], grams, 0.0)
    return torch.linalg.eigvalsh(grams)[:, -1] if measured.on_host(grams) else by_squaring(grams)


def by_squaring(grams: Tensor) -> Tensor:
    """Largest eigenvalue by repeated squaring: matrix products only, so nothing waits for the device."""
    power = grams
    for _ in range(SQUARINGS):
        power = power / _trace(power).clamp_min(torch.finfo(power.dtype).tiny)[:, None, None]
        power = power @ power
    return (power * grams).sum((-2, -1)) / _trace(power).clamp_min(torch.finfo(power.dtype).tiny)


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
