"""gradient: tensors whose gradient is exactly zero, and gradients that the step before has left behind.

A zero here is every element zero, which rounding does not make. A tensor can have one honestly for a step or
two: behind a layer that begins at zero, or while the rate does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from flight_recorder.engine.distributed.shards import is_sharded
from flight_recorder.engine.probes import measured as host
from flight_recorder.engine.probes.contract import Watch, outermost
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.probe import Probe, Step, Target

SETTLED = 8
"""Steps in a row in which a tensor had a gradient, after which it does not lose it honestly; but in models
that leave out parts of themselves on purpose."""

MOST_NAMES = 5
"""Names that a record tells."""

_LEAVES_OUT = ("droppath", "drop_path", "stochasticdepth", "layerdrop", "expert", "moe", "router")


class GradientProbe(Probe):
    """Counts exact zeros among the gradients that the update finds."""

    group = "gradient"

    def __init__(self, target: Target) -> None:
        self._cadence = target.cadence
        self._names = {id(parameter): name for name, parameter in target.named}
        self._parameters = [parameter for _, parameter in target.named]
        kinds = [f"{name} {type(module).__name__}".lower() for name, module in target.model.named_modules()]
        self._leaves_out = any(word in kind for word in _LEAVES_OUT for kind in kinds)
        self._streaks: dict[int, int] = {}
        self._nonzero: dict[int, int] = {}
        self._last: Step | None = None
        self._seen: tuple[Sequence[Tensor], Tensor] | None = None
        self._stale: Tensor | None = None
        self._asks = False
        self._handle: RemovableHandle | None = None

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On the gradients, and on the model's output, whose backward pass comes first."""
        if not target.cadence.facts or any(is_sharded(parameter) for _, parameter in target.named):
            return None
        probe = cls(target)
        probe._handle = Watch(probe._see_output).attach(outermost(target.model))
        return probe

    def close(self) -> None:
        """Off the model."""
        if self._handle is not None:
            self._handle.remove()

    def before_step(self, step: Step) -> None:
        """What the step before has left is asked for where facts are noted, and not of the first step."""
        self._asks = step.is_noted(self._cadence) and self._last is not None
        self._seen, self._stale = None, None
        self._last = step

    def after_backward(self, step: Step) -> None:
        """The norms say which gradients may be zero; a tiny one whose square is none is looked at."""
        self._asks = False
        if step.norms is not None:
            self._seen = step.normed, step.norms == 0
        elif step.is_noted(self._cadence):
            present = [p for p in self._parameters if p.grad is not None and not p.grad.is_sparse]
            if present:
                norms = torch.stack(torch._foreach_norm([p.grad for p in present if p.grad is not None]))
                self._seen = present, norms == 0
        if self._seen is not None and host.on_host(self._seen[1]):
            having, zeros = self._seen
            for index in zeros.nonzero()[:, 0].tolist():
                gradient = having[index].grad
                zeros[index] = gradient is None or not bool((gradient != 0).any())

    def read(self) -> list[Measured]:
        """`gradient`, where it is noted or not as it should be."""
        if self._seen is None or self._last is None:
            return []
        (present, zeros), noted = self._seen, self._last.is_noted(self._cadence)
        stale = torch.zeros(1, device=zeros.device) if self._stale is None else self._stale.reshape(1)
        if host.on_host(zeros) and not noted and not self._streaks and not bool(zeros.any()):
            for parameter in present:
                self._nonzero[id(parameter)] = self._nonzero.get(id(parameter), 0) + 1
            return []
        has_stale = self._stale is not None
        values = torch.cat([zeros.to(torch.float32), stale.to(zeros.device, torch.float32)])

        def fields(numbers: list[float]) -> Fields:
            *flags, num_stale = numbers
            found = self._told(present, [bool(flag) for flag in flags])
            if has_stale:
                found["stale"] = int(num_stale)
            is_off = found["zero"] or found.get("stale")
            return {"gradient": found} if noted or is_off else {}

        return [Measured(values, fields)]

    def _told(self, present: Sequence[Tensor], zeros: list[bool]) -> Fields:
        sudden = []
        for place, (parameter, is_zero) in enumerate(zip(present, zeros, strict=True)):
            key = id(parameter)
            if not is_zero:
                self._nonzero[key] = self._nonzero.get(key, 0) + 1
                self._streaks.pop(key, None)
                continue
            if self._is_sudden(key, place, zeros):
                sudden.append(key)
            self._streaks[key] = self._streaks.get(key, 0) + 1
            self._nonzero[key] = 0
        longest = max(self._streaks.values(), default=0)
        oldest = [key for key, streak in self._streaks.items() if streak == longest]
        found: Fields = {
            "zero": sum(zeros),
            "streak": longest,
            "sudden": 0 if all(zeros) else len(sudden),
            "all": int(all(zeros)),
        }
        names = [self._names.get(key, "?") for key in (sudden or oldest)[:MOST_NAMES]]
        return found | ({"names": names} if any(zeros) else {})

    def _is_sudden(self, key: int, place: int, zeros: list[bool]) -> bool:
        """It had a gradient at every step before; where parts are left out, its neighbours have one."""
        before = self._nonzero.get(key, 0)
        around = zeros[max(place - 1, 0) : place] + zeros[place + 1 : place + 2]
        return before >= SETTLED and not (self._leaves_out and any(around))

    def _see_output(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not self._asks or not torch.is_grad_enabled():
            return
        parts = output.values() if isinstance(output, dict) else output
        parts = (output,) if isinstance(output, Tensor) else parts if isinstance(parts, list | tuple) else ()
        found = next((part for part in parts if isinstance(part, Tensor) and part.requires_grad), None)
        if found is not None:
            self._asks = False
            found.register_hook(self._begin_backward)  # type: ignore[no-untyped-call]

    def _begin_backward(self, gradient: Tensor) -> None:
        """The first backward pass of a step begins: no gradient should be there."""
        left = [p.grad for p in self._parameters if p.grad is not None and not p.grad.is_sparse]
        if left:
            self._stale = (torch.stack(torch._foreach_norm(left)) != 0).sum().float()
        else:
            self._stale = torch.zeros(())
