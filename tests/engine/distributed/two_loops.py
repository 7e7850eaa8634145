"""Somebody's own loop on two ranks, with an inspector on each: python two_loops.py STORE RANK LOG FAULT."""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from flight_recorder.engine.inspector.inspector import Inspector
from tests.engine.probes.models import TinyGPT, loss_of

NUM_STEPS = 12


def train(store: str, rank: int, log: str, fault: str) -> None:
    """Twelve steps; what goes wrong is named by `fault`."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    inner = TinyGPT(seed=0)
    model: nn.Module = DistributedDataParallel(inner)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    is_watched = fault != "alone" or rank == 0
    inspector = Inspector(model, optimizer, log=log) if is_watched else None
    for step in range(NUM_STEPS):
        called = inner if fault == "bypassed" else model
        loss = loss_of(called, step if fault == "same rows" else 2 * step + rank)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        dist.barrier()
        if inspector:
            inspector.step(loss=loss)
    if inspector:
        inspector.close()
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
