"""adam_step, m_norm, v_sum, v_expected, update_ratio: whether the optimizer remembers and does as it should.

v_expected is what the sum of the second moment must be had the optimizer seen every gradient,
(1 - b2) sum over i of b2^(t - i) |g_i|^2 with the clipped g_i: one running number, whatever the model's size.
update_ratio is the norm of the update made, weight decay taken out, over the norm of the update that AdamW
prescribes from its state after the step: lr m_hat / (sqrt(v_hat) + eps).

Of parameters that are cut among ranks each rank looks at its parts, and squares and sums are added up: every
rank has to ask at the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from flight_recorder.engine.distributed.shards import local_part, norm_over_parts, sum_over_parts
from flight_recorder.engine.probes.measured import Measured, scalar
from flight_recorder.engine.probes.probe import Probe, Step, Target


@dataclass(frozen=True, slots=True)
class _GroupState:
    """One optimizer group after the update, every tensor (of cut ones the part here) flattened into one."""

    group: dict[str, Any]
    step: Tensor
    m: Tensor
    v: Tensor
    parameters: list[Tensor]


class OptimizerProbe(Probe):
    """Looks at the state of an Adam-like optimizer; of another kind it measures nothing."""

    group = "optimizer"

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self._v_expected: float | Tensor | None = None
        self._gradient_square: float | Tensor | None = None
        self._before: list[Tensor] = []
        self._lr: list[float] = []

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On the optimizer, if there is one to measure."""
        is_wanted = target.optimizer is not None and target.cadence.optimizer
        return cls(target.optimizer) if is_wanted and target.optimizer is not None else None

    def after_backward(self, step: Step) -> None:
        """Every gradient has to be known, the parameters only where they are compared."""
        if step.grad_norm is not None:
            self.see_gradient(step.grad_norm * step.clip_factor)
        if step.due & {self.group}:
            self.before_update()

    def see_gradient(self, clipped_norm: float | Tensor) -> None:
        """The norm of the gradient about to be applied, every step."""
        if self._v_expected is None:
            self._v_expected = self._v_so_far()
        self._gradient_square = clipped_norm**2

    def before_update(self) -> None:
        """Keep the parameters of this step until `read`."""
        self._before = [_flat(group["params"]) for group in self._groups]

    def after_update(self, step: Step | None = None) -> None:
        """The gradient seen has entered the second moment; the learning rates are those that were applied."""
        if step is not None and step.optimizer is not None:
            self.optimizer = step.optimizer
        if self._before:
            self._lr = [float(group["lr"]) for group in self._groups]
        b2 = self._b2()
        if b2 is None or self._v_expected is None or self._gradient_square is None:
            return
        self._v_expected = b2 * self._v_expected + (1 - b2) * self._gradient_square
        self._gradient_square = None

    def read(self) -> list[Measured]:
        """The fields, as far as this optimizer and the parameters' precision allow; after the update."""
        states = [_state(self.optimizer, group) for group in self._groups]
        known = [state for state in states if state is not None]
        if not known:
            return []
        pattern = known[0].parameters[0]
        m_norm = torch.stack([torch.linalg.vector_norm(state.m) for state in known]).norm()
        v_sum = torch.stack([state.v.sum(dtype=torch.float64) for state in known]).sum()
        measured = [
            scalar("adam_step", torch.stack([state.step for state in known]).max(), integer=True),
            scalar("m_norm", norm_over_parts(m_norm, pattern)),
            scalar("v_sum", sum_over_parts(v_sum, pattern)),
        ]
        measured += self._expected(known[0].v.device) + self._ratio(states)
        self._before, self._lr = [], []
        return measured

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs so that `v_expected` goes on from step 0."""
        return {} if self._v_expected is None else {"v_expected": float(self._v_expected)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._v_expected = state.get("v_expected")

    @property
    def _groups(self) -> list[dict[str, Any]]:
        """The groups that hold anything: one of frozen parameters alone may be empty."""
        return [group for group in self.optimizer.param_groups if group["params"]]

    def _b2(self) -> float | None:
        """The one b2 of all groups; none where they differ or decay enters through the gradient."""
        groups = self.optimizer.param_groups
        values = {float(group["betas"][1]) for group in groups if "betas" in group}
        coupled = any(group.get("weight_decay") and not self._is_decoupled(group) for group in groups)
        return values.pop() if len(values) == 1 and not coupled else None

    def _is_decoupled(self, group: dict[str, Any]) -> bool:
        return isinstance(self.optimizer, torch.optim.AdamW) or bool(group.get("decoupled_weight_decay"))

    def _v_so_far(self) -> float:
        """Sum of the second moment at the first gradient seen: 0, or what a restored optimizer brought."""
        states = [_state(self.optimizer, group) for group in self.optimizer.param_groups]
        return sum(
            float(sum_over_parts(state.v.sum(dtype=torch.float64), state.parameters[0]))
            for state in states
            if state is not None
        )

    def _expected(self, device: torch.device) -> list[Measured]:
        if self._v_expected is None or self._b2() is None:
            return []
        return [scalar("v_expected", torch.as_tensor(self._v_expected, device=device))]

    def _ratio(self, states: list[_GroupState | None]) -> list[Measured]:
        """Nothing while the learning rate is 0, nor for 16-bit parameters: rounding hides their update."""
        if not self._before or not any(self._lr):
            return []
        made, prescribed = [], []
        for before, lr, state in zip(self._before, self._lr, states, strict=True):
            if state is None or before.numel() != state.m.numel() or before.dtype.itemsize < 4:
                return []
            decay = state.group.get("weight_decay", 0.0) if self._is_decoupled(state.group) else 0.0
            made.append(torch.linalg.vector_norm(_flat(state.parameters) - before * (1 - lr * decay)))
            prescribed.append(torch.linalg.vector_norm(_adam_update(state, lr)))
        pattern = self._groups[0]["params"][0]
        norms = torch.stack([torch.stack(made).norm(), torch.stack(prescribed).norm()])
        whole_made, whole_prescribed = norm_over_parts(norms, pattern)
        return [scalar("update_ratio", whole_made / whole_prescribed)]


def _adam_update(state: _GroupState, lr: float) -> Tensor:
    """lr m_hat / (sqrt(v_hat) + eps), the magnitudes of Adam's update."""
    b1, b2 = state.group["betas"]
    step = state.step.to(state.m.device, torch.float32)
    first = lr / (1 - torch.as_tensor(b1, device=step.device) ** step)
    second = (1 - torch.as_tensor(b2, device=step.device) ** step).sqrt()
    update: Tensor = first * state.m / (state.v.sqrt() / second + state.group["eps"])
    return update


def _state(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> _GroupState | None:
    """State of the parameters of a group that have been updated, if the optimizer is of Adam's kind."""
    parameters = [p for p in group["params"] if "exp_avg_sq" in optimizer.state.get(p, {})]
    states = [optimizer.state[p] for p in parameters]
    if not states or not all("exp_avg" in state and "step" in state for state in states):
        return None
    steps = torch.stack([torch.as_tensor(state["step"], dtype=torch.float32) for state in states])
    return _GroupState(
        group=group,
        step=steps.max(),
        m=_flat([state["exp_avg"] for state in states]),
        v=_flat([state["exp_avg_sq"] for state in states]),
        parameters=parameters,
    )


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([local_part(tensor.detach()).reshape(-1) for tensor in tensors])
