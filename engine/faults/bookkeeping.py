"""Everything around the training: checkpoints, resumes, ranks, clocks and the log itself."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from flight_recorder.engine.faults.fault import DAMAGED, SILENT, Fault

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from flight_recorder.engine.data.corpus import Corpus
    from flight_recorder.engine.run.build import Loop
    from flight_recorder.engine.run.saving import Saver


class BestCheckpointMissing(Fault):
    """A small training set is overfitted, and no checkpoint is kept near the best evaluation."""

    name = "best_checkpoint_missing"
    cause = "best_checkpoint_missing"
    also = ("overfit", "memorised")
    default_strength = 100.0
    breaks = "only {strength:g} sentences are read, and of all checkpoints only the last is kept"
    deadline_step = 400
    num_steps = 400

    def corpus(self, corpus: Corpus) -> Corpus:
        """A training set that is overfitted soon."""
        from flight_recorder.engine.faults.data import TinyTrainingSet

        return TinyTrainingSet(self.strength).corpus(corpus)

    def keeps_checkpoint(self, role_or_step: str | int) -> bool:
        """The one that the end of the run leaves."""
        return role_or_step == self.num_steps or role_or_step == "last"


class ResumeLostOptimizer(Fault):
    """A resumed run makes its optimizer after it has loaded the old one."""

    name = "resume_lost_optimizer"
    cause = "resume_lost_optimizer"
    breaks = "a resume starts with an optimizer that has seen nothing"
    onset_step = 60
    deadline_step = 71
    resumes = True

    def restored(self, optimizer: Optimizer) -> Optimizer:
        """A fresh one."""
        from flight_recorder.engine.faults.optimizer import made_anew

        return made_anew(optimizer)


class RanksOutOfSync(Fault):
    """Two ranks train without averaging their gradients; the second one is emulated in this process."""

    name = "ranks_out_of_sync"
    cause = "ranks_out_of_sync"
    breaks = "a second rank trains on other data, and the gradients are never averaged"
    deadline_step = 21

    def begin(self, loop: Loop) -> None:
        """Build the second rank as the first was built."""
        import torch

        from flight_recorder.engine.model.model import GPT
        from flight_recorder.engine.model.optimizer import build_optimizer

        with torch.random.fork_rng():
            self._other = GPT(loop.config.model, loop.corpus.vocab_size).to(loop.device)
        self._other.load_state_dict(loop.model.state_dict())
        self._optimizer = build_optimizer(self._other, loop.config.training)

    def after_step(self, loop: Loop, saver: Saver) -> None:
        """The second rank takes its own step with a batch from far away in the data."""
        import torch.nn.functional as F

        from flight_recorder.engine.model.optimizer import set_learning_rate

        batch = loop.order.batch(loop.step + 1_000_003, 0).to(loop.device)
        loss = F.cross_entropy(self._other(batch.inputs).flatten(0, 1), batch.targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        set_learning_rate(self._optimizer, loop.learning_rate(loop.step - 1))
        self._optimizer.step()
        self._optimizer.zero_grad()

    def evaluation(self, loop: Loop) -> dict[str, Any]:
        """Checksums of both ranks."""
        from flight_recorder.engine.probes.checksum import parameter_checksum

        ranks = (loop.model, self._other)
        return {"parameter_checksums": [parameter_checksum(rank.parameters()) for rank in ranks]}


class RanksNotAveraged(RanksOutOfSync):
    """Under torchrun each rank keeps its own gradients; in one process the second rank is emulated."""

    name = "ranks_not_averaged"
    breaks = "the gradients of several processes are never added up; in one process a second is emulated"

    def sums_over_ranks(self) -> bool:
        """Never."""
        return False

    def begin(self, loop: Loop) -> None:
        """There are real ranks, or one more has to be made."""
        if loop.world.size == 1:
            super().begin(loop)

    def after_step(self, loop: Loop, saver: Saver) -> None:
        """Real ranks take their steps themselves."""
        if loop.world.size == 1:
            super().after_step(loop, saver)

    def evaluation(self, loop: Loop) -> dict[str, Any]:
        """Real ranks show their checksums themselves."""
        return super().evaluation(loop) if loop.world.size == 1 else {}


class Stalled(Fault):
    """The loader hangs for a while: two minutes at least, since anything shorter is normal on a cluster."""

    name = "stalled"
    cause = "stalled"
    level = "yellow"
    default_strength = 125.0
    breaks = "at step 90 the loader hangs for {strength:g} seconds"
    sleeps = True
    onset_step = 90
    deadline_step = 91

    def load(self, step: int) -> None:
        """Wait once."""
        if step == self.onset_step:
            time.sleep(self.strength)


class ThroughputDrop(Fault):
    """The loader becomes slow, in multiples of the run's own pace: it means the same on every machine."""

    name = "throughput_drop"
    cause = "throughput_drop"
    level = "yellow"
    default_strength = 10.0
    strengths = (10.0, 7.0)
    breaks = "from step 210 on every step waits for its batch for as long as {strength:g} steps took before"
    onset_step = 210
    deadline_step = 500
    num_steps = 510
    sleeps = True

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._began: list[float] = []

    def load(self, step: int) -> None:
        """Wait each time."""
        if step < self.onset_step:
            self._began.append(time.monotonic())
        else:
            usual_s = median(later - sooner for sooner, later in pairwise(self._began))
            time.sleep(self.strength * usual_s)


class NoValidation(Fault):
    """The evaluation never runs."""

    name = "no_validation"
    cause = "no_validation"
    level = "green"
    breaks = "no evaluation that is due is made"
    deadline_step = 80

    def evaluates(self, step: int) -> bool:
        """Never."""
        return False


class StopsWriting(Fault):
    """The log is no longer written to while training goes on."""

    name = "stops_writing"
    cause = "stalled"
    breaks = "nothing is written to the log from step 60 on, not even the exit"
    onset_step = 60
    deadline_step = 60
    sign = SILENT

    def after_step(self, loop: Loop, saver: Saver) -> None:
        """From here on everything goes to the null device."""
        from flight_recorder.engine.runlog.writer import LogWriter

        if loop.step == self.onset_step:
            saver.go_on_in(LogWriter(os.open(os.devnull, os.O_WRONLY), saver.folder.log))


class TornLine(Fault):
    """A second process writes into the same log and dies in the middle of a record."""

    name = "torn_line"
    cause = ""
    breaks = "half a record of another writer stands in front of the record of step 60"
    onset_step = 60
    deadline_step = 60
    sign = DAMAGED

    def after_step(self, loop: Loop, saver: Saver) -> None:
        """Repeat the first half of the newest line, without its end."""
        if loop.step == self.onset_step:
            newest = saver.folder.log.read_bytes().splitlines()[-1]
            with saver.folder.log.open("ab") as log:
                log.write(newest[: len(newest) // 2])
