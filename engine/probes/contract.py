"""contract: which label the loss asks for at each position, and with which weight; read off its gradient.

The gradient of a cross-entropy at the logits is w (p - onehot): the label is where it is largest in size,
and the weight is that number over 1 - p. What is left of the gradient after w (p - onehot) is taken away is
the test whether the loss is one at all: label smoothing, distillation, policy gradients, fused losses are
none, and then nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.points import unwrapped
from flight_recorder.engine.probes.probe import Probe, Step, Target

SHIFTS = (0, 1, 2)
ROUNDING = {torch.float64: 1e-3, torch.float32: 1e-3, torch.bfloat16: 0.02, torch.float16: 0.01}
"""Largest residual that is rounding, by the precision in which the gradient came."""

SURE = 0.999
"""Largest probability at which a position says its weight: beyond, 1 - p is rounding."""

MATCHED = 0.99
"""Share of the labels that have to be the tokens at a shift."""

FEWEST = 8
"""Labels from which on a shift is told."""

CHUNK = 1 << 22
"""Elements of the logits that are looked at together."""

_SAME = 0.02
"""Relative difference up to which weights are equal: in bfloat16 they are right to a few thousandths."""

_NAMES = (
    *("rows", "counted", "sure", "weights", "least", "most", "residual", "size", "negative", "bound"),
    *("padding", "eos", "ends"),
)
NO_OUTPUT = (
    "no logits with a gradient were seen: the loss is fused, or the model's output layer is not called"
)
NO_CROSS_ENTROPY = (
    "the loss is no plain cross-entropy of labels: label smoothing, soft targets or another kind"
)
SIGNED = "the weights have both signs: a policy gradient or a preference, no cross-entropy of labels"


class Watch:
    """A forward hook that goes with no copy of its module."""

    def __init__(self, see: Any) -> None:
        self.see = see

    def __call__(self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        """Called by the module after each forward pass; inside a compiled graph it is not there."""
        if self.see is not None and not torch.compiler.is_compiling():
            self.see(module, (*args, *kwargs.values()), output)

    def __reduce__(self) -> tuple[type[Watch], tuple[None]]:
        return Watch, (None,)

    def attach(self, module: nn.Module) -> RemovableHandle:
        """On the module from now on."""
        return module.register_forward_hook(self, with_kwargs=True)


def outermost(model: nn.Module) -> nn.Module:
    """The module on which a hook runs outside of any compiled graph: the wrapper of torch.compile, if any."""
    if "_orig_mod" in model._modules:
        return model
    inner = model._modules.get("module")
    return outermost(inner) if inner is not None and len(model._modules) == 1 else model


class ContractProbe(Probe):
    """Watches the logits of a step's passes: the model's own output, and its last linear layer."""

    group: ClassVar[str] = "contract"

    def __init__(self, pad_id: int | None, eos_id: int | None) -> None:
        self.pad_id, self.eos_id = pad_id, eos_id
        self._is_open = False
        self._tokens: list[Tensor] = []
        self._are_used = False
        self._passes: tuple[list[Tensor], list[Tensor]] = ([], [])
        self._head_output: Tensor | None = None  # itself: an id is another tensor's as soon as it is freed
        self._handles: list[RemovableHandle] = []
        self._has_spoken = False

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On the model, its last linear layer and its embeddings."""
        if not target.cadence.contract:
            return None
        model, declared = unwrapped(target.model), target.declared
        tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        padded = (table.padding_idx for table in tables if table.padding_idx is not None)
        probe = cls(declared.get("pad_id", next(padded, None)), declared.get("eos_id"))
        outputs = [outermost(target.model), *_heads(model)]
        sees = (partial(probe._see_output, 0), partial(probe._see_output, 1))
        probe._handles = [Watch(see).attach(module) for see, module in zip(sees, outputs, strict=False)]
        probe._handles += [Watch(probe._see_tokens).attach(table) for table in tables]
        return probe

    def close(self) -> None:
        """Off the model."""
        for handle in self._handles:
            handle.remove()

    def before_step(self, step: Step) -> None:
        """Passes are looked at where the contract is due."""
        self._is_open = self.group in step.due
        self._passes = ([], [])
        self._tokens.clear()

    def after_backward(self, step: Step) -> None:
        """No pass from now on is part of the step."""
        self._is_open, self._head_output = False, None

    def read(self) -> list[Measured]:
        """`contract` of the step, or why there is none; the second is said once."""
        seen = [passes for passes in self._passes if passes]
        self._passes = ([], [])
        if not seen:
            return [] if self._has_spoken else [self._silent(NO_OUTPUT)]
        sizes = [[len(numbers) for numbers in passes] for passes in seen]

        def fields(numbers: list[float]) -> Fields:
            rest = iter(numbers)
            by_source = [[_named(list(islice(rest, size))) for size in each] for each in sizes]
            found = [told(passes, self.eos_id) for passes in by_source]
            best = next((one for one in found if "reason" not in one), found[0])
            if "reason" in best and self._has_spoken:
                return {}
            self._has_spoken = True
            return {"contract": best}

        return [Measured(torch.cat([numbers for passes in seen for numbers in passes]), fields)]

    def _silent(self, reason: str) -> Measured:
        self._has_spoken = True
        return Measured(torch.empty(0), lambda _: {"contract": {"reason": reason}})

    def _see_tokens(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self._is_open and torch.is_grad_enabled() and inputs and isinstance(inputs[0], Tensor):
            self._add_tokens(inputs[0])

    def _add_tokens(self, tokens: Tensor) -> None:
        if tokens.ndim == 2 and tokens.dtype in (torch.int64, torch.int32):
            self._tokens = [*([] if self._are_used else self._tokens[-3:]), tokens.detach()]
            self._are_used = False

    def _see_output(self, source: int, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not self._is_open or not torch.is_grad_enabled():
            return
        logits = _logits(output)
        if logits is None or not logits.requires_grad or (source == 0 and logits is self._head_output):
            return
        self._head_output = logits if source else None
        if not self._tokens:
            for value in inputs:
                if isinstance(value, Tensor):
                    self._add_tokens(value)
        tokens, version, kept = list(self._tokens), logits._version, logits.detach()
        self._are_used = True

        def see(gradient: Tensor) -> None:
            if self._is_open and kept._version == version and gradient.shape == kept.shape:
                with torch.no_grad():
                    numbers = contract(kept, gradient, tokens, self.pad_id, self.eos_id)
                self._passes[source].append(numbers)

        logits.register_hook(see)  # type: ignore[no-untyped-call]


def _heads(model: nn.Module) -> list[nn.Module]:
    """The output layer: as the model names it, else the last linear layer."""
    named = getattr(model, "get_output_embeddings", lambda: None)()
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    found = named if isinstance(named, nn.Module) else (linear[-1] if linear else None)
    return [found] if found is not None and found is not model else []


def _logits(output: Any) -> Tensor | None:
    """The largest floating-point tensor of two dimensions or more in an output."""
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(named, Tensor):
        return named
    parts = output.values() if isinstance(output, Mapping) else output
    parts = (output,) if isinstance(output, Tensor) else parts if isinstance(parts, list | tuple) else ()
    fitting = [
        part for part in parts if isinstance(part, Tensor) and part.ndim > 1 and part.is_floating_point()
    ]
    return max(fitting, key=lambda part: part.numel(), default=None)


def contract(
    logits: Tensor, gradient: Tensor, tokens: list[Tensor], pad_id: int | None, eos_id: int | None
) -> Tensor:
    """What the gradient at the logits says, as numbers in the order of _NAMES.

    Then two for each of SHIFTS and each of the token tensors of the logits' own shape: labels that are the
    token at this shift, and labels that could be. Logits are [rows, classes], [batch, time, classes], or
    [batch, classes, more].
    """
    if logits.ndim > 3 or (logits.ndim == 3 and _has_classes_second(gradient, tokens)):
        logits, gradient = logits.movedim(1, -1), gradient.movedim(1, -1)
    classes = logits.shape[-1]
    parts = max(1, -(-logits.numel() // CHUNK))
    rows = [
        _rows(part, g)
        for part, g in zip(
            logits.reshape(-1, classes).chunk(parts), gradient.reshape(-1, classes).chunk(parts), strict=True
        )
    ]
    label, weight, top, residual, size = (torch.cat(column) for column in zip(*rows, strict=True))
    counted = weight != 0
    sure = counted & (top < SURE)
    unsure = (counted & ~sure).sum() * (torch.where(sure, weight, 0).sum() / sure.sum().clamp_min(1))
    known = torch.where(sure, weight, torch.nan)
    own = [each for each in tokens if each.shape == logits.shape[:2] and logits.ndim == 3]
    is_pad = _is(label, pad_id) if pad_id != eos_id else _repeats(label, eos_id, own)
    numbers = [
        torch.tensor(float(label.numel()), device=label.device),
        counted.sum(),
        sure.sum(),
        torch.where(sure, weight, 0).sum() + unsure,
        _least(known, torch.inf).amin(),
        -_least(-known, torch.inf).amin(),
        residual.sum(),
        size.sum(),
        (weight < 0).sum(),
        torch.tensor(ROUNDING.get(gradient.dtype, 1e-3), device=label.device),
        (counted & is_pad).sum(),
        (counted & _is(label, eos_id)).sum(),
        _ends(own[-1], eos_id) if own else torch.tensor(0.0, device=label.device),
    ]
    for each in own:
        for shift in SHIFTS:
            numbers += _matches(label.view(each.shape), counted.view(each.shape), each, shift)
    return torch.stack([number.to(torch.float64) for number in numbers])


def _has_classes_second(gradient: Tensor, tokens: list[Tensor]) -> bool:
    """Whether logits are [batch, classes, more]: over the classes the gradient sums up to 0.

    Numbers are looked at on the host only: nobody waits for a device, where the shape of the tokens decides.
    """
    if gradient.device.type == "cpu":
        second, last = (float(gradient.float().sum(dim).abs().mean()) for dim in (1, 2))
        return second < last
    shapes = {tuple(each.shape) for each in tokens}
    return (gradient.shape[0], gradient.shape[2]) in shapes and tuple(gradient.shape[:2]) not in shapes


def _rows(logits: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Of each row: label, weight, its probability, squared residual off the label, squared size there."""
    g = gradient.to(torch.promote_types(gradient.dtype, torch.float32)).nan_to_num()  # a mean over nothing
    p = logits.to(g.dtype).softmax(-1)
    label = (g.neg() if g.shape[-1] == 2 else g.abs()).argmax(-1, keepdim=True)
    at_label, p_label = g.gather(-1, label), p.gather(-1, label)
    weight = -at_label / (1 - p_label).clamp_min(torch.finfo(g.dtype).tiny)
    left = (g - weight * p).scatter_(-1, label, 0.0)
    off = g.scatter(-1, label, 0.0)
    is_sure = (p_label < SURE).to(g.dtype)
    squares = ((left.square().sum(-1, keepdim=True) * is_sure), off.square().sum(-1, keepdim=True) * is_sure)
    columns = (label, weight.nan_to_num(), p_label, *squares)
    return tuple(column.squeeze(-1) for column in columns)  # type: ignore[return-value]


def _least(values: Tensor, otherwise: float) -> Tensor:
    return torch.where(values.isnan(), torch.full_like(values, otherwise), values)


def _is(labels: Tensor, token: int | None) -> Tensor:
    return labels == token if token is not None else torch.zeros_like(labels, dtype=torch.bool)


def _repeats(labels: Tensor, eos_id: int | None, own: list[Tensor]) -> Tensor:
    """Where padding is the end of a sequence: an end behind an end."""
    if not own:
        return _is(labels, None)
    before = own[-1].reshape(-1)
    return _is(labels, eos_id) & _is(before, eos_id)


def _ends(tokens: Tensor, eos_id: int | None) -> Tensor:
    """Positions behind which a sequence ends."""
    return (_is(tokens[:, 1:], eos_id) & ~_is(tokens[:, :-1], eos_id)).sum()


def _matches(labels: Tensor, counted: Tensor, tokens: Tensor, shift: int) -> list[Tensor]:
    length = tokens.shape[1] - shift
    if length < 1:
        return [labels.new_zeros(()), labels.new_zeros(())]
    comparable = counted[:, :length]
    return [(comparable & (labels[:, :length] == tokens[:, shift:])).sum(), comparable.sum()]


def _named(numbers: list[float]) -> dict[str, Any]:
    found: dict[str, Any] = dict(zip(_NAMES, numbers, strict=False))
    rest = numbers[len(_NAMES) :]
    found["shifts"] = [rest[i : i + 2 * len(SHIFTS)] for i in range(0, len(rest), 2 * len(SHIFTS))]
    return found


def told(passes: list[dict[str, Any]], eos_id: int | None) -> Fields:
    """The contract of a step, from its passes."""
    with_targets = [one for one in passes if one["counted"]]
    if any(one["residual"] ** 0.5 > one["bound"] * one["size"] ** 0.5 for one in with_targets):
        is_signed = any(one["negative"] for one in with_targets)
        return {"reason": SIGNED if is_signed else NO_CROSS_ENTROPY}
    if any(one["negative"] for one in with_targets):
        return {"reason": SIGNED}
    found: Fields = {
        "counted": int(sum(one["counted"] for one in passes)),
        "of": int(sum(one["rows"] for one in passes)),
        "padding": int(sum(one["padding"] for one in passes)),
        "weights": sum(one["weights"] for one in passes),
        "micro_batches": len(passes),
    }
    if eos_id is not None:
        found |= {
            "eos": int(sum(one["eos"] for one in passes)),
            "ends": int(sum(one["ends"] for one in passes)),
        }
    sure = [one for one in passes if one["sure"]]
    if sure:
        least, most = min(one["least"] for one in sure), max(one["most"] for one in sure)
        found["equal"] = bool(most - least <= _SAME * most)
        means = [one["weights"] / one["counted"] for one in with_targets]
        if len(means) > 1:
            found["spread"] = max(means) / min(means)
    shift = _shift(passes)
    return found | ({} if shift is None else {"shift": shift})


def _shift(passes: list[dict[str, Any]]) -> int | None:
    """The one shift at which labels are the tokens of an input; None if none is, or more than one."""
    for source in range(min(len(one["shifts"]) for one in passes)):
        rows = [one["shifts"][source] for one in passes]
        sums = [sum(row[i] for row in rows) for i in range(2 * len(SHIFTS))]
        pairs = zip(SHIFTS, sums[::2], sums[1::2], strict=True)
        fitting = [shift for shift, hits, could in pairs if could >= FEWEST and hits >= MATCHED * could]
        if len(fitting) == 1:
            return fitting[0]
    return None
