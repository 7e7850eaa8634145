from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from flight_recorder.engine.probes import measured
from flight_recorder.engine.probes.dead import DeadHeads, DeadUnits
from flight_recorder.engine.probes.measured import Fields, packed, unpacked
from flight_recorder.engine.probes.probe import Step

pytestmark = pytest.mark.torch

B, T, F, H = 20, 10, 6, 3


@pytest.fixture(params=[True, False], ids=["suspects first", "everything counted"], autouse=True)
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "on_host", lambda tensor: request.param)


def fields(probe: DeadUnits | DeadHeads) -> Fields:
    found = probe.read()
    return unpacked(found, packed(found).tolist())


def units(hidden: Tensor, padding: Tensor | None = None) -> Fields:
    probe = DeadUnits(("block_0",))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, hidden, padding)
    return fields(probe)


def hidden_with(num_live: int, unit: int = 2) -> Tensor:
    """All units live but one, which is live on `num_live` of the 200 tokens, from the last one backwards."""
    hidden = torch.ones(B * T, F)
    hidden[:, unit] = 1e-4
    hidden[B * T - num_live :, unit] = 1.0
    return hidden.view(B, T, F)


@pytest.mark.parametrize(("num_live", "num_dead"), [(0, 1), (1, 1), (2, 0), (3, 0), (100, 0)])
def test_a_unit_is_dead_when_it_is_silent_on_over_99_percent_of_the_tokens(
    num_live: int, num_dead: int
) -> None:
    assert units(hidden_with(num_live))["dead_units"] == num_dead  # 2 of 200 is 1 %: silent on 99 %, not over


def test_dead_units_are_named_by_block_only_where_there_are_any() -> None:
    assert units(hidden_with(0)) == {"dead_units": 1, "dead_unit_blocks": {"block_0": 1}}
    assert units(hidden_with(9)) == {"dead_units": 0}


def test_a_negative_activation_is_not_silence() -> None:
    assert units(-torch.ones(B, T, F)) == {"dead_units": 0}


def test_padding_cannot_keep_a_unit_alive() -> None:
    padding = torch.zeros(B, T, dtype=torch.bool)
    padding[:, 7:] = True
    hidden = torch.full((B, T, F), 1e-5)
    hidden[:, 7:] = 1.0
    assert units(hidden, padding)["dead_units"] == F
    assert units(hidden)["dead_units"] == 0


def test_channels_are_the_units_of_a_convolution() -> None:
    hidden = torch.ones(4, F, 5, 5)
    hidden[:, 1] = 0.0
    assert units(hidden)["dead_units"] == 1


def test_nan_is_another_fault_than_death() -> None:
    assert units(torch.full((B, T, F), math.nan)) == {"dead_units": 0}


def test_a_unit_must_be_dead_in_every_micro_batch() -> None:
    probe = DeadUnits(("block_0",))
    probe.before_step(Step(0, frozenset()))
    first, second = torch.ones(B, T, F), torch.ones(B, T, F)
    first[..., [0, 1]] = 0.0
    second[..., [1, 2]] = 0.0
    probe.see(0, first)
    probe.see(0, second)
    assert fields(probe)["dead_units"] == 1


def test_a_block_that_was_not_reached_makes_the_count_absent() -> None:
    probe = DeadUnits(("block_0", "block_1"))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, torch.ones(B, T, F))
    assert probe.read() == []


def attention(scores: Tensor) -> Tensor:
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1)


def heads(probabilities: Tensor, padding: Tensor | None = None) -> Fields:
    probe = DeadHeads(("block_0",))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, probabilities, padding)
    return fields(probe)


def test_even_attention_is_alive_though_its_first_two_queries_have_little_entropy() -> None:
    assert heads(attention(torch.zeros(B, H, T, T))) == {"dead_heads": 0}


def test_a_head_on_one_key_is_dead_and_named() -> None:
    scores = torch.zeros(B, H, T, T)
    scores[:, 1, :, 0] = 50.0
    assert heads(attention(scores)) == {"dead_heads": 1, "dead_head_names": ["block_0.head_1"]}


@pytest.mark.parametrize(("num_live", "num_dead"), [(0, 1), (1, 1), (2, 0), (80, 0)])
def test_a_head_is_dead_when_over_99_percent_of_its_queries_have_little_entropy(
    num_live: int, num_dead: int
) -> None:
    scores = torch.zeros(B, H, T, T)  # 20 x 8 queries count: 1 % of them is 1.6
    scores[:, 1, :, 0] = 50.0
    late = scores[:, :, 2:].clone()
    late[:, 1].reshape(-1, T)[:num_live] = 0.0
    rows = late[:, 1].reshape(-1, T)
    rows[:num_live] = 0.0
    scores[:, 1, 2:] = rows.view(B, T - 2, T)
    assert heads(attention(scores))["dead_heads"] == num_dead


@pytest.mark.parametrize(("share", "num_dead"), [(0.87, H), (0.86, 0)])
def test_the_bound_is_an_entropy_of_log_2(share: float, num_dead: int) -> None:
    keys = torch.full((T,), (1 - share) / (T - 1))
    keys[0] = share
    entropy = float(torch.special.entr(keys).sum())
    assert (entropy < math.log(2)) == bool(num_dead)
    assert heads(keys.expand(B, H, T, T))["dead_heads"] == num_dead


def test_queries_that_are_padding_do_not_count() -> None:
    scores = torch.zeros(B, H, T, T)
    scores[:, 1, :6, 0] = 50.0
    padding = torch.zeros(B, T, dtype=torch.bool)
    padding[:, 6:] = True
    assert heads(attention(scores), padding)["dead_heads"] == 1
    assert heads(attention(scores))["dead_heads"] == 0


def test_two_queries_are_too_few_to_call_a_head_dead() -> None:
    assert heads(torch.ones(B, H, 2, 2) / 2) == {"dead_heads": 0}
