from __future__ import annotations

import math

import pytest
import torch

from flight_recorder.engine.probes.activation import ActivationProbe
from flight_recorder.engine.probes.measured import Fields, packed, unpacked
from flight_recorder.engine.probes.probe import Step

pytestmark = pytest.mark.torch


def fields(probe: ActivationProbe) -> Fields:
    measured = probe.read()
    return unpacked(measured, packed(measured).tolist())


def test_activation_is_the_mean_absolute_value_over_everything() -> None:
    probe = ActivationProbe(("a", "b"))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, torch.tensor([[[1.0, -3.0]]]))
    probe.see(1, torch.tensor([[[0.5, 0.5]]]))
    assert fields(probe) == {"activation": [2.0, 0.5]}


def test_rms_comes_on_request() -> None:
    probe = ActivationProbe(("a",))
    probe.before_step(Step(0, frozenset(), with_rms=True))
    probe.see(0, torch.tensor([3.0, -4.0]))
    assert fields(probe)["activation_rms"] == [pytest.approx(math.sqrt(12.5))]


def test_micro_batches_are_averaged() -> None:
    probe = ActivationProbe(("a",))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, torch.tensor([1.0]))
    probe.see(0, torch.tensor([-5.0]))
    assert fields(probe) == {"activation": [3.0]}


def test_arming_forgets_the_step_before() -> None:
    probe = ActivationProbe(("a",))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, torch.tensor([100.0]))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, torch.tensor([1.0]))
    assert fields(probe) == {"activation": [1.0]}


def test_a_layer_that_was_not_reached_makes_the_field_absent() -> None:
    probe = ActivationProbe(("a", "b"))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, torch.tensor([1.0]))
    assert probe.read() == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_first_point_that_is_not_finite_is_named(bad: float) -> None:
    probe = ActivationProbe(("a", "b", "c"))
    probe.before_step(Step(0, frozenset()))
    for layer, value in enumerate([1.0, bad, bad]):
        probe.see(layer, torch.tensor([value, 1.0]))
    assert fields(probe)["nonfinite_site"] == "b"


def test_bfloat16_is_averaged_in_float32() -> None:
    probe = ActivationProbe(("a",))
    probe.before_step(Step(0, frozenset()))
    output = torch.full((3,), 1.0, dtype=torch.bfloat16)
    output[0] = 1.0078125  # one bfloat16 step above 1; a bfloat16 mean would round it away
    probe.see(0, output)
    assert fields(probe)["activation"][0] == pytest.approx(1 + 0.0078125 / 3, rel=1e-6)


def test_the_measured_output_keeps_its_bits() -> None:
    output = torch.tensor([-1.5, 2.0])
    probe = ActivationProbe(("a",))
    probe.before_step(Step(0, frozenset()))
    probe.see(0, output)
    assert output.tolist() == [-1.5, 2.0]
