"""What the suite is made of, without training any of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_recorder.engine.config import Config
from flight_recorder.engine.faults.registry import FAULTS
from scripts.fault_suite.plan import (
    CONFIGURATIONS,
    FAULT_SEEDS,
    HEALTHY_SEEDS,
    HELD_OUT,
    PAIRS,
    WIDE,
    drills,
    every_run,
    healthy_runs,
)
from scripts.fault_suite.runs import config_of, fingerprint


def test_the_plan_holds_what_the_figures_are_made_of() -> None:
    assert len(PAIRS) == 10
    assert len(list(healthy_runs())) >= 100
    assert {str(FAULTS[run.parsed[0].name]) for run in drills()} == {str(fault) for fault in FAULTS.values()}
    names = [run.name for run in every_run()]
    assert len(set(names)) == len(names)


def test_every_run_of_the_plan_has_a_valid_config_that_no_other_has(tmp_path: Path) -> None:
    runs = every_run()
    configs = {(config_of(run, tmp_path).model_dump_json(), run.resumes_at) for run in runs}
    assert len(configs) == len(runs)


def test_the_held_out_configuration_shares_no_value_with_either_reference() -> None:
    standard = Config().model_dump()
    for key, value in HELD_OUT.items():
        section, name = key.split(".")
        own = tuple(value) if isinstance(value, list) else value
        assert own not in (standard[section][name], WIDE.get(key)), key
    assert len(HELD_OUT) >= 20


def test_no_configuration_has_a_seed_of_another() -> None:
    seeds = [seed for table in (FAULT_SEEDS, HEALTHY_SEEDS) for row in table.values() for seed in row]
    assert len(set(seeds)) == len(seeds)
    assert list(FAULT_SEEDS) == list(HEALTHY_SEEDS) == list(CONFIGURATIONS)


def test_a_run_is_made_again_when_the_engine_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = every_run()[0]
    before = fingerprint(run)
    monkeypatch.setattr("scripts.fault_suite.runs.engine_digest", lambda: "another")
    assert fingerprint(run) != before
