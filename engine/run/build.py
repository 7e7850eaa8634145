"""From a config to everything that a step touches; the same config always builds the same bits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from flight_recorder.engine.config import Config
from flight_recorder.engine.data.batches import BatchOrder
from flight_recorder.engine.data.corpus import Corpus, load_corpus
from flight_recorder.engine.distributed.distributed import World
from flight_recorder.engine.distributed.parallel import Alone, Parallel, Replicated, Sharded
from flight_recorder.engine.faults.fault import Fault, LearningRate
from flight_recorder.engine.faults.registry import parse_fault
from flight_recorder.engine.inspector.inspector import Instruments
from flight_recorder.engine.inspector.no_instruments import NoInstruments
from flight_recorder.engine.model.model import GPT
from flight_recorder.engine.model.optimizer import build_optimizer
from flight_recorder.engine.model.schedule import declared_schedule
from flight_recorder.engine.probes.cadence import NEVER, Cadence
from flight_recorder.engine.run.device_load import DeviceLoad
from flight_recorder.engine.run.pace import Pace


class DeviceError(Exception):
    """This machine does not have the device that the config names."""


@dataclass
class Loop:
    """Everything that a step touches."""

    config: Config
    device: torch.device
    world: World
    corpus: Corpus
    order: BatchOrder
    fault: Fault
    model: GPT
    optimizer: torch.optim.Optimizer
    learning_rate: LearningRate
    instruments: Instruments | NoInstruments
    parallel: Parallel
    device_load: DeviceLoad
    pace: Pace = field(default_factory=Pace)
    step: int = 0
    best_step: int | None = None
    best_val_loss: float = math.inf
    best_is_saved: bool = False
    """Whether checkpoints/best.pt holds the best parameters; not so when the disk refused them."""
    evaluations_since_best: int = 0
    last_losses: tuple[float, float] = (math.nan, math.nan)
    """Training and validation loss of the last evaluation."""
    evaluated_step: int = -1

    @property
    def inspects(self) -> bool:
        """Whether anything is measured that training itself does not need."""
        return isinstance(self.instruments, Instruments)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What the optimizer may move."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    @property
    def val_loss_here(self) -> float | None:
        """Validation loss of the parameters as they are, where it was measured."""
        return self.last_losses[1] if self.evaluated_step == self.step else None

    def progress(self) -> dict[str, Any]:
        """What a resumed run must know besides parameters: plain values for the checkpoint."""
        return {
            "best_step": self.best_step,
            "best_val_loss": self.best_val_loss,
            "evaluations_since_best": self.evaluations_since_best,
            "last_losses": self.last_losses,
            "evaluated_step": self.evaluated_step,
        }

    def restore_progress(self, progress: dict[str, Any]) -> None:
        """The reverse of `progress`.

        Raises:
            KeyError: one of them is missing.
        """
        for name in self.progress():
            setattr(self, name, progress[name])


def build_loop(config: Config, *, inspect: bool = True, world: World | None = None) -> Loop:
    """Data, model and optimizer before the first step; the same config always builds the same ones.

    Every rank builds the same model from the same seed, and random numbers of its own from there on.

    Raises:
        CorpusError: the data cannot be trained on.
        DeviceError: this machine does not have the device.
    """
    world = world or World()
    device = prepare_device(config, world)
    fault = parse_fault(config.fault)
    corpus = fault.corpus(load_corpus(config.data))
    training = config.training
    order = BatchOrder(
        corpus.train,
        config.model.context,
        training.batch_size,
        training.accumulation,
        config.seed,
        world.rank,
        world.size,
    )
    torch.manual_seed(config.seed)
    model = _model(config, corpus.vocab_size)
    fault.model(model)
    if world.rank:
        torch.manual_seed(seed_of_rank(config.seed, world.rank))
    parallel = _parallel(config, model, world, device, fault)
    optimizer = fault.optimizer(build_optimizer(model, training))
    instruments = _instruments(config, model, optimizer, world) if inspect else NoInstruments()
    learning_rate = fault.learning_rate(declared_schedule(training))
    loop = Loop(
        config,
        device,
        world,
        corpus,
        order,
        fault,
        model,
        optimizer,
        learning_rate,
        instruments,
        parallel,
        DeviceLoad(device),
    )
    fault.begin(loop)
    return loop


def _model(config: Config, vocab_size: int) -> GPT:
    try:
        return GPT(config.model, vocab_size)
    except (RuntimeError, MemoryError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DeviceError(f"this machine cannot hold the model of the config: {reason}.") from None


def seed_of_rank(seed: int, rank: int) -> int:
    """What a rank's own random numbers start from; rank 0 draws those of a single process.

    Apart by more than one: rank 1 of seed 0 must not draw what rank 0 of seed 1 does.
    """
    return seed + rank * 1_000_003


def _parallel(config: Config, model: GPT, world: World, device: torch.device, fault: Fault) -> Parallel:
    """The model is on its device, compiled if it is to be, and cut or copied among the ranks."""
    if config.run.compile:
        for block in model.blocks:
            block.compile()
    if world.size > 1 and config.run.parallel == "fsdp":
        return Sharded(model, world, device)
    model.to(device)
    return Replicated(model, world, device, sums=fault.sums_over_ranks()) if world.size > 1 else Alone(model)


def _instruments(config: Config, model: GPT, optimizer: torch.optim.Optimizer, world: World) -> Instruments:
    """What is measured where.

    Replicas hold the same parameters, so rank 0 measures them; the others bring what depends on their part of
    the batch. Cut parameters are measured by all ranks together. Compiled blocks are not looked into: a hook
    inside would break them in pieces.
    """
    cadence = Cadence()
    if config.run.compile:
        cadence = replace(cadence, dead=0)
    if not world.writes and config.run.parallel == "ddp":
        cadence = replace(NEVER, activation=cadence.activation)
    return Instruments(model, optimizer=optimizer, cadence=cadence)


def prepare_device(config: Config, world: World | None = None) -> torch.device:
    """The device to compute on, with the arithmetic switches that the manifest states.

    Denormal numbers are flushed to zero: a run that collapses would otherwise crawl on cpu.

    Raises:
        DeviceError: the device is not there.
    """
    torch.set_num_threads(config.run.threads)
    torch.set_flush_denormal(True)
    name = config.run.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", world.local_rank if world else 0)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"run.device is {name}, but torch sees {torch.cuda.device_count()} CUDA devices here."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("run.device is mps, but this machine has no Metal device.")
    return device
