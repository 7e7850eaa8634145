"""nanoGPT, llm.c, modded-nanogpt, Megatron and pico-train, by the rules of their formats."""

from __future__ import annotations

import math

import pytest

from flight_recorder.engine.runlog.codec import Record
from tests.sources.reading import LOGS, header, of_kind, read


def _log(name: str) -> list[Record]:
    return read((LOGS / name).read_bytes())


def test_nanogpt_evaluates_both_splits_before_the_iteration() -> None:
    records = _log("nanogpt.out")
    assert of_kind(records, "evaluation")[1] == {
        "kind": "evaluation",
        "step": 250,
        "val_loss": 2.0712,
        "train_loss": 1.9668,
    }
    assert [record["step"] for record in of_kind(records, "step")] == [0, 10, 20, 250, 260]
    assert math.isnan(of_kind(records, "step")[-1]["loss"])


def test_nanogpt_has_no_utilisation_before_it_was_measured() -> None:
    first, second = of_kind(_log("nanogpt.out"), "step")[:2]
    assert "mfu" not in first
    assert second["mfu"] == pytest.approx(0.0367)
    assert second["step_s"] == pytest.approx(0.10141)


def test_nanogpt_tells_its_config_in_passing() -> None:
    facts = header(_log("nanogpt.out"))
    assert facts["planned_steps"] == 500
    assert facts["vocab_size"] == 65
    assert facts["tokens_per_step"] == 16_384
    assert facts["origin"] == "scratch"


def test_llm_c_prints_what_our_own_log_would() -> None:
    steps = of_kind(_log("llm_c.log"), "step")
    assert steps[0] == {"kind": "step", "step": 0, "loss": 11.0133, "lr": 1e-6, "grad_norm": 15.29}
    diverged = steps[-2]
    assert math.isnan(diverged["loss"])
    assert diverged["grad_norm"] == math.inf


def test_llm_c_accuracy_is_no_loss() -> None:
    evaluations = of_kind(_log("llm_c.log"), "evaluation")
    assert [(record["step"], record["val_loss"]) for record in evaluations] == [(0, 11.0141), (250, 6.5012)]


def test_modded_nanogpt_is_found_behind_its_own_listing() -> None:
    records = _log("modded_nanogpt.txt")
    assert header(records)["planned_steps"] == 1750
    assert [record["step"] for record in of_kind(records, "step")] == [1, 2, 125, 126]
    assert "step_s" not in of_kind(records, "step")[0]
    assert of_kind(records, "step")[-1]["step_s"] == pytest.approx(0.1473)


def test_megatron_counts_skipped_updates_since_the_line_before_and_we_count_all() -> None:
    steps = of_kind(_log("megatron.out"), "step")
    assert [record["skipped_updates"] for record in steps] == [1, 18, 18]
    assert [record.get("nonfinite_count") for record in steps] == [None, None, 2]


def test_megatron_may_leave_the_loss_out() -> None:
    first, second, _ = of_kind(_log("megatron.out"), "step")
    assert "loss" not in first
    assert second["loss"] == pytest.approx(8.912345)
    assert (second["lr"], second["grad_norm"], second["loss_scale"]) == (6.708e-5, 3.871, 16384.0)
    assert second["step_s"] == pytest.approx(0.4312)


@pytest.mark.parametrize(("num_nan", "is_nan"), [(10, True), (9, False)])
def test_megatron_without_a_loss_is_nan_when_every_iteration_since_the_last_line_was(
    num_nan: int, is_nan: bool
) -> None:
    line = (
        " iteration {:6d}/ 1000 | elapsed time per iteration (ms): 9.0 |{} number of nan iterations: {} |\n"
    )
    log = line.format(10, " lm loss: 1.0E+00 |", 0) + line.format(20, "", num_nan)
    _, step = of_kind(read(log.encode()), "step")
    assert ("loss" in step) is is_nan
    assert step["nonfinite_count"] == num_nan


def test_megatron_tells_the_time_of_the_lines_that_bear_it() -> None:
    line = " [2026-11-20 10:20:{:02d}] iteration {:6d}/ 99 | consumed samples: 9 | lm loss: 1.0 |\n"
    first, second = of_kind(read((line.format(7, 10) + line.format(37, 20)).encode()), "step")
    assert second["time"] - first["time"] == 30
    assert "time" not in of_kind(_log("megatron.out"), "step")[0]


def test_megatron_tells_its_arguments() -> None:
    facts = header(_log("megatron.out"))
    assert (facts["grad_clip"], facts["planned_steps"], facts["world_size"]) == (1.0, 1000, 8)
    assert facts["vocab_size"] == 50_257


def test_pico_train_gathers_a_record_from_several_lines() -> None:
    steps = of_kind(_log("pico_train.log"), "step")
    assert steps[1].pop("time") - steps[0].pop("time") > 0
    assert steps[1] == {"kind": "step", "step": 50, "loss": 10.9132, "lr": 1e-6, "nonfinite_count": 3}


def test_a_perplexity_becomes_a_loss_and_the_header_says_so() -> None:
    records = _log("pico_train.log")
    assert [round(record["val_loss"], 2) for record in of_kind(records, "evaluation")] == [10.99, 43.07]
    assert any("logarithm" in note for note in header(records)["notes"])


@pytest.mark.parametrize(
    "raw, loss", [("0", math.nan), ("-3.0", math.nan), ("inf", math.inf), ("nan", math.nan)]
)
def test_a_perplexity_that_is_none_is_no_small_loss(raw: str, loss: float) -> None:
    log = f"INFO - Step 5 -- 📊 Evaluation Results\nINFO - └── paloma: {raw}\n"
    (record,) = of_kind(read(log.encode()), "evaluation")
    assert record["val_loss"] == pytest.approx(loss, nan_ok=True)


def test_ranks_that_print_the_same_step_give_one_record() -> None:
    line = "iter %d: loss %s, time 1.00ms, mfu 1.00%%\n"
    log = "".join(line % (step, 2.0 + rank) for step in (1, 2, 3) for rank in (0, 1))
    records = read(log.encode())
    assert [record["step"] for record in of_kind(records, "step")] == [1, 2, 3]
    assert not of_kind(records, "resume")


def test_ranks_that_drift_apart_are_no_resume() -> None:
    line = "iter %d: loss 2.0, time 1.00ms, mfu 1.00%%\n"
    log = "".join(line % step for step in (1, 1, 2, 3, 2, 3, 4, 5, 4, 5))
    records = read(log.encode())
    assert [record["step"] for record in of_kind(records, "step")] == [1, 2, 3, 4, 5]
    assert not of_kind(records, "resume")


def test_going_back_is_a_resume_and_what_the_user_gave_stays() -> None:
    log = "".join(f"s:{step} trl:2.0 lr:0.1 norm:1.0\n" for step in (1, 2, 3, 4, 5, 6, 7, 2, 3))
    records = read(log.encode(), facts={"vocab_size": 50_257, "grad_clip": 1.0})
    assert [record["step"] for record in of_kind(records, "resume")] == [2]
    assert header(records)["vocab_size"] == 50_257
