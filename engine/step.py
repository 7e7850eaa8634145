"""One optimizer step: batch, forward, backward, clip, update, and what there is to say about it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from engine.batches import IGNORED, Batch
from engine.build import Loop
from engine.evaluate import class_sums, forward_precision
from engine.model import token_losses
from engine.optimizer import clip_gradients, gradient_norm, set_learning_rate
from engine.probes.batch_hash import batch_hash
from engine.probes.gradient_recomputation import RandomState, grad_norm_recomputed
from engine.probes.measured import Measured, scalar

Fields = dict[str, Any]

CONTENT_EVERY = 10
"""Steps between two counts of a batch's targets; step 1 is counted too, so that a fault shows at once."""

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
    step, started = loop.step, time.perf_counter()
    micro_batches = [loop.fault.batch(step, batch) for batch in loop.order.step(step)]
    data_s = time.perf_counter() - started
    recomputation = _Recomputation(loop, micro_batches) if loop.inspects and _recomputes(step) else None

    loop.instruments.before_step(step)
    sums = accumulate_gradients(loop, micro_batches)
    loop.fault.gradients(step, loop.parameters)
    norm = gradient_norm(loop.parameters)
    measured = [_losses(sums, norm)]
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
    measured += loop.instruments.read(step)
    record: Fields = {"kind": "step", "step": step, "time": round(time.time(), 3), "lr": lr}
    record |= _content(step, micro_batches) | loop.instruments.host_fields() | loop.fault.fields(step)
    record |= {"step_s": time.perf_counter() - started, "data_s": data_s}
    return StepTaken(record, measured)


def accumulate_gradients(loop: Loop, micro_batches: list[Batch]) -> Tensor:
    """Leave the gradient of the mean token loss in the parameters; return sums of loss and count.

    The mean is over the tokens of all micro-batches and ranks together: a micro-batch with more targets
    weighs more, as it would in one large batch. Without any target there is no gradient, and the loss is
    NaN, as a mean over nothing is.

    Returns:
        (2, 1 + classes): sum of losses and number of targets; first over everything, then by class.
    """
    num_classes = len(loop.corpus.classes)
    counted = torch.tensor(float(sum(batch.num_targets for batch in micro_batches)))
    divisor = loop.fault.divisor(float(loop.world.sum(counted)), len(micro_batches))
    scale = loop.world.size / (divisor or 1.0)
    sums = torch.zeros(2, 1 + num_classes, device=loop.device)
    for batch in (batch.to(loop.device) for batch in micro_batches):
        losses = _token_losses(loop, batch)
        total = losses.sum()
        (total * scale).backward()  # type: ignore[no-untyped-call]
        sums[0, 0] += total.detach()
        if num_classes:
            sums[:, 1:] += class_sums(losses.detach(), batch, num_classes)[0]
    sums[1, 0] = counted
    return loop.world.sum(sums)


def _token_losses(loop: Loop, batch: Batch) -> Tensor:
    with forward_precision(loop):
        return token_losses(loop.model(batch.inputs), batch.targets, IGNORED)


def _losses(sums: Tensor, norm: Tensor) -> Measured:
    """loss, class_loss and grad_norm, divided on the host in double precision."""

    def fields(numbers: list[float]) -> Fields:
        *flat, grad_norm = numbers
        totals, counts = flat[: len(flat) // 2], flat[len(flat) // 2 :]
        loss = totals[0] / counts[0] if counts[0] else math.nan
        by_class = [t / n for t, n in zip(totals[1:], counts[1:], strict=True)] if all(counts) else []
        return {"loss": loss, "grad_norm": grad_norm} | ({"class_loss": by_class} if by_class else {})

    return Measured(torch.cat([sums.flatten(), norm.detach().reshape(1).to(sums)]), fields)


def _content(step: int, micro_batches: list[Batch]) -> Fields:
    """Which data this step saw; without it no spike can be traced to its batch."""
    tensors = [tensor for batch in micro_batches for tensor in (batch.inputs, batch.targets)]
    fields: Fields = {"batch": step, "batch_hash": batch_hash(*tensors)}
    if step % CONTENT_EVERY == 0 or step == 1:
        targets = torch.cat([batch.targets.flatten() for batch in micro_batches])
        counted = targets[targets != IGNORED]
        fields |= {
            "num_targets": counted.numel(),
            "num_tokens": targets.numel(),
            "num_distinct_targets": len(set(counted.tolist())),
        }
    return fields


def _recomputes(step: int) -> bool:
    return step < 2 or step % RECOMPUTE_EVERY == 0


class _Recomputation:
    """The step's gradient once more, with the random numbers as they stand when this object is made."""

    def __init__(self, loop: Loop, micro_batches: list[Batch]) -> None:
        self._loop = loop
        self._micro_batches = micro_batches
        self._before = RandomState(loop.model)

    def measure(self) -> Measured:
        """grad_norm_recomputed; gradients and random numbers are left as they were."""
        summed = [partial(self._summed_loss, batch) for batch in self._micro_batches]
        norm = grad_norm_recomputed(self._loop.model, summed, self._before)
        return scalar("grad_norm_recomputed", norm)

    def _summed_loss(self, batch: Batch) -> tuple[Tensor, int]:
        return _token_losses(self._loop, batch.to(self._loop.device)).sum(), batch.num_targets
