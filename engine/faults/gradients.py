"""Gradients that are not those of the mean loss of one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from flight_recorder.engine.faults.fault import Fault

if TYPE_CHECKING:
    from torch import nn


class GradientOutlier(Fault):
    """One batch with a gradient far out of the ordinary, and nothing that clips it."""

    name = "gradient_outlier"
    cause = "gradient_outlier"
    also = ("loss_spike",)
    level = "yellow"
    default_strength = 100.0
    strengths = (100.0, 1000.0)
    breaks = "without clipping, the gradient of one batch is {strength:g} times as large as it should be"
    onset_step = 90
    deadline_step = 91
    needs: ClassVar = {"training.grad_clip": 0.0}

    def gradients(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Scale one step's gradient."""
        if step == self.onset_step:
            _scale(parameters, self.strength)


class RepeatedOutliers(Fault):
    """A bad shard that comes round again and again."""

    name = "repeated_outliers"
    cause = "gradient_outlier"
    also = ("instability",)
    default_strength = 100.0
    strengths = (100.0, 30.0)
    breaks = "every 12th gradient from step 70 on is {strength:g} times as large as it should be"
    onset_step = 70
    deadline_step = 120
    num_steps = 160

    def gradients(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Scale every 12th step's gradient."""
        if step >= self.onset_step and (step - self.onset_step) % 12 == 0:
            _scale(parameters, self.strength)


class SumReduction(Fault):
    """The loss is summed over the tokens where a mean is meant."""

    name = "sum_reduction"
    cause = "sum_reduction"
    breaks = "the loss that is minimised is the sum over tokens, not the mean"

    def divisor(self, num_targets: float, num_micro_batches: int) -> float:
        """Nothing divides the sum."""
        return 1.0


class MissingDivisor(Fault):
    """The gradients of the micro-batches are added up and not averaged."""

    name = "missing_accumulation_divisor"
    cause = "missing_accumulation_divisor"
    breaks = "with micro-batches, the 1 / k of gradient accumulation is missing"
    needs: ClassVar = {"training.accumulation": 4, "training.batch_size": 8}

    def divisor(self, num_targets: float, num_micro_batches: int) -> float:
        """The targets of one micro-batch instead of all of them."""
        return num_targets / num_micro_batches


class MissingZeroGrad(Fault):
    """Gradients are never cleared: each update uses the sum of all gradients so far."""

    name = "missing_zero_grad"
    cause = "missing_zero_grad"
    breaks = "gradients are never cleared after an update"
    deadline_step = 2
    onset_step = 1

    def clears_gradients(self, step: int) -> bool:
        """Never."""
        return False


class RareZeroGrad(Fault):
    """Gradients are cleared now and then only, as with an accumulation that nobody declared."""

    name = "rare_zero_grad"
    cause = "missing_zero_grad"
    default_strength = 4.0
    strengths = (4.0,)
    breaks = "gradients are cleared after every {strength:g}th update only"
    deadline_step = 2
    onset_step = 1

    def clears_gradients(self, step: int) -> bool:
        """Once in a while."""
        return (step + 1) % int(self.strength) == 0


class WrongSign(Fault):
    """The loss is maximised: a minus sign is missing, as after a change from a reward to a loss.

    A loss that is driven up without bound is unstable too, and its gradients are.
    """

    name = "above_uniform"
    cause = "above_uniform"
    also = ("instability",)
    level = "red"
    breaks = "every gradient has the wrong sign: the loss is maximised"
    deadline_step = 150
    num_steps = 200

    def gradients(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Turn them all round."""
        _scale(parameters, -1.0)


def _scale(parameters: list[nn.Parameter], factor: float) -> None:
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor)
