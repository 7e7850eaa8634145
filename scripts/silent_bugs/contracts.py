"""Programs whose loss asks for something known: each computes the loss contract that it expects."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from scripts.silent_bugs.architectures import Masked
from scripts.silent_bugs.bugs import gradients, losses, states
from scripts.silent_bugs.data import EOS, PAD, V
from scripts.silent_bugs.networks import GPT, next_token_loss
from scripts.silent_bugs.training import Batch, Training


class Contract(Training):
    """A short run; `shift`, `weights` (their sum) and `equal` (of all tokens) are what is expected."""

    num_steps, eval_every = 12, 0
    shift: ClassVar[int | None] = 1
    weights: ClassVar[float] = 1.0
    equal: ClassVar[bool] = True

    def used(self, batch: Batch) -> Tensor:
        """The label that each position of the logits is asked for, -100 for none."""
        return batch[1]

    def expected(self) -> dict[str, Any]:
        """Of step 0."""
        labels = torch.cat([self.used(self.batch(part)).flatten() for part in range(self.micro_batches)])
        return {
            "shift": self.shift,
            "counted": int((labels != -100).sum()),
            "padding": int((labels == self.pad()).sum()),
            "eos": int((labels == EOS).sum()),
            "weights": self.weights,
            "equal": self.equal,
        }

    def pad(self) -> int:
        """The token of padding, as it is told; that of the end of a sequence is not counted as padding."""
        told = int(self.facts.get("pad_id", PAD))
        return PAD if told == EOS else told


class NotMeasured(Training):
    """The loss is no cross-entropy of labels: nothing may be claimed of it, and the reason has to be said."""

    num_steps, eval_every = 12, 0

    def expected(self) -> dict[str, Any]:
        """That it cannot be had."""
        return {"measured": False}


class Plain(Contract):
    """Labels are shifted by the loop, every position counts."""


class PaddingMasked(Contract, losses.Padded):
    """Padding does not count."""


class PaddingCounted(Contract, losses.PaddingCounts):
    """Padding counts."""


class EosMasked(Contract, losses.EosMasked):
    """Padding is the end of the sequence, and no end counts."""


class EosCounted(Contract, losses.EosIsPadButCounts):
    """Padding is the end of the sequence, and the first end of each row counts."""


class PromptMasked(Contract, losses.Answers):
    """The second half of each row counts."""


class LastOnly(Contract):
    """The last position of each row counts."""

    def labelled(self, rows: Tensor) -> Batch:
        return rows[:, :-1], rows[:, 1:].index_fill(1, torch.arange(rows.shape[1] - 2), -100)


class Unshifted(Contract, losses.NotShifted):
    """Each position is asked for its own token."""

    shift = 0

    def used(self, batch: Batch) -> Tensor:
        return batch[0]


class ShiftedTwice(Contract, losses.ShiftedTwice):
    """Each position is asked for the token after the next."""

    shift = 2

    def used(self, batch: Batch) -> Tensor:
        return batch[1][:, 1:]


class ShiftedInside(Contract, losses.ShiftsInside):
    """The model shifts."""

    def used(self, batch: Batch) -> Tensor:
        return batch[1][:, 1:]


class ShiftedByBoth(Contract, losses.ShiftedByUserToo):
    """The loop shifts, and the model too."""

    shift = 2

    def used(self, batch: Batch) -> Tensor:
        return batch[1][:, 1:]


class Summed(Contract, losses.SumOfTokens):
    """The loss is a sum."""

    weights = 512.0


class SummedAndDivided(Contract):
    """The loss is a sum, divided by the number of targets."""

    def loss_of(self, batch: Batch) -> Tensor:
        total = F.cross_entropy(self.model(batch[0]).reshape(-1, V), batch[1].reshape(-1), reduction="sum")
        return total / (batch[1] != -100).sum()


class Accumulated(Contract, losses.Accumulates):
    """Four micro-batches, each a quarter."""


class NoDivisor(Contract, losses.NoDivisor):
    """Four micro-batches, each whole."""

    weights = 4.0


class MeanOfMeans(Contract, losses.MeanOfMeans):
    """Four micro-batches of differing length, each with its own mean."""

    equal = False


class TokenWeighted(Contract, losses.TokenWeighted):
    """Four micro-batches of differing length, each token with the same weight."""


class TimesEight(Contract, losses.TimesWorldSize):
    """Multiplied by eight."""

    weights = 8.0


class Scaled(Contract, gradients.Scaled):
    """Multiplied by a loss scale, and the gradients divided by it."""

    weights = gradients.SCALE


class RowWeights(Contract):
    """Every second row weighs three times as much as the others."""

    equal = False

    def loss_of(self, batch: Batch) -> Tensor:
        each = F.cross_entropy(self.model(batch[0]).transpose(1, 2), batch[1], reduction="none").mean(1)
        weight = 1 + 2 * (torch.arange(len(each)) % 2).float()
        return (each * weight).sum() / weight.sum()


class ClassWeights(Contract):
    """Rare tokens weigh more, as `weight=` has it."""

    equal = False

    def loss_of(self, batch: Batch) -> Tensor:
        weight = torch.linspace(1, 3, V)
        return F.cross_entropy(self.model(batch[0]).reshape(-1, V), batch[1].reshape(-1), weight=weight)


class Bf16(Contract, states.Autocast):
    """Under autocast."""


class Bf16Padded(Contract, states.Autocast, losses.Padded):
    """Under autocast, with padding that does not count."""


class TiedHead(Contract, states.Tied):
    """The head is the embedding."""


class HeadWithBias(Contract):
    """The head has a bias."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.head = nn.Linear(model.head.in_features, V)
        return model


