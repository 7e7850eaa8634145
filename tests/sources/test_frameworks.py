"""What well-known programs print and write, line by line: the right numbers, at the right steps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from flight_recorder.tui.sources.naming.names import field_of
from tests.sources.reading import header, of_kind, read


@dataclass(frozen=True)
class Case:
    """A log made from (count, loss) and what must be read of it."""

    name: str
    line: Callable[[int, float], str]
    counts: tuple[int, ...] = (10, 20, 30)
    steps: tuple[int, ...] = (10, 20, 30)
    val: tuple[int, float] | None = None
    tail: str = ""


def _d(**values: object) -> str:
    return json.dumps(values)


CASES = [
    Case("torchtune", lambda n, x: f"Step {n} | loss:{x} lr:0.0001 tokens_per_second_per_gpu:12.5 "),
    Case(
        "torchtitan",
        lambda n, x: (
            f"[rank0]:[titan] 2024-10-01 10:00:00,000 - root - INFO - \x1b[31mstep: {n}  \x1b[32mloss: {x}  "
            "\x1b[33mmemory: 20.1GiB(25.1%)  \x1b[34mtps: 5,432  \x1b[35mmfu: 30.1%\x1b[39m"
        ),
    ),
    Case("DeepSpeed beside a loop", lambda n, x: f"[Rank 0] step={n}, lr=[0.1]\nstep: {n}, loss: {x}"),
    Case(
        "fairseq, JSON",
        lambda n, x: "2024-01-01 | INFO | train_inner | "
        + _d(epoch=1, update=n / 100, loss=str(x), ppl="30.2", num_updates=str(n), lr="0.1", gnorm="1.2"),
        val=(30, 3.9),
        tail='2024-01-01 | INFO | valid | {"epoch": 1, "valid_loss": "3.9", "valid_num_updates": "30"}\n',
    ),
    Case(
        "fairseq, simple",
        lambda n, x: f"train_inner | epoch 001: {n} / 100 loss={x}, ppl=19.1, num_updates={n}, lr=0.1",
        val=(30, 3.9),
        tail="INFO | valid | epoch 001 | valid on 'valid' subset | loss 3.9 | ppl 11.3 | num_updates 30\n",
    ),
    Case("detectron2, JSON", lambda n, x: _d(eta=1.5, iteration=n, loss_cls=0.3, lr=0.1, total_loss=x)),
    Case("NeMo", lambda n, x: f"Training epoch 0, iteration {n}/99 | lr: 0.1 | reduced_train_loss: {x}"),
    Case("LitGPT", lambda n, x: f"Epoch 1 | iter {4 * n} step {n} | loss train: {x}, val: n/a | time: 1 ms"),
    Case("nanochat", lambda n, x: f"step {n:05d}/00200 ({n / 2}%) | loss: {x} | grad norm: 0.1 | dt: 100ms"),
    Case(
        "mmdetection, JSON",
        lambda n, x: _d(mode="train", epoch=1 + n // 101, iter=(n - 1) % 100 + 1, loss_cls=0.2, loss=x),
        (50, 100, 150, 200),
        (50, 100, 150, 200),
        (200, 9.5),
        _d(mode="val", epoch=2, iter=20, lr=0.1, bbox_mAP=0.3, loss=9.5) + "\n",
    ),
    Case(
        "ignite, by iteration",
        lambda n, x: f"Epoch[{1 + n // 100}] Iteration[{n % 100}/100] Loss: {x}",
        (50, 90, 150, 190),
        (50, 90, 150, 190),
    ),
    Case(
        "ignite, evaluators",
        lambda n, x: f"Training Results - Epoch: {n}  Avg accuracy: 0.90 Avg loss: {x}",
        (1, 2, 3),
        (0, 1, 2),
        (2, 4.5),
        "Validation Results - Epoch: 3  Avg accuracy: 0.88 Avg loss: 4.50\n",
    ),
    Case(
        "ignite, bar",
        lambda n, x: f"\rEpoch [1/4]: [{n}/100] {n}%|███| , loss={x} [00:01<00:02]",
    ),
    Case(
        "torchvision's example",
        lambda n, x: f"Epoch: [{n // 100}][{n % 100}/100]\tTime 0.3 (0.4)\tLoss {x:.4e} (3.1e+00)",
        (51, 91, 151, 191),
        (51, 91, 151, 191),
        None,
        "Test: [10/100]\tTime 1.0 (1.0)\tLoss 5.5e+00 (5.5e+00)\tAcc@1 10.0 (10.0)\n",
    ),
    Case(
        "timm",
        lambda n, x: f"Train: {n // 100} [{n % 100}/100 ({n % 100}%)]  Loss: {x} (3.2)  LR: 5.0e-04",
        (0, 30, 60, 90, 100, 130),
        (0, 30, 60, 90, 100, 130),
        None,
        "Test: [10/100]  Time: 0.1 (0.2)  Loss: 1.2 (1.3)  Acc@1: 70.0 (71.0)\n",
    ),
    Case(
        "PyTorch's MNIST example",
        lambda n, x: f"Train Epoch: 1 [{n}/60000 (1%)]\tLoss: {x}",
        (0, 640, 1280),
        (0, 1, 2),
        val=(2, 0.25),
        tail="\nTest set: Average loss: 0.25, Accuracy: 9500/10000 (95%)\n",
    ),
    Case(
        "headings of epochs",
        lambda n, x: f"Epoch {n}/24\n----------\ntrain Loss: {x} Acc: 0.5\nval Loss: {x + 1} Acc: 0.4\n",
        (0, 1, 2),
        (0, 1, 2),
        (2, 3.0),
    ),
    Case("Keras, verbose 2", lambda n, x: f"Epoch {n}/3\n50/50 - 1s - 5ms/step - accuracy: 0.6 - loss: {x}",
         (1, 2, 3), (50, 100, 150)),
    Case(
        "Keras, bar",
        lambda n, x: (f"Epoch {n // 100 + 1}/2\n" if n % 100 == 50 else "")
        + f"\r\x1b[1m{n % 100}/99\x1b[0m \x1b[32m━━━\x1b[0m \x1b[1m0s\x1b[0m accuracy: 0.5 - loss: {x}",
        (50, 99, 150, 199),
        (50, 99, 149, 198),
    ),
    Case(
        "OLMo",
        lambda n, x: f"2024-08-06 09:59:26 host:0 olmo.train:908 INFO    [step={n}/900,epoch=0]\n"
        f"    optim/total_grad_norm=1.5\n    train/CrossEntropyLoss={x}\n    train/Perplexity=195,153\n"
        "    optim/learning_rate_group0=0.1",
    ),
    Case(
        "Composer",
        lambda n, x: f"[batch={n}/900]:\n\t Train trainer/global_step: {n - 1}\n"
        f"\t Train loss/train/total: {x}\n\t Train metrics/train/LanguageCrossEntropy: {x}\n"
        f"\t Train lr-DecoupledAdamW/group0: 0.1",
        val=(30, 9.5),
        tail="[Eval batch=3/3] Eval on eval data:\n\t Eval metrics/eval/LanguageCrossEntropy: 9.5\n",
    ),
    Case(
        "Stable-Baselines3",
        lambda n, x: f"{'-' * 30}\n| time/         |      |\n|    fps        | 900  |\n"
        f"| train/        |      |\n|    loss       | {x} |\n|    n_updates  | {n} |\n{'-' * 30}",
    ),
    Case("XGBoost", lambda n, x: f"[{n}]\ttrain-logloss:{x}\teval-logloss:{x + 1}", val=(30, 3.0)),
    Case(
        "LightGBM",
        lambda n, x: f"[{n}]\ttraining's binary_logloss: {x}\tvalid_1's binary_logloss: {x + 1}",
        val=(30, 3.0),
    ),
    Case("a loop without an end of epoch", lambda n, x: f"Epoch {n // 40}, Step {n % 40}, Loss {x}",
         (0, 20, 40, 60), (0, 20, 40, 60)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_losses_stand_at_the_right_steps(case: Case) -> None:
    losses = [5.0 / (place + 1) for place in range(len(case.counts) - 1)] + [2.0]
    lines = [case.line(count, loss) for count, loss in zip(case.counts, losses, strict=True)]
    records = read(("\n".join(lines) + "\n" + case.tail).encode())
    steps = of_kind(records, "step")
    assert not of_kind(records, "resume")
    assert tuple(record["step"] for record in steps) == case.steps
    assert all(math.isclose(a["loss"], b, rel_tol=1e-4) for a, b in zip(steps, losses, strict=True))
    evaluations = of_kind(records, "evaluation")
    assert (evaluations[-1]["step"], evaluations[-1]["val_loss"]) == case.val if case.val else not evaluations


def test_the_end_of_an_epoch_is_not_taken_for_the_end_of_the_run() -> None:
    bars = [
        f"\r{n}%|██| {n}/100 [00:01<00:02, 9.0it/s, loss=2.5]" for n in (*range(50, 101), *range(50, 101))
    ]
    log = "".join(bars).encode() + b"\n"
    assert header(read(log[: len(log) // 3]))["planned_steps"] == 100
    assert header(read(log))["planned_steps"] is None


def test_no_foreign_name_poses_as_an_item_of_a_number_of_ours() -> None:
    records = of_kind(read(b"step,loss,time/fps,lr/head\n1,2.5,100,0.1\n"), "step")
    assert records == [{"kind": "step", "step": 1, "loss": 2.5, "other/time/fps": 100, "other/lr/head": 0.1}]


def test_a_run_that_goes_back_within_an_epoch_is_a_resume() -> None:
    rows = [_d(epoch=1, step=n, loss=2.5) for n in (100, 200, 300, 200, 300)]
    records = read("\n".join([*rows, ""]).encode())
    assert [record["step"] for record in of_kind(records, "resume")] == [200]


def test_what_stands_around_the_loss_in_a_block_is_of_its_step() -> None:
    block = "[step={0}/9]\n    optim/total_grad_norm=1.5\n    train/loss=2.5\n    optim/lr=0.1\n"
    records = of_kind(read("".join(map(block.format, (1, 2, 3))).encode()), "step")
    assert [(row["step"], row["grad_norm"], row["loss"], row["lr"]) for row in records] == [
        (step, 1.5, 2.5, 0.1) for step in (1, 2, 3)
    ]


def test_one_of_two_losses_can_be_chosen_in_what_a_loop_prints() -> None:
    lines = [f"[{e}/3][{n}/50]\tLoss_D: 1.5\tLoss_G: 0.7\tD(x): 0.6" for e in range(3) for n in (0, 25)]
    log = "\n".join([*lines, ""]).encode()
    notes = header(read(log))["notes"]
    assert notes == [
        "Loss_G is taken as the loss; the next likely is Loss_D: say which is meant with --map loss=NAME"
    ]
    steps = of_kind(read(log, names={"loss": "Loss_G"}), "step")
    assert [(row["step"], row["loss"]) for row in steps] == [(n, 0.7) for n in range(0, 150, 25)]


def test_a_counter_that_is_printed_once_an_epoch_goes_on() -> None:
    log = "".join(f"[{epoch}/4][0/50] Loss: 2.5\n" for epoch in range(4)).encode()
    assert [row["step"] for row in of_kind(read(log), "step")] == [0, 50, 100, 150]


def test_the_negative_elbo_is_a_loss_and_the_elbo_is_none() -> None:
    assert field_of("train/elbo_loss") == "loss"
    assert field_of("val/elbo_loss") == "val_loss"
    assert field_of("train/elbo") is None
