"""Fire drills: each breaks what it says, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flight_recorder.engine.config_file import to_yaml
from flight_recorder.engine.faults.fault import Fault
from flight_recorder.engine.faults.registry import FAULTS, UnknownFault, explain, parse_fault
from flight_recorder.engine.model.model import declared_stds
from flight_recorder.engine.model.schedule import declared_schedule
from flight_recorder.engine.run.build import build_loop
from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.engine.step import take_step
from tests.engine.runs import engine, small

pytestmark = pytest.mark.torch


def test_a_name_may_carry_a_strength() -> None:
    assert str(parse_fault("bad_init")) == "bad_init:100"
    assert str(parse_fault("bad_init:10")) == "bad_init:10"
    assert type(parse_fault(None)) is Fault


@pytest.mark.parametrize(("text", "said"), [("bad_int", "did you mean bad_init"), ("bad_init:x", "a number")])
def test_an_unknown_fault_is_named_with_the_nearest_one(text: str, said: str) -> None:
    with pytest.raises(UnknownFault, match=said):
        parse_fault(text)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_explains_itself(name: str) -> None:
    explained = explain(FAULTS[name])
    assert explained["name"] == name
    assert explained["cause"] and "{" not in explained["breaks"]


def test_bad_init_scales_every_matrix_and_nothing_else() -> None:
    healthy, broken = build_loop(small()).model, build_loop(small(fault="bad_init:100")).model
    for (name, before), after in zip(healthy.named_parameters(), broken.parameters(), strict=True):
        factor = 100 if name in declared_stds(healthy) else 1
        assert (after == factor * before).all(), name


def test_no_warmup_starts_at_the_top_and_then_follows_the_declared_curve() -> None:
    loop = build_loop(small(fault="no_warmup"))
    declared = declared_schedule(loop.config.training)
    assert loop.learning_rate(0) == loop.learning_rate(2) == declared.lr_max
    assert [loop.learning_rate(step) for step in range(3, 12)] == [declared(step) for step in range(3, 12)]


def test_a_stronger_no_warmup_multiplies_every_rate() -> None:
    assert build_loop(small(fault="no_warmup:30")).learning_rate(0) == pytest.approx(0.09)


def test_broken_mask_lets_attention_see_the_future_while_the_config_says_causal() -> None:
    loop = build_loop(small(fault="broken_mask"))
    tokens = loop.order.batch(0, 0).inputs
    changed = tokens.clone()
    changed[:, 10] = (changed[:, 10] + 1) % 512
    assert (loop.model(tokens) - loop.model(changed))[:, :10].abs().max() > 0
    assert loop.config.model.causal


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_command_line_lists_and_explains_them() -> None:
    listed = engine("faults")
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in FAULTS)
    assert ["cause", "broken_mask"] in _rows(engine("faults", "explain", "broken_mask").stdout)
    family = _rows(engine("faults", "explain", "precision").stdout)
    assert [row[0] for row in family] == ["fp16_overflow", "fp16_activations"]
    assert engine("faults", "explain", "nonsense").returncode == 2


@pytest.mark.long
def test_a_drill_is_run_beside_its_healthy_twin_and_both_verdicts_are_printed(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(to_yaml(small()), encoding="utf-8")
    drill = engine("faults", "run", "warmup_off_by_one", str(config), "--out", str(tmp_path / "drill"))
    assert drill.returncode == 0, drill.stderr
    _, _, healthy, _, broken, causes, _ = drill.stdout.splitlines()
    assert causes.strip().startswith("causes, likeliest first: warmup_off_by_one")
    assert healthy.startswith("healthy ") and healthy.split()[1] in ("green,", "yellow,")
    assert broken.startswith("warmup_off_by_one:1 ") and broken.split()[1] == "orange," and "Q2." in broken
    assert drill.stdout.endswith("the fault was shown\n")


def test_a_drill_into_a_folder_that_holds_a_run_says_so(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(to_yaml(small()), encoding="utf-8")
    (tmp_path / "healthy").mkdir()
    (tmp_path / "healthy" / LOG_NAME).write_text("", encoding="utf-8")
    drill = engine("faults", "run", "zero_lr", str(config), "--out", str(tmp_path))
    assert drill.returncode == 2
    assert "holds a run already" in drill.stderr and "Traceback" not in drill.stderr


@pytest.mark.parametrize("name", ["throughput_drop", "stalled"])
def test_a_slow_loader_is_waited_for_once_a_step_however_many_micro_batches(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    loop = build_loop(small(training={"accumulation": 4}, fault=name), inspect=False)
    loop.fault.onset_step = 3
    slept_by_step = []
    for _ in range(5):
        take_step(loop)
        slept_by_step.append(len(slept))
    assert slept_by_step == ([0, 0, 0, 1, 2] if name == "throughput_drop" else [0, 0, 0, 1, 1])
    assert name == "stalled" or slept[0] > 0


def test_a_slow_loader_is_as_slow_as_so_many_steps_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    drop = parse_fault("throughput_drop:10")
    now, slept = [0.0], list[float]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", slept.append)
    for step in range(drop.onset_step + 2):
        now[0] += 0.5
        drop.load(step)
    assert slept == [5.0, 5.0]
