"""How the gradients of several ranks meet: not at all, replicated (DDP) or sharded (FSDP2).

Whatever the way, the gradient of a step is the sum over the targets of all ranks, and the loss was divided
by their number beforehand: a rank with more targets weighs more, as in one large batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from inspect import signature
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import GradBucket
from torch.nn.parallel import DistributedDataParallel

from flight_recorder.engine.distributed.distributed import World
from flight_recorder.engine.model.model import GPT

_KEEP_BUFFERS: dict[str, Any] = {
    "forward_sync_buffers"
    if "forward_sync_buffers" in signature(DistributedDataParallel).parameters
    else "broadcast_buffers": False
}
"""Buffers here are constants and need not be sent around in each step; newer torch renamed the switch."""


class Parallel(Protocol):
    """One way of training on several ranks.

    Attributes:
        forward: the module to train through; its parameters are the model's.
        replicates: whether each rank holds all parameters, so that they can be compared.
        knows_waiting: whether the time that a rank waits for others is known, by `World.waiting` or
            `device_wait_s`, and with it its own.
    """

    forward: nn.Module
    replicates: bool
    knows_waiting: bool

    def micro_step(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Around forward and backward of a micro-batch; behind the last, gradients are those of all ranks."""
        ...

    def device_wait_s(self) -> float:
        """Seconds that the device waited for other ranks since the last question; 0 where the host waits."""
        ...


class Alone:
    """One process: its gradient is the whole gradient."""

    replicates = True
    knows_waiting = True

    def __init__(self, model: GPT) -> None:
        self.forward: nn.Module = model

    def micro_step(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Nothing to do."""
        return nullcontext()

    def device_wait_s(self) -> float:
        """Nobody is waited for."""
        return 0.0


class Replicated:
    """Every rank holds the whole model; gradients are summed while the backward pass still runs (DDP).

    The time that a rank waits for the gradients of others is not counted as its own: otherwise every rank
    would look as slow as the slowest.
    """

    replicates = True
    knows_waiting = True

    def __init__(self, model: GPT, world: World, device: torch.device, *, sums: bool = True) -> None:
        self.forward: nn.Module = DistributedDataParallel(
            model,
            device_ids=[device.index] if device.type == "cuda" else None,
            **_KEEP_BUFFERS,
            gradient_as_bucket_view=True,
        )
        self.forward.register_comm_hook(None, lambda _, bucket: self._meet(bucket))
        self._world = world
        self._sums = sums
        self._clock = _DeviceClock() if device.type == "cuda" else None

    @contextmanager
    def micro_step(self, *, is_last: bool) -> Iterator[None]:
        """Gradients meet in the last micro-batch only."""
        with nullcontext() if is_last else self.forward.no_sync():  # type: ignore[operator]
            yield
        if is_last and self._clock:
            self._clock.met()

    def device_wait_s(self) -> float:
        """Of the compute stream, between its last gradient and everybody's."""
        return self._clock.wait_s() if self._clock else 0.0

    def _meet(self, bucket: GradBucket) -> torch.futures.Future[Tensor]:
        """Called for each bucket of gradients as soon as this rank has it."""
        if self._clock and self._sums:
            self._clock.own_is_ready()
            work = dist.all_reduce(bucket.buffer(), async_op=True)
            summed: torch.futures.Future[Tensor] = work.get_future().then(lambda done: done.value()[0])
            return summed
        # On cpu at once: a callback would run in a thread of gloo's, and one that still wants the interpreter
        # when the process ends brings it down.
        met: torch.futures.Future[Tensor] = torch.futures.Future()
        met.set_result(self._world.sum(bucket.buffer()) if self._sums else bucket.buffer())
        return met


class Sharded:
    """Every rank holds a part of each parameter, its gradient and its moments (FSDP2).

    Blocks are put together when they are needed and taken apart behind; so every layer waits for all ranks.
    On cpu that waiting is timed; on a GPU it is not known, for it overlaps with the work of other layers.
    """

    replicates = False

    def __init__(self, model: GPT, world: World, device: torch.device) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import FSDPModule, fully_shard

        mesh = init_device_mesh(device.type, (world.size,))
        self.knows_waiting = device.type == "cpu" and hasattr(dist, "all_gather_single")  # torch 2.13
        for module in (*model.blocks, model):
            # The root too: an evaluation would leave it whole, and the next update pass it by.
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
            assert isinstance(module, FSDPModule)
            module.set_force_sum_reduction_for_comms(True)
            module.set_gradient_divide_factor(
                1.0
            )  # each module has its own: the default is a mean over ranks
            if self.knows_waiting:
                module.set_custom_all_gather(_TimedAllGather(world))  # type: ignore[arg-type]
                module.set_custom_reduce_scatter(_TimedReduceScatter(world))  # type: ignore[arg-type]
        assert isinstance(model, FSDPModule)
        self.forward: nn.Module = model
        self._model = model

    @contextmanager
    def micro_step(self, *, is_last: bool) -> Iterator[None]:
        """Gradients meet in the last micro-batch only."""
        self._model.set_requires_gradient_sync(is_last)
        yield

    def device_wait_s(self) -> float:
        """Not known."""
        return 0.0


class _Timed:
    """What FSDP2 asks of a way to communicate: memory for it. The host waits inside, and that is timed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def allocate(self, size: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Memory to send from or to receive in."""
        return torch.empty(*size, dtype=dtype, device=device)


class _TimedAllGather(_Timed):
    """Parameters of a layer from all ranks."""

    def __call__(
        self, output_tensor: Tensor, input_tensor: Tensor, group: dist.ProcessGroup, async_op: bool = False
    ) -> None:
        with self._world.waiting():
            dist.all_gather_single(output_tensor, input_tensor, group=group)


class _TimedReduceScatter(_Timed):
    """Gradients of a layer to all ranks."""

    def __call__(
        self,
        output_tensor: Tensor,
        input_tensor: Tensor,
        group: dist.ProcessGroup,
        op: Any,
        async_op: bool = False,
    ) -> None:
        with self._world.waiting():
            dist.reduce_scatter_single(output_tensor, input_tensor, op=op, group=group)


class _DeviceClock:
    """Times on the stream of a GPU, by events that are read only at evaluations."""

    def __init__(self) -> None:
        self._ready: torch.cuda.Event | None = None
        self._waits: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def own_is_ready(self) -> None:
        """This rank's newest gradients are there."""
        self._ready = _event()

    def met(self) -> None:
        """Those of all ranks are."""
        if self._ready is not None:
            self._waits.append((self._ready, _event()))

    def wait_s(self) -> float:
        """Seconds from the one to the other, since the last question; waits for the device."""
        torch.cuda.synchronize()
        waited_ms = sum(ready.elapsed_time(met) for ready, met in self._waits)
        self._waits.clear()
        return float(waited_ms) / 1e3


def _event() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event
