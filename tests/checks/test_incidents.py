from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.incidents import Incident, incidents
from tests.checks.builders import judged, log


def _found(losses: list[float], **curves: Any) -> list[Incident]:
    return incidents(judged(log(loss=losses, **curves)).recording)


def _losses(size: int, level: float = 2.0) -> list[float]:
    return (level * np.exp(0.02 * np.random.default_rng(1).standard_normal(size))).tolist()


def test_an_incident_is_complete() -> None:
    norms = [40.0 if row == 201 else 1.0 for row in range(460)]
    batches = [row + 1000 for row in range(460)]
    (told,) = _found([*_losses(200), 7.0, *_losses(259)], grad_norm=norms, lr="0.003x460", batch=batches)
    assert (told.first_step, told.peak_step, told.peak, told.grad_norm) == (200, 200, 7.0, 40.0)
    assert told.loss_before == pytest.approx(2.0, rel=0.02)
    assert told.loss_after_50 == pytest.approx(2.0, rel=0.02)
    assert (told.outcome_50, told.outcome_200) == ("back within 0.1", "back within 0.1")
    assert (told.confirmed, told.run_up, told.lr, told.batch, told.dtype) == (
        True,
        False,
        0.003,
        1200,
        "float32",
    )


@pytest.mark.parametrize(
    ("level", "outcome"),
    [(2.0, "back within 0.1"), (2.3, "back within 0.5"), (3.0, "did not recover")],
)
def test_the_outcome_is_read_50_and_200_steps_after(level: float, outcome: str) -> None:
    (told, *_) = _found([*_losses(200), 7.0, *_losses(300, level)])
    assert (told.outcome_50, told.outcome_200) == (outcome, outcome)


def test_what_has_not_happened_yet_is_not_known() -> None:
    (told,) = _found([*_losses(200), 7.0, *_losses(100)])
    assert (told.outcome_50, told.outcome_200) == ("back within 0.1", "not known yet")
    assert (told.grad_norm, told.confirmed, told.lr, told.batch) == (None, None, None, None)


def test_spikes_next_to_each_other_are_one_incident_with_its_highest_peak() -> None:
    (told,) = _found([*_losses(200), 4.0, 9.0, 4.0, *_losses(50)])
    assert (told.first_step, told.peak_step, told.last_step, told.peak) == (200, 201, 202, 9.0)


def test_a_gradient_that_rises_before_the_loss_is_a_run_up() -> None:
    norms = [1.0] * 190 + [3.0] * 10 + [40.0] + [1.0] * 50
    (told,) = _found([*_losses(200), 7.0, *_losses(50)], grad_norm=norms)
    assert told.run_up is True
