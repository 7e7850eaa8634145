"""Both splits measured the same way: dropout off, the same blocks each time, no random number drawn."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from flight_recorder.engine.data.batches import IGNORED, Batch, evaluation_batches
from flight_recorder.engine.distributed.distributed import World
from flight_recorder.engine.model.model import GPT, token_losses
from flight_recorder.engine.probes.checksum import parameter_checksum
from flight_recorder.engine.run.build import Loop


@dataclass(frozen=True, slots=True)
class SplitLoss:
    """Mean nats per target token; by class over whole sentences and over the verb's own tokens."""

    loss: float
    class_loss: list[float] | None
    class_verb_loss: list[float] | None


def class_sums(losses_BT: Tensor, batch: Batch, num_classes: int) -> Tensor:
    """Summed loss and number of targets by class, over sentences and over verb tokens: (2, 2, classes).

    First index: whole sentences, verb tokens. Second: sum of losses, count.
    """
    assert batch.classes is not None and batch.verb is not None
    counted = (batch.targets != IGNORED).flatten().float()
    of_class = torch.nn.functional.one_hot(batch.classes.flatten(), num_classes).float()
    values = torch.stack([losses_BT.flatten(), counted])
    in_verb = batch.verb.flatten().float()
    return torch.stack([values @ of_class, (values * in_verb) @ of_class])


@torch.no_grad()
def split_loss(
    model: GPT, batches: Iterable[Batch], num_classes: int, device: torch.device, world: World | None = None
) -> SplitLoss:
    """Mean losses of a split, each rank reading its share. The model comes back in the mode it was in."""
    world = world or World()
    was_training = model.training
    model.eval()
    total = torch.zeros(2, device=device, dtype=_wide(device))
    by_class = torch.zeros(2, 2, num_classes, device=device)
    for whole_batch in batches:
        batch = whole_batch.share(world.rank, world.size)
        num_targets, batch = batch.num_targets, batch.to(device)
        losses = token_losses(model(batch.inputs), batch.targets, IGNORED)
        total[0] += losses.sum()
        total[1] += num_targets
        if num_classes:
            by_class += class_sums(losses, batch, num_classes)
    model.train(was_training)
    summed, count = world.sum(total).tolist()
    whole, verb = (means(sums) for sums in world.sum(by_class)) if num_classes else (None, None)
    return SplitLoss(summed / count if count else float("nan"), whole, verb)


def _wide(device: torch.device) -> torch.dtype:
    """Sums over many batches in double precision, where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def means(sums: Tensor) -> list[float] | None:
    """Sums over counts, (2, classes) to one number a class; None where a class has no target."""
    total, count = sums.tolist()
    if not all(count):
        return None
    return [t / n for t, n in zip(total, count, strict=True)]


def measure_splits(loop: Loop) -> dict[str, Any]:
    """Losses of the validation split and of an equally large part of the training split."""
    training, context = loop.config.training, loop.config.model.context
    num_tokens = min(training.eval_tokens, len(loop.corpus.validation))
    num_classes = len(loop.corpus.classes)
    splits = []
    for stream in (loop.corpus.validation, loop.corpus.train):
        batches = evaluation_batches(stream, context, training.batch_size, num_tokens)
        with forward_precision(loop):
            splits.append(split_loss(loop.model, batches, num_classes, loop.device, loop.world))
    val, train = splits
    return {
        "val_loss": val.loss,
        "train_loss": train.loss,
        "class_loss": val.class_loss,
        "class_verb_loss": val.class_verb_loss,
        "epoch": loop.step / loop.order.steps_per_epoch,
    }


def parameter_checksums(loop: Loop) -> dict[str, Any]:
    """The checksum of each rank's replica: all alike, or the ranks train different models."""
    if loop.world.size == 1 or not loop.parallel.replicates:
        return {}
    return {"parameter_checksums": loop.world.gather(parameter_checksum(loop.model.parameters()))}


def forward_precision(loop: Loop) -> AbstractContextManager[object]:
    """bfloat16 for matrix products if the config says so; parameters and losses stay float32."""
    if loop.config.training.dtype == "float32":
        return nullcontext()
    return torch.autocast(loop.device.type, dtype=torch.bfloat16)
