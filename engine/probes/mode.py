"""mode: whether the passes that are trained on run in training mode, and evaluations in evaluation mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from flight_recorder.engine.probes.contract import Watch, outermost
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.points import unwrapped
from flight_recorder.engine.probes.probe import Probe, Step, Target
from flight_recorder.engine.probes.undisturbed import undisturbed

_NORMS = (nn.modules.batchnorm._BatchNorm,)
_DROPPING = ("bernoulli_", "native_dropout", "_fused_dropout")


class ModeProbe(Probe):
    """Looks at the flag of the model in its passes; once, at an evaluation, two passes are compared."""

    group = "mode"

    def __init__(self, target: Target) -> None:
        self._cadence = target.cadence
        self._model = unwrapped(target.model)
        self._is_compiled = outermost(target.model) is target.model and "_orig_mod" in target.model._modules
        dropouts = (nn.modules.dropout._DropoutNd,)
        self.droppable = sum(
            isinstance(module, _NORMS) or (isinstance(module, dropouts) and module.p > 0)
            for module in self._model.modules()
        )
        self._is_in_step = False
        self._was_training: bool | None = None
        self._evaluated_training: bool | None = None
        self._pass: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None
        self._has_compared = self._is_looking = False
        self._step: Step | None = None
        self._handles: list[RemovableHandle] = []

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On the model as a whole."""
        if not target.cadence.facts:
            return None
        probe = cls(target)
        seen = outermost(target.model)
        probe._handles = [
            Watch(probe._see).attach(seen),
            seen.register_forward_pre_hook(_Inputs(probe._keep), with_kwargs=True),
        ]
        return probe

    def close(self) -> None:
        """Off the model."""
        for handle in self._handles:
            handle.remove()

    def before_step(self, step: Step) -> None:
        """Passes with a gradient are those of the step."""
        self._step, self._is_in_step, self._was_training = step, True, None

    def after_backward(self, step: Step) -> None:
        """Passes from now on are none of the step's."""
        self._is_in_step = False

    def read(self) -> list[Measured]:
        """`mode` of the step's passes, where it is noted or evaluation mode."""
        if self._was_training is None or self._step is None:
            return []
        if self._was_training and not self._step.is_noted(self._cadence):
            return []
        found = {"training": int(self._was_training), "droppable": self.droppable}
        return [Measured(torch.empty(0), lambda _: {"mode": found})]

    def at_evaluation(self) -> Fields:
        """`mode` of the evaluation, by its last pass without gradients; two passes are compared once."""
        if self._evaluated_training is None:
            return {}
        found: Fields = {"training": int(self._evaluated_training), "droppable": self.droppable}
        if self._pass is not None and not self._has_compared and not self._is_compiled:
            found |= self._compared(*self._pass)
            self._has_compared = True
        self._pass, self._evaluated_training = None, None
        return {"mode": found}

    def _see(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self._is_looking:
            return
        if not torch.is_grad_enabled():
            self._evaluated_training = module.training
        elif self._is_in_step:
            if module.training:
                self._was_training = self._was_training is not False
            elif self._was_training is not False:
                self._ask_backward(output)

    def _ask_backward(self, output: Any) -> None:
        """A pass in evaluation mode was trained on if a gradient comes back; else it was an evaluation."""
        parts = output.values() if isinstance(output, Mapping) else output
        parts = (output,) if isinstance(output, Tensor) else parts if isinstance(parts, list | tuple) else ()
        found = next((part for part in parts if isinstance(part, Tensor) and part.requires_grad), None)
        if found is not None:
            found.register_hook(self._come_back)  # type: ignore[no-untyped-call]

    def _come_back(self, gradient: Tensor) -> None:
        if self._is_in_step:
            self._was_training = False

    def _keep(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not self._has_compared and not self._is_looking and not torch.is_grad_enabled():
            self._pass = args, kwargs

    def _compared(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Fields:
        """Two passes in evaluation mode over the same inputs, and whether something was dropped in them."""
        buffers = [(buffer, buffer.clone()) for buffer in self._model.buffers()]
        self._is_looking = True
        try:
            with undisturbed(self._model), torch.no_grad(), _Draws() as draws:  # type: ignore[no-untyped-call]
                first, second = (list(_tensors(self._model(*args, **kwargs))) for _ in range(2))
        except Exception:  # the user's model: what it cannot do now is no fault of the run
            return {}
        finally:
            self._is_looking = False
            with torch.no_grad():
                for buffer, copy in buffers:
                    buffer.copy_(copy)
        if not first or len(first) != len(second):
            return {}
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if a.shape == b.shape]
        differences = [_difference(a, b) for a, b in pairs]
        return {"repeat": max(differences, default=0.0), "dropout": int(draws.has_dropped)}


class _Inputs:
    """A hook on the inputs of a module that goes with no copy of it."""

    def __init__(self, keep: Any) -> None:
        self.keep = keep

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self.keep is not None and not torch.compiler.is_compiling():
            self.keep(args, kwargs)

    def __reduce__(self) -> tuple[type[_Inputs], tuple[None]]:
        return _Inputs, (None,)


class _Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notices dropout, which draws from no normal distribution as a sampler does."""

    has_dropped = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        rate = (kwargs or {}).get("dropout_p", 0.0)
        self.has_dropped |= name in _DROPPING or ("attention" in name and bool(rate))
        return func(*args, **(kwargs or {}))


def _tensors(output: Any) -> Any:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        yield from _tensors(list(output.values()))
    elif isinstance(output, list | tuple):
        for part in output:
            yield from _tensors(part)


def _difference(one: Tensor, other: Tensor) -> float:
    """Largest difference over the largest value."""
    if torch.equal(one, other) or not one.is_floating_point():
        return 0.0
    return float((one - other).abs().amax() / one.abs().amax().clamp_min(1e-30))
