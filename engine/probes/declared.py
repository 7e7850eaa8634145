"""declared: what the user has declared of the model beside what it is: precision, ties, what is frozen."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from flight_recorder.engine.probes.contract import Watch
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.points import unwrapped
from flight_recorder.engine.probes.probe import Probe, Step, Target

_MATRIX_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TIED = ("tie_word_embeddings", "tie_embeddings", "weight_tying", "tie_weights")


class DeclaredProbe(Probe):
    """Holds declarations against the model, at its first step and wherever facts are noted."""

    group = "declared"

    def __init__(self, target: Target) -> None:
        self._cadence = target.cadence
        self._model = unwrapped(target.model)
        self._dtype = target.declared.get("dtype")
        self._frozen, self._trainable = (target.declared.get(name) or () for name in ("frozen", "trainable"))
        self._ties = _ties(self._model, target.declared.get("tied") or ())
        self._dtypes: dict[int, torch.dtype] = {}
        self._handles: list[RemovableHandle] = []
        self._step: Step | None = None

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On the model, and on its matrix layers until the first step is over."""
        if not target.cadence.facts:
            return None
        probe = cls(target)
        if isinstance(probe._dtype, str):
            layers = [module for module in probe._model.modules() if isinstance(module, _MATRIX_LAYERS)]
            sees = (partial(probe._see, index) for index in range(len(layers)))
            probe._handles = [Watch(see).attach(layer) for see, layer in zip(sees, layers, strict=True)]
        return probe

    def close(self) -> None:
        """Off the model."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def before_step(self, step: Step) -> None:
        """Remember which step it is."""
        self._step = step

    def read(self) -> list[Measured]:
        """`declared`, where facts are noted."""
        if self._step is None or not self._step.is_noted(self._cadence):
            return []
        found = self._found()
        self.close()
        return [Measured(torch.empty(0), lambda _: {"declared": found})] if found else []

    def _found(self) -> Fields:
        found: Fields = {}
        if self._handles and self._dtypes:
            off = sum(str(dtype) != f"torch.{self._dtype}" for dtype in self._dtypes.values())
            found |= {"dtype_off": off, "dtype_of": len(self._dtypes)}
        if self._ties:
            found["ties_off"] = sum(_at(self._model, a) is not _at(self._model, b) for a, b in self._ties)
        named = list(self._model.named_parameters())
        if self._frozen:
            found["frozen_off"] = sum(p.requires_grad for _, p in _matching(named, self._frozen))
        if self._trainable:
            found["trainable_off"] = sum(not p.requires_grad for _, p in _matching(named, self._trainable))
        training = [p for _, p in named if p.requires_grad]
        elements = sum(p.numel() for _, p in named)
        if elements and training:
            found["trainable_share"] = sum(p.numel() for p in training) / elements
            found["vectors_only"] = int(all(p.ndim < 2 for p in training))
        return found

    def _see(self, layer: int, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if torch.is_grad_enabled() and isinstance(output, Tensor):
            self._dtypes[layer] = output.dtype


def _ties(model: nn.Module, declared: Iterable[Any]) -> list[tuple[str, str]]:
    """Pairs of names that are to be one parameter: as declared, as the model's config has it, as they are."""
    pairs = [
        (str(pair[0]), str(pair[1])) for pair in declared if isinstance(pair, list | tuple) and len(pair) == 2
    ]
    owners: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        first = owners.setdefault(id(parameter), name)
        if first != name:
            pairs.append((first, name))
    config = getattr(model, "config", None)
    asks = config.get if isinstance(config, Mapping) else partial(getattr, config)
    if not pairs and any(asks(name, False) is True for name in _TIED):
        pairs += _embedding_and_head(model)
    return [pair for pair in dict.fromkeys(pairs) if all(_at(model, name) is not None for name in pair)]


def _embedding_and_head(model: nn.Module) -> list[tuple[str, str]]:
    tables = [(f"{name}.weight", m) for name, m in model.named_modules() if isinstance(m, nn.Embedding)]
    heads = [(f"{name}.weight", m) for name, m in model.named_modules() if isinstance(m, nn.Linear)]
    alike = [
        (table, head) for table, t in tables for head, h in heads[-1:] if t.weight.shape == h.weight.shape
    ]
    return alike[:1]


def _at(model: nn.Module, path: str) -> Tensor | None:
    owner, _, name = path.rpartition(".")
    try:
        found = getattr(model.get_submodule(owner), name, None)
    except AttributeError:
        return None
    return found if isinstance(found, Tensor) else None


def _matching(
    named: Sequence[tuple[str, nn.Parameter]], patterns: Sequence[str]
) -> list[tuple[str, nn.Parameter]]:
    return [(name, p) for name, p in named if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
