"""A log that fires and one that does not for every leaf of the exact probes and of the dynamics.

Losses and metrics as curves (D4, D5, D8) have generators of their own.
"""

from __future__ import annotations

import math
from typing import Any

from tests.checks.builders import log
from tests.checks.configurations import Case, Records

NAN = math.nan
_CALM = [2.0 + 0.002 * (row % 3) for row in range(500)]


def _loss(*spikes: int, from_there_on: float | None = None) -> Records:
    losses = [5.0 if row in spikes else value for row, value in enumerate(_CALM)]
    if from_there_on is not None:
        losses[spikes[-1] + 1 :] = [from_there_on] * (len(losses) - spikes[-1] - 1)
    return log(loss=losses)


def _evaluated(count: int = 4, **evaluations: Any) -> Records:
    return log(loss="2x250", evaluations={name: [value] * count for name, value in evaluations.items()})


def _validation(**initial: int) -> Records:
    return log(loss="6x3", initial={"num_validation": 100, **initial})


def _resumed(restored: bool) -> Records:
    return log(loss="6x60", also=[{"kind": "resume", "step": 50, "optimizer_restored": restored}])


def _ended(reason: str, message: str = "") -> Records:
    ended = {"kind": "exit", "step": 40, "reason": reason, "message": message}
    return log(loss="6 -0.01x40", also=[ended])


_FINISHED = _ended("finished")

