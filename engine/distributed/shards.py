"""Tensors that may be cut among ranks (torch's DTensor): the part here, the whole, a whole cut alike.

What cuts tensors takes a second to import, so a run without it does not: then no tensor is cut.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def is_cut(tensor: Any) -> TypeGuard[DTensor]:
    """Whether each rank holds a part of this tensor only."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def part_here(tensor: Tensor) -> Tensor:
    """The part that this rank holds, sharing memory with it; a tensor that is not cut is all here."""
    return tensor.to_local() if is_cut(tensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """All of it. Every rank has to ask at the same time, since each brings its part."""
    return tensor.full_tensor() if is_cut(tensor) else tensor


def sum_over_parts(value: Tensor, pattern: Tensor) -> Tensor:
    """What all ranks together have found in their parts of tensors that are cut like `pattern`."""
    if is_cut(pattern):
        dist.all_reduce(value, group=pattern.device_mesh.get_group())
    return value


def norm_over_parts(norms: Tensor, pattern: Tensor) -> Tensor:
    """L2 norms of whole tensors from those of the parts here; as they are where `pattern` is not cut."""
    return sum_over_parts(norms.square(), pattern).sqrt() if is_cut(pattern) else norms


def cut_like(tensor: Tensor, pattern: Tensor) -> Tensor:
    """This rank's part of a whole tensor that every rank has; as it is where `pattern` is not cut."""
    if not is_cut(pattern) or tensor.shape != pattern.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, pattern.device_mesh, pattern.placements, src_data_rank=None)


def whole_tree(tree: Any) -> Any:
    """A state dictionary with every cut tensor made whole, on the host. Every rank has to ask."""
    if is_cut(tree):
        return whole(tree).cpu()
    if isinstance(tree, dict):
        return {key: whole_tree(value) for key, value in tree.items()}
    return [whole_tree(value) for value in tree] if isinstance(tree, list) else tree
