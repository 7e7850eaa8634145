from __future__ import annotations

import pytest
import torch
from torch import nn

from flight_recorder.engine.probes.parameter_groups import parameter_groups
from flight_recorder.engine.probes.points import block_name, find_points, short_name
from flight_recorder.engine.probes.weights import initial_weights
from tests.engine.probes.models import TinyGPT

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("path", "short", "block"),
    [
        ("blocks.0.ffn.hidden", "block_0.ffn.hidden", "block_0"),
        ("transformer.h.3.mlp.act", "h_3.mlp.act", "h_3"),
        ("model.layers.12.self_attn", "layer_12.self_attn", "layer_12"),
        ("encoder.act", "encoder.act", "encoder.act"),
        ("0", "0", "0"),
    ],
)
def test_names_are_short_and_keep_the_block(path: str, short: str, block: str) -> None:
    assert (short_name(path), block_name(path)) == (short, block)


def test_points_of_an_unknown_transformer_are_found() -> None:
    points = find_points(TinyGPT())
    assert list(points.layers) == ["embedding", "block_0", "block_1", "final_norm"]
    assert points.residual_layers == ("block_0", "block_1")
    assert list(points.hidden) == list(points.attention) == ["block_0", "block_1"]
    assert "block_1.ffn.down" in points.matrices and "head" not in points.matrices


def test_a_model_may_declare_its_points() -> None:
    class Declaring(nn.Module):
        layers, residual_layers = ["out", "inner"], ["out"]

        def __init__(self) -> None:
            super().__init__()
            self.inner, self.out = nn.Linear(2, 2), nn.Identity()
            self.matrices = {"the_matrix": self.inner.weight}

    points = find_points(Declaring())
    assert list(points.layers) == ["out", "inner"]
    assert points.residual_layers == ("out",)
    assert list(points.matrices) == ["the_matrix"]


def test_a_network_of_convolutions_has_layers_and_units_but_no_residual_stream() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    points = find_points(net)
    assert list(points.layers) == ["0", "3"]
    assert list(points.hidden) == ["1"]
    assert points.residual_layers == () and not points.attention
    assert list(points.matrices) == ["0", "3"]


def test_a_module_without_anything_to_measure_is_no_error() -> None:
    points = find_points(nn.Identity())
    assert not points.layers and not points.matrices


def test_patterns_choose_the_layers() -> None:
    points = find_points(TinyGPT(), ["blocks.*.ffn", "final_norm"])
    assert list(points.layers) == ["block_0.ffn", "block_1.ffn", "final_norm"]


def test_a_pattern_that_matches_nothing_names_the_nearest_module() -> None:
    with pytest.raises(ValueError, match="'final_nrm'; the nearest name is 'final_norm'"):
        find_points(TinyGPT(), ["final_nrm"])


def test_wrappers_are_looked_through() -> None:
    class DistributedDataParallel(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

    assert list(find_points(DistributedDataParallel(TinyGPT())).layers)[1] == "block_0"


def test_initial_weights_say_what_each_tensor_is_and_how_it_starts() -> None:
    model = TinyGPT()
    rows = {row["name"]: row for row in initial_weights(model, {"head.weight": 0.1})}
    assert set(rows) == {name for name, _ in model.named_parameters()}
    assert rows["embedding.weight"]["role"] == "embedding"
    assert rows["blocks.0.ffn.up.weight"]["role"] == "linear"
    assert rows["blocks.0.ffn.up.bias"]["role"] == "bias"
    assert rows["final_norm.weight"]["role"] == "norm"
    assert rows["final_norm.weight"]["std"] == 0.0 and rows["final_norm.weight"]["mean"] == 1.0
    head = model.head.weight.detach()
    assert rows["head.weight"]["std"] == pytest.approx(head.std(correction=0).item())
    assert rows["head.weight"]["max"] == head.max().item()
    assert rows["head.weight"]["declared_std"] == 0.1


def test_a_shared_tensor_has_one_row() -> None:
    model = TinyGPT()
    model.head.weight = model.embedding.weight
    names = [row["name"] for row in initial_weights(model)]
    assert names.count("embedding.weight") == 1 and "head.weight" not in names


def test_groups_say_what_decays() -> None:
    model = TinyGPT()
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    decayed, plain = parameter_groups(model, torch.optim.AdamW(groups))
    assert (decayed["weight_decay"], decayed["num_vectors"]) == (0.1, 0)
    assert (plain["weight_decay"], plain["num_matrices"]) == (0.0, 0)
    assert plain["num_tensors"] == plain["num_vectors"] == len(plain["names"])
    assert "final_norm.weight" in plain["names"]