DYNAMICS: tuple[Case, ...] = (
    Case(
        "D1.6",
        "died of a value that is not finite",
        _ended("error", "RuntimeError: Function 'AddmmBackward0' returned nan values in its 0th output."),
        _ended("error", "RuntimeError: banana"),
    ),
    Case(
        "P1",
        "the model sees what it has to predict",
        log(loss="6x3", initial={"causality": 0.5}),
        log(loss="6x3", initial={"causality": 0.0}),
    ),
    Case(
        "P2",
        "validation is in training",
        _validation(num_validation_in_training=3),
        _validation(num_validation_in_training=2),
    ),
    Case(
        "P2",
        "a few validation examples are in training",
        _validation(num_validation_in_training=1),
        _validation(num_validation_in_training=0),
    ),
    Case(
        "P3",
        "repeated batch",
        log(batch_hash=["a1", "a2", "a3", "a3", "a3"]),
        log(batch_hash=["a1", "a2", "a3", "a3", "a4"]),
    ),
    Case(
        "P4",
        "ranks out of sync",
        _evaluated(parameter_checksums=[1.0, 2.0]),
        _evaluated(parameter_checksums=[1.0, 1.0]),
    ),
    Case("P5", "optimizer state lost on resume", _resumed(False), _resumed(True)),
    Case("P6", "the step counter fell", log(adam_step="1 +1x50 1x3"), log(adam_step="1 +1x50 45x3")),
    Case("D1.1", "loss is not finite", log(loss=[6.0, NAN]), log(loss="6x2")),
    Case("D1.2", "gradient is not finite", log(grad_norm=[1.0, NAN]), log(grad_norm="1x2")),
    Case(
        "D1.3",
        "activation is not finite",
        log(activation=[[0.1, 0.1, NAN, 1.0]] * 2),
        log(activation=[[0.1, 0.1, 0.1, 1.0]] * 2),
    ),
    Case("D1.4", "validation loss is not finite", _evaluated(val_loss=NAN), _evaluated(val_loss=2.0)),
    Case("D1.5", "micro-batches left out", log(nonfinite_count="0 1"), log(nonfinite_count="0 0")),
    Case("D2.1", "loss spike", _loss(200), _loss()),
    Case("D2.2", "cluster of spikes", _loss(200, 250, 300), _loss(100, 250, 400)),
    Case("D2.3", "did not recover", _loss(200, from_there_on=2.6), _loss(200, from_there_on=2.4)),
    Case(
        "D2.3",
        "still not recovered after 200 steps",
        _loss(200, from_there_on=2.6),
        _loss(350, from_there_on=2.6),
    ),
    Case("D2.4", "gradient norm runs up", log(grad_norm="1x340 4.2x10"), log(grad_norm="1x340 4.2x9 1")),
    Case(
        "D3.1",
        "loss scale collapsed",
        log(loss_scale="65536x300 32x1"),
        log(loss_scale="65536x300 128x1"),
    ),
    Case(
        "D3.1", "loss scale falls", log(loss_scale="65536x300 1024x20"), log(loss_scale="65536x300 1024x19")
    ),
    Case(
        "D3.2",
        "most updates skipped",
        log(skipped_updates="0x300 +1x60"),
        log(skipped_updates="0x300 +1x45"),
    ),
    Case(
        "D3.2",
        "many updates skipped",
        log(skipped_updates="0x300 +1x10 +0x20"),
        log(skipped_updates="0x300 +1x4 +0x20"),
    ),
    Case("D6.1", "throughput drop", log(step_s="0.01x600 0.06x400"), log(step_s="0.01x600 0.04x400")),
    Case(
        "D6.2",
        "stalled",
        log(time="0 +1x99 +200x1 +1x9"),
        log(time="0 +1x99 +100x1 +1x9"),
    ),
    Case(
        "D6.3",
        "no validation",
        log(loss="2x1100", header={"planned_steps": 5000}),
        log(loss="2x900", header={"planned_steps": 5000}),
    ),
    Case(
        "D6.4",
        "straggler",
        _evaluated(rank_step_s=[0.1, 0.1, 0.2]),
        _evaluated(1, rank_step_s=[0.1, 0.1, 0.2]),
    ),
    Case(
        "D6.5",
        "starved rank",
        _evaluated(rank_step_s=[0.1, 0.1], rank_data_s=[0.0, 0.06]),
        _evaluated(rank_step_s=[0.1, 0.1], rank_data_s=[0.0, 0.04]),
    ),
    Case(
        "D7.1",
        "spectral norm grows without bound",
        log(header={"matrices": ["a"]}, spectral_norm=[[1.0], [101.0], [101.0]]),
        log(header={"matrices": ["a"]}, spectral_norm=[[1.0], [99.0], [99.0]]),
    ),
    Case(
        "D7.1",
        "spectral norm has grown much",
        log(header={"matrices": ["a"]}, spectral_norm=[[1.0], [51.0], [51.0]]),
        log(header={"matrices": ["a"]}, spectral_norm=[[1.0], [49.0], [49.0]]),
    ),
    Case(
        "D7.2",
        "activations explode",
        log(activation=[[0.1, 0.1, 0.1, 1.0], *[[0.1, 61.0, 61.0, 1.0]] * 2]),
        log(activation=[[0.1, 0.1, 0.1, 1.0], *[[0.1, 59.0, 59.0, 1.0]] * 2]),
    ),
    Case(
        "D7.3",
        "layers out of balance",
        log(activation=[[0.1, 0.1, 1.1, 1.0]] * 2),
        log(activation=[[0.1, 0.1, 0.9, 1.0]] * 2),
    ),
    Case("D7.4", "many dead units", log(dead_units="130x3"), log(dead_units="126x3")),
    Case("D7.4", "dead units", log(dead_units="52x3"), log(dead_units="51x3")),
    Case("D7.5", "dead heads", log(dead_heads="1x5"), log(dead_heads="0x5")),
    Case(
        "D7.5",
        "a dead head among many",
        log(header={"num_heads": 40}, dead_heads="1x5"),
        log(header={"num_heads": 40}, dead_heads="0x5"),
    ),
    Case(
        "D7.6",
        "irregular ahead of regular",
        _evaluated(class_loss=[2.0, 1.9]),
        _evaluated(class_loss=[2.0, 1.97]),
    ),
    Case(
        "D7.7",
        "both classes near zero far too early",
        log(class_loss=[[0.5, 0.6]] * 5),
        log(class_loss=[[0.5, 0.7]] * 5),
    ),
    Case("D9.1", "crashed", _ended("error", "ValueError: the batch is empty"), _FINISHED),
    Case("D9.2", "out of memory", _ended("error", "CUDA out of memory"), _FINISHED),
    Case("D9.3", "killed", _ended("error", "rank 3 was killed by SIGKILL"), _FINISHED),
    Case("D9.4", "ended early", log(loss="6x40"), _FINISHED, silence="over"),
    Case(
        "D9.8",
        "ends before its plan",
        log(header={"source": "printed"}, loss="6x40"),
        log(header={"source": "printed", "planned_steps": 40}, loss="6x40"),
        silence="over",
    ),
    Case("D9.5", "silent", log(loss="6x40"), log(loss="6x40"), silence="stalled"),
    Case("D9.6", "stopped from outside", _ended("terminated"), _FINISHED),
    Case("D9.7", "stopped by hand", _ended("interrupted"), _FINISHED),
)
