"""Small logs in the form of every program that is read: the samples of the tests, and runs by formula."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "tests/sources/logs"

Numbers = tuple[int, float, float, float, float]
"""Step, loss, validation loss, learning rate, gradient norm."""


Form = Callable[[random.Random], bytes]


def forms() -> dict[str, Form]:
    """Name of each form and what writes a log in it."""
    samples = {f"sample {path.name}": _as_it_is(path) for path in SAMPLES.rglob("*") if path.is_file()}
    return samples | {name: _by_formula(write) for name, write in _WRITERS.items()}


def _as_it_is(path: Path) -> Form:
    data = path.read_bytes()
    return lambda rng: data


def _by_formula(write: Callable[[list[Numbers]], str]) -> Form:
    return lambda rng: write(_run(rng)).encode()


def _run(rng: random.Random) -> list[Numbers]:
    """A run of 5 to 120 lines: healthy, overfitting, exploding, flat or not a number from somewhere on."""
    length, every, end = rng.randint(5, 120), rng.choice((1, 1, 10, 50)), rng.choice((3.0, 1.5, 0.0))
    story = rng.choice(("healthy", "overfit", "explode", "flat", "nan", "zero"))
    broken = rng.randint(1, length)
    run = []
    for row in range(length):
        part = row / length
        loss = end + 4.0 * math.exp(-4 * part) * (story != "flat") + rng.gauss(0, 0.02)
        val = loss + 0.1 + (3 * max(0.0, part - 0.4) if story == "overfit" else 0.0)
        norm = abs(rng.gauss(1, 0.2))
        if row >= broken and story == "nan":
            loss = norm = math.nan
        if row >= broken and story == "explode":
            loss, norm = loss * 2.0 ** (row - broken), norm * 4.0 ** (row - broken)
        if row >= broken and story == "zero":
            loss, val = 0.0, rng.choice((0.0, 0.1))
        run.append(((row + 1) * every, loss, val, 1e-3 * (1 - part), norm))
    return run


def _lines(head: str, line: str, evaluation: str = "", every: int = 5) -> Callable[[list[Numbers]], str]:
    """One line a step, one more for each evaluation; {s} {l} {v} {r} {g} are its numbers, {T} the length."""

    def write(run: list[Numbers]) -> str:
        last = run[-1][0]
        text = [head.format(T=last)]
        for row, (step, loss, val, rate, norm) in enumerate(run):
            values = {
                "s": step,
                "l": f"{loss:.4f}",
                "v": f"{val:.4f}",
                "r": f"{rate:.3e}",
                "g": f"{norm:.3f}",
            }
            values |= {"T": last, "e": f"{10 * step / last:.2f}", "p": 100 * step // last}
            text.append(line.format(**values))
            if evaluation and row % every == every - 1:
                text.append(evaluation.format(**values))
        return "".join(text)

    return write


def _state(run: list[Numbers]) -> str:
    history: list[dict[str, object]] = []
    for step, loss, val, rate, norm in run:
        place = {"step": step, "epoch": step / 10}
        history.append({**place, "loss": loss, "learning_rate": rate, "grad_norm": norm})
        if step % 5 == 0:
            history.append({**place, "eval_loss": val})
    return json.dumps({"log_history": history, "max_steps": run[-1][0], "eval_steps": 5})


def _lists(run: list[Numbers]) -> str:
    return json.dumps({"loss": [row[1] for row in run], "val_loss": [row[2] for row in run]})


def _own(run: list[Numbers]) -> str:
    last = run[-1][0]
    schedule = {"family": "linear", "lr_max": 1e-3, "lr_min": 0.0, "total_steps": last}
    records: list[dict[str, object]] = [
        {"kind": "header", "format": "1.0", "run_id": "r", "vocab_size": 512, "planned_steps": last,
         "schedule": schedule, "grad_clip": 1.0, "layers": ["a", "b"], "residual_layers": ["a", "b"],
         "config": {"training": {"lr_max": 1e-3}}, "num_parameters": 1000, "seed": 1, "eval_every": 5},
        {"kind": "initial", "step": 0, "activation_std": {"a": 1.0, "b": 1.1}},
    ]  # fmt: skip
    for step, train, val, rate, norm in run:
        loss: object = train if math.isfinite(train) else "nan"
        spread = {"a": 1.0, "b": norm if norm == norm else "nan"}
        records.append(
            {"kind": "step", "step": step, "loss": loss, "lr": rate, "grad_norm": spread["b"],
             "time": 1.7e9 + step, "activation_std": spread}
        )  # fmt: skip
        if step % 5 == 0:
            records.append(
                {"kind": "evaluation", "step": step, "val_loss": val, "train_loss": loss,
                 "class_loss": {"regular": val, "irregular": val / 2}}
            )  # fmt: skip
            records.append({"kind": "checkpoint", "step": step, "path": "last.pt", "role": "last"})
    records.append({"kind": "exit", "step": last, "reason": "finished"})
    return "".join(json.dumps(record) + "\n" for record in records)


_HF = "{{'loss': {l}, 'grad_norm': {g}, 'learning_rate': {r}, 'epoch': {e}}}\n"
_HF_EVALUATION = "{{'eval_loss': {v}, 'eval_runtime': 1.0, 'epoch': {e}}}\n"
_HF_BAR = " {p}%|###   | {s}/{T} [00:10<00:20,  1.2it/s]\r"
_BANNER = (
    "***** Running training *****\n  Num examples = 1,000\n  Num Epochs = 10\n"
    "  Total optimization steps = {T}\n"
)
_MEGATRON = (
    " iteration {s:>8}/ {T:>8} | consumed samples: {s} | elapsed time per iteration (ms): 430.0 |"
    " learning rate: {r} | lm loss: {l} | loss scale: 16384.0 | grad norm: {g} |"
    " number of skipped iterations: 0 | number of nan iterations: 0 |\n"
)

_MEGATRON_EVALUATION = " validation loss at iteration {s} | lm loss value: {v} | lm loss PPL: 6.6E+02 |\n"
_MODDED = "step:{s}/{T} train_loss:{l} train_time:18ms step_avg:14.2ms\n"
_NANO = "iter {s}: loss {l}, time 51.4ms, mfu 5.6%\n"
_PICO = "x - INFO - Step {s} -- Training Metrics\n├── Loss: {l}\n└── Learning Rate: {r}\n"
_SAMPLES = "Train Epoch: 1 [{s}/{T} ({p}%)]\tLoss: {l}\n"
_NESTED = '{{"global_step": {s}, "train": {{"loss": {l}, "lr": {r}}}, "total_steps": {T}}}\n'
_FLAT = '{{"step": {s}, "loss": {l}, "lr": {r}, "grad_norm": {g}}}\n'
_TWO_COUNTS = '{{"update": {e}, "num_updates": {s}, "loss": "{l}", "gnorm": "{g}"}}\n'
_BOX = "----------\n| train/ | |\n|    loss | {l} |\n| step | {s} |\n----------\n"

_WRITERS: dict[str, Callable[[list[Numbers]], str]] = {
    "runlog": _own,
    "trainer_state": _state,
    "json lists": _lists,
    "csv": _lines("step,loss,val_loss,lr,grad_norm\n", "{s},{l},{v},{r},{g}\n"),
    "csv in epochs": _lines("epoch;train_loss;val_loss\n", "{s};{l};{v}\n"),
    "csv sparse": _lines("step,loss,val_loss\n", "{s},{l},\n", "{s},,{v}\n"),
    "jsonl": _lines("", _FLAT, '{{"step": {s}, "val_loss": {v}}}\n'),
    "jsonl nested": _lines("", _NESTED),
    "jsonl of two counts": _lines("", _TWO_COUNTS),
    "printed": _lines("starting\n", "step {s}/{T} | loss {l} | lr {r} | grad_norm {g}\n", "val loss: {v}\n"),
    "printed epochs": _lines("", "Epoch [1/2], Step [{s}/{T}], Loss: {l}\n", "Test set: loss: {v}\n"),
    "printed bar": _lines("", "\r {p}%|##  | {s}/{T} [00:01<00:02, 9.0it/s, loss={l}]"),
    "printed samples": _lines("", _SAMPLES, "Test set: Average loss: {v}\n"),
    "printed block": _lines("", "[step={s}/{T}]\n    train/loss={l}\n    optim/lr={r}\n"),
    "printed box": _lines("", _BOX),
    "aligned table": _lines("epoch     train_loss  valid_loss  time\n", "{s}         {l}    {v}    00:10\n"),
    "huggingface": _lines(_BANNER, _HF + _HF_BAR, _HF_EVALUATION),
    "huggingface without bars": _lines("", _HF, _HF_EVALUATION),
    "nanogpt": _lines("max_iters = {T}\n", _NANO, "step {s}: train loss {l}, val loss {v}\n"),
    "llm.c": _lines("", "s:{s} trl:{l} lr:{r} norm:{g}\n", "s:{s} tel:{v}\n"),
    "modded-nanogpt": _lines("import torch\n", _MODDED, "step:{s}/{T} val_loss:{v} train_time:18ms\n"),
    "megatron": _lines("  train_iters ........ {T}\n", _MEGATRON, _MEGATRON_EVALUATION),
    "pico-train": _lines("max_steps: {T}\n", _PICO, "Step {s} -- Evaluation Results\n└── paloma: {v}\n"),
}
