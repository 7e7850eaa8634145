"""The schedule that arguments of the Hugging Face Trainer declare, in the words of our header.

Its warm-up is t / W. A share for W is kept as `warmup_ratio`, for the run's length may be known only later;
from 5.x on `warmup_steps` below 1 is such a share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flight_recorder.tui.sources.naming.names import number

_POLYNOMIAL_END = 1e-7
"""Where transformers' polynomial schedule ends unless told otherwise."""


def declared_schedule(arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """Family and constants; None where no type is named, or one that has no closed form of ours."""
    named, peak = arguments.get("lr_scheduler_type"), number(arguments.get("learning_rate"))
    if not isinstance(named, str) or peak is None:
        return None
    kind = named.rpartition(".")[2].lower()
    options = arguments.get("lr_scheduler_kwargs")
    form = _form(kind, peak, options if isinstance(options, Mapping) else {}, _warmup(arguments))
    if form is None:
        return None
    total = number(arguments.get("max_steps"))
    return {"lr_max": peak, **form, **({"total_steps": total} if total and total > 0 else {})}


def _form(
    kind: str, peak: float, options: Mapping[str, Any], warmup: dict[str, Any]
) -> dict[str, Any] | None:
    if kind == "constant":
        return {"family": "constant"}
    if kind == "constant_with_warmup":
        return {"family": "constant", **warmup}
    if kind == "linear":
        return {"family": "linear", "lr_min": 0.0, **warmup}
    if kind in ("cosine", "cosine_with_min_lr") and number(options.get("num_cycles", 0.5)) == 0.5:
        share = number(options.get("min_lr_rate"))
        lowest = number(options.get("min_lr")) if share is None else share * peak
        return {"family": "cosine", "lr_min": lowest or 0.0, **warmup}
    if kind == "polynomial" and number(options.get("power", 1)) == 1:
        end = number(options.get("lr_end"))
        return {"family": "linear", "lr_min": _POLYNOMIAL_END if end is None else end, **warmup}
    if kind == "inverse_sqrt" and warmup and "timescale" not in options:
        return {"family": "inverse_sqrt", **warmup}
    return None


def _warmup(arguments: Mapping[str, Any]) -> dict[str, Any]:
    steps, share = number(arguments.get("warmup_steps")), number(arguments.get("warmup_ratio"))
    if steps and steps >= 1:
        return {"warmup_steps": steps, "warmup": "t / W"}
    share = steps or share
    return {"warmup_ratio": share, "warmup": "t / W"} if share else {}
