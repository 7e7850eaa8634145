"""Forward hooks that can sleep, and what they saw in a pass looked at together when the pass ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


class Tap:
    """Hands the outputs of one module to `catch` while open; otherwise costs one comparison a pass.

    Open, it still leaves out passes without gradients: an evaluation in the middle of a step is not part of
    the step. A copied or pickled model carries a dead tap, not a copy of everything that looks at it.
    """

    def __init__(self, catch: Callable[[Any], None] | None) -> None:
        self.catch = catch
        self.is_open = False
        self.without_grad = False
        self._handle: RemovableHandle | None = None

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        """Called by the module after each forward pass."""
        if self.is_open and self.catch is not None and torch.is_grad_enabled() != self.without_grad:
            self.catch(output)

    def attach(self, module: nn.Module) -> Tap:
        """On the module from now on, closed."""
        self._handle = module.register_forward_hook(self)
        return self

    def remove(self) -> None:
        """Off the module."""
        if self._handle is not None:
            self._handle.remove()

    def __reduce__(self) -> tuple[type[Tap], tuple[None]]:
        return Tap, (None,)


class _Point:
    """One module and who looks at its output."""

    def __init__(
        self,
        order: int,
        probe: str,
        choose: Callable[[Any], Tensor | None],
        see: Callable[[Tensor], None],
        at_once: bool,
    ) -> None:
        self.order = order
        self.probe = probe
        self.choose = choose
        self.see = see
        self.at_once = at_once


class Taps:
    """All taps of one model.

    Outputs are kept until the model's own forward pass ends and then looked at one probe after the other: the
    same few operations in a row run from warm caches, which halves their cost on a CPU. Where something works
    in place, what was kept would change: a model with such modules is looked at on the spot, and where only
    the tensor's version tells, its point is left out once and looked at on the spot from then on.

    Args:
        model: the module whose forward pass is the whole pass.
        seconds: grows by the CPU time spent in each probe.
    """

    def __init__(self, model: nn.Module, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._at_once = any(getattr(module, "inplace", False) for module in model.modules())
        self._points: list[tuple[_Point, Tap]] = []
        self._kept: list[tuple[_Point, Tensor, int]] = []
        self._end = Tap(lambda output: self.look()).attach(model)

    def add(
        self,
        probe: str,
        module: nn.Module,
        choose: Callable[[Any], Tensor | None],
        see: Callable[[Tensor], None],
    ) -> None:
        """`see` gets what `choose` finds in the outputs of the module while taps of `probe` are open."""
        point = _Point(len(self._points), probe, choose, see, self._at_once)
        self._points.append((point, Tap(lambda output: self._catch(point, output)).attach(module)))

    def open(self, probes: Collection[str], *, without_grad: bool = False) -> None:
        """The taps of these probes are open and all others closed; nothing is kept from before."""
        self._kept.clear()
        for point, tap in self._points:
            tap.is_open, tap.without_grad = point.probe in probes, without_grad
        self._end.is_open, self._end.without_grad = bool(probes), without_grad

    def shut(self) -> None:
        """All taps are closed, and what was kept has been looked at."""
        self.look()
        self._end.is_open = False
        for _, tap in self._points:
            tap.is_open = False

    def look(self) -> None:
        """Show what is kept to the probes."""
        for point, tensor, version in sorted(self._kept, key=lambda kept: kept[0].order):
            if tensor._version == version:
                self._show(point, tensor)
            else:
                point.at_once = True
        self._kept.clear()

    def remove(self) -> None:
        """Off the model."""
        self._kept.clear()
        for tap in (self._end, *(tap for _, tap in self._points)):
            tap.remove()

    def _catch(self, point: _Point, output: Any) -> None:
        tensor = point.choose(output)
        if tensor is None:
            return
        if point.at_once or tensor.is_inference():  # an inference tensor has no version
            self._show(point, tensor)
        else:
            self._kept.append((point, tensor, tensor._version))

    def _show(self, point: _Point, tensor: Tensor) -> None:
        started = time.thread_time()
        with torch.no_grad():
            point.see(tensor)
        self._seconds[point.probe] = self._seconds.get(point.probe, 0.0) + time.thread_time() - started


def first_tensor(output: Any) -> Tensor | None:
    """The floating-point tensor of an output: itself, or the first in a tuple, list or mapping."""
    if isinstance(output, Tensor):
        return output.detach() if output.is_floating_point() and output.numel() else None
    parts = (
        output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else ()
    )
    return next((tensor for part in parts if (tensor := first_tensor(part)) is not None), None)


def attention_probabilities(output: Any) -> Tensor | None:
    """The attention weights of an output, shape (B, H, queries, keys).

    Either the output itself or, in the tuple of an attention module, the 4-D tensor behind the first entry.
    """
    parts = output[1:] if isinstance(output, tuple | list) else (output,)
    for part in parts:
        if isinstance(part, Tensor) and part.ndim == 4 and part.is_floating_point() and part.numel():
            return part.detach()
    return None
