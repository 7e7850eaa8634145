"""The model, and the optimizer that moves it."""

from __future__ import annotations

import math

import pytest
import torch

from flight_recorder.engine.config import Model, Training
from flight_recorder.engine.model.model import GPT, declared_stds, token_losses
from flight_recorder.engine.model.optimizer import build_optimizer, clip_gradients, gradient_norm

pytestmark = pytest.mark.torch


@pytest.fixture
def model() -> GPT:
    torch.manual_seed(0)
    return GPT(Model(), vocab_size=512)


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(0, 512, (4, 32), generator=torch.Generator().manual_seed(1))


def test_the_reference_model_has_101_888_parameters(model: GPT) -> None:
    assert model.num_parameters == 101_888


def test_it_begins_as_ignorant_as_a_uniform_guess(model: GPT, tokens: torch.Tensor) -> None:
    loss = token_losses(model(tokens), tokens.roll(-1, dims=1), ignored=-1).mean()
    assert loss.item() == pytest.approx(math.log(512), abs=0.1)


def test_every_tensor_starts_as_declared(model: GPT) -> None:
    declared = declared_stds(model)
    for name, parameter in model.named_parameters():
        if name in declared:
            assert parameter.std().item() == pytest.approx(declared[name], rel=0.1), name
        else:
            assert set(parameter.flatten().tolist()) == ({1.0} if "ln.weight" in name else {0.0}), name
    assert declared["blocks.0.ffn.down.weight"] == pytest.approx(0.01)


def test_no_logit_depends_on_a_later_token(model: GPT, tokens: torch.Tensor) -> None:
    changed = tokens.clone()
    changed[:, 20] = (changed[:, 20] + 1) % 512
    difference = (model(tokens) - model(changed)).abs().amax(dim=(0, 2))
    assert difference[:20].max() == 0
    assert difference[20] > 0


def test_without_the_mask_earlier_logits_do_depend_on_it(tokens: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = GPT(Model(causal=False), vocab_size=512)
    changed = tokens.clone()
    changed[:, 20] = (changed[:, 20] + 1) % 512
    assert (model(tokens) - model(changed)).abs().amax(dim=(0, 2))[:20].min() > 0


def test_the_measured_points_are_modules_of_these_names(model: GPT) -> None:
    assert model.layers == ["embed_out", "block_0_out", "block_1_out", "final_ln_out"]
    modules = dict(model.named_modules())
    assert set(model.layers) <= set(modules)
    assert {"blocks.0.attention.weights", "blocks.1.ffn.hidden"} <= set(modules)


def test_attention_weights_pass_their_point_as_a_distribution(model: GPT, tokens: torch.Tensor) -> None:
    seen: list[torch.Tensor] = []
    point = model.get_submodule("blocks.0.attention.weights")
    point.register_forward_hook(lambda module, args, output: seen.append(output))
    model(tokens)
    assert seen[0].shape == (4, 4, 32, 32)
    assert torch.allclose(seen[0].sum(-1), torch.ones(4, 4, 32))


def test_ignored_targets_cost_nothing(model: GPT, tokens: torch.Tensor) -> None:
    targets = tokens.clone()
    targets[:, 5:] = -1
    losses = token_losses(model(tokens), targets, ignored=-1)
    assert losses[:, 5:].abs().max() == 0
    assert losses[:, :5].min() > 0


def test_matrices_decay_and_vectors_do_not(model: GPT) -> None:
    optimizer = build_optimizer(model, Training())
    decaying, constant = optimizer.param_groups
    assert (decaying["weight_decay"], constant["weight_decay"]) == (0.1, 0.0)
    assert {p.dim() for p in decaying["params"]} == {2}
    assert {p.dim() for p in constant["params"]} == {1}
    assert sum(p.numel() for group in optimizer.param_groups for p in group["params"]) == 101_888


def _with_gradients(model: GPT, size: float) -> list[torch.nn.Parameter]:
    parameters = list(model.parameters())
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, size)
    return parameters


def test_a_gradient_above_the_clip_is_scaled_to_it_and_one_below_is_untouched(model: GPT) -> None:
    for size, expected in ((1.0, 1.0), (1e-4, 1e-4 * math.sqrt(101_888))):
        parameters = _with_gradients(model, size)
        norm = gradient_norm(parameters)
        assert float(norm) == pytest.approx(size * math.sqrt(101_888), rel=1e-5)
        factor = clip_gradients(parameters, norm, 1.0)
        assert float(factor) == pytest.approx(min(1.0, 1 / float(norm)), rel=1e-5)
        assert float(gradient_norm(parameters)) == pytest.approx(expected, rel=1e-5)


def test_a_clip_of_zero_means_none(model: GPT) -> None:
    parameters = _with_gradients(model, 1.0)
    assert clip_gradients(parameters, gradient_norm(parameters), 0) == 1.0
    assert float(gradient_norm(parameters)) > 300
