"""Two processes train one model: as one process would, to the last bit, and into one log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.distributed.ranks import Launched, gentle, torchrun, wait_until
from tests.engine.runs import ROOT, records, run, step_numbers

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds its processes in /proc"),
]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 steps on two ranks."""
    folder = tmp_path_factory.mktemp("ranks") / "two"
    done = torchrun(gentle(), folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished at step 200") == 1
    return folder


def _losses(folder: Path) -> list[float]:
    return [record["loss"] for record in records(folder, "step")]


def _judged(folder: Path) -> Any:
    command = [sys.executable, "-m", "flight_recorder.tui.cli", "check", str(folder), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, cwd=ROOT, timeout=120, check=False).stdout)


def test_two_ranks_have_the_losses_of_one_process(two: Path, tmp_path: Path) -> None:
    run(tmp_path, gentle())
    assert len(_losses(two)) == 200
    assert _losses(two) == pytest.approx(_losses(tmp_path), abs=1e-5)


def test_two_ranks_are_to_the_last_bit_one_process_that_adds_up_the_same_halves(
    two: Path, tmp_path: Path
) -> None:
    run(tmp_path, gentle(training={"batch_size": 4, "accumulation": 2}))
    assert [numbers[:5] for numbers in step_numbers(two)] == [
        numbers[:5] for numbers in step_numbers(tmp_path)
    ]


def test_one_log_tells_of_both_ranks(two: Path, tmp_path: Path) -> None:
    run(tmp_path, gentle(), stop_after=11)
    assert [record["kind"] for record in records(two)][:2] == ["header", "initial"]
    assert [record["step"] for record in records(two, "step")] == list(range(200))
    assert records(two, "header")[0]["world_size"] == 2
    ours, theirs = records(two, "step")[10], records(tmp_path, "step")[10]
    for name in ("num_targets", "num_tokens", "num_distinct_targets"):
        assert ours[name] == theirs[name], name
    assert ours["class_loss"] == pytest.approx(theirs["class_loss"], rel=1e-3)
    assert ours["activation"] == pytest.approx(theirs["activation"], rel=1e-3)


def test_the_replicas_are_equal_to_the_last_bit(two: Path) -> None:
    for evaluation in records(two, "evaluation"):
        first, second = evaluation["parameter_checksums"]
        assert first == second
        assert len(evaluation["rank_step_s"]) == len(evaluation["rank_data_s"]) == 2
        assert all(own > 0 for own in evaluation["rank_step_s"])


def test_a_gradient_computed_afresh_over_both_ranks_is_that_of_the_step(two: Path) -> None:
    first = records(two, "step")[0]
    assert first["grad_norm_recomputed"] == pytest.approx(first["grad_norm"], rel=1e-4)


def test_a_resume_on_as_many_ranks_is_equal_to_the_last_bit(two: Path, tmp_path: Path) -> None:
    config = gentle(model={"dropout": 0.1}, training={"T": 30, "eval_every": 15})
    for folder, options in (("whole", []), ("parts", ["--stop-after", "17"]), ("parts", ["--resume"])):
        done = torchrun(config, tmp_path / folder, *options)
        assert done.returncode == 0, done.stderr
    assert step_numbers(tmp_path / "parts") == step_numbers(tmp_path / "whole")
    sums = [records(tmp_path / name, "evaluation")[-1]["parameter_checksums"] for name in ("parts", "whole")]
    assert sums[0] == sums[1]


def test_a_run_of_two_ranks_goes_on_in_one_process_and_the_log_says_so(tmp_path: Path) -> None:
    config = gentle(training={"T": 30, "eval_every": 15})
    assert torchrun(config, tmp_path / "two", "--stop-after", "17").returncode == 0
    run(tmp_path / "two", config, resume=True)
    run(tmp_path / "one", config)
    resumed = records(tmp_path / "two", "resume")[0]
    assert (resumed["step"], resumed["world_size"]) == (17, 1)
    assert _losses(tmp_path / "two") == pytest.approx(_losses(tmp_path / "one"), abs=1e-5)


def test_cut_parameters_give_the_losses_of_copied_ones_and_a_checkpoint_for_one_process(
    two: Path, tmp_path: Path
) -> None:
    config = gentle(run={"parallel": "fsdp"})
    done = torchrun(config, tmp_path / "cut", "--stop-after", "60")
    assert done.returncode == 0, done.stderr
    assert _losses(tmp_path / "cut") == pytest.approx(_losses(two)[:60], abs=1e-5)
    norms = [[r["grad_norm"] for r in records(folder, "step")[:60]] for folder in (tmp_path / "cut", two)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)
    _assert_measured_alike(tmp_path / "cut", two)
    done = torchrun(config, tmp_path / "cut", "--resume", "--stop-after", "20")
    assert done.returncode == 0, done.stderr
    run(tmp_path / "cut", gentle(), resume=True)
    assert _losses(tmp_path / "cut") == pytest.approx(_losses(two), abs=1e-5)


