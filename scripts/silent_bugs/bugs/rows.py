"""The data is not what the loop believes: rows that repeat, are missing, or come in the old order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from scripts.silent_bugs.data import corpus, epochs
from scripts.silent_bugs.training import Batch, NoInspector, Training, known


class SameSeedWorkers(Training):
    """Four loader workers draw with one seed: each row is in the batch four times."""

    def make_order(self) -> Sequence[Tensor]:
        return [rows[: self.batch_size // 4].repeat_interleave(4) for rows in super().make_order()]


class TwoWorkers(Training):
    """Two workers, and their rows lie behind each other."""

    def make_order(self) -> Sequence[Tensor]:
        return [rows[: self.batch_size // 2].repeat(2) for rows in super().make_order()]


class ShortBatch(Training):
    """The processor merges the images of a batch into one row; the batch size is declared."""

    facts: ClassVar[dict[str, Any]] = {"batch_size": 16}

    def batch(self, number: int) -> Batch:
        tokens, labels = super().batch(number)
        return tokens[:1], labels[:1]


class DeclaredBatch(Training):
    """As many rows as were declared."""

    facts: ClassVar[dict[str, Any]] = {"batch_size": 16}


class Epochs(Training):
    """Three epochs over a small set, each in an order of its own."""

    facts: ClassVar[dict[str, Any]] = {"steps_per_epoch": 40}
    num_rows = 640

    def make_rows(self) -> Tensor:
        return corpus(num_rows=self.num_rows)

    def make_order(self) -> Sequence[Tensor]:
        return epochs(self.num_rows, self.batch_size, self.num_steps * self.micro_batches, seed=3)


class SameOrder(Epochs):
    """`set_epoch` is never called, or ignored by workers that live on: the order is always the same."""

    def make_order(self) -> Sequence[Tensor]:
        return epochs(self.num_rows, self.batch_size, self.num_steps, seed=3, shuffled_once=True)


class Resumes(Epochs):
    """Stops after 60 steps and goes on with a new Inspector; the data goes on where it was."""

    stops_at = 60

    def run(self, watch: bool, most: int | None = None) -> None:
        self.inspector = self.attach() if watch else NoInspector()
        self.loop(0, most or self.stops_at)
        if most:
            return
        self.inspector.close("terminated")
        self.reload()
        self.inspector = self.attach_again() if watch else self.inspector
        self.loop(self.stops_at, self.num_steps)
        self.inspector.close()

    def reload(self) -> None:
        """The whole state is put back from a checkpoint."""
        state = self.optimizer.state_dict()
        self.optimizer.load_state_dict(state)

    def attach_again(self) -> object:
        """The log is continued."""
        from flight_recorder import Inspector

        again: dict[str, Any] = {"first_step": self.stops_at, "resume": True}
        return Inspector(self.model, self.optimizer, log=self.folder, **again, **known(self.told()))


class Replays(Resumes):
    """After the resume the sampler begins at the start of the epoch again."""

    def batch(self, number: int) -> Batch:
        return super().batch(number if number < self.stops_at else number - self.stops_at)


class MomentsLostAtResume(Resumes):
    """The template of the state was empty, so that no moment was loaded."""

    def reload(self) -> None:
        self.optimizer.state.clear()


class RepeatedBatch(Training):
    """From step 30 on the iterator hands out one batch for ever."""

    def batch(self, number: int) -> Batch:
        return super().batch(min(number, 30))


class LeakedValidation(Training):
    """Rows of validation are those that are trained on; told by nobody."""

    def validation_rows(self) -> Tensor:
        return self.rows[:64]


class ShuffledLabels(Training):
    """The collator sorts tokens and labels apart: no row has its own labels."""

    def batch(self, number: int) -> Batch:
        tokens, labels = super().batch(number)
        return tokens, labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(number))]
