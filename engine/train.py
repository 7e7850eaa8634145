"""A training run, told from top to bottom.

    build           data, model, optimizer, all from the config and the seed
    open the log    header and initial record, or a resume record
    for each step   batch, forward, backward, clip, update, record
      now and then  evaluate, keep the best, checkpoint, stop if asked to
    finish          last checkpoint, exit record

A step is an optimizer step. The record of step s says: the loss of the parameters after s updates on batch s,
the gradient norm there before clipping, and the learning rate of the update that followed. An evaluation or
a checkpoint of step s belongs to the parameters after s updates.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.batches import IGNORED, Batch, content_hash
from engine.build import Loop, build_loop
from engine.config import Config
from engine.evaluate import class_sums, forward_precision, measure_splits
from engine.model import token_losses
from engine.optimizer import clip_gradients, gradient_norm, set_learning_rate
from engine.progress import ProgressReport
from engine.run_folder import BEST, LAST, RunFolder
from engine.saving import DiskRefused, Recorder
from engine.signals import StopWish, stop_wish

Fields = dict[str, Any]

CONTENT_EVERY = 10
"""Steps between two counts of a batch's targets; step 1 is counted too, so that a fault shows at once."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run stopped: the reason of the exit record, a sentence where there is more to say."""

    reason: str
    message: str | None = None
    as_asked: bool = False
    """Stopped early because `stop_after` said so."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; `step` updates are done, losses are those of the last evaluation."""

    ending: Ending
    step: int
    train_loss: float
    val_loss: float
    best_step: int | None
    best_val_loss: float


def train(
    config: Config,
    folder: RunFolder,
    *,
    resume: bool = False,
    stop_after: int | None = None,
    inspect: bool = True,
) -> Outcome:
    """Train to the config's last step, or until something asks to stop; everything is on disk afterwards.

    Raises:
        CorpusError, DeviceError, CheckpointError, RunFolderError: it could not begin.
    """
    loop = build_loop(config, inspect=inspect)
    recorder = Recorder.open(loop, folder, resume=resume)
    planned = config.training.T
    last = planned if stop_after is None else min(planned, loop.step + stop_after)
    with stop_wish() as wish, ProgressReport(planned, loop.step) as progress:
        recorder.say = progress.say
        try:
            ending = run_steps(loop, recorder, progress, wish, last)
        except DiskRefused as error:
            ending = Ending("error", str(error))
        except Exception as error:
            recorder.finish(loop, "error", f"{type(error).__name__}: {error}")
            raise
        recorder.finish(loop, ending.reason, ending.message)
    return Outcome(ending, loop.step, *loop.last_losses, loop.best_step, loop.best_val_loss)


def run_steps(loop: Loop, recorder: Recorder, progress: ProgressReport, wish: StopWish, last: int) -> Ending:
    """Take steps up to `last`, or until a signal or the early stopping says otherwise."""
    training = loop.config.training
    while loop.step < last:
        record = take_step(loop)
        recorder.write(record)
        progress.step(record["step"], record["loss"], record["lr"])
        if _due(loop.step, training.eval_every, training.T):
            evaluate(loop, recorder, progress)
        if _due(loop.step, training.ckpt_every, training.T):
            recorder.checkpoint(loop, loop.step, LAST)
        if wish.reason:
            return Ending(wish.reason, f"stopped by {wish.name}")
        if 0 < training.early_stopping <= loop.evaluations_since_best:
            return Ending("early_stopping", f"no new best in {loop.evaluations_since_best} evaluations")
    if last < training.T:
        return Ending("interrupted", f"{training.T - last} steps before the end, as asked", as_asked=True)
    return Ending("finished")


def _due(step: int, every: int, last: int) -> bool:
    return step == last or (every > 0 and step % every == 0)


