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

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.probes.budget import Budget
from flight_recorder.engine.probes.cadence import GROUPS, Cadence
from flight_recorder.engine.probes.causality import causality
from flight_recorder.engine.probes.dead import UNIT_EPS
from flight_recorder.engine.probes.measured import Fields, Measured, packed, unpacked
from flight_recorder.engine.probes.parameter_groups import parameter_groups
from flight_recorder.engine.probes.points import Points, find_points, unwrapped
from flight_recorder.engine.probes.probe import Probe, Step, Target, found
from flight_recorder.engine.probes.tap import Taps
from flight_recorder.engine.probes.undisturbed import undisturbed
from flight_recorder.engine.probes.weights import initial_weights
from flight_recorder.engine.runlog.schema import INITIAL

HOOKS = ("before_step", "after_backward", "after_update")
"""What probes do while a step goes on."""


class Instruments:
    """The probes of one model and, where given, its optimizer.

    Args:
        model: any module; it is not changed.
        optimizer: without one, nothing of the optimizer is measured.
        cadence: when what is measured; with a budget, how often at most.
        budget: share of the bare steps' CPU time that measuring may take; None for the cadence at any price.
        points: shell patterns over module names that choose the layers; found by themselves otherwise.
        dead_eps: |activation| below which a unit counts as silent on a token.
        declared: fields of the header that the user has told, to hold what is done against.

    Attributes:
        seconds: CPU time of this thread spent in each probe since the start, by the name of its group.
        probes: those at work.

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
        declared: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.cadence = cadence or Cadence()
        self.points: Points = find_points(model, points)
        self.seconds: dict[str, float] = {}
        self._budget = None if budget is None else Budget(self.cadence, budget)
        self._taps = Taps(unwrapped(model), self.seconds)
        named = [(n, p) for n, p in unwrapped(model).named_parameters() if p.requires_grad]
        self._target = Target(
            model, named, optimizer, self.points, self._taps, self.cadence, dead_eps, declared or {}
        )
        attached = (kind.attach(self._target) for kind in found())
        self.probes: tuple[Probe, ...] = tuple(probe for probe in attached if probe is not None)
        self._step = Step(0, frozenset())
        self._acts = {hook: self._that_act(hook) for hook in HOOKS}

    @property
    def padding(self) -> Tensor | None:
        """True where a token of the running micro-batch is padding; to be set by the loop that knows it."""
        return self._target.padding

    @padding.setter
    def padding(self, padding: Tensor | None) -> None:
        self._target.padding = padding

    def before_step(self, step: int, *, padding: Tensor | None = None, with_rms: bool = False) -> None:
        """The forward passes up to `after_backward` are those of this step, measured where due.

        Args:
            step: optimizer steps done so far.
            padding: True where a token is padding, shape (B, T); with several micro-batches set
                `instruments.padding` before each of them.
            with_rms: measure `activation_rms` as well.
        """
        self.padding = padding
        due = self._budget.choose(step, self.seconds) if self._budget else self.cadence.due(step)
        self._step = Step(step, due, with_rms)
        self._each("before_step")
        self._taps.open(due)

    def after_backward(
        self,
        step: int,
        *,
        grad_norm: float | Tensor | None = None,
        clip_factor: float | Tensor = 1.0,
        norms: Tensor | None = None,
        normed: Sequence[Tensor] = (),
    ) -> None:
        """The gradient is whole and the update not yet made.

        Args:
            step: the step that `before_step` opened.
            grad_norm: global norm before clipping, where the loop knows it.
            clip_factor: what the gradient was or will be multiplied by before the update.
            norms: those of the gradients of the parameters `normed`, as the update finds them, where known.
        """
        self._taps.shut()
        self._step.grad_norm, self._step.clip_factor = grad_norm, clip_factor
        self._step.norms, self._step.normed = norms, normed
        self._each("after_backward")

    def after_update(self, step: int, *, optimizer: torch.optim.Optimizer | None = None) -> None:
        """The optimizer has stepped; its learning rate is still that of this step.

        `optimizer` is the one that did, where it is not the one of the step before. Not to be called when
        the update was skipped (a loss scaler that met infinities).
        """
        self._taps.shut()
        self._step.optimizer = optimizer
        self._each("after_update")

    def report(self, grad_norm: float | Tensor | None) -> None:
        """The norm before clipping, as the loop tells it after the update."""
        self._step.reported = grad_norm

    def at_evaluation(self) -> Fields:
        """Fields of the record of the evaluation that has just ended."""
        return {name: value for probe in self.probes for name, value in probe.at_evaluation().items()}

    def read(self, step: int) -> list[Measured]:
        """What was measured in this step, still on the device; to be called once, after `after_update`."""
        measured: list[Measured] = []
        with torch.no_grad():
            for probe in self.probes:
                if probe.group in self._step.due or probe.group not in GROUPS:
                    with self.timed(probe.group):
                        measured += probe.read()
        return measured

    def collect(self, step: int) -> Fields:
        """Fields of the step record, copied to the host at once: one copy a step, and a wait on a GPU.

        A loop that must not wait takes `read` and hands it to engine.probes.delivery.
        """
        measured = self.read(step)
        with self.timed("copy"):
            return unpacked(measured, packed(measured).tolist()) if measured else {}

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
        for probe in self.probes:
            fields |= probe.header()
        declared = {name: getattr(unwrapped(self.model), name, None) for name in ("num_units", "num_heads")}
        return fields | {name: number for name, number in declared.items() if isinstance(number, int)}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep so that a resumed run measures as if uninterrupted."""
        return {name: value for probe in self.probes for name, value in probe.state_dict().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`, with the parameters restored."""
        for probe in self.probes:
            probe.load_state_dict(state)

    def close(self) -> None:
        """All hooks are off the model."""
        self._taps.remove()
        for probe in self.probes:
            probe.close()

    def _initial_activations(self, forward: Callable[[], object]) -> Fields:
        """activation and activation_rms of one pass in evaluation mode; num_units is known afterwards."""
        looking = [probe for probe in self.probes if probe.group in ("activation", "dead")]
        step = Step(-1, frozenset(probe.group for probe in looking), with_rms=True)
        for probe in looking:
            probe.before_step(step)
        self._taps.open(step.due, without_grad=True)
        with undisturbed(self.model), torch.no_grad():
            forward()
        self._taps.shut()
        measured = [each for probe in looking for each in probe.read()]
        fields = unpacked(measured, packed(measured).tolist()) if measured else {}
        return {name: value for name, value in fields.items() if name in INITIAL}

    def _that_act(self, hook: str) -> list[tuple[str, Callable[[Step], None]]]:
        """Account and method of each probe that has something to do there: calls of nothing add up."""
        having = [each for each in self.probes if _does(each, hook)]
        return [(probe.group, getattr(probe, hook)) for probe in having]

    def _each(self, hook: str) -> None:
        """One after the other, each on its own account."""
        with torch.no_grad():
            then = time.thread_time()
            for group, act in self._acts[hook]:
                act(self._step)
                now = time.thread_time()
                self.seconds[group] = self.seconds.get(group, 0.0) + now - then
                then = now

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """What happens inside counts as the cost of this part of measuring; not to be nested."""
        started = time.thread_time()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - started


def _does(probe: Probe, hook: str) -> bool:
    return getattr(type(probe), hook) is not getattr(Probe, hook)
