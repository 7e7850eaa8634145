"""The schedule that a trainer was asked for, in the words of the header; none where they have no form for it.

Declared is what the arguments or the scheduler say, never what ran: that the monitor reads from the learning
rates themselves. What cannot be known for certain is left out, for a wrong declaration raises an alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import lr_scheduler

from flight_recorder.engine.probes.measured import Fields
from flight_recorder.engine.runlog import schedules


def of_arguments(arguments: Any, optimizer: torch.optim.Optimizer, total_steps: int) -> Fields | None:
    """What TrainingArguments of the Hugging Face Trainer declare; its warm-up is t / W."""
    peak = _peak(arguments, optimizer)
    kind = getattr(arguments.lr_scheduler_type, "value", str(arguments.lr_scheduler_type))
    options = arguments.lr_scheduler_kwargs
    warmup = int(arguments.get_warmup_steps(total_steps))
    if peak is None or not isinstance(options, Mapping | None):
        return None
    rising = {"warmup_steps": warmup, "warmup": "t / W"} if warmup else {}
    if kind == "warmup_stable_decay":
        stable = _stable(options or {}, warmup, total_steps)
        form = stable and stable | rising
    else:
        form = schedules.of_transformers(kind, peak, options or {}, rising)
    if form is None:
        return None
    lowest = peak if form["family"] == "constant" else 0.0
    return {"lr_max": peak, "lr_min": lowest, "warmup_steps": 0, "total_steps": total_steps} | form


def _peak(arguments: Any, optimizer: torch.optim.Optimizer) -> float | None:
    """The highest rate asked for; None where the optimizer that runs was made by other hands.

    Arguments that were never touched say nothing about an optimizer or scheduler that was passed in.
    """
    asked = float(arguments.learning_rate)
    starts = {float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups}
    if starts == {asked}:
        return asked
    untouched = asked == type(arguments).__dataclass_fields__["learning_rate"].default
    return None if untouched or len(starts) > 1 else asked


def _stable(options: Mapping[str, Any], warmup: int, total: int) -> Fields | None:
    """Only with a linear warm-up, and with a linear decay to 0 at the end of the run."""
    cooldown, stable = options.get("num_decay_steps"), options.get("num_stable_steps")
    is_linear = options.get("decay_type") == options.get("warmup_type", "linear") == "linear"
    if cooldown is None or not is_linear or options.get("min_lr_ratio"):
        return None
    if stable is not None and warmup + stable + cooldown != total:
        return None
    return {"family": "wsd", "cooldown_steps": int(cooldown)}


def of_scheduler(scheduler: Any, total_steps: int | None, *, steps_per_call: int = 1) -> Fields | None:
    """What a scheduler of torch does when it is stepped once in so many optimizer steps, from step 0 on.

    Only steps have a form where that is more than one: every other family becomes a staircase.
    """
    if len(set(scheduler.base_lrs)) > 1:
        return None
    form = _form_of(scheduler, float(scheduler.base_lrs[0]), total_steps, steps_per_call)
    return None if form is None else {"lr_min": 0.0, "warmup_steps": 0, "total_steps": total_steps} | form


def _form_of(scheduler: Any, base: float, total: int | None, steps_per_call: int) -> Fields | None:
    if type(scheduler) is lr_scheduler.StepLR and total is not None:
        every = scheduler.step_size * steps_per_call
        return {"family": "step", "lr_max": base, "decay_every": every, "decay_factor": scheduler.gamma}
    if type(scheduler) is lr_scheduler.ConstantLR and scheduler.factor == 1:
        return {"family": "constant", "lr_max": base, "lr_min": base}
    if steps_per_call != 1:
        return None
    if type(scheduler) is lr_scheduler.LinearLR and scheduler.start_factor > scheduler.end_factor:
        ends = {"lr_max": base * scheduler.start_factor, "lr_min": base * scheduler.end_factor}
        return {"family": "linear", "total_steps": scheduler.total_iters} | ends
    if type(scheduler) is lr_scheduler.PolynomialLR and scheduler.power == 1:
        return {"family": "linear", "lr_max": base, "total_steps": scheduler.total_iters}
    if type(scheduler) is lr_scheduler.CosineAnnealingLR and total is not None and total <= scheduler.T_max:
        end = {"lr_min": float(scheduler.eta_min), "total_steps": scheduler.T_max}
        return {"family": "cosine", "lr_max": base} | end  # beyond T_max it would rise again
    return None
