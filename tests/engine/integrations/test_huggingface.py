from __future__ import annotations

import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "transformers", reason="transformers is not installed: the Trainer's callback is NOT tested"
)
pytest.importorskip("accelerate", reason="accelerate is not installed: the Trainer's callback is NOT tested")

import torch
from torch import Tensor, nn
from transformers import (
    EarlyStoppingCallback,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from flight_recorder.engine.inspector.integrations.huggingface import InspectorCallback
from tests.engine.integrations.logs import kinds, records

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[3]


def gpt2(dropout: float = 0.1) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=50,
        n_positions=16,
        n_embd=16,
        n_layer=2,
        n_head=2,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=0.0,
        attn_implementation="eager",
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config)


def examples(num: int) -> list[dict[str, Tensor]]:
    tokens = torch.randint(50, (num, 12), generator=torch.Generator().manual_seed(1))
    return [{"input_ids": row, "labels": row} for row in tokens]


class Losses(TrainerCallback):
    """What the Trainer itself logs at each step, as text, so that equal means equal to the last bit."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self.lines.append(repr([(name, logs[name]) for name in ("loss", "grad_norm") if name in logs]))


def train(
    folder: Path, *callbacks: TrainerCallback, model: GPT2LMHeadModel | None = None, **overrides: Any
) -> GPT2LMHeadModel:
    model = model or gpt2()
    arguments = {
        "output_dir": str(folder),
        "max_steps": 6,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
        "eval_strategy": "steps",
        "eval_steps": 3,
        "save_strategy": "steps",
        "save_steps": 3,
        "report_to": [],
        "use_cpu": True,
        "seed": 1,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**(arguments | overrides)),
        train_dataset=examples(32),
        eval_dataset=examples(8),
        callbacks=list(callbacks),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages themselves, which differ from release to release
        trainer.train()
    return model


def test_the_trainer_reaches_the_same_bits_with_and_without_the_callback(tmp_path: Path) -> None:
    bare, watched = Losses(), Losses()
    without = train(tmp_path / "a", bare)
    with_it = train(tmp_path / "b", watched, InspectorCallback())
    assert bare.lines == watched.lines
    assert len(bare.lines) >= 6
    assert all(torch.equal(p, q) for p, q in zip(without.parameters(), with_it.parameters(), strict=True))


def test_a_trainer_run_becomes_a_whole_log(tmp_path: Path) -> None:
    train(tmp_path, InspectorCallback())
    assert kinds(tmp_path)[:2] == ["header", "initial"]
    assert kinds(tmp_path)[-1] == "exit"
    assert [record["step"] for record in records(tmp_path, "step")] == list(range(6))
    assert [record["step"] for record in records(tmp_path, "evaluation")] == [3, 6]
    assert [record["path"] for record in records(tmp_path, "checkpoint")] == ["checkpoint-3", "checkpoint-6"]
    assert records(tmp_path, "exit")[0]["reason"] == "finished"


def test_the_checkpoint_that_the_trainer_keeps_as_the_best_is_the_best_of_the_log(tmp_path: Path) -> None:
    train(
        tmp_path, InspectorCallback(), EarlyStoppingCallback(early_stopping_patience=1), max_steps=60,
        learning_rate=5e-2, load_best_model_at_end=True, metric_for_best_model="eval_loss",
    )  # fmt: skip
    by_loss = sorted(records(tmp_path, "evaluation"), key=lambda record: record["val_loss"])
    best = [record["step"] for record in records(tmp_path, "checkpoint") if record["role"] == "best"]
    assert best[-1] == by_loss[0]["step"]
    assert {record["role"] for record in records(tmp_path, "checkpoint")} == {"best", "periodic"}
    assert records(tmp_path, "exit")[0]["reason"] == "early_stopping"


def test_the_model_inside_is_measured(tmp_path: Path) -> None:
    train(tmp_path, InspectorCallback())
    header, step = records(tmp_path, "header")[0], records(tmp_path, "step")[0]
    assert header["layers"] == ["transformer.wte", "h_0", "h_1", "transformer.ln_f"]
    assert (header["num_units"], header["num_heads"]) == (2 * 64, 4)
    assert "h_1.mlp.c_proj" in header["matrices"]
    assert header["vocab_size"] == 50
    assert len(step["activation"]) == 4
    assert len(step["spectral_norm"]) == len(header["matrices"])
    assert step["dead_heads"] == 0
    assert step["adam_step"] == 1


@pytest.mark.parametrize("accumulation", [1, 3])
def test_loss_and_norm_are_those_the_trainer_logs(tmp_path: Path, accumulation: int) -> None:
    logged = Losses()
    train(tmp_path, logged, InspectorCallback(), gradient_accumulation_steps=accumulation)
    values = [dict(eval(line)) for line in logged.lines if "grad_norm" in line]
    written = records(tmp_path, "step")
    for value, record in zip(values, written, strict=True):
        # The Trainer's own loss may be rounded; the norm is the Trainer's, at five digits.
        assert math.isclose(record["loss"], float(value["loss"]), rel_tol=2e-3)
        assert math.isclose(record["grad_norm"], float(value["grad_norm"]), rel_tol=1e-4)


def test_a_clipped_step_that_the_trainer_did_not_log_has_no_gradient_norm(tmp_path: Path) -> None:
    train(tmp_path, InspectorCallback(), logging_steps=5, max_grad_norm=0.01)
    have = [record["step"] for record in records(tmp_path, "step") if "grad_norm" in record]
    assert have == [4]


def test_a_resumed_trainer_goes_on_in_the_same_log(tmp_path: Path) -> None:
    train(tmp_path, InspectorCallback(), max_steps=3)
    model = gpt2()
    arguments = TrainingArguments(
        output_dir=str(tmp_path), max_steps=5, report_to=[], use_cpu=True, disable_tqdm=True,
        dataloader_pin_memory=False, per_device_train_batch_size=4,
    )  # fmt: skip
    trainer = Trainer(
        model=model, args=arguments, train_dataset=examples(32), callbacks=[InspectorCallback()]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.train(resume_from_checkpoint=True)
    assert kinds(tmp_path).count("header") == 1
    assert records(tmp_path, "resume")[0]["step"] == 3
    assert [record["step"] for record in records(tmp_path, "step")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "warmup", "options", "rate"),
    [
        ("constant", 5, {}, lambda t: 1.0),
        ("constant_with_warmup", 5, {}, lambda t: min(1.0, t / 5)),
        ("linear", 5, {}, lambda t: min(t / 5, (20 - t) / 15)),
        ("linear", 0.1, {}, lambda t: min(t / 2, (20 - t) / 18)),
        ("polynomial", 0, {"lr_end": 1e-4}, lambda t: 1 - 0.9 * t / 20),
        ("cosine", 0, {}, lambda t: 0.5 + 0.5 * math.cos(math.pi * t / 20)),
        ("cosine_with_min_lr", 0, {"min_lr_rate": 0.5}, lambda t: 0.75 + 0.25 * math.cos(math.pi * t / 20)),
        (
            "warmup_stable_decay",
            5,
            {"num_decay_steps": 8, "decay_type": "linear"},
            lambda t: min(t / 5, 1.0, (20 - t) / 8),
        ),
        ("inverse_sqrt", 4, {}, lambda t: t / 4 if t < 4 else 2 / math.sqrt(t)),
    ],
)
def test_the_declared_schedule_is_the_one_that_the_trainer_applies(
    tmp_path: Path, kind: str, warmup: float, options: dict[str, float], rate: Any
) -> None:
    train(
        tmp_path, InspectorCallback(), max_steps=20, learning_rate=1e-3, lr_scheduler_type=kind,
        warmup_steps=warmup, lr_scheduler_kwargs=options or None, eval_strategy="no", save_strategy="no",
    )  # fmt: skip
    applied = [record["lr"] for record in records(tmp_path, "step")]
    assert applied == pytest.approx([1e-3 * rate(step) for step in range(20)], abs=1e-12)
    declared = records(tmp_path, "header")[0]["schedule"]
    end = {"polynomial": 1e-4, "cosine_with_min_lr": 5e-4}.get(kind, 1e-3 if "constant" in kind else 0.0)
    families = {"polynomial": "linear", "inverse_sqrt": kind, "warmup_stable_decay": "wsd"}
    assert declared == {
        "family": families.get(kind, kind.partition("_")[0]),
        "lr_max": 1e-3, "lr_min": pytest.approx(end), "warmup": "t / W", "total_steps": 20,
        "warmup_steps": 0 if kind == "constant" else 2 if warmup == 0.1 else warmup,
        **({"cooldown_steps": 8} if kind == "warmup_stable_decay" else {}),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["cosine_with_restarts", "reduce_lr_on_plateau"])
def test_a_schedule_that_the_log_has_no_form_for_is_not_declared(tmp_path: Path, kind: str) -> None:
    train(tmp_path, InspectorCallback(), lr_scheduler_type=kind)
    assert "schedule" not in records(tmp_path, "header")[0]


def test_a_scheduler_of_other_hands_is_held_against_the_arguments_only_where_those_were_set(
    tmp_path: Path,
) -> None:
    for folder, set_by_hand in (("set", {"learning_rate": 2e-3, "lr_scheduler_type": "cosine"}), ("not", {})):
        model = gpt2()
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
        arguments = TrainingArguments(
            output_dir=str(tmp_path / folder), max_steps=2, report_to=[], use_cpu=True, disable_tqdm=True,
            dataloader_pin_memory=False, save_strategy="no", **set_by_hand,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Trainer(
                model=model, args=arguments, train_dataset=examples(32), callbacks=[InspectorCallback()],
                optimizers=(optimizer, scheduler),
            ).train()  # fmt: skip
    assert records(tmp_path / "set", "header")[0]["schedule"]["family"] == "cosine"
    assert "schedule" not in records(tmp_path / "not", "header")[0]


def test_a_fresh_model_is_from_scratch_and_a_loaded_one_a_fine_tune(tmp_path: Path) -> None:
    train(tmp_path / "scratch", InspectorCallback())
    assert records(tmp_path / "scratch", "header")[0]["origin"] == "scratch"
    trained = train(tmp_path / "more", InspectorCallback())
    trained.save_pretrained(tmp_path / "trained")
    loaded = GPT2LMHeadModel.from_pretrained(tmp_path / "trained")
    train(tmp_path / "tuned", InspectorCallback(), model=loaded)
    assert records(tmp_path / "tuned", "header")[0]["origin"] == "fine-tune"


BROKEN_DATA = """
import sys
from pathlib import Path
from flight_recorder.engine.inspector.integrations.huggingface import InspectorCallback
from tests.engine.integrations import test_huggingface as here

