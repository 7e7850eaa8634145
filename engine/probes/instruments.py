"""All probes of one model: attached once, due by their cadence, read as fields of records.

    instruments = Instruments(model, optimizer=optimizer)
    for step in range(T):
        instruments.before_step(step)
        ...forward and backward, any number of micro-batches...
        instruments.after_backward(step, grad_norm=norm, clip_factor=factor)
        optimizer.step()
        instruments.after_update(step)
        record = {"kind": "step", "step": step, ..., **instruments.collect(step)}

Measuring changes no bit of training: no random number is drawn, no tensor of the graph is written to, no
gradient is touched. Between `after_backward` and `before_step`, and in passes without gradients, the hooks
return at once. Nothing knows a file.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.probes import measured as host
from flight_recorder.engine.probes import spectral_norm
from flight_recorder.engine.probes.activation import ActivationProbe
from flight_recorder.engine.probes.budget import Budget
from flight_recorder.engine.probes.cadence import Cadence
from flight_recorder.engine.probes.causality import causality
from flight_recorder.engine.probes.dead import UNIT_EPS, DeadHeads, DeadUnits
from flight_recorder.engine.probes.frozen import FrozenProbe
from flight_recorder.engine.probes.measured import Fields, Measured, packed, unpacked
from flight_recorder.engine.probes.nonfinite import gradient_sites, nonfinite_gradient
from flight_recorder.engine.probes.optimizer import OptimizerProbe
from flight_recorder.engine.probes.parameter_groups import parameter_groups
from flight_recorder.engine.probes.points import Points, find_points, unwrapped
from flight_recorder.engine.probes.tap import Taps, attention_probabilities, first_tensor
from flight_recorder.engine.probes.undisturbed import undisturbed
from flight_recorder.engine.probes.weights import initial_weights


class Instruments:
    """The probes of one model and, where given, its optimizer.

    Args:
        model: any module; it is not changed.
        optimizer: without one, nothing of the optimizer is measured.
        cadence: when what is measured; with a budget, how often at most.
        budget: share of the bare steps' CPU time that measuring may take; None for the cadence at any price.
        points: shell patterns over module names that choose the layers; found by themselves otherwise.
        dead_eps: |activation| below which a unit counts as silent on a token.

    Attributes:
        seconds: CPU time of this thread spent in each probe since the start, by the probe's name.

    Raises:
        ValueError: a pattern matches no module.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        optimizer: torch.optim.Optimizer | None = None,
        cadence: Cadence | None = None,
        budget: float | None = None,
        points: Sequence[str] = (),
        dead_eps: float = UNIT_EPS,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.cadence = cadence or Cadence()
        self._budget = None if budget is None else Budget(self.cadence, budget)
        self._due: frozenset[str] = frozenset()
        self.points: Points = find_points(model, points)
        self.padding: Tensor | None = None
        self.seconds: dict[str, float] = {}
        self._named = [(n, p) for n, p in unwrapped(model).named_parameters() if p.requires_grad]
        self._activation = ActivationProbe(tuple(self.points.layers))
        self._dead_units = DeadUnits(tuple(self.points.hidden), dead_eps)
        self._dead_heads = DeadHeads(tuple(self.points.attention))
        self._frozen = FrozenProbe(self._named)
        self._optimizer = OptimizerProbe(optimizer) if optimizer is not None else None
        self._measured: list[Measured] = []
        self._nonfinite_site: str | None = None
        self._taps = self._attach()

    def before_step(self, step: int, *, padding: Tensor | None = None, with_rms: bool = False) -> None:
        """The forward passes up to `after_backward` are those of this step, measured where due.

        Args:
            step: optimizer steps done so far.
            padding: True where a token is padding, shape (B, T); with several micro-batches set
                `instruments.padding` before each of them.
            with_rms: measure `activation_rms` as well.
        """
        self.padding = padding
        self._measured = []
        self._nonfinite_site = None
        self._due = self._budget.choose(step, self.seconds) if self._budget else self.cadence.due(step)
        self._arm(self._due, with_rms=with_rms)
        if step == 0 and self.cadence.frozen:
            with self.timed("frozen"):
                self._frozen.start()

    def after_backward(
        self,
        step: int,
        *,
        grad_norm: float | Tensor | None = None,
        clip_factor: float | Tensor = 1.0,
    ) -> None:
        """The gradient is whole and the update not yet made.

        Args:
            step: the step that `before_step` opened.
            grad_norm: global norm before clipping, where the loop knows it.
            clip_factor: what the gradient was or will be multiplied by before the update.
        """
        self._taps.shut()
        with self.timed("nonfinite"), torch.no_grad():
            self._look_for_nonfinite(grad_norm)
        if "frozen" in self._due:
            with self.timed("frozen"), torch.no_grad():
                self._frozen.see_gradients()
        if self._optimizer is None or not self.cadence.optimizer:
            return
        with self.timed("optimizer"):
            if grad_norm is not None:
                self._optimizer.see_gradient(grad_norm * clip_factor)
            if "optimizer" in self._due:
                self._optimizer.before_update()

    def after_update(self, step: int, *, optimizer: torch.optim.Optimizer | None = None) -> None:
        """The optimizer has stepped; its learning rate is still that of this step.

        `optimizer` is the one that did, where it is not the one of the step before. Not to be called when
        the update was skipped (a loss scaler that met infinities).
        """
        self._taps.shut()
        if self._optimizer is not None:
            with self.timed("optimizer"):
                self._optimizer.optimizer = optimizer or self._optimizer.optimizer
                self._optimizer.after_update()

    def read(self, step: int) -> list[Measured]:
        """What was measured in this step, still on the device; to be called once, after `after_update`."""
        self._gather("activation", self._activation.read)
        self._gather("dead", lambda: self._dead_units.read() + self._dead_heads.read())
        self._gather("spectral_norm", self._spectral_norms)
        if self._optimizer is not None:
            self._gather("optimizer", self._optimizer.read)
        self._gather("frozen", self._frozen.read)
        return self._measured

    def collect(self, step: int) -> Fields:
        """Fields of the step record, copied to the host at once: one copy a step, and a wait on a GPU.

        A loop that must not wait takes `read` and hands it to engine.probes.delivery.
        """
        measured = self.read(step)
        with self.timed("copy"):
            fields = unpacked(measured, packed(measured).tolist()) if measured else {}
        return self.host_fields() | fields

    def host_fields(self) -> Fields:
        """Fields that were known on the host from the start: a `nonfinite_site` in the gradients."""
        return {"nonfinite_site": self._nonfinite_site} if self._nonfinite_site else {}

    def initial(
        self,
        *,
        tokens: Tensor | None = None,
        logits: Callable[[Tensor], Tensor] | None = None,
        declared_std: Mapping[str, float] | None = None,
    ) -> Fields:
        """Fields of the `initial` record: weights, parameter_groups and, given a batch, activation,
        activation_rms and causality.

        Args:
            tokens: one batch of token ids, shape (B, T).
            logits: from tokens to logits; the model itself where it returns them.
            declared_std: standard deviation that each tensor was meant to start with, by parameter name.
        """
        fields: Fields = {"weights": initial_weights(self.model, declared_std)}
        if self.optimizer is not None:
            fields["parameter_groups"] = parameter_groups(self.model, self.optimizer)
        if tokens is not None:
            forward = logits or self.model
            fields |= self._initial_activations(lambda: forward(tokens))
            fields |= causality(self.model, tokens, logits=logits)
        return fields

    def header(self) -> Fields:
        """layers, residual_layers, matrices; num_units and num_heads once a pass has shown them."""
        fields: Fields = {
            "layers": list(self.points.layers),
            "residual_layers": list(self.points.residual_layers),
            "matrices": list(self.points.matrices),
        }
        for name, probe, seen in (
            ("num_units", self._dead_units, self._dead_units.num_units),
            ("num_heads", self._dead_heads, self._dead_heads.num_heads),
        ):
            declared = getattr(unwrapped(self.model), name, None)
            if isinstance(declared, int):
                fields[name] = declared
            elif seen and len(seen) == len(probe.blocks):
                fields[name] = sum(seen.values())
        return fields | ({"dead_eps": self._dead_units.eps} if self.points.hidden else {})

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep so that a resumed run measures as if uninterrupted."""
        of_optimizer = self._optimizer.state_dict() if self._optimizer is not None else {}
        return self._frozen.state_dict() | of_optimizer

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`, with the parameters restored."""
        self._frozen.load_state_dict(state)
        if self._optimizer is not None:
            self._optimizer.load_state_dict(state)

    def close(self) -> None:
        """All hooks are off the model."""
        self._taps.remove()

    def _attach(self) -> Taps:
        taps = Taps(unwrapped(self.model), self.seconds)
        for index, module in enumerate(self.points.layers.values()):
            taps.add("activation", module, first_tensor, partial(self._activation.see, index))
        for index, module in enumerate(self.points.hidden.values()):
            taps.add("dead", module, first_tensor, partial(self._see_units, index))
        for index, module in enumerate(self.points.attention.values()):
            taps.add("dead", module, attention_probabilities, partial(self._see_heads, index))
        return taps

    def _see_units(self, block: int, hidden: Tensor) -> None:
        self._dead_units.see(block, hidden, self.padding)

    def _see_heads(self, block: int, probabilities: Tensor) -> None:
        self._dead_heads.see(block, probabilities, self.padding)

    def _arm(self, probes: Collection[str], *, with_rms: bool = False, without_grad: bool = False) -> None:
        self._activation.arm(with_rms=with_rms)
        self._dead_units.arm()
        self._dead_heads.arm()
        self._taps.open(probes, without_grad=without_grad)

    def _initial_activations(self, forward: Callable[[], object]) -> Fields:
        """activation and activation_rms of one pass in evaluation mode; num_units is known afterwards."""
        self._arm(("activation", "dead"), with_rms=True, without_grad=True)
        with undisturbed(self.model), torch.no_grad():
            forward()
        self._taps.shut()
        measured = self._activation.read()
        return unpacked(measured, packed(measured).tolist()) if measured else {}

    def _look_for_nonfinite(self, grad_norm: float | Tensor | None) -> None:
        if grad_norm is None:
            return
        if isinstance(grad_norm, Tensor) and not host.on_host(grad_norm):
            if "activation" in self._due:
                self._measured += gradient_sites(self._named)
        elif not math.isfinite(float(grad_norm)):
            self._nonfinite_site = nonfinite_gradient(self._named)

    def _gather(self, name: str, read: Callable[[], list[Measured]]) -> None:
        if name in self._due:
            with self.timed(name), torch.no_grad():
                self._measured += read()

    def _spectral_norms(self) -> list[Measured]:
        matrices = list(self.points.matrices.values())
        return [spectral_norm.measure(matrices)] if matrices else []

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """What happens inside counts as the cost of this part of measuring; not to be nested."""
        started = time.thread_time()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - started
