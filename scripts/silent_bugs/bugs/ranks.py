"""Two ranks on gloo that were meant to train one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from scripts.silent_bugs.bugs.gradients import Tight
from scripts.silent_bugs.data import NUM_ROWS, epochs
from scripts.silent_bugs.networks import GPT, next_token_loss
from scripts.silent_bugs.training import Batch, Training


class TwoRanks(Training):
    """DDP over two ranks, each with its own rows."""

    ranks = 2
    batch_size = 8

    def make_model(self) -> nn.Module:
        return DistributedDataParallel(GPT())


class WrapperBypassed(TwoRanks):
    """The loop calls the module inside and not its wrapper: nothing is reduced."""

    def loss_of(self, batch: Batch) -> Tensor:
        return next_token_loss(self.model.module(batch[0]), batch[1])


class HooksLost(TwoRanks):
    """Moved to another device and back, the model has new tensors; DDP's hooks are on the old ones."""

    def make_model(self) -> nn.Module:
        model: Any = super().make_model()
        for part in model.modules():
            for name, parameter in list(part._parameters.items()):
                if parameter is not None:
                    part._parameters[name] = nn.Parameter(parameter.detach().clone())
        return model


class OtherSeeds(TwoRanks):
    """Each rank makes weights of its own, and nobody broadcasts them; gradients are averaged by hand."""

    def make_model(self) -> nn.Module:
        torch.manual_seed(self.rank)
        return GPT()

    def gradient_norm(self) -> float | Tensor | None:
        average(self.model)
        return super().gradient_norm()


class ByHand(OtherSeeds):
    """The same weights on both, gradients averaged by hand."""

    def make_model(self) -> nn.Module:
        return GPT()


class ClipsOnOneRank(ByHand):
    """Replicated vectors are clipped on rank 0 only."""

    clip = Tight.clip

    def gradient_norm(self) -> float | Tensor | None:
        average(self.model)
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        clipped = [p for p in parameters if self.rank == 0 or p.ndim > 1]
        torch.nn.utils.clip_grads_with_norm_(clipped, self.clip, norm)
        return norm


class ByHandTight(ByHand):
    """Both clip everything."""

    clip = Tight.clip


class LostOnOneRank(ByHand):
    """A transfer between the ranks is lost: one of them gets zeros for a tensor."""

    def gradient_norm(self) -> float | Tensor | None:
        average(self.model)
        if self.rank == 1 and self.step % 10 == 9:
            self.model.blocks[0].attn.qkv.weight.grad.zero_()
        return Training.gradient_norm(self)


class SameRows(TwoRanks):
    """Both ranks draw with one seed: they read the same rows."""

    def make_order(self) -> Sequence[Tensor]:
        return epochs(NUM_ROWS, self.batch_size, self.num_steps, seed=0)


class Hangs(TwoRanks):
    """From step 60 on the ranks disagree on the arguments of a collective, and wait for each other."""

    cut_s = 14.0

    def after_step(self) -> None:
        if self.step == 60 and self.rank == 0:
            dist.barrier()
        if self.step == 60 and self.rank == 1:
            dist.recv(torch.zeros(1), src=0)


class UnequalRanks(TwoRanks):
    """Rank 1 has half of the targets, each rank takes its own mean: its tokens weigh twice."""

    def batch(self, number: int) -> Batch:
        tokens, labels = super().batch(number)
        if self.rank == 1:
            labels = labels.index_fill(1, torch.arange(16), -100)
        return tokens, labels


class EqualTokens(UnequalRanks):
    """Divided by the mean number of targets over the ranks: every token weighs the same."""

    def loss_of(self, batch: Batch) -> Tensor:
        loss = super().loss_of(batch)
        if not self.model.training:
            return loss
        count = (batch[1] != -100).sum().float()
        total = count.clone()
        dist.all_reduce(total)
        return loss * count * 2 / total

    def reported(self, loss: Tensor) -> Tensor:
        """The mean over the ranks."""
        dist.all_reduce(loss)
        return loss / 2


def average(model: nn.Module) -> None:
    """Gradients of both ranks, halved."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= 2
