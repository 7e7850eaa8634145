"""What the Trainer's arguments declare, held against the rates that transformers really ran."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.facts import facts_from_file
from flight_recorder.tui.sources.huggingface.training_arguments import declared_schedule
from flight_recorder.tui.sources.naming.options import SourceOptions
from tests.sources.reading import RECORDED

LINEAR = {"lr_scheduler_type": "linear", "learning_rate": 1e-3, "warmup_steps": 0, "max_steps": -1}


def _judged(log: Path, arguments: dict[str, Any], tmp_path: Path) -> Run:
    config = tmp_path / "given.json"
    config.write_text(json.dumps(arguments))
    run = Run(str(log))
    for batch in read_all(log, SourceOptions(facts=facts_from_file(config))):
        run.extend(batch)
    return run


def _state_of(run: Run, check: str) -> str:
    return next(verdict.state.value for verdict in run.judge.verdicts if verdict.check == check)


@pytest.mark.parametrize("log", ["huggingface.4.x.out", "huggingface.5.x.out", "4.x.trainer_state.json"])
def test_what_was_declared_is_what_ran(log: str, tmp_path: Path) -> None:
    run = _judged(RECORDED / log, LINEAR, tmp_path)
    assert _state_of(run, "Q2.2a") == "pass"
    observed = run.judge.schedule["observed"]  # type: ignore[index]
    assert observed["family"] == "linear"
    assert observed["parameters"]["lr_max"] == 1e-3
    assert observed["parameters"]["total_steps"] == 24


def test_a_constant_rate_that_was_declared_and_decays_fires(tmp_path: Path) -> None:
    run = _judged(RECORDED / "huggingface.5.x.out", LINEAR | {"lr_scheduler_type": "constant"}, tmp_path)
    assert _state_of(run, "Q2.2a") == "firing"
    assert [name for name, _ in run.judge.causes] == ["schedule_mismatch"]


def test_arguments_beside_the_output_are_found(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes((RECORDED / "huggingface.5.x.out").read_bytes())
    (tmp_path / "out" / "checkpoint-24").mkdir(parents=True)
    shutil.copy(
        RECORDED / "5.x.trainer_state.json", tmp_path / "out" / "checkpoint-24" / "trainer_state.json"
    )
    (tmp_path / "out" / "training_args.json").write_text(json.dumps(LINEAR))
    run = Run(str(log))
    for batch in read_all(log):
        run.extend(batch)
    assert run.recording.header["schedule"]["family"] == "linear"


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({"lr_scheduler_type": "SchedulerType.COSINE"}, {"family": "cosine", "lr_min": 0.0}),
        (
            {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}},
            {"family": "cosine", "lr_min": 1e-4},
        ),
        ({"lr_scheduler_type": "polynomial"}, {"family": "linear", "lr_min": 1e-7}),
        ({"lr_scheduler_type": "constant", "warmup_steps": 9}, {"family": "constant"}),
        (
            {"lr_scheduler_type": "constant_with_warmup", "warmup_ratio": 0.1},
            {"family": "constant", "warmup_ratio": 0.1, "warmup": "t / W"},
        ),
        (
            {"lr_scheduler_type": "inverse_sqrt", "warmup_steps": 0.1},
            {"family": "inverse_sqrt", "warmup_ratio": 0.1, "warmup": "t / W"},
        ),
    ],
)
def test_a_type_becomes_a_family_with_its_constants(
    arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert declared_schedule({"learning_rate": 1e-3, **arguments}) == {"lr_max": 1e-3, **expected}


@pytest.mark.parametrize("kind", ["reduce_lr_on_plateau", "warmup_stable_decay", "cosine_with_restarts"])
def test_a_type_without_a_closed_form_declares_nothing(kind: str) -> None:
    assert declared_schedule({"learning_rate": 1e-3, "lr_scheduler_type": kind}) is None
