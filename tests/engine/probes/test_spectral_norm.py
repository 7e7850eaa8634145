from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from flight_recorder.engine.probes import measured
from flight_recorder.engine.probes.spectral_norm import spectral_norms

pytestmark = pytest.mark.torch

SHAPES = [(64, 64), (64, 64), (192, 64), (64, 256), (256, 64), (3, 7), (1, 5)]


def matrices(scale: float = 1.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=generator) for shape in SHAPES]


def by_svd(matrix: Tensor) -> float:
    return float(torch.linalg.svdvals(matrix.double().flatten(1))[0])


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
def test_the_largest_singular_value_is_exact_at_any_scale(scale: float) -> None:
    expected = [by_svd(matrix) for matrix in matrices(scale)]
    assert spectral_norms(matrices(scale)).tolist() == pytest.approx(expected, rel=1e-5)


def test_squaring_agrees_without_waiting_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "on_host", lambda tensor: False)
    expected = [by_svd(matrix) for matrix in matrices()]
    assert spectral_norms(matrices()).tolist() == pytest.approx(expected, rel=3e-4)


def test_two_nearly_equal_singular_values_do_not_mislead_squaring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "on_host", lambda tensor: False)
    matrix = torch.diag(torch.tensor([1.0, 0.9995, 0.999, 0.1]))
    assert spectral_norms([matrix]).item() == pytest.approx(1.0, rel=6e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("host", [True, False])
def test_only_the_matrix_that_is_not_finite_has_no_norm(
    bad: float, host: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "on_host", lambda tensor: host)
    broken = torch.eye(4)
    broken[1, 2] = bad
    first, second = spectral_norms([broken, 2 * torch.eye(4)]).tolist()
    assert math.isnan(first)
    assert second == pytest.approx(2.0)


@pytest.mark.parametrize("host", [True, False])
def test_a_matrix_of_zeros_has_norm_zero(host: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "on_host", lambda tensor: host)
    assert spectral_norms([torch.zeros(4, 6)]).tolist() == [0.0]


def test_a_convolution_counts_as_the_matrix_of_its_filters() -> None:
    kernel = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert spectral_norms([kernel]).item() == pytest.approx(by_svd(kernel), rel=1e-5)


def test_no_matrix_is_no_norm() -> None:
    assert spectral_norms([]).tolist() == []
