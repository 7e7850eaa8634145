"""The Trainer's output against the truth that it wrote itself: trainer_state.json of the same run."""

from __future__ import annotations

import math

import pytest

from flight_recorder.engine.runlog.codec import Record
from tests.sources.reading import RECORDED, header, of_kind, read

LINE = "{'loss': %s, 'grad_norm': 0.5, 'learning_rate': 0.001, 'epoch': %s}\n"


def _steps(records: list[Record], kind: str = "step") -> list[int]:
    return [record["step"] for record in of_kind(records, kind)]


@pytest.mark.parametrize("major", ["4", "5"])
@pytest.mark.parametrize("buffered", ["", ".buffered"])
def test_steps_of_the_output_are_those_of_the_state(major: str, buffered: str) -> None:
    output = read((RECORDED / f"huggingface.{major}.x{buffered}.out").read_bytes())
    state = read((RECORDED / f"{major}.x.trainer_state.json").read_bytes())
    for kind in ("step", "evaluation"):
        assert _steps(output, kind) == _steps(state, kind)
    for printed, exact in zip(of_kind(output, "step"), of_kind(state, "step"), strict=True):
        assert printed["loss"] == pytest.approx(exact["loss"], abs=1e-3)
        assert printed["lr"] == pytest.approx(exact["lr"], rel=1e-3)


@pytest.mark.parametrize("major", ["4", "5"])
def test_inferred_steps_are_marked_and_the_planned_length_is_the_bars(major: str) -> None:
    facts = header(read((RECORDED / f"huggingface.{major}.x.out").read_bytes()))
    assert facts["steps_inferred"] is True
    assert facts["planned_steps"] == 24
    assert facts["lr_lag"] == 1


def test_steps_that_the_log_states_are_not_marked() -> None:
    assert "steps_inferred" not in header(read((RECORDED / "5.x.trainer_state.json").read_bytes()))


def test_the_learning_rate_is_that_of_the_update_before_the_printed_step() -> None:
    lrs = {
        r["step"]: r["lr"] for r in of_kind(read((RECORDED / "4.x.trainer_state.json").read_bytes()), "step")
    }
    for step, lr in lrs.items():
        assert lr == pytest.approx(1e-3 * (1 - (step - 1) / 24), rel=1e-9)


@pytest.mark.parametrize("major", ["4", "5"])
def test_a_masked_nan_is_a_nan(major: str) -> None:
    records = of_kind(read((RECORDED / f"huggingface_nan_masked.{major}.x.out").read_bytes()), "step")
    for record in records:
        assert math.isnan(record["loss"]) == (record["step"] > 4)
        assert record.get("nonfinite_count", 0) == (1 if record["step"] > 4 else 0)


@pytest.mark.parametrize("major", ["4", "5"])
def test_an_unmasked_nan_is_a_nan(major: str) -> None:
    records = of_kind(read((RECORDED / f"huggingface_nan_unmasked.{major}.x.out").read_bytes()), "step")
    assert [math.isnan(record["loss"]) for record in records] == [False] * 2 + [True] * 10


def test_a_memorised_run_keeps_its_loss_of_zero() -> None:
    (record,) = of_kind(read((LINE % ("0.0", "3.0")).encode()), "step")
    assert record["loss"] == 0.0


@pytest.mark.parametrize("major", ["4", "5"])
def test_a_step_that_runs_backwards_is_a_resume(major: str) -> None:
    records = read((RECORDED / f"huggingface_resumed.{major}.x.out").read_bytes())
    (resume,) = of_kind(records, "resume")
    assert resume["step"] == 14
    at = records.index(resume)
    assert _steps(records[:at])[-1] == 16
    assert _steps(records[at:]) == [14, 16, 18, 20, 22, 24]
    assert header(records)["planned_steps"] == 24


def test_a_step_logged_after_an_evaluation_is_a_later_one() -> None:
    """Bars come late in a fast run: the one behind an evaluation may be of the step that is logged next."""
    bar = "%d%%|███       | %d/24 [00:00<00:00, 200.13it/s]\r"
    output = (
        bar % (8, 2) + LINE % (3.9, 0.5) + bar % (16, 4)
        + "{'eval_loss': 3.8, 'epoch': 0.5}\n" + bar % (25, 6) + LINE % (3.7, 0.75) + bar % (25, 6)
        + LINE % (3.6, 1.0) + bar % (33, 8)
    )  # fmt: skip
    records = read(output.encode())
    assert (_steps(records), _steps(records, "evaluation")) == ([4, 7, 8], [6])


def test_the_closing_line_is_an_exit_and_no_step() -> None:
    records = read((RECORDED / "huggingface.5.x.out").read_bytes())
    assert records[-1]["kind"] == "exit"
    assert records[-1]["reason"] == "finished"
    assert 3.899 not in [record["loss"] for record in of_kind(records, "step") if record["step"] > 2]


def test_without_bars_lines_are_counted_in_the_interval_that_is_given() -> None:
    log = "".join(LINE % (2.0, epoch) for epoch in (0.1, 0.2, 0.3)).encode()
    assert _steps(read(log)) == [1, 2, 3]
    assert _steps(read(log, facts={"logging_steps": 50})) == [50, 100, 150]


