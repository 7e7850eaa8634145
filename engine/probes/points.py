"""Where to measure: names for the modules and matrices of a model, declared by its author or found.

A model may declare `layers` and `residual_layers` (names of modules) and `matrices` (names and parameters),
and mark with nn.Identity modules where attention probabilities (`weights`) and hidden activations of a
feed-forward layer (`hidden`) flow by. In a model that does not, the points are found: the children of its
longest list of blocks, the embedding before it, the last norm behind it, activation functions, attention
modules that return their probabilities.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

MAX_LAYERS = 64
_ACTIVATIONS = ("gelu", "relu", "silu", "swish", "mish")
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Embedding, nn.LSTM, nn.GRU)

Modules = dict[str, nn.Module]


@dataclass(frozen=True, slots=True)
class Points:
    """What to measure in one model. Keys are the names that the log uses."""

    layers: Modules = field(default_factory=dict)
    residual_layers: tuple[str, ...] = ()
    hidden: Modules = field(default_factory=dict)
    attention: Modules = field(default_factory=dict)
    matrices: dict[str, Tensor] = field(default_factory=dict)


def find_points(model: nn.Module, patterns: Sequence[str] = ()) -> Points:
    """The points of a model.

    Args:
        model: any module; wrappers of DDP and torch.compile are looked through.
        patterns: shell patterns over module names ("transformer.h.*"); they choose the layers instead.

    Raises:
        ValueError: a pattern matches no module.
    """
    model = unwrapped(model)
    modules = {path: module for path, module in model.named_modules() if path}
    blocks = _block_paths(model)
    declared = _declared_layers(model, modules)
    layers = _chosen(modules, patterns) if patterns else declared or _found(modules, blocks)
    return Points(
        layers=layers,
        residual_layers=_residual(model, modules, layers, blocks),
        hidden=_named(_marked(modules, "hidden") or _activation_functions(modules)),
        attention=_named(_marked(modules, "weights") or _attention_modules(modules)),
        matrices=_declared_matrices(model) or _matrices(model, blocks),
    )


def unwrapped(model: nn.Module) -> nn.Module:
    """The model itself, without the wrappers of DDP (`module`) and torch.compile (`_orig_mod`)."""
    for attribute in ("_orig_mod", "module"):
        inner = model._modules.get(attribute)
        if inner is not None and len(model._modules) == 1:
            return unwrapped(inner)
    return model


def short_name(path: str) -> str:
    """A path without what stands before the list of blocks: transformer.h.0.mlp.c_fc -> h_0.mlp.c_fc."""
    parts = path.split(".")
    for position, part in enumerate(parts):
        if part.isdigit() and position:
            list_name = parts[position - 1]
            singular = list_name[:-1] if list_name.endswith("s") and len(list_name) > 2 else list_name
            return ".".join([f"{singular}_{part}", *parts[position + 1 :]])
    return path


def block_name(path: str) -> str:
    """Name of the block that a module is in: blocks.0.ffn.hidden -> block_0; else its path."""
    first, *rest = short_name(path).split(".")
    return first if first != path.split(".")[0] or not rest else path


def _named(modules: Modules) -> Modules:
    """By block name, by full path where two share a block."""
    names = [block_name(path) for path in modules]
    return {
        name if names.count(name) == 1 else path: module
        for name, (path, module) in zip(names, modules.items(), strict=True)
    }


def _marked(modules: Modules, mark: str) -> Modules:
    return {
        path: module
        for path, module in modules.items()
        if isinstance(module, nn.Identity) and path.split(".")[-1] == mark
    }


def _declared_layers(model: nn.Module, modules: Modules) -> Modules:
    names = getattr(model, "layers", None)
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return {name: modules[name] for name in names if name in modules}
    return {}


def _declared_matrices(model: nn.Module) -> dict[str, Tensor]:
    matrices = getattr(model, "matrices", None)
    if isinstance(matrices, dict) and all(isinstance(matrix, Tensor) for matrix in matrices.values()):
        return dict(matrices)
    return {}


def _block_paths(model: nn.Module) -> list[str]:
    """Paths of the children of the longest list of modules that are all of one class."""
    best: list[str] = []
    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList | nn.Sequential) and len({type(child) for child in module}) == 1:
            children = [f"{path}.{name}" if path else name for name, _ in module.named_children()]
            best = children if len(children) > len(best) else best
    return best if len(best) > 1 else []


def _chosen(modules: Modules, patterns: Sequence[str]) -> Modules:
    layers: Modules = {}
    for pattern in patterns:
        matches = {path: modules[path] for path in fnmatch.filter(modules, pattern)}
        if not matches:
            near = difflib.get_close_matches(pattern, modules, n=1, cutoff=0.0)
            hint = f"; the nearest name is {near[0]!r}" if near else ""
            raise ValueError(f"no module of the model matches {pattern!r}{hint}")
        layers |= matches
    return _shortened(layers)


def _found(modules: Modules, blocks: list[str]) -> Modules:
    if blocks:
        return _shortened({path: modules[path] for path in _around(modules, blocks)})
    weighted = [path for path, module in modules.items() if isinstance(module, _WEIGHTED)]
    return _shortened({path: modules[path] for path in weighted[:MAX_LAYERS]})


def _around(modules: Modules, blocks: list[str]) -> Iterable[str]:
    """First embedding, the blocks, last norm outside of them."""
    inside = tuple(f"{path}." for path in blocks)
    outside = [path for path in modules if not path.startswith(inside) and path not in blocks]
    embeddings = [path for path in outside if isinstance(modules[path], nn.Embedding)]
    norms = [path for path in outside if "norm" in type(modules[path]).__name__.lower()]
    return [*embeddings[:1], *blocks[:MAX_LAYERS], *norms[-1:]]


def _shortened(layers: Modules) -> Modules:
    short = {short_name(path): module for path, module in layers.items()}
    return short if len(short) == len(layers) else layers


def _residual(model: nn.Module, modules: Modules, layers: Modules, blocks: list[str]) -> tuple[str, ...]:
    """The layers on the residual stream itself, as declared; else the blocks of a model with an embedding.

    Elsewhere unknown: the children of a list need no residual connection.
    """
    declared = getattr(model, "residual_layers", None)
    if isinstance(declared, list | tuple):
        return tuple(name for name in declared if name in layers)
    if not any(isinstance(module, nn.Embedding) for module in modules.values()):
        return ()
    on_stream = {id(modules[path]) for path in blocks}
    return tuple(name for name, module in layers.items() if id(module) in on_stream)


def _activation_functions(modules: Modules) -> Modules:
    return {
        path: module
        for path, module in modules.items()
        if any(word in type(module).__name__.lower() for word in _ACTIVATIONS)
        and not any(True for _ in module.parameters())
    }


def _attention_modules(modules: Modules) -> Modules:
    """Modules that may return their probabilities; those with attention dropout would return them dropped."""
    return {
        path: module
        for path, module in modules.items()
        if type(module).__name__.endswith(("Attention", "SelfAttention"))
        and not any(_drops_attention(name, part) for name, part in module.named_modules())
        and not getattr(module, "attention_dropout", 0.0)
    }


def _drops_attention(name: str, part: nn.Module) -> bool:
    """Whether it may be the dropout on the probabilities, not the one behind the output projection."""
    return isinstance(part, nn.Dropout) and part.p > 0 and not name.startswith(("resid", "proj"))


def _matrices(model: nn.Module, blocks: list[str]) -> dict[str, Tensor]:
    """Weight matrices of the blocks, or of the whole model where there are no blocks; never embeddings."""
    embeddings = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters()
    }
    inside = tuple(f"{path}." for path in blocks)
    found: dict[str, Tensor] = {
        path.removesuffix(".weight"): parameter
        for path, parameter in model.named_parameters()
        if parameter.ndim >= 2
        and id(parameter) not in embeddings
        and (path.startswith(inside) if blocks else path.endswith("weight"))
    }
    short: dict[str, Tensor] = {short_name(path): parameter for path, parameter in found.items()}
    return short if len(short) == len(found) else found
