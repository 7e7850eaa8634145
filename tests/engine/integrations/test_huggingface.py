from __future__ import annotations

import math
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
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

from engine.integrations.huggingface import InspectorCallback
from tests.engine.integrations.logs import kinds, records

pytestmark = pytest.mark.torch


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


def train(folder: Path, *callbacks: TrainerCallback, **overrides: Any) -> GPT2LMHeadModel:
    model = gpt2()
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


def test_nothing_is_left_on_the_model(tmp_path: Path) -> None:
    model = train(tmp_path, InspectorCallback())
    assert not any(module._forward_hooks for module in nn.Module.modules(model))