def take_step(loop: Loop) -> Fields:
    """One optimizer step, and its record. `loop.step` is one higher afterwards."""
    step, started = loop.step, time.perf_counter()
    micro_batches = [loop.fault.batch(step, batch) for batch in loop.order.step(step)]
    data_s = time.perf_counter() - started

    loop.instruments.before_step(step)
    sums = accumulate_gradients(loop, micro_batches)
    loop.fault.gradients(step, loop.parameters)
    norm = gradient_norm(loop.parameters)
    factor = clip_gradients(loop.parameters, norm, loop.config.training.grad_clip)
    loop.instruments.after_backward(step, grad_norm=norm, clip_factor=factor)

    lr = loop.learning_rate(step)
    loop.optimizer = loop.fault.before_update(step, loop.optimizer)
    set_learning_rate(loop.optimizer, lr)
    loop.optimizer.step()
    loop.instruments.after_update(step, optimizer=loop.optimizer)
    if loop.fault.clears_gradients(step):
        loop.optimizer.zero_grad()

    loop.step += 1
    record = {"kind": "step", "step": step, **_losses(loop, sums, norm), "lr": lr}
    record |= _content(step, micro_batches) | loop.instruments.collect(step)
    record |= {"step_s": time.perf_counter() - started, "data_s": data_s}
    return record


def accumulate_gradients(loop: Loop, micro_batches: list[Batch]) -> Tensor:
    """Leave the gradient of the mean token loss in the parameters; return sums of loss and count.

    The mean is over the tokens of all micro-batches and ranks together: a micro-batch with more targets
    weighs more, as it would in one large batch. Returned: (sum, count) over everything, then by class,
    shape (2, 1 + classes).
    """
    num_classes = len(loop.corpus.classes)
    counted = torch.tensor(float(sum(batch.num_targets for batch in micro_batches)))
    divisor = loop.fault.divisor(float(loop.world.sum(counted)), len(micro_batches))
    sums = torch.zeros(2, 1 + num_classes, device=loop.device)
    for batch in (batch.to(loop.device) for batch in micro_batches):
        with forward_precision(loop):
            losses = token_losses(loop.model(batch.inputs), batch.targets, IGNORED)
        total = losses.sum()
        (total * (loop.world.size / divisor)).backward()  # type: ignore[no-untyped-call]
        sums[0, 0] += total.detach()
        if num_classes:
            sums[:, 1:] += class_sums(losses.detach(), batch, num_classes)[0]
    sums[1, 0] = counted
    return loop.world.sum(sums)


def _losses(loop: Loop, sums: Tensor, norm: Tensor) -> Fields:
    """Loss, class losses and gradient norm, fetched from the device in one piece."""
    *flat, grad_norm = torch.cat([sums.flatten(), norm.reshape(1).to(sums)]).tolist()
    totals, counts = flat[: len(flat) // 2], flat[len(flat) // 2 :]
    loss = totals[0] / counts[0] if counts[0] else math.nan
    fields: Fields = {"loss": loss, "grad_norm": grad_norm}
    if len(totals) > 1 and all(counts):
        fields["class_loss"] = [t / n for t, n in zip(totals[1:], counts[1:], strict=True)]
    return fields


def _content(step: int, micro_batches: list[Batch]) -> Fields:
    """Which data this step saw; without it no spike can be traced to its batch."""
    fields: Fields = {"batch": step, "batch_hash": content_hash(micro_batches)}
    if step % CONTENT_EVERY == 0 or step == 1:
        targets = torch.cat([batch.targets.flatten() for batch in micro_batches])
        counted = targets[targets != IGNORED]
        fields |= {
            "num_targets": counted.numel(),
            "num_tokens": targets.numel(),
            "num_distinct_targets": len(set(counted.tolist())),
        }
    return fields


def evaluate(loop: Loop, recorder: Recorder, progress: ProgressReport) -> None:
    """Measure both splits alike, write the record, and keep these parameters if they are the best so far."""
    started = time.perf_counter()
    fields = measure_splits(loop)
    recorder.write(
        {"kind": "evaluation", "step": loop.step, **fields, "eval_s": time.perf_counter() - started}
    )
    loop.last_losses, loop.evaluated_step = (fields["train_loss"], fields["val_loss"]), loop.step
    progress.evaluation(fields["val_loss"])
    if fields["val_loss"] < loop.best_val_loss:
        loop.best_step, loop.best_val_loss = loop.step, fields["val_loss"]
        loop.evaluations_since_best = 0
        recorder.checkpoint(loop, BEST)
    else:
        loop.evaluations_since_best += 1
