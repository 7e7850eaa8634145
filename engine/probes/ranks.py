"""ranks: whether all ranks hold the same parameters, and whether they read different rows.

Each rank leaves two short numbers in the key-value store by which the ranks have found each other, and rank 0
looks for those of the others a few steps later. That is no collective: a rank without an inspector, or one
that died, makes nobody wait.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from flight_recorder.engine.distributed.shards import is_sharded
from flight_recorder.engine.probes.cadence import Cadence
from flight_recorder.engine.probes.checksum import parameter_checksum
from flight_recorder.engine.probes.contract import Watch, outermost
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.points import unwrapped
from flight_recorder.engine.probes.probe import Probe, Step, Target
from flight_recorder.engine.probes.rows import row_sums
from flight_recorder.engine.probes.setup import rank, world_size
from flight_recorder.engine.probes.update import some_elements

EVERY_ON_DEVICE = 5
"""Off the CPU a checksum waits for the device: there it is taken at every so many notes only."""

_SHARD_MARKS = ("tensor_model_parallel", "partition_dim")
_MADE = itertools.count()


class RanksProbe(Probe):
    """Counts updates by itself, so that all ranks compare the same ones whatever their loops tell."""

    group = "ranks"

    def __init__(self, model: nn.Module, cadence: Cadence) -> None:
        named = unwrapped(model).named_parameters()
        self._parameters = [p for _, p in named if not any(hasattr(p, mark) for mark in _SHARD_MARKS)]
        self._cadence = cadence
        self._store: Any = torch.distributed.distributed_c10d._get_default_store()
        self._prefix = f"training_flight_recorder/{next(_MADE)}"
        self._num_updates = 0
        self._rows: Tensor | None = None
        self._last_rows = ""
        self._asks = True
        self._waiting: list[int] = []
        self._handle: RemovableHandle | None = Watch(self._see).attach(outermost(model))

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On a model of several ranks whose parameters are whole on each."""
        is_whole = not any(is_sharded(parameter) for _, parameter in target.named)
        return (
            cls(target.model, target.cadence)
            if target.cadence.facts and world_size() > 1 and is_whole
            else None
        )

    def close(self) -> None:
        """Off the model."""
        if self._handle is not None:
            self._handle.remove()

    def before_step(self, step: Step) -> None:
        """The next pass with a gradient is looked at."""
        self._asks, self._rows = self._is_noted(), None

    def after_update(self, step: Step) -> None:
        """Leave what this rank has for the others."""
        if self._is_noted() and self._store is not None:
            self._publish()
        self._num_updates += 1
        self._asks = self._is_noted()

    def read(self) -> list[Measured]:
        """`ranks` of an update whose numbers are there from all ranks; of the newest such one."""
        if self._store is None or rank() != 0 or not self._waiting:
            return []
        found: Fields = {}
        for update in list(self._waiting):
            said = self._collect(update)
            if said is not None:
                self._waiting.remove(update)
                found = said
        del self._waiting[:-8]
        return [Measured(torch.empty(0), lambda _: {"ranks": found})] if found else []

    def _is_noted(self) -> bool:
        every, early = self._cadence.facts, self._cadence.early
        if self._parameters and self._parameters[0].device.type != "cpu":
            every *= EVERY_ON_DEVICE
        return self._num_updates < early or self._num_updates % every == 0

    def _publish(self) -> None:
        rows = "" if self._rows is None else f"{int(self._rows) & (2**64 - 1):016x}"
        told = "" if rows == self._last_rows else rows  # one batch for ever is no reading of the same data
        self._last_rows = rows
        value = f"{parameter_checksum(some_elements(self._parameters))} {told}"
        try:
            self._store.set(f"{self._prefix}/{self._num_updates}/{rank()}", value)
        except Exception:  # the rank that keeps the store is gone: the loop itself will say so
            self._store = None
            return
        if rank() == 0:
            self._waiting.append(self._num_updates)

    def _collect(self, update: int) -> Fields | None:
        """What all ranks have said of an update; None while one has not."""
        keys = [f"{self._prefix}/{update}/{each}" for each in range(world_size())]
        try:
            if not self._store.check(keys):
                return None
            said = [bytes(self._store.get(key)).decode().split(" ") for key in keys]
        except Exception:  # as above
            self._store = None
            return None
        found: Fields = {"of": len(said), "at": update, "parameters": len({sums for sums, _ in said})}
        rows = [rows for _, rows in said]
        return found | ({"rows": len(set(rows))} if all(rows) else {})

    def _see(self, module: nn.Module, inputs: Sequence[Any], output: Any) -> None:
        if self._asks and torch.is_grad_enabled():
            found = next((x for x in inputs if isinstance(x, Tensor) and x.ndim > 1 and len(x)), None)
            if found is not None:
                self._asks = False
                with torch.no_grad():
                    self._rows = row_sums(found.detach()).sum()


class RankReporter:
    """What an inspector is on the other ranks: it leaves their numbers, and writes nothing."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, cadence: Cadence | None) -> None:
        self._probe = RanksProbe(model, cadence or Cadence())
        self._hook = optimizer.register_step_post_hook(self._after_update)

    @torch.no_grad()
    def _after_update(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self._probe.after_update(Step(0, frozenset()))

    def close(self) -> None:
        """Off the model and the optimizer."""
        self._hook.remove()
        self._probe.close()
