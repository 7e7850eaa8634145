"""Learning rates that are not the declared ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from flight_recorder.engine.faults.fault import Fault, LearningRate

if TYPE_CHECKING:
    from flight_recorder.engine.model.schedule import Schedule


def _schedule(declared: LearningRate) -> Schedule:
    return cast("Schedule", declared)


class NoWarmup(Fault):
    """The declared warm-up is not applied."""

    name = "no_warmup"
    cause = "no_warmup"
    also = ("lr_too_high",)
    strengths = (1.0, 30.0)
    breaks = "the declared warm-up is skipped, and every learning rate is multiplied by {strength:g}"
    deadline_step = 2

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The declared curve with its rising part cut flat at the top."""
        warmup = getattr(declared, "warmup_steps", 0)
        return lambda step: self.strength * declared(max(step, warmup))


class ConstantRate(Fault):
    """The scheduler is never stepped."""

    name = "constant_lr"
    cause = "constant_lr"
    strengths = (1.0, 0.1)
    breaks = "the learning rate stays at {strength:g} x lr_max: the scheduler is never stepped"
    deadline_step = 5

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The peak, or a share of it, at every step."""
        return lambda step: self.strength * _schedule(declared).lr_max


class ZeroRate(Fault):
    """The scheduler multiplies a learning rate of zero."""

    name = "zero_lr"
    cause = "zero_lr"
    breaks = "the learning rate is zero at every step"
    deadline_step = 3

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """Nothing."""
        return lambda step: 0.0


class StepDecay(Fault):
    """The rate falls in steps where a smooth decay is declared."""

    name = "step_decay"
    cause = "step_decay"
    also = ("schedule_mismatch",)
    default_strength = 0.5
    strengths = (0.5, 0.1)
    breaks = "after the warm-up the rate is multiplied by {strength:g} eight times, in steps"
    deadline_step = 75

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """Eight equal stairs between warm-up and end."""
        curve = _schedule(declared)
        every = max(1, (curve.total_steps - curve.warmup_steps) // 8)
        return replace(curve, family="step", decay_every=every, decay_factor=self.strength, lr_min=0.0)


class WrongTotalSteps(Fault):
    """The decay is laid out for another number of steps than the run has."""

    name = "wrong_total_steps"
    cause = "wrong_total_steps"
    also = ("schedule_mismatch",)
    default_strength = 0.5
    strengths = (0.5, 2.0, 0.9)
    breaks = "the decay ends at {strength:g} x the planned steps"
    needs: ClassVar = {"training.schedule": "cosine"}  # one that decays all the way
    deadline_step = 60
    onset_step = 31

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The same family with another end."""
        curve = _schedule(declared)
        return replace(curve, total_steps=max(curve.warmup_steps + 1, int(curve.total_steps * self.strength)))


class WarmupOffByOne(Fault):
    """The warm-up counts from zero: the first update is lost."""

    name = "warmup_off_by_one"
    cause = "warmup_off_by_one"
    breaks = "the warm-up is t / W where (t + 1) / W is declared"
    deadline_step = 4

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """One step behind while the rate rises."""
        curve = _schedule(declared)

        def late(step: int) -> float:
            if step < curve.warmup_steps:
                return curve.lr_max * step / curve.warmup_steps
            return declared(step)

        return late


class SchedulerOverstepped(Fault):
    """The scheduler is stepped several times for each update."""

    name = "scheduler_overstepped"
    cause = "scheduler_overstepped"
    default_strength = 2.0
    strengths = (2.0, 4.0)
    breaks = "the scheduler is stepped {strength:g} times per update"
    deadline_step = 5

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The declared rate of a later step."""
        return lambda step: declared(int(step * self.strength))


class RateTooHigh(Fault):
    """Something multiplies the rate: linear scaling applied twice, a wrong unit."""

    name = "lr_too_high"
    cause = "lr_too_high"
    default_strength = 30.0
    strengths = (30.0, 10.0, 100.0)
    breaks = "every learning rate is {strength:g} times the declared one"
    deadline_step = 3

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The declared curve, stretched."""
        return lambda step: self.strength * declared(step)


class RateTooLow(Fault):
    """Something divides the rate."""

    name = "lr_too_low"
    cause = "lr_too_low"
    default_strength = 1000.0
    strengths = (1000.0, 10.0)
    breaks = "every learning rate is the declared one divided by {strength:g}"
    deadline_step = 3

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The declared curve, pressed flat."""
        return lambda step: declared(step) / self.strength


class RateCreepsUp(Fault):
    """The rate grows where it should decay, a little more with every step."""

    name = "lr_creeping_up"
    cause = "schedule_mismatch"
    also = ("lr_too_high",)
    default_strength = 0.01
    strengths = (0.01, 0.002)
    breaks = "the learning rate is multiplied by 1 + {strength:g} x step"
    deadline_step = 40

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The declared curve on a slope."""
        return lambda step: declared(step) * (1 + self.strength * step)