def _assert_measured_alike(cut: Path, copied: Path) -> None:
    """What is summed over the parts of cut parameters is what one rank finds in all of them."""
    for step in (3, 10, 50):
        ours, theirs = records(cut, "step")[step], records(copied, "step")[step]
        slow = () if step == 3 else ("spectral_norm",)
        for name in ("m_norm", "v_sum", "v_expected", "update_ratio", "weight_norm", *slow):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3), (step, name)
        assert ours["adam_step"] == theirs["adam_step"] == step + 1
        assert ours["num_frozen"] == pytest.approx(theirs["num_frozen"], abs=2)
        assert ours.get("frozen_names") == theirs.get("frozen_names")
    assert "grad_norm_recomputed" not in records(cut, "step")[0]


_SLOW_RANK = """
import os, time
from flight_recorder.engine import step
from flight_recorder.engine.cli import main
quick = step._token_losses
def slow(*arguments):
    time.sleep(0.1 * int(os.environ["RANK"]))
    return quick(*arguments)
step._token_losses = slow
main()
"""


@pytest.mark.long
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_rank_that_is_slow_is_named(tmp_path: Path, parallel: str) -> None:
    program = tmp_path / "slow_rank.py"
    program.write_text(_SLOW_RANK)
    config = gentle(training={"T": 20, "eval_every": 10}, run={"parallel": parallel})
    done = torchrun(config, tmp_path / "run", program=[str(program)])
    assert done.returncode == 0, done.stderr
    (straggler,) = (v for v in _judged(tmp_path / "run")["verdicts"] if v["check"] == "D6.4")
    assert straggler["state"] == "firing", straggler
    assert "rank 1" in straggler["evidence"]


def test_ranks_that_never_average_are_found_at_the_first_evaluation(tmp_path: Path) -> None:
    config = gentle(training={"T": 40, "eval_every": 20})
    done = torchrun(config, tmp_path / "run", "--fault", "ranks_not_averaged")
    assert done.returncode == 0, done.stderr
    judged = _judged(tmp_path / "run")
    (verdict,) = (v for v in judged["verdicts"] if v["check"] == "P4" and v["state"] == "firing")
    assert verdict["first_step"] == 20
    assert judged["causes"][0]["cause"] == "ranks_out_of_sync"


@pytest.mark.parametrize("lost", [pytest.param(0, marks=pytest.mark.long), 1])
def test_when_a_rank_is_killed_the_other_says_so_and_leaves(tmp_path: Path, lost: int) -> None:
    folder = tmp_path / "run"
    launched = Launched(gentle(training={"T": 1_000_000, "eval_every": 0, "ckpt_every": 10}), folder)
    try:
        wait_until((folder / "checkpoints/last.pt").exists)
        os.kill(launched.pid_of(lost), signal.SIGKILL)
    finally:
        done = launched.finish()
    assert done.returncode == 1
    sentence = f"rank {lost} died or does not answer any more; continue from the last checkpoint"
    assert done.stderr.count(sentence) == 1
    (exit_record,) = records(folder, "exit")
    assert exit_record["reason"] == "error"
    assert sentence in exit_record["message"]
    config = gentle(training={"T": 1_000_000, "eval_every": 0, "ckpt_every": 10})
    done = torchrun(config, folder, "--resume", "--stop-after", "5")
    assert done.returncode == 0, done.stderr
    numbers = [record["step"] for record in records(folder, "step")]
    assert numbers[-5:] == list(range(numbers[-5], numbers[-5] + 5))


def test_a_stop_request_to_one_rank_stops_all_after_the_same_step(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    launched = Launched(gentle(training={"T": 1_000_000, "eval_every": 0, "ckpt_every": 10}), folder)
    try:
        wait_until((folder / "checkpoints/last.pt").exists)
        os.kill(launched.pid_of(1), signal.SIGTERM)
    finally:
        done = launched.finish()
    assert "terminated at step" in done.stdout
    assert records(folder)[-1]["reason"] == "terminated"
    last = records(folder, "checkpoint")[-1]
    assert (last["role"], last["step"]) == ("last", records(folder, "step")[-1]["step"] + 1)
