"""Two faults or more in one run: each hook goes through all of them in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_recorder.engine.faults.fault import Fault, LearningRate

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from flight_recorder.engine.data.batches import Batch
    from flight_recorder.engine.data.corpus import Corpus
    from flight_recorder.engine.model.model import GPT
    from flight_recorder.engine.run.build import Loop
    from flight_recorder.engine.run.saving import Saver


class Several(Fault):
    """All of these faults at once. Two that replace the same thing leave the later one standing."""

    name = "several"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__()
        self.faults = faults

    def __str__(self) -> str:
        return "+".join(map(str, self.faults))

    def corpus(self, corpus: Corpus) -> Corpus:
        """Through all of them."""
        for fault in self.faults:
            corpus = fault.corpus(corpus)
        return corpus

    def model(self, model: GPT) -> None:
        """By all of them."""
        for fault in self.faults:
            fault.model(model)

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """Through all of them."""
        for fault in self.faults:
            optimizer = fault.optimizer(optimizer)
        return optimizer

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """Through all of them."""
        for fault in self.faults:
            declared = fault.learning_rate(declared)
        return declared

    def begin(self, loop: Loop) -> None:
        """By all of them."""
        for fault in self.faults:
            fault.begin(loop)

    def load(self, step: int) -> None:
        """All of them."""
        for fault in self.faults:
            fault.load(step)

    def batch(self, step: int, batch: Batch) -> Batch:
        """Through all of them."""
        for fault in self.faults:
            batch = fault.batch(step, batch)
        return batch

    def divisor(self, num_targets: float, num_micro_batches: int) -> float:
        """Through all of them."""
        for fault in self.faults:
            num_targets = fault.divisor(num_targets, num_micro_batches)
        return num_targets

    def gradients(self, step: int, parameters: list[nn.Parameter]) -> None:
        """By all of them."""
        for fault in self.faults:
            fault.gradients(step, parameters)

    def before_update(self, step: int, optimizer: Optimizer) -> Optimizer:
        """Through all of them."""
        for fault in self.faults:
            optimizer = fault.before_update(step, optimizer)
        return optimizer

    def skips_update(self, step: int) -> bool:
        """If any does."""
        return any(fault.skips_update(step) for fault in self.faults)

    def clears_gradients(self, step: int) -> bool:
        """If all do."""
        return all(fault.clears_gradients(step) for fault in self.faults)

    def fields(self, step: int) -> dict[str, Any]:
        """Of all of them."""
        return {name: value for fault in self.faults for name, value in fault.fields(step).items()}

    def after_step(self, loop: Loop, saver: Saver) -> None:
        """By all of them."""
        for fault in self.faults:
            fault.after_step(loop, saver)

    def sums_over_ranks(self) -> bool:
        """If all do."""
        return all(fault.sums_over_ranks() for fault in self.faults)

    def evaluates(self, step: int) -> bool:
        """If all do."""
        return all(fault.evaluates(step) for fault in self.faults)

    def evaluation(self, loop: Loop) -> dict[str, Any]:
        """Of all of them."""
        return {name: value for fault in self.faults for name, value in fault.evaluation(loop).items()}

    def keeps_checkpoint(self, role_or_step: str | int) -> bool:
        """If all do."""
        return all(fault.keeps_checkpoint(role_or_step) for fault in self.faults)

    def restored(self, optimizer: Optimizer) -> Optimizer:
        """Through all of them."""
        for fault in self.faults:
            optimizer = fault.restored(optimizer)
        return optimizer
