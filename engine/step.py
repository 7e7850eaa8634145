"""One optimizer step: batch, forward, backward, clip, update, and what there is to say about it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.data.batch_content import BatchContent, counts_targets
from flight_recorder.engine.data.batches import IGNORED, Batch
from flight_recorder.engine.model.model import token_losses
from flight_recorder.engine.model.optimizer import clip_gradients, gradient_norm, set_learning_rate
from flight_recorder.engine.probes.gradient_recomputation import RandomState, grad_norm_recomputed
from flight_recorder.engine.probes.measured import Measured, packed, scalar
from flight_recorder.engine.run.build import Loop
from flight_recorder.engine.run.evaluate import class_sums, forward_precision

Fields = dict[str, Any]

RECOMPUTE_EVERY = 500
"""Steps between two gradients computed afresh, at 0.2 % of the run; the first two steps are checked as well,
since that is where a wrong reduction and a gradient that was never cleared are seen."""


@dataclass(frozen=True, slots=True)
class StepTaken:
    """What is known on the host, and the numbers that may still be on the device."""

    record: Fields
    measured: list[Measured]


def take_step(loop: Loop) -> StepTaken:
    """The parameters are one update further, and `loop.step` is one higher."""
    step, started, waited_s = loop.step, time.perf_counter(), loop.world.waited_s
    loop.fault.load(step)
    micro_batches = [loop.fault.batch(step, batch) for batch in loop.order.step(step)]
    data_s = time.perf_counter() - started
    content = BatchContent(loop.world, micro_batches)
    recomputation = _Recomputation(loop, micro_batches) if _recomputes(loop) else None

    loop.instruments.before_step(step)
    sums = accumulate_gradients(loop, micro_batches, content)
    loop.fault.gradients(step, loop.parameters)
    norm = gradient_norm(loop.parameters)
    measured = [_losses(loop.world.sum(sums), norm)]
    factor = clip_gradients(loop.parameters, norm, loop.config.training.grad_clip)
    loop.instruments.after_backward(step, grad_norm=norm, clip_factor=factor)
    if recomputation:
        measured.append(recomputation.measure())

    lr = loop.learning_rate(step)
    loop.optimizer = loop.fault.before_update(step, loop.optimizer)
    set_learning_rate(loop.optimizer, lr)
    if not loop.fault.skips_update(step):
        loop.optimizer.step()
        loop.instruments.after_update(step, optimizer=loop.optimizer)
    if loop.fault.clears_gradients(step):
        loop.optimizer.zero_grad()

    loop.step += 1
    measured += _over_ranks(loop, loop.instruments.read(step))
    record: Fields = {"kind": "step", "step": step, "time": round(time.time(), 3), "lr": lr}
    record |= content.fields(step, loop.corpus.vocab_size)
    record |= loop.fault.fields(step)
    step_s = time.perf_counter() - started
    record |= {"step_s": step_s, "data_s": data_s}
    loop.pace.add(step_s, data_s, waited_s=loop.world.waited_s - waited_s, num_tokens=content.num_tokens)
    if counts_targets(step):
        record |= {"tokens_per_s": loop.pace.tokens_per_s()} | loop.device_load.fields()
    return StepTaken(record, measured)


def accumulate_gradients(loop: Loop, micro_batches: list[Batch], content: BatchContent) -> Tensor:
    """Leave the gradient of the mean token loss in the parameters; return this rank's sums.

    The mean is over the tokens of all micro-batches and ranks together: a micro-batch with more targets
    weighs more, as it would in one large batch. Without any target there is no gradient, and the loss is
    NaN, as a mean over nothing is.

    Returns:
        (2, 1 + classes): sum of losses and number of targets; first over everything, then by class.
    """
    num_classes = len(loop.corpus.classes)
    divisor = loop.fault.divisor(content.num_targets, len(micro_batches)) or 1.0
    sums = torch.zeros(2, 1 + num_classes, device=loop.device)
    for number, batch in enumerate((batch.to(loop.device) for batch in micro_batches), start=1):
        with loop.parallel.micro_step(is_last=number == len(micro_batches)):
            losses = _token_losses(loop, loop.parallel.forward, batch)
            total = losses.sum()
            (total * (1.0 / divisor)).backward()  # type: ignore[no-untyped-call]
        sums[0, 0] += total.detach()
        if num_classes:
            sums[:, 1:] += class_sums(losses.detach(), batch, num_classes)[0]
    sums[1, 0] = float(content.num_targets_here)
    return sums


def _token_losses(loop: Loop, model: nn.Module, batch: Batch) -> Tensor:
    with forward_precision(loop):
        return token_losses(model(batch.inputs), batch.targets, IGNORED)


def _losses(sums: Tensor, norm: Tensor) -> Measured:
    """loss, class_loss and grad_norm, divided on the host in double precision."""

    def fields(numbers: list[float]) -> Fields:
        *flat, grad_norm = numbers
        totals, counts = flat[: len(flat) // 2], flat[len(flat) // 2 :]
        loss = totals[0] / counts[0] if counts[0] else math.nan
        by_class = [t / n for t, n in zip(totals[1:], counts[1:], strict=True)] if all(counts) else []
        return {"loss": loss, "grad_norm": grad_norm} | ({"class_loss": by_class} if by_class else {})

    return Measured(torch.cat([sums.flatten(), norm.detach().reshape(1).to(sums)]), fields)


def _over_ranks(loop: Loop, measured: list[Measured]) -> list[Measured]:
    """Means over this rank's part of the batch become means over the whole batch, in one reduction."""
    means = [each for each in measured if each.is_batch_mean]
    if loop.world.size == 1 or not means:
        return measured
    whole = loop.world.sum(packed(means) * loop.order.share)
    parts = iter(torch.split(whole, [each.values.numel() for each in means]))
    return [replace(each, values=next(parts)) if each.is_batch_mean else each for each in measured]


def _recomputes(loop: Loop) -> bool:
    """A cut model has no second backward pass beside the one that the ranks take together."""
    due = loop.step < 2 or loop.step % RECOMPUTE_EVERY == 0
    return due and loop.inspects and loop.parallel.replicates


class _Recomputation:
    """The step's gradient once more, with the random numbers as they stand when this object is made."""

    def __init__(self, loop: Loop, micro_batches: list[Batch]) -> None:
        self._loop = loop
        self._micro_batches = micro_batches
        self._before = RandomState(loop.model)

    def measure(self) -> Measured:
        """grad_norm_recomputed; gradients and random numbers are left as they were."""
        summed = [partial(self._summed_loss, batch) for batch in self._micro_batches]
        norm = grad_norm_recomputed(self._loop.model, summed, self._before, over_ranks=self._loop.world.sum)
        return scalar("grad_norm_recomputed", norm)

    def _summed_loss(self, batch: Batch) -> tuple[Tensor, int]:
        losses = _token_losses(self._loop, self._loop.model, batch.to(self._loop.device))
        return losses.sum(), batch.num_targets
