"""Causality, overlap, hashes, checksum, recomputed gradient: facts instead of thresholds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from flight_recorder.engine.probes.batch_hash import batch_hash
from flight_recorder.engine.probes.causality import causality
from flight_recorder.engine.probes.checksum import parameter_checksum
from flight_recorder.engine.probes.gradient_recomputation import RandomState, grad_norm_recomputed
from flight_recorder.engine.probes.nonfinite import gradient_sites, nonfinite_gradient
from flight_recorder.engine.probes.overlap import overlap
from tests.engine.probes.models import T, TinyGPT, V, batch, loss_of

pytestmark = pytest.mark.torch


def test_a_causal_model_moves_no_earlier_logit() -> None:
    assert causality(TinyGPT(), batch()[0]) == {"causality": 0.0}


def test_a_broken_mask_moves_earlier_logits() -> None:
    assert causality(TinyGPT(causal=False), batch()[0])["causality"] > 1e-3


@pytest.mark.parametrize("reach", [1, T - 1])
def test_a_leak_shows_whether_it_reaches_one_position_or_all(reach: int) -> None:
    def leaking(tokens: Tensor) -> Tensor:
        logits = torch.zeros(*tokens.shape, V)
        logits[:, :-reach, 0] = tokens[:, reach:].float()
        return logits

    assert causality(nn.Identity(), batch()[0], logits=leaking)["causality"] > 0


def test_causality_leaves_modes_and_random_numbers_as_they_were() -> None:
    model = TinyGPT(dropout=0.5)
    model.final_norm.eval()
    torch.manual_seed(5)
    causality(model, batch()[0])
    drawn = torch.rand(2)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(2))
    assert model.training and not model.final_norm.training


def test_causality_of_one_token_is_not_measured() -> None:
    assert causality(TinyGPT(), batch()[0][:, :1]) == {}


def test_logits_are_found_in_the_usual_outputs() -> None:
    class Wrapped(nn.Module):
        def __init__(self, pack: Callable[[Tensor], Any]) -> None:
            super().__init__()
            self.model, self.pack = TinyGPT(causal=False), pack

        def forward(self, tokens: Tensor) -> Any:
            return self.pack(self.model(tokens))

    class Output:
        def __init__(self, logits: Tensor) -> None:
            self.logits = logits

    expected = causality(TinyGPT(causal=False), batch()[0])
    assert causality(Wrapped(Output), batch()[0]) == expected
    assert causality(Wrapped(lambda logits: (logits, None)), batch()[0]) == expected
    with pytest.raises(TypeError, match="pass `logits`"):
        causality(Wrapped(lambda logits: "text"), batch()[0])


def test_overlap_counts_validation_examples_that_are_in_training() -> None:
    training = [[1, 2, 3], [4, 5], [6]]
    validation = [[4, 5], [5, 4], [1, 2], [6]]
    assert overlap(training, validation) == {"num_validation": 4, "num_validation_in_training": 2}


def test_overlap_does_not_mind_the_type_of_the_ids() -> None:
    found = overlap([np.array([1, 2], dtype=np.uint16)], [torch.tensor([1, 2])])
    assert found["num_validation_in_training"] == 1


def test_a_batch_hash_is_eight_digits_of_content_and_order() -> None:
    tokens = torch.tensor([[1, 2], [3, 4]])
    assert len(batch_hash(tokens)) == 8
    assert batch_hash(tokens) == batch_hash(tokens.to(torch.int32).clone())
    assert batch_hash(tokens) != batch_hash(tokens.flip(0))
    assert batch_hash(tokens[:1], tokens[1:]) == batch_hash(tokens)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_checksum_shows_the_change_of_one_bit_and_of_an_order(dtype: torch.dtype) -> None:
    tensors = [torch.arange(1, 7, dtype=dtype).view(2, 3), torch.ones(2, dtype=dtype)]
    before = parameter_checksum(tensors)
    assert len(before) == 16 and before == parameter_checksum([tensor.clone() for tensor in tensors])
    changed = tensors[0].clone()
    changed[1, 2] = torch.nextafter(changed[1, 2].float(), torch.tensor(99.0)).to(dtype) + (
        dtype != torch.float32
    )
    assert parameter_checksum([changed, tensors[1]]) != before
    assert parameter_checksum([tensors[0].flip(0), tensors[1]]) != before


def step_norm(model: nn.Module, divisor: float) -> tuple[Tensor, RandomState]:
    """Gradient norm of two micro-batches, each mean divided by `divisor`, and the state before them."""
    state = RandomState(model)
    for micro in range(2):
        (loss_of(model, micro) / divisor).backward()
    return torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]), state


def again(model: nn.Module) -> list[Callable[[], tuple[Tensor, int]]]:
    def total(micro: int) -> tuple[Tensor, int]:
        return loss_of(model, micro) * 5 * T, 5 * T

    return [partial(total, micro) for micro in range(2)]


def test_the_recomputed_norm_is_that_of_a_correct_step_with_the_same_dropout() -> None:
    model = TinyGPT(dropout=0.3)
    norm, state = step_norm(model, divisor=2)
    assert float(grad_norm_recomputed(model, again(model), state)) == pytest.approx(float(norm), rel=1e-5)


def test_a_missing_divisor_shows_as_the_number_of_micro_batches() -> None:
    model = TinyGPT()
    norm, state = step_norm(model, divisor=1)
    ratio = float(norm / grad_norm_recomputed(model, again(model), state))
    assert ratio == pytest.approx(2.0, rel=1e-5)


def test_recomputing_leaves_gradients_buffers_and_random_numbers_alone() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    x = torch.randn(8, 3)
    model(x).square().mean().backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    buffers = [buffer.clone() for buffer in model.buffers()]
    torch.manual_seed(9)
    grad_norm_recomputed(model, [lambda: (model(x).square().sum(), 8)])
    drawn = torch.rand(2)
    torch.manual_seed(9)
    assert torch.equal(drawn, torch.rand(2))
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))  # type: ignore[arg-type]
    assert all(torch.equal(now, before) for now, before in zip(model.buffers(), buffers, strict=True))


@pytest.mark.parametrize("bad", [["a"], ["b"], ["a", "b"]])
def test_the_site_is_the_bad_gradient_nearest_to_the_loss_unless_all_are_bad(bad: list[str]) -> None:
    named = [(name, nn.Parameter(torch.ones(2))) for name in ("a", "b", "c", "d")]
    for name, parameter in named:
        parameter.grad = torch.tensor([1.0, float("nan") if name in bad else 1.0])
    site = f"gradient of {bad[-1]}"
    assert nonfinite_gradient(named) == site
    (measured,) = gradient_sites(named)
    assert measured.fields(measured.values.tolist()) == {"nonfinite_site": site}


def test_gradients_that_are_all_bad_name_no_tensor() -> None:
    named = [(name, nn.Parameter(torch.ones(2))) for name in ("a", "b")]
    for _, parameter in named:
        parameter.grad = torch.full((2,), float("nan"))
    assert nonfinite_gradient(named) == "gradients"
