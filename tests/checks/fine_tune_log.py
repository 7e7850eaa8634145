"""The run of the fine-tune post-mortem, rebuilt from its table: 200 steps, 2 to an epoch.

Between the rows of the table the training loss and the gradient norm are interpolated log-linearly. The
learning rate is DeepSpeed's WarmupDecayLR: a logarithmic warm-up over 10 steps, then linear to 0 at 200.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

TABLE = """
    1 0.1660 -      0.5529
    2 0.1671 -      0.4522
   10 0.1695 0.1551 0.0772
   20 0.1130 0.1447 0.0870
   30 0.1282 0.1376 0.0854
   40 0.1224 0.1387 0.1120
   50 0.1202 0.1429 0.2237
   60 0.0781 0.1544 0.2991
   70 0.0288 0.2098 0.2316
   80 0.0081 0.2641 0.1516
   90 0.0044 0.3354 0.1861
  100 0.0035 0.3899 0.1043
  110 0.0007 0.4417 0.0281
  120 0.0001 0.4581 0.0273
  130 0.0001 0.4376 0.0466
  140 0.0001 0.4563 0.0204
  150 0.0000 0.4700 0.0009
  160 0.0000 0.4825 0.0006
  170 0.0000 0.4875 0.0012
  180 0.0000 0.4911 0.0003
  190 0.0000 0.4902 0.0002
  200 0.0000 0.4918 0.0003
"""
"""Step, training loss, validation loss, gradient norm."""

ROWS = [line.split() for line in TABLE.split("\n") if line.strip()]
NUM_STEPS, STEPS_PER_EPOCH, CHECKPOINTS = 200, 2, (100, 200)
_PRINTED_ZERO = 0.00004
"""A loss printed as 0.0000 is below half of its last digit; log-linear interpolation needs a number."""


def learning_rate(step: int) -> float:
    """Learning rate printed at a step, which counts the updates done."""
    i = step - 1
    return 2e-4 * (math.log(i + 1) / math.log(10) if i < 10 else (200 - i) / 190)


def _between(column: int) -> list[float]:
    steps = [int(row[0]) for row in ROWS]
    values = [max(float(row[column]), _PRINTED_ZERO) for row in ROWS]
    every = np.arange(1, NUM_STEPS + 1)
    return [round(float(v), 4) for v in np.exp(np.interp(every, steps, np.log(values)))]


def lines() -> Iterator[dict[str, Any]]:
    """The dicts that the Trainer logs, in order, each with its step under the key "step"."""
    losses, norms = _between(1), _between(3)
    val = {int(row[0]): float(row[2]) for row in ROWS if row[2] != "-"}
    for step in range(1, NUM_STEPS + 1):
        epoch = round(step / STEPS_PER_EPOCH, 2)
        yield {
            "loss": losses[step - 1],
            "grad_norm": norms[step - 1],
            "learning_rate": learning_rate(step),
            "epoch": epoch,
            "step": step,
        }
        if step in val:
            yield {"eval_loss": val[step], "eval_runtime": 61.2, "epoch": epoch, "step": step}


def stdout_log() -> str:
    """Standard output of the Hugging Face Trainer 4.x, with its progress bar in the same file."""
    text = [
        "***** Running training *****",
        f"  Num Epochs = {NUM_STEPS // STEPS_PER_EPOCH}",
        f"  Total optimization steps = {NUM_STEPS}",
    ]
    for line in lines():
        step = line["step"]
        printed = {key: value for key, value in line.items() if key != "step"}
        bar = f"\r{step * 100 // NUM_STEPS:3d}%|{'█' * (step // 20):<10}| {step}/{NUM_STEPS} [00:00<00:00]"
        # The bar moves when the step is done, and is painted again after each line that goes above it.
        text += [f"{bar}\n{printed}", bar]
        if "loss" in line and step in CHECKPOINTS:
            text.append(f"Saving model checkpoint to out/checkpoint-{step}")
    text.append(str({"train_runtime": 42045.0, "train_loss": 0.0389, "epoch": 100.0}))
    return "\n".join(text) + "\n"


def records(declared: str | None = "constant") -> list[dict[str, Any]]:
    """The same run as records, with the schedule that its configuration declared."""
    header: dict[str, Any] = {
        "kind": "header",
        "format": "1.0",
        "run_id": "fine-tune",
        "origin": "fine-tune",
        "planned_steps": NUM_STEPS,
        "steps_per_epoch": STEPS_PER_EPOCH,
        "dtype": "bfloat16",
        "dropout": 0.0,
        "lr_lag": 1,
    }
    if declared:
        header["schedule"] = {"family": declared, "lr_max": 2e-4}
    found = [header]
    for line in lines():
        step, epoch = line["step"], line["epoch"]
        if "eval_loss" in line:
            found.append({"kind": "evaluation", "step": step, "val_loss": line["eval_loss"], "epoch": epoch})
        else:
            names = {"loss": "loss", "grad_norm": "grad_norm", "learning_rate": "lr", "epoch": "epoch"}
            found.append({"kind": "step", "step": step, **{ours: line[name] for name, ours in names.items()}})
            if step in CHECKPOINTS:
                found.append(
                    {"kind": "checkpoint", "step": step, "path": f"checkpoint-{step}", "role": "periodic"}
                )
    return [*found, {"kind": "exit", "step": NUM_STEPS, "reason": "finished"}]
