"""What is true of defaults, of policies and of converged runs is no remark; and what is named first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import judged, log, verdict

FOREIGN: dict[str, Any] = {"vocab_size": None, "baseline_loss": None, "origin": None, "source": "jsonl"}


def _records(header: dict[str, Any], *records: dict[str, Any]) -> Judge:
    recording = Recording()
    recording.extend([{"kind": "header", "format": 1, **header}, *records])
    return Judge(recording)


def test_a_plain_loop_with_every_default_is_green_and_its_defaults_are_notes() -> None:
    def weight(name: str, shape: list[int], role: str) -> dict[str, Any]:
        size = 1 / math.sqrt(shape[-1] if role == "linear" else 8)
        return {"name": name, "shape": shape, "role": role, "std": size / math.sqrt(3), "mean": 0.0,
                "min": -size, "max": size}  # fmt: skip

    weights = [weight("0.weight", [64, 2], "linear"), weight("0.bias", [64], "bias")]
    weights[1] |= {"min": -0.7, "max": 0.7}
    groups = [
        {"weight_decay": 0.01, "num_tensors": 2, "num_matrices": 1, "num_vectors": 1, "names": ["0.weight"]}
    ]
    initial = {"kind": "initial", "step": 0, "weights": weights, "parameter_groups": groups}
    losses = 0.2 + 0.8 * np.exp(-np.arange(1200) / 200)
    steps = [{"kind": "step", "step": i, "loss": float(one), "lr": 1e-3} for i, one in enumerate(losses)]
    judge = _records({"layers": ["0"], "planned_steps": 1200}, initial, *steps)
    notes = {one.check for one in judge.verdicts if one.state is State.FIRING}
    assert judge.level is Level.GREEN and judge.headline is None
    assert notes == {"Q2.1b", "Q5.1f", "Q6.1a", "D6.3"}


@pytest.mark.parametrize(("size", "fires"), [(0.7, False), (0.72, True)])
def test_a_bias_is_compared_with_what_its_layer_gets_by_default(size: float, fires: bool) -> None:
    weights = [
        {
            "name": "0.weight",
            "shape": [64, 2],
            "role": "linear",
            "std": 0.4,
            "mean": 0.0,
            "min": -0.7,
            "max": 0.7,
        },
        {"name": "0.bias", "shape": [64], "role": "bias", "std": 0.4, "mean": 0.0, "min": -size, "max": size},
    ]
    judge = _records(
        {}, {"kind": "initial", "step": 0, "weights": weights}, {"kind": "step", "step": 0, "loss": 1.0}
    )
    (found,) = (one for one in judge.verdicts if one.check == "Q5.1e")
    assert (found.state is State.FIRING) is fires


@pytest.mark.parametrize("loss", [math.nan, 0.0])
def test_masked_labels_are_named_before_the_nan_that_they_make(loss: float) -> None:
    steps = [{"kind": "step", "step": i, "loss": loss, "grad_norm": 0.0, "lr": 1e-4} for i in range(20)]
    judge = _records(
        {"origin": "fine-tune"}, *steps, {"kind": "evaluation", "step": 19, "val_loss": math.nan}
    )
    assert judge.headline is not None and judge.headline.causes[0] == "masked_targets"
    assert judge.causes[0][0] == "masked_targets"


def test_a_loss_that_overflowed_or_became_nan_later_is_not_masked() -> None:
    for norms in ([math.nan] * 20, [1.0, *[0.0] * 19]):
        steps = [{"kind": "step", "step": i, "loss": math.nan, "grad_norm": n} for i, n in enumerate(norms)]
        judge = _records({}, *steps)
        assert judge.causes[0][0] == "nan"


def test_converged_run_that_still_gains_a_little_does_not_overfit() -> None:
    val = [2.6, 2.2, 1.9, 1.75, 1.69, 1.665, *[1.657 - 0.0003 * n for n in range(8)]]
    train = [2.6, 2.19, 1.88, 1.73, 1.67, 1.645, *[1.636 - 0.0098 * n for n in range(8)]]
    records = [{"kind": "evaluation", "step": 100 * i, "val_loss": v, "train_loss": t}
               for i, (v, t) in enumerate(zip(val, train, strict=True))]  # fmt: skip
    assert not [one for one in _records(FOREIGN, *records).verdicts if one.causes[:1] == ("overfit",)]


def test_diverged_run_is_not_called_overfit() -> None:
    """Validation rises first, training with it: the gap of one evaluation is no overfitting."""
    losses = [*(5.2 * np.exp(-np.arange(200) / 60) + 1).tolist(), *[17.5] * 100]
    steps = [{"kind": "step", "step": i, "loss": one} for i, one in enumerate(losses)]
    val = [(s, losses[s] + 0.1 if s < 200 else 21.0 - s / 300) for s in range(10, 300, 10)]
    evaluations = [{"kind": "evaluation", "step": s, "val_loss": v} for s, v in val]
    judge = _records({"vocab_size": 512, "origin": "scratch"}, *steps, *evaluations)
    assert judge.headline is not None and "overfit" not in judge.headline.causes
    assert "overfit" not in [cause for cause, _ in judge.causes][:2]


def test_an_evaluation_is_not_broken_where_training_stands_as_high() -> None:
    high = log(header=FOREIGN, loss="1.2 1.3 35x60 ", evaluations={"val_loss": "30x6"}, eval_every=10)
    low = log(header=FOREIGN, loss="1.2 1.3 1.1x60", evaluations={"val_loss": "30x6"}, eval_every=10)
    assert verdict("D5.9", high).state is not State.FIRING
    assert verdict("D5.9", low).state is State.FIRING
    assert judged(high).causes[0][0] == "lr_too_high"
