from __future__ import annotations

import pytest
import torch
from torch import nn

from flight_recorder.engine.probes.frozen import FrozenProbe
from flight_recorder.engine.probes.measured import Fields, packed, unpacked

pytestmark = pytest.mark.torch


def fields(probe: FrozenProbe) -> Fields:
    measured = probe.read()
    return unpacked(measured, packed(measured).tolist())


def started(*tensors: nn.Parameter) -> FrozenProbe:
    probe = FrozenProbe([(f"t{index}", tensor) for index, tensor in enumerate(tensors)])
    probe.start()
    return probe


def test_elements_that_have_not_moved_are_counted_and_whole_tensors_named() -> None:
    moving, still = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(4))
    probe = started(moving, still)
    with torch.no_grad():
        moving[0] += 1e-6
    found = fields(probe)
    assert found["num_frozen"] == 3 + 4
    assert found["frozen_names"] == ["t1"]


def test_names_are_absent_when_everything_moves() -> None:
    parameter = nn.Parameter(torch.ones(2))
    probe = started(parameter)
    with torch.no_grad():
        parameter.add_(1.0)
    assert fields(probe) == {"weight_norm": pytest.approx(8**0.5), "num_frozen": 0}


def test_each_measurement_compares_with_the_one_before() -> None:
    parameter = nn.Parameter(torch.ones(2))
    probe = started(parameter)
    with torch.no_grad():
        parameter.add_(1.0)
    assert fields(probe)["num_frozen"] == 0
    assert fields(probe)["num_frozen"] == 2


def test_without_a_start_there_is_nothing_to_compare_with() -> None:
    assert "num_frozen" not in fields(FrozenProbe([("t", nn.Parameter(torch.ones(2)))]))


def test_a_tensor_whose_gradient_is_only_rounding_is_not_called_frozen() -> None:
    bias, weight = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))
    probe = FrozenProbe([("bias", bias), ("weight", weight)])
    probe.start()
    bias.grad, weight.grad = torch.full((4,), 1e-9), torch.full((4,), 1e-2)
    probe.see_gradients()
    found = fields(probe)
    assert found["num_frozen"] == 4
    assert found["frozen_names"] == ["weight"]


def test_a_tensor_with_no_gradient_at_all_stays_frozen() -> None:
    dead, weight = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))
    probe = FrozenProbe([("dead", dead), ("weight", weight)])
    probe.start()
    dead.grad, weight.grad = torch.zeros(4), torch.full((4,), 1e-2)
    probe.see_gradients()
    assert fields(probe)["frozen_names"] == ["dead", "weight"]


def test_a_probe_that_goes_on_from_a_checkpoint_counts_as_the_one_that_took_it() -> None:
    weight = torch.zeros(20)
    probe = FrozenProbe([("w", weight)])
    probe.start()
    weight[:3] += 1
    state = probe.state_dict()
    resumed = FrozenProbe([("w", weight)])
    resumed.load_state_dict(state)
    weight[2:7] += 1
    again = FrozenProbe([("w", weight)])  # a checkpoint of the resumed one still knows of the first moves
    state = resumed.state_dict()
    again.load_state_dict(state)
    for one in (probe, resumed, again):
        fields = [each.fields(each.values.tolist()) for each in one.read()]
        assert fields[1] == {"num_frozen": 13}
    weight[0] += 1
    assert [one.read()[1].values.tolist() for one in (probe, resumed)] == [[19], [19]]
