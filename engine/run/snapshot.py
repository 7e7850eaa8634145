"""The whole state of a loop as one dictionary, gathered from all ranks, and back again.

The dictionary is that of a single process, whatever the number of ranks and however they share the
parameters: a checkpoint is one file, replaced as a whole, that any number of processes can go on from. The
price is that rank 0 needs host memory for the whole model and its moments (12 bytes a parameter).
"""

from __future__ import annotations

from typing import Any

import torch

from flight_recorder.engine.distributed.distributed import is_lost_peer
from flight_recorder.engine.distributed.shards import full_tree, shard_like
from flight_recorder.engine.run.build import Loop, seed_of_rank
from flight_recorder.engine.run.checkpoint import (
    does_not_fit,
    load_checkpoint,
    random_state,
    restore_random_state,
)
from flight_recorder.engine.run.run_folder import BEST, RunFolder


def captured(loop: Loop) -> dict[str, Any]:
    """Everything that the next step depends on; whole on rank 0. Every rank has to ask."""
    rng = loop.world.gather(random_state())
    if loop.parallel.replicates and not loop.world.writes:
        return {}
    return {
        "step": loop.step,
        "model": full_tree(loop.model.state_dict()),
        "optimizer": full_tree(loop.optimizer.state_dict()),
        "rng": rng,
        "progress": loop.progress(),
        "instruments": loop.instruments.state_dict(),
    }


def restore(loop: Loop, folder: RunFolder) -> None:
    """The loop is as it was when the checkpoint was taken; every rank reads the same file.

    Random numbers go on too. On another number of processes the ranks that are new draw others: dropout
    then falls differently.

    Raises:
        RunFolderError: there is no checkpoint.
        CheckpointError: it cannot be read, or holds another model.
    """
    path = folder.resumable()
    state = load_checkpoint(path)
    try:
        _restore_parts(loop, state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if is_lost_peer(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise does_not_fit(path, f"{type(error).__name__}, {reason}") from None
    loop.best_is_saved = folder.checkpoint(BEST).exists()


def _restore_parts(loop: Loop, state: dict[str, Any]) -> None:
    parameters = loop.model.state_dict()
    loop.model.load_state_dict({name: shard_like(t, parameters[name]) for name, t in state["model"].items()})
    loop.optimizer.load_state_dict(_cut_optimizer_state(loop.optimizer, state["optimizer"]))
    loop.optimizer = loop.fault.restored(loop.optimizer)
    loop.step = state["step"]
    _restore_random_numbers(loop, state["rng"])
    loop.restore_progress(state["progress"])
    loop.instruments.load_state_dict(state["instruments"])


def _restore_random_numbers(loop: Loop, by_rank: list[dict[str, Any]]) -> None:
    if loop.world.rank < len(by_rank):
        restore_random_state(by_rank[loop.world.rank])
    else:
        torch.manual_seed(seed_of_rank(loop.config.seed, loop.world.rank) + loop.step)


def _cut_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """The moments of each parameter cut as the parameter is."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    cut = {
        index: {
            name: shard_like(value, parameters[index]) if isinstance(value, torch.Tensor) else value
            for name, value in moments.items()
        }
        for index, moments in state["state"].items()
    }
    return {**state, "state": cut}
