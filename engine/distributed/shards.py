"""Tensors that may be sharded over ranks (torch's DTensor): the local part, the full tensor, a shard of one.

DTensor takes a second to import, so a run without it does not: then no tensor is sharded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def is_sharded(tensor: Any) -> TypeGuard[DTensor]:
    """Whether each rank holds a part of this tensor only."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def local_part(tensor: Tensor) -> Tensor:
    """The part that this rank holds, sharing memory with it; a tensor that is not sharded is its own part."""
    return tensor.to_local() if is_sharded(tensor) else tensor


def full_tensor(tensor: Tensor) -> Tensor:
    """All of it. Every rank has to ask at the same time, since each brings its part."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def sum_over_parts(value: Tensor, pattern: Tensor) -> Tensor:
    """The sum over ranks of what each found in its part of tensors that are sharded like `pattern`."""
    if is_sharded(pattern):
        dist.all_reduce(value, group=pattern.device_mesh.get_group())
    return value


def norm_over_parts(norms: Tensor, pattern: Tensor) -> Tensor:
    """L2 norms of whole tensors from those of the parts here; as they are where `pattern` is not sharded."""
    return sum_over_parts(norms.square(), pattern).sqrt() if is_sharded(pattern) else norms


def shard_like(tensor: Tensor, pattern: Tensor) -> Tensor:
    """This rank's shard of a full tensor that every rank has; as it is where `pattern` is not sharded."""
    if not is_sharded(pattern) or tensor.shape != pattern.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, pattern.device_mesh, pattern.placements, src_data_rank=None)


def full_tree(tree: Any) -> Any:
    """A state dictionary with every sharded tensor made full, on the host. Every rank has to ask."""
    if is_sharded(tree):
        return full_tensor(tree).cpu()
    if isinstance(tree, dict):
        return {key: full_tree(value) for key, value in tree.items()}
    return [full_tree(value) for value in tree] if isinstance(tree, list) else tree
