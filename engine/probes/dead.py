"""dead_units and dead_heads: how much of the model does no work.

A unit of a feed-forward layer is dead when |activation| stays below eps on over 99 % of the batch's tokens.
An attention head is dead when the entropy of its attention stays below log 2 on over 99 % of the queries;
queries 0 and 1 are left out, because under a causal mask their entropy is 0 and at most log 2 in every model,
and padding is left out of both. With several micro-batches, dead means dead in each of them.

Both are exact at the price of a look at a few per cent of the batch: a sample that already holds more live
tokens than a dead unit may have in the whole batch clears the unit for certain; only the others are counted
in full. Off the CPU the host would have to wait for that decision, so there everything is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Self

import torch
from torch import Tensor

from flight_recorder.engine.probes import measured
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.probe import Probe, Step, Target
from flight_recorder.engine.probes.tap import attention_probabilities, first_tensor

UNIT_EPS = 1e-3
"""Default eps. GELU units are never exactly 0; a live one of a fresh model of width 64 reads about 0.1."""

LIVE_SHARE = 0.01
"""A unit or head that is alive on at least this share of tokens or queries is not dead."""

ENTROPY_BOUND = math.log(2)
"""Nats. Below it the attention sits on practically one key."""

Dead = Tensor | None
"""Which units or heads of a block are dead, bool; None when the host knows that none is."""

IsLive = Callable[[Tensor], Tensor]

_SAMPLE_SIZE = 32
_SAMPLE_SHARE = 4 * LIVE_SHARE


class DeadUnits(Probe):
    """Dead units of every block during one step."""

    group = "dead"

    def __init__(self, blocks: tuple[str, ...], eps: float = UNIT_EPS) -> None:
        self.blocks = blocks
        self.eps = eps
        self.num_units: dict[int, int] = {}
        self._dead: dict[int, Dead] = {}

    @classmethod
    def attach(cls, target: Target) -> Self:
        """On the hidden activations of the blocks."""
        probe = cls(tuple(target.points.hidden), target.dead_eps)
        for index, module in enumerate(target.points.hidden.values()):
            see = partial(probe._see, target, index)
            target.taps.add(cls.group, module, first_tensor, see)
        return probe

    def _see(self, target: Target, block: int, output: Tensor) -> None:
        self.see(block, output, target.padding)

    def before_step(self, step: Step) -> None:
        """Forget the step before."""
        self._dead = {}

    def see(self, block: int, hidden: Tensor, padding: Tensor | None = None) -> None:
        """Hidden activations of one block, shape (B, T, F), or (B, C, H, W) with channels as units.

        `padding` is True where a token is padding, shape (B, T).
        """
        tokens = _with_units_last(hidden)
        self.num_units[block] = tokens.shape[2]
        _narrow(self._dead, block, dead_columns(tokens, padding, self._is_live, self._is_loud))

    def _is_loud(self, rows: Tensor) -> Tensor:
        return rows.abs() >= self.eps

    def _is_live(self, rows: Tensor) -> Tensor:
        return (rows.abs() < self.eps).logical_not_()  # NaN is alive: that fault has a field of its own

    def header(self) -> Fields:
        """num_units once a pass has shown them, and what counts as silent."""
        is_whole = self.num_units and len(self.num_units) == len(self.blocks)
        fields: Fields = {"num_units": sum(self.num_units.values())} if is_whole else {}
        return fields | ({"dead_eps": self.eps} if self.blocks else {})

    def read(self) -> list[Measured]:
        """`dead_units`, and `dead_unit_blocks` where there are any; nothing if a block was not reached."""
        if not self.blocks or len(self._dead) < len(self.blocks):
            return []
        found = {block: dead.sum() for block, dead in self._dead.items() if dead is not None}
        names = [self.blocks[block] for block in found]
        values = torch.stack(list(found.values())) if found else torch.empty(0)
        return [Measured(values, partial(_unit_fields, names))]


class DeadHeads(Probe):
    """Dead attention heads of every block during one step."""

    group = "dead"

    def __init__(self, blocks: tuple[str, ...]) -> None:
        self.blocks = blocks
        self.num_heads: dict[int, int] = {}
        self._dead: dict[int, Dead] = {}

    @classmethod
    def attach(cls, target: Target) -> Self:
        """On the attention probabilities of the blocks."""
        probe = cls(tuple(target.points.attention))
        for index, module in enumerate(target.points.attention.values()):
            see = partial(probe._see, target, index)
            target.taps.add(cls.group, module, attention_probabilities, see)
        return probe

    def _see(self, target: Target, block: int, output: Tensor) -> None:
        self.see(block, output, target.padding)

    def before_step(self, step: Step) -> None:
        """Forget the step before."""
        self._dead = {}

    def see(self, block: int, probabilities: Tensor, padding: Tensor | None = None) -> None:
        """Attention probabilities of one block, shape (B, H, queries, keys); `padding` is (B, queries)."""
        self.num_heads[block] = probabilities.shape[1]
        late = probabilities[:, :, 2:].transpose(1, 2)  # (B, queries - 2, H, keys)
        late_padding = None if padding is None else padding[:, 2:]
        _narrow(self._dead, block, dead_columns(late, late_padding, _is_spread, _is_flat))

    def header(self) -> Fields:
        """num_heads once a pass has shown them."""
        is_whole = self.num_heads and len(self.num_heads) == len(self.blocks)
        return {"num_heads": sum(self.num_heads.values())} if is_whole else {}

    def read(self) -> list[Measured]:
        """`dead_heads`, and `dead_head_names` where there are any; nothing if a block was not reached."""
        if not self.blocks or len(self._dead) < len(self.blocks):
            return []
        found = {block: dead for block, dead in sorted(self._dead.items()) if dead is not None}
        names = [f"{self.blocks[block]}.head_{i}" for block, dead in found.items() for i in range(len(dead))]
        values = torch.cat(list(found.values())) if found else torch.empty(0)
        return [Measured(values, partial(_head_fields, names))]


def _unit_fields(blocks: list[str], numbers: list[float]) -> Fields:
    by_block = {name: int(count) for name, count in zip(blocks, numbers, strict=True) if count}
    return {"dead_units": sum(by_block.values())} | ({"dead_unit_blocks": by_block} if by_block else {})


def _head_fields(heads: list[str], numbers: list[float]) -> Fields:
    dead = [name for name, is_dead in zip(heads, numbers, strict=True) if is_dead]
    return {"dead_heads": len(dead)} | ({"dead_head_names": dead} if dead else {})


def _narrow(dead: dict[int, Dead], block: int, now: Dead) -> None:
    """Dead in this micro-batch and in those before."""
    before = dead.get(block, now)
    comparable = before is not None and now is not None and before.shape == now.shape
    dead[block] = before & now if comparable else None if before is None else now  # type: ignore[operator]


def dead_columns(
    table: Tensor, padding: Tensor | None, is_live: IsLive, is_surely_live: IsLive | None = None
) -> Dead:
    """Which columns are live at less than 1 % of the positions, shape (columns,), bool; None for none.

    Args:
        table: shape (B, T, columns) or (B, T, columns, more).
        padding: True at the positions that do not count, shape (B, T).
        is_live: from a table to bool of shape (B, T, columns).
        is_surely_live: cheaper, and true only where is_live is.
    """
    if padding is not None and padding.shape != table.shape[:2]:
        padding = None
    if measured.on_host(table):
        return _dead_among_suspects(table, padding, is_live, is_surely_live or is_live)
    counts = torch.ones(table.shape[:2], device=table.device) if padding is None else (~padding).float()
    live = is_live(table) * counts.to(table.device)[..., None]
    dead: Tensor = live.sum((0, 1)) < LIVE_SHARE * counts.sum().to(table.device)
    return dead


def _dead_among_suspects(
    table: Tensor, padding: Tensor | None, is_live: IsLive, is_surely_live: IsLive
) -> Dead:
    if padding is not None:
        table = table[~padding][None]
    num_positions = table.shape[0] * table.shape[1]
    bound = LIVE_SHARE * num_positions
    sample = _sample(table, num_positions)
    if not num_positions or _num_live(sample, is_surely_live).amin().item() >= bound:
        return None
    dead = _num_live(sample, is_live) < bound
    suspects = dead.nonzero()[:, 0]
    if not len(suspects):
        return None
    dead[suspects] = _num_live(table[:, :, suspects], is_live) < bound
    return dead


def _num_live(table: Tensor, is_live: IsLive) -> Tensor:
    return is_live(table).sum((0, 1))


def _sample(table: Tensor, num_positions: int) -> Tensor:
    """Every so many rows and columns, as a view."""
    stride = max(1, num_positions // max(_SAMPLE_SIZE, int(_SAMPLE_SHARE * num_positions)))
    across = math.isqrt(stride)
    return table[:: stride // across, ::across]


def _is_flat(queries: Tensor) -> Tensor:
    """No key has more than half of the attention. Then the entropy is at least -log(1/2) = log 2."""
    return queries.amax(-1) <= 0.5


def _is_spread(queries: Tensor) -> Tensor:
    """Whether the entropy reaches log 2 (NaN counts as live), (..., H, keys) to bool of shape (..., H)."""
    entropy: Tensor = torch.special.entr(queries.float()).sum(-1)
    return ~(entropy < ENTROPY_BOUND)


def _with_units_last(hidden: Tensor) -> Tensor:
    """(B, tokens, units) from (B, T, F), from (B, F) or, with channels as units, from (B, C, H, W)."""
    if hidden.ndim == 2:
        return hidden[:, None]
    if hidden.ndim == 3:
        return hidden
    return hidden.flatten(2).mT
