"""What a run does and what it leaves behind."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from flight_recorder.engine.data.batches import IGNORED, Batch
from flight_recorder.engine.faults.fault import Fault
from flight_recorder.engine.run.build import build_loop
from flight_recorder.engine.run.checkpoint import load_checkpoint
from flight_recorder.engine.run.evaluate import measure_splits
from flight_recorder.engine.run.run_folder import RunFolderError
from flight_recorder.engine.run.saving import Recorder
from flight_recorder.engine.runlog.schema import KINDS
from flight_recorder.engine.step import take_step
from tests.engine.runs import engine, records, run, small, step_numbers

pytestmark = pytest.mark.torch


def test_a_log_begins_with_its_header_and_ends_with_its_exit(tmp_path: Path) -> None:
    run(tmp_path)
    kinds = [record["kind"] for record in records(tmp_path)]
    assert kinds[:3] == ["header", "initial", "step"]
    assert kinds[-1] == "exit"
    assert [record["step"] for record in records(tmp_path, "step")] == list(range(12))
    assert [record["step"] for record in records(tmp_path, "evaluation")] == [5, 10, 12]
    assert records(tmp_path, "exit")[0]["reason"] == "finished"


def test_every_field_of_the_log_is_in_the_schema(tmp_path: Path) -> None:
    run(tmp_path)
    for record in records(tmp_path):
        assert set(record) - {"kind"} <= set(KINDS[record["kind"]]), record["kind"]


def test_the_header_carries_the_constants_that_bounds_need(tmp_path: Path) -> None:
    run(tmp_path)
    header = records(tmp_path, "header")[0]
    assert (header["vocab_size"], header["planned_steps"], header["grad_clip"]) == (512, 12, 1.0)
    assert header["schedule"]["warmup_steps"] == 3
    assert 2 < header["baseline_loss"] < math.log(512)
    assert header["tokens_per_step"] == 8 * 16


def test_the_first_loss_is_that_of_a_uniform_guess(tmp_path: Path) -> None:
    run(tmp_path)
    assert records(tmp_path, "step")[0]["loss"] == pytest.approx(math.log(512), abs=0.1)
    assert records(tmp_path, "initial")[0]["validation_loss"] == pytest.approx(math.log(512), abs=0.1)


def test_measuring_changes_no_bit_of_training(tmp_path: Path) -> None:
    config = small(model={"dropout": 0.1}, training={"accumulation": 2})
    run(tmp_path / "with", config)
    run(tmp_path / "without", config, inspect=False)
    assert step_numbers(tmp_path / "with") == step_numbers(tmp_path / "without")
    assert "spectral_norm" in records(tmp_path / "with", "step")[0]
    assert "spectral_norm" not in records(tmp_path / "without", "step")[0]


def test_a_run_resumed_in_a_new_process_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    changes = [
        "model.dropout=0.1",
        "training.accumulation=2",
        "training.T=12",
        "training.warmup=3",
        "training.eval_every=5",
        "model.width=16",
        "data.train_sentences=200",
        "run.device=cpu",
    ]
    sets = [word for change in changes for word in ("--set", change)]
    for folder, options in (("whole", []), ("parts", ["--stop-after", "7"]), ("parts", ["--resume"])):
        done = engine(
            "train", "configs/healthy.yaml", "--out", str(tmp_path / folder), "--no-report", *sets, *options
        )
        assert done.returncode == 0, done.stderr
    assert step_numbers(tmp_path / "whole") == step_numbers(tmp_path / "parts")
    assert _measured(tmp_path / "whole") == _measured(tmp_path / "parts")
    last = [evaluation["val_loss"] for evaluation in records(tmp_path / "parts", "evaluation")]
    assert last == [evaluation["val_loss"] for evaluation in records(tmp_path / "whole", "evaluation")]
    assert [r["step"] for r in records(tmp_path / "parts", "resume")] == [7]


def _measured(path: Path) -> list[list[Any]]:
    """What the instruments keep from one measurement to the next."""
    names = ("num_frozen", "frozen_names", "weight_norm", "v_expected", "update_ratio")
    return [[record.get(name) for name in names] for record in records(path, "step")]


def test_micro_batches_add_up_to_one_large_batch(tmp_path: Path) -> None:
    run(tmp_path / "one", small(training={"batch_size": 16}))
    run(tmp_path / "four", small(training={"batch_size": 4, "accumulation": 4}))
    for one, four in zip(records(tmp_path / "one", "step"), records(tmp_path / "four", "step"), strict=True):
        assert one["loss"] == pytest.approx(four["loss"], rel=1e-5)
        assert one["grad_norm"] == pytest.approx(four["grad_norm"], rel=1e-3)


def test_an_evaluation_draws_no_random_number_and_leaves_dropout_on() -> None:
    loop = build_loop(small(model={"dropout": 0.5}))
    before = torch.get_rng_state()
    first, second = measure_splits(loop), measure_splits(loop)
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)
    assert loop.model.training


def test_an_existing_log_is_never_overwritten(tmp_path: Path) -> None:
    run(tmp_path)
    before = (tmp_path / "inspector.log.jsonl").read_bytes()
    done = engine("train", "configs/healthy.yaml", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "--resume" in done.stderr
    assert (tmp_path / "inspector.log.jsonl").read_bytes() == before


def test_a_finished_run_has_nothing_to_resume(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(RunFolderError, match="has taken all of its 12 steps"):
        run(tmp_path, resume=True)


def test_more_steps_are_declared_by_a_second_header(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, small(training={"T": 15}), resume=True)
    first, second = records(tmp_path, "header")
    assert second["run_id"] == first["run_id"]
    assert (second["planned_steps"], second["schedule"]["from_step"]) == (15, 12)
    assert [record["step"] for record in records(tmp_path, "step")] == list(range(15))


def test_the_best_checkpoint_outlives_the_later_ones(tmp_path: Path) -> None:
    config = small(
        training={"T": 150, "eval_every": 10, "ckpt_every": 50, "lr_max": 0.02, "schedule": "constant"},
        data={"train_sentences": 20},
    )
    outcome = run(tmp_path, config, inspect=False)
    evaluations = records(tmp_path, "evaluation")
    best = min(evaluations, key=lambda evaluation: evaluation["val_loss"])
    assert best["step"] < evaluations[-1]["step"], "this run must overfit for the test to mean anything"
    assert load_checkpoint(tmp_path / "checkpoints/best.pt")["step"] == best["step"] == outcome.best_step
    assert load_checkpoint(tmp_path / "checkpoints/last.pt")["step"] == 150
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"best.pt", "last.pt", "step-000050.pt", "step-000100.pt", "step-000150.pt"}


def test_early_stopping_counts_evaluations_without_a_new_best(tmp_path: Path) -> None:
    config = small(
        training={"T": 150, "eval_every": 10, "early_stopping": 2, "lr_max": 0.02, "schedule": "constant"},
        data={"train_sentences": 20},
    )
    outcome = run(tmp_path, config, inspect=False)
    assert outcome.best_step is not None
    assert outcome.step == outcome.best_step + 20 < 150
    assert records(tmp_path, "exit")[0]["reason"] == "early_stopping"


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "terminated")],
)
def test_a_signal_ends_the_run_after_its_step_with_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, reason: str
) -> None:
    write = Recorder.step

    def write_and_raise(self: Recorder, taken: object) -> None:
        write(self, taken)  # type: ignore[arg-type]
        if len(records(tmp_path, "step")) == 8:
            signal.raise_signal(number)

    monkeypatch.setattr(Recorder, "step", write_and_raise)
    before = signal.getsignal(number)
    outcome = run(tmp_path)
    assert (outcome.ending.reason, outcome.step) == (reason, 8)
    assert records(tmp_path)[-1]["reason"] == reason
    assert load_checkpoint(tmp_path / "checkpoints/last.pt")["step"] == 8
    assert signal.getsignal(number) is before


def test_a_crash_leaves_an_exit_record_and_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(loop: object) -> object:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("flight_recorder.engine.train.take_step", crash)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(tmp_path)
    assert records(tmp_path)[-1]["reason"] == "error"
    assert "out of memory" in records(tmp_path)[-1]["message"]
    assert not (tmp_path / "checkpoints/last.pt").exists()


def test_a_step_without_targets_has_no_gradient_and_a_loss_that_is_nan() -> None:
    class AllMasked(Fault):
        def batch(self, step: int, batch: Batch) -> Batch:
            return Batch(batch.inputs, torch.full_like(batch.targets, IGNORED), batch.classes, batch.verb)

    loop = build_loop(small())
    loop.fault = AllMasked()
    taken = take_step(loop)
    fields = taken.measured[0].fields(taken.measured[0].values.tolist())
    assert math.isnan(fields["loss"])
    assert fields["grad_norm"] == 0
    assert taken.record["num_targets"] == 0


def test_bfloat16_trains_and_says_so(tmp_path: Path) -> None:
    run(tmp_path / "half", small(training={"dtype": "bfloat16"}))
    run(tmp_path / "full", small())
    assert records(tmp_path / "half", "header")[0]["dtype"] == "bfloat16"
    half, full = (records(tmp_path / name, "step")[-1]["loss"] for name in ("half", "full"))
    assert half != full
    assert half == pytest.approx(full, rel=0.02)


def test_a_text_of_ones_own_is_learned(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 100)
    run(tmp_path / "run", small(training={"T": 60}, data={"kind": "text", "path": str(text)}))
    evaluations = records(tmp_path / "run", "evaluation")
    assert evaluations[-1]["val_loss"] < 0.7 * evaluations[0]["val_loss"]
    assert "class_loss" not in evaluations[0]


def test_the_driver_in_the_run_folder_repeats_the_run(tmp_path: Path) -> None:
    first = tmp_path / "first"
    run(first, inspect=False)
    done = engine("train", str(first / "config.yaml"), "--out", str(tmp_path / "second"), "--no-report")
    assert done.returncode == 0, done.stderr
    assert step_numbers(first) == step_numbers(tmp_path / "second")
    assert '"train", str(here / "config.yaml")' in (first / "train.py").read_text()
