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

import time
from dataclasses import dataclass

from flight_recorder.engine.config import Config
from flight_recorder.engine.distributed.distributed import RankLost, is_lost_peer, joined_world
from flight_recorder.engine.run.build import Loop, build_loop
from flight_recorder.engine.run.evaluate import measure_splits, parameter_checksums
from flight_recorder.engine.run.progress import ProgressReport
from flight_recorder.engine.run.run_folder import BEST, LAST, RunFolder
from flight_recorder.engine.run.saving import DiskRefused, Saver, open_saver
from flight_recorder.engine.run.signals import StopRequest, stop_request
from flight_recorder.engine.step import take_step


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
    best_is_saved: bool


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
        RankLost: another process of this run died; the log says so.
    """
    with joined_world(config.run.rank_timeout) as world:
        loop = build_loop(config, inspect=inspect, world=world)
        with stop_request() as request:
            saver = open_saver(loop, folder, resume=resume)
            planned = config.training.T
            last = planned if stop_after is None else min(planned, loop.step + stop_after)
            with ProgressReport(planned, loop.step, is_silent=not world.writes) as saver.progress:
                ending = _run_to_an_ending(loop, saver, request, last)
    return Outcome(
        ending, loop.step, *loop.last_losses, loop.best_step, loop.best_val_loss, loop.best_is_saved
    )


def _run_to_an_ending(loop: Loop, saver: Saver, request: StopRequest, last: int) -> Ending:
    """Whatever happens on the way, the log gets its exit record."""
    try:
        ending = run_steps(loop, saver, request, last)
        saver.finish(loop, ending.reason, ending.message)
    except DiskRefused as error:
        ending = Ending("error", str(error))
        saver.finish(loop, ending.reason, ending.message)
    except Exception as error:
        if is_lost_peer(error):
            raise _abandoned(loop, saver) from None
        saver.finish(loop, "error", f"{type(error).__name__}: {error}")
        raise
    return ending


def _abandoned(loop: Loop, saver: Saver) -> RankLost:
    """The survivors of a lost rank agree on who is left, and the first of them says so in the log."""
    called = loop.world.roll_call()
    message = f"{called}; continue from the last checkpoint with --resume"
    saver.abandon(loop, message, writer=called.present[0])
    return RankLost(f"stopped at step {loop.step}: {message}.")


def run_steps(loop: Loop, saver: Saver, request: StopRequest, last: int) -> Ending:
    """Take steps up to `last`, or until a signal or the early stopping says otherwise."""
    training = loop.config.training
    while loop.step < last:
        saver.step(take_step(loop))
        loop.fault.after_step(loop, saver)
        if _due(loop.step, training.eval_every, training.T) and loop.fault.evaluates(loop.step):
            evaluate(loop, saver)
        if _due(loop.step, training.ckpt_every, training.T):
            saver.checkpoint(loop, LAST, loop.step)  # first what a resume needs
        request.share(loop.world)
        if request.reason:
            return Ending(request.reason, f"stopped by {request.name}")
        if 0 < training.early_stopping <= loop.evaluations_since_best:
            return Ending("early_stopping", f"no new best in {loop.evaluations_since_best} evaluations")
    if last < training.T:
        return Ending("interrupted", f"{training.T - last} steps before the end, as asked", as_asked=True)
    return Ending("finished")


def _due(step: int, every: int, last: int) -> bool:
    return step == last or (every > 0 and step % every == 0)


def evaluate(loop: Loop, saver: Saver) -> None:
    """Measure both splits alike, write the record, and keep these parameters if they are the best so far."""
    started = time.perf_counter()
    fields = loop.pace.by_rank(loop.world, loop.parallel)
    fields |= measure_splits(loop) | parameter_checksums(loop) | loop.fault.evaluation(loop)
    saver.write({"kind": "evaluation", "step": loop.step, **fields, "eval_s": time.perf_counter() - started})
    loop.last_losses, loop.evaluated_step = (fields["train_loss"], fields["val_loss"]), loop.step
    if fields["val_loss"] < loop.best_val_loss:
        loop.best_step, loop.best_val_loss = loop.step, fields["val_loss"]
        loop.evaluations_since_best = 0
        loop.best_is_saved = saver.checkpoint(loop, BEST)
    else:
        loop.evaluations_since_best += 1