def test_the_banner_gives_steps_per_epoch() -> None:
    log = (
        "***** Running training *****\n  Num examples = 1,000\n  Num Epochs = 2\n"
        "  Gradient Accumulation steps = 10\n  Total optimization steps = 200\n"
        "  Number of trainable parameters = 1,315\n"
    ) + LINE % (2.0, 0.1)
    facts = header(read(log.encode()))
    assert (facts["planned_steps"], facts["accumulation"], facts["num_parameters"]) == (200, 10, 1315)


def test_several_ranks_on_one_line_give_every_record_once() -> None:
    line = (LINE % (2.0, 0.5)).rstrip()
    log = f"rank0: {line}{line} rank1 says hello\n{LINE % (1.9, 1.0)}".encode()
    assert [record["loss"] for record in of_kind(read(log), "step")] == [2.0, 1.9]


def test_a_record_inside_a_half_printed_one_is_found() -> None:
    log = ("{'loss': 0." + LINE % (2.0, 0.5) + LINE % (1.9, 1.0)).encode()
    assert [record["loss"] for record in of_kind(read(log), "step")] == [2.0, 1.9]


def test_a_record_that_a_bar_broke_in_two_is_put_together() -> None:
    first, bar = (f"\r {n}0%|#####     | {n}/10 [00:01<00:01,  4.2it/s]" for n in (4, 5))
    whole = f"{first}{LINE % (2.6, 0.8)}{first}"
    log = f"{whole}{{'loss': 2.5, 'grad{bar}_norm': 0.25, 'epoch': 1.0}}\n{bar}".encode()
    _, record = of_kind(read(log), "step")
    assert (record["loss"], record["grad_norm"], record["step"]) == (2.5, 0.25, 5)


def test_infinities_quotes_and_wrapped_numbers_are_numbers() -> None:
    line = "{'loss': 'inf', 'grad_norm': tensor(0.5, device='cuda:0'), 'learning_rate': np.float64(1e-05)}\n"
    (record,) = of_kind(read(line.encode()), "step")
    assert (record["loss"], record["grad_norm"], record["lr"]) == (math.inf, 0.5, 1e-5)


def test_unknown_numbers_keep_their_name() -> None:
    line = "{'loss': 1.0, 'rewards/chosen': 0.25, 'activation': 3.0, 'note': 'text'}\n"
    (record,) = of_kind(read(line.encode()), "step")
    assert record["rewards/chosen"] == 0.25
    assert record["other/activation"] == 3.0
    assert "note" not in record


def test_saved_checkpoints_are_records() -> None:
    log = (LINE % (2.0, 1.0)) + "Saving model checkpoint to ./out/checkpoint-100\n"
    (checkpoint,) = of_kind(read(log.encode()), "checkpoint")
    assert (checkpoint["step"], checkpoint["path"]) == (100, "./out/checkpoint-100")


def test_bars_of_downloads_are_not_the_trainings() -> None:
    log = (
        "Map: 100%|####| 1000/1000 [00:00<00:00, 9.0it/s]\n"
        "\r  0%|          | 0/20 [00:00<?, ?it/s]"
        + LINE
        % (2.0, 0.5)
        + "\r 50%|#| 10/20 [00:01<00:01, 9.0it/s]"
        "\r100%|##| 20/20 [00:02<00:00, 9.0it/s]\n"
    )
    assert _steps(read(log.encode())) == [10]


def test_the_best_checkpoint_of_the_state_is_a_record() -> None:
    state = b"""{"best_model_checkpoint": "out/checkpoint-30", "global_step": 40, "log_history":
    [{"loss": NaN, "grad_norm": Infinity, "lr": 0.1, "step": 10}, {"eval_loss": 1.5, "step": 30}]}"""
    records = read(state)
    assert of_kind(records, "checkpoint")[0]["step"] == 30
    (step,) = of_kind(records, "step")
    assert math.isnan(step["loss"])
    assert step["lr"] == 0.1


def _output(
    total: int, every: int, eval_every: int, first: bool, block_bytes: int
) -> tuple[str, list[tuple[str, int]]]:
    """What a Trainer of 100 steps an epoch prints into blocks of this size, and the true steps."""
    text, held, truth = "", "", []
    for step in range(1, total + 1):
        lines = []
        if step % every == 0 or (first and step == 1):
            lines.append(
                ("step", "{'loss': '2.5', 'learning_rate': '0.001', 'epoch': '%.4g'}\n" % (step / 100))
            )
        if eval_every and step % eval_every == 0:
            lines.append(("evaluation", "{'eval_loss': '2.6', 'epoch': '%.4g'}\n" % (step / 100)))
        for kind, line in lines:
            truth.append((kind, step))
            if len(held) + len(line) > block_bytes:
                text, held = text + held, ""
            held += line
        if not block_bytes:
            text, held = text + held, ""
        text += f"\r {step}%|#| {step}/{total} [00:01<00:01, 9.0it/s]"
    end = "{'train_runtime': '1.0', 'epoch': '%.4g'}\n" % (total / 100)
    return text + held + end, truth


@pytest.mark.parametrize("block_bytes", [0, 500, 8192])
@pytest.mark.parametrize(
    "total, every, eval_every, first",
    [(600, 1, 0, False), (600, 7, 0, False), (600, 10, 50, False), (900, 5, 0, True), (700, 10, 25, True)],
)
def test_steps_are_right_however_the_output_was_buffered(
    total: int, every: int, eval_every: int, first: bool, block_bytes: int
) -> None:
    text, truth = _output(total, every, eval_every, first, block_bytes)
    found = [(r["kind"], r["step"]) for r in read(text.encode()) if r["kind"] in ("step", "evaluation")]
    assert found == truth