class Examples(list):
    def __getitem__(self, index):
        self.num_read = getattr(self, "num_read", 0) + 1
        if self.num_read > 12:
            raise OSError("the disk is gone")
        return super().__getitem__(index)

class Told(here.TrainerCallback):
    def on_step_end(self, *args, **kwargs):
        print("a step is over")

real = here.examples
here.examples = lambda num: Examples(real(num))
here.train(Path(sys.argv[1]), InspectorCallback(), Told(), eval_strategy="no", save_strategy="no")
"""


def test_a_step_before_an_exception_in_the_data_has_its_record(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_DATA, str(tmp_path)], capture_output=True, text=True, cwd=ROOT
    )
    assert "OSError: the disk is gone" in done.stderr
    steps, (end,) = records(tmp_path, "step"), records(tmp_path, "exit")
    num_over = done.stdout.count("a step is over")
    assert [record["step"] for record in steps] == list(range(num_over)) and num_over == end["step"] > 0
    assert (end["reason"], end["message"]) == ("error", "OSError: the disk is gone")
    assert all("grad_norm" in record for record in steps)  # one each step, as the Trainer logged them


def test_nothing_is_left_on_the_model(tmp_path: Path) -> None:
    model = train(tmp_path, InspectorCallback())
    assert not any(module._forward_hooks for module in nn.Module.modules(model))


def test_evaluation_rows_that_are_in_training_are_counted(tmp_path: Path) -> None:
    train(tmp_path / "evaluated", InspectorCallback())  # both sets begin with the same examples
    first, initial = records(tmp_path / "evaluated", "initial")
    assert (initial["num_validation"], initial["num_validation_in_training"]) == (8, 8)
    assert {name: initial[name] for name in first if name != "time"} == {
        name: value for name, value in first.items() if name != "time"
    }
    train(tmp_path / "not", InspectorCallback(), eval_strategy="no")
    assert "num_validation" not in records(tmp_path / "not", "initial")[0]


def test_labels_that_are_all_masked_leave_a_loss_that_is_nan_and_a_norm_of_exactly_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked = [{**row, "labels": torch.full_like(row["labels"], -100)} for row in examples(32)]
    monkeypatch.setitem(globals(), "examples", lambda num: masked[:num])
    train(tmp_path, InspectorCallback(), logging_steps=3)
    steps = records(tmp_path, "step")
    assert all(math.isnan(record["loss"]) and record["grad_norm"] == 0 for record in steps)
    assert not any({"skipped_updates", "nonfinite_site"} & set(record) for record in steps)
    assert all(math.isfinite(record["weight_norm"]) for record in steps if "weight_norm" in record)