class ClassesSecond(Contract):
    """Logits are [batch, vocab, time] for the loss."""

    def loss_of(self, batch: Batch) -> Tensor:
        return F.cross_entropy(self.model(batch[0]).transpose(1, 2), batch[1])


class LogProbabilities(Contract):
    """nll_loss of log_softmax."""

    def loss_of(self, batch: Batch) -> Tensor:
        return F.nll_loss(self.model(batch[0]).log_softmax(-1).flatten(0, 1), batch[1].flatten())


class Gathered(Contract, losses.Padded):
    """Log-probabilities of the labels are picked out by hand and averaged under a mask."""

    def loss_of(self, batch: Batch) -> Tensor:
        counts = batch[1] != -100
        picked = batch[1].clamp_min(0).unsqueeze(-1)
        logp = self.model(batch[0]).log_softmax(-1).gather(-1, picked).squeeze(-1)
        return -(logp * counts).sum() / counts.sum()


class MaskedTokens(Contract, Masked):
    """Hidden tokens are guessed in place: a shift is not what it has."""

    shift = None


class Checkpointed(Contract):
    """Activations are computed again in the backward pass."""

    def loss_of(self, batch: Batch) -> Tensor:
        model = self.model
        x = model.embed(batch[0]) + model.position.weight[: batch[0].shape[1]]
        for block in model.blocks:
            x = checkpoint(block, x, use_reentrant=False)
        return next_token_loss(model.head(model.ln_f(x)), batch[1])


class LabelSmoothing(NotMeasured):
    """A tenth of the weight is spread over all tokens."""

    def loss_of(self, batch: Batch) -> Tensor:
        logits = self.model(batch[0]).flatten(0, 1)
        return F.cross_entropy(logits, batch[1].flatten(), label_smoothing=0.1)


class ZLoss(NotMeasured):
    """The squared log of the normaliser is added."""

    def loss_of(self, batch: Batch) -> Tensor:
        logits = self.model(batch[0])
        return next_token_loss(logits, batch[1]) + 0.1 * logits.logsumexp(-1).square().mean()


class Fused(NotMeasured):
    """Head and loss are one, chunk by chunk: the logits are never there."""

    def loss_of(self, batch: Batch) -> Tensor:
        hidden, weight = self.model.hidden(batch[0]).flatten(0, 1), self.model.head.weight
        parts = zip(hidden.split(128), batch[1].flatten().split(128), strict=True)
        sums = [F.cross_entropy(part @ weight.T, labels, reduction="sum") for part, labels in parts]
        return torch.stack(sums).sum() / batch[1].numel()


class Distillation(NotMeasured):
    """The targets are the probabilities of a teacher."""

    def loss_of(self, batch: Batch) -> Tensor:
        teacher = torch.randn(V, V, generator=torch.Generator().manual_seed(5))[batch[0]].softmax(-1)
        student = self.model(batch[0]).log_softmax(-1)
        return F.kl_div(student.flatten(0, 1), teacher.flatten(0, 1), reduction="batchmean")


class Preference(NotMeasured):
    """DPO: the first half of the rows is preferred to the second."""

    def loss_of(self, batch: Batch) -> Tensor:
        logp = self.model(batch[0]).log_softmax(-1).gather(-1, batch[1].unsqueeze(-1)).squeeze(-1).sum(1)
        chosen, rejected = logp.chunk(2)
        return -F.logsigmoid(0.1 * (chosen - rejected - (chosen - rejected).detach())).mean()


class Policy(NotMeasured, gradients.PolicyGradient):
    """A policy gradient: weights of both signs."""


class Focal(NotMeasured):
    """Easy tokens weigh less, by a power that has a gradient of its own."""

    def loss_of(self, batch: Batch) -> Tensor:
        each = F.cross_entropy(self.model(batch[0]).transpose(1, 2), batch[1], reduction="none")
        return ((1 - (-each).exp()).square() * each).mean()


class SquaredError(NotMeasured):
    """Logits are fitted to the one-hot labels by least squares."""

    def loss_of(self, batch: Batch) -> Tensor:
        return F.mse_loss(self.model(batch[0]), F.one_hot(batch[1], V).float())


class EntropyBonus(NotMeasured):
    """The entropy of the prediction is rewarded."""

    def loss_of(self, batch: Batch) -> Tensor:
        logits = self.model(batch[0])
        entropy = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
        return next_token_loss(logits, batch[1]) - 0.1 * entropy


class TwoHeads(NotMeasured):
    """Each position is asked for the next token and for the one after it, through one head."""

    def loss_of(self, batch: Batch) -> Tensor:
        logits = self.model(batch[0])
        return (next_token_loss(logits, batch[1]) + next_token_loss(logits[:, :-1], batch[1][:, 1:])) / 2


def contract_programs() -> list[type[Training]]:
    """All of this file, in its order."""
    kinds = [kind for kind in globals().values() if isinstance(kind, type) and kind.__module__ == __name__]
    return [kind for kind in kinds if issubclass(kind, Training) and kind not in (Contract, NotMeasured)]
