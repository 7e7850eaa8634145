"""The schedule that arguments of the Hugging Face Trainer declare, in the words of our header.

Its warm-up is t / W. A share for W is kept as `warmup_ratio`, for the run's length may be known only later;
from 5.x on `warmup_steps` below 1 is such a share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flight_recorder.engine.runlog.schedules import of_transformers
from flight_recorder.tui.sources.naming.names import number


def declared_schedule(arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """Family and constants; None where no type is named, or one that has no closed form of ours."""
    named, peak = arguments.get("lr_scheduler_type"), number(arguments.get("learning_rate"))
    if not isinstance(named, str) or peak is None:
        return None
    kind = named.rpartition(".")[2].lower()
    given = arguments.get("lr_scheduler_kwargs")
    options = {name: number(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    form = of_transformers(kind, peak, options, _warmup(arguments))
    if form is None:
        return None
    total = number(arguments.get("max_steps"))
    return {"lr_max": peak, **form, **({"total_steps": total} if total and total > 0 else {})}


def _warmup(arguments: Mapping[str, Any]) -> dict[str, Any]:
    steps, share = number(arguments.get("warmup_steps")), number(arguments.get("warmup_ratio"))
    if steps and steps >= 1:
        return {"warmup_steps": steps, "warmup": "t / W"}
    share = steps or share
    return {"warmup_ratio": share, "warmup": "t / W"} if share else {}
