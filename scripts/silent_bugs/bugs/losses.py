"""The loss asks for something else than it seems to: other labels, other positions, another mean."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.silent_bugs.data import EOS, PAD, V, sentences
from scripts.silent_bugs.networks import GPT, next_token_loss
from scripts.silent_bugs.training import Batch, Training


class ShiftingGPT(nn.Module):
    """As models of transformers do: tokens and labels go in, the loss comes out, shifted inside."""

    def __init__(self) -> None:
        super().__init__()
        self.net = GPT()

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """The mean loss; `labels` are the tokens themselves."""
        return next_token_loss(self.net(tokens)[:, :-1], labels[:, 1:])


class ShiftsInside(Training):
    """Labels go in unshifted, and the model shifts them."""

    def make_model(self) -> nn.Module:
        return ShiftingGPT()

    def labelled(self, rows: Tensor) -> Batch:
        return rows, rows

    def loss_of(self, batch: Batch) -> Tensor:
        return self.model(*batch)


class ShiftedByUserToo(ShiftsInside):
    """The collator has shifted the labels, and the model shifts them again."""

    def labelled(self, rows: Tensor) -> Batch:
        return rows[:, :-1], rows[:, 1:]


class ShiftedTwice(Training):
    """The loss drops the first label of labels that were shifted already."""

    def loss_of(self, batch: Batch) -> Tensor:
        return next_token_loss(self.model(batch[0])[:, :-1], batch[1][:, 1:])


class NotShifted(Training):
    """The model is asked for the token that it sees."""

    def loss_of(self, batch: Batch) -> Tensor:
        return next_token_loss(self.model(batch[0]), batch[0])


class NotShiftedInside(ShiftsInside):
    """The decoder's inputs were not moved to the right."""

    def loss_of(self, batch: Batch) -> Tensor:
        return next_token_loss(self.model.net(batch[0]), batch[1])


class Padded(Training):
    """Rows of differing length; padding does not count, the end of the sequence does."""

    def make_rows(self) -> Tensor:
        return sentences()

    def validation_rows(self) -> Tensor:
        return sentences(seed=100, num_rows=64)

    def labelled(self, rows: Tensor) -> Batch:
        tokens, labels = super().labelled(rows)
        return tokens, labels.masked_fill(labels == PAD, -100)


class PaddingCounts(Padded):
    """The labels are the tokens, padding and all, and the same in validation."""

    def labelled(self, rows: Tensor) -> Batch:
        return Training.labelled(self, rows)


class PaddingCountsInTraining(Padded):
    """Validation is made with the right mask."""

    def labelled(self, rows: Tensor) -> Batch:
        return Training.labelled(self, rows) if self.model.training else super().labelled(rows)


class EosMasked(Padded):
    """The padding token is the end of the sequence, so that all ends are masked with the padding."""

    facts: ClassVar[dict[str, Any]] = {"pad_id": EOS}

    def make_rows(self) -> Tensor:
        return filled_with_eos(sentences())

    def validation_rows(self) -> Tensor:
        return filled_with_eos(sentences(seed=100, num_rows=64))

    def labelled(self, rows: Tensor) -> Batch:
        tokens, labels = Training.labelled(self, rows)
        return tokens, labels.masked_fill(labels == EOS, -100)


def filled_with_eos(rows: Tensor) -> Tensor:
    """The end of the sequence takes the place of padding."""
    return rows.masked_fill(rows == PAD, EOS)


class EosIsPadButCounts(EosMasked):
    """The same tokens; only what lies behind the first end is masked."""

    def labelled(self, rows: Tensor) -> Batch:
        tokens, labels = Training.labelled(self, rows)
        return tokens, labels.masked_fill(tokens == EOS, -100)


class Answers(Training):
    """Only the second half of each row, the answer, is trained on."""

    def labelled(self, rows: Tensor) -> Batch:
        tokens, labels = super().labelled(rows)
        return tokens, labels.index_fill(1, torch.arange(16), -100)


class AllMasked(Answers):
    """In every third batch the template of the answer is not found, and nothing is left to learn."""

    def batch(self, number: int) -> Batch:
        tokens, labels = super().batch(number)
        return tokens, torch.full_like(labels, -100) if number % 3 == 2 else labels


class CutAway(Answers):
    """As above where the loop skips the NaN that the mean of nothing is: half of the rows teach nothing."""

    def loss_of(self, batch: Batch) -> Tensor:
        return torch.nan_to_num(super().loss_of(batch)) if self.model.training else super().loss_of(batch)

    def batch(self, number: int) -> Batch:
        tokens, labels = super().batch(number)
        return tokens, torch.full_like(labels, -100) if number % 2 else labels


class Accumulates(Training):
    """Four micro-batches of one length make a step."""

    batch_size, micro_batches = 4, 4


class NoDivisor(Accumulates):
    """The gradients of the micro-batches are summed, and their mean was meant."""

    def backward(self, loss: Tensor) -> None:
        loss.backward()


class LossTimesEight(Accumulates):
    """The trainer divides by nothing, and the reported loss shows it."""

    batch_size, micro_batches = 2, 8

    def loss_of(self, batch: Batch) -> Tensor:
        return super().loss_of(batch) * (8 if self.model.training else 1)


class TokenWeighted(Padded):
    """Four micro-batches of differing length; each token weighs the same, as in one large batch."""

    batch_size, micro_batches = 4, 4

    def loss_of(self, batch: Batch) -> Tensor:
        if not self.model.training:
            return super().loss_of(batch)
        total = next_token_loss(self.model(batch[0]), batch[1]) * (batch[1] != -100).sum()
        return total * self.micro_batches / self.num_items()

    def num_items(self) -> int:
        """Targets of the whole step."""
        first = self.step * self.micro_batches
        return sum(int((self.batch(first + part)[1] != -100).sum()) for part in range(self.micro_batches))


class MeanOfMeans(TokenWeighted):
    """Each micro-batch has its own mean: tokens of a short one weigh more."""

    def loss_of(self, batch: Batch) -> Tensor:
        return next_token_loss(self.model(batch[0]), batch[1])


class TimesWorldSize(Training):
    """The loss is multiplied by the number of ranks, and the gradients are not averaged over so many."""

    def loss_of(self, batch: Batch) -> Tensor:
        return super().loss_of(batch) * (8 if self.model.training else 1)


class SumOfTokens(Training):
    """The loss is the sum over the batch and not the mean."""

    def loss_of(self, batch: Batch) -> Tensor:
        if not self.model.training:
            return super().loss_of(batch)
        logits = self.model(batch[0])
        return F.cross_entropy(logits.reshape(-1, V), batch[1].reshape(-1), reduction="sum")
