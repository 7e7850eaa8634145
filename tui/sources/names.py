"""Which of our fields a foreign name means, and which number a foreign text means.

A name that nobody knows keeps its own name, if it is a number: it can still be plotted. A known name is
matched whole, never as a part: "loss" inside "aux_loss" is another loss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from engine.runlog.schema import EVALUATION, STEP
from tui.sources.text import plain_text

_ALIASES = """
step          step steps current_steps global_step iter iteration train/global_step trainer/global_step _step
epoch         epoch epochs train/epoch
loss          loss train_loss train/loss training_loss training/loss loss/train train/train_loss_step
loss          train_loss_step train/loss_step lm_loss trl batch_loss train/batch_loss
val_loss      val_loss eval_loss valid_loss validation_loss dev_loss test_loss val/loss eval/loss valid/loss
val_loss      validation/loss loss/val loss/validation loss/eval tel eval/val_loss val/val_loss val_loss_epoch
lr            lr learning_rate train/learning_rate train/lr optim/lr trainer/lr lr/group0 lr_0
lr            lr_adamw lr_adam lr_sgd lr_adamw/pg1 lr_adam/pg1 lr_sgd/pg1
grad_norm     grad_norm gradient_norm gradnorm norm total_norm global_grad_norm grad_norm_total
grad_norm     train/grad_norm train/gradient_norm optim/total_grad_norm
time          time _timestamp timestamp wall_time
tokens        tokens num_tokens_seen total_tokens tokens_seen num_input_tokens_seen
tokens        train/num_input_tokens_seen
tokens_per_s  tokens_per_s tokens_per_sec tokens_per_second tok_per_sec tps train_tokens_per_second
loss_scale    loss_scale
mfu           mfu
skipped_updates  skipped_updates skipped_steps
"""

_FIELD_OF = {
    alias: name for name, *aliases in map(str.split, _ALIASES.strip().splitlines()) for alias in aliases
}
_OURS = STEP | EVALUATION

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
"""A number as programs print it, not-a-number and infinities among them; match ignoring case."""

_NUMBER = re.compile(NUMBER, re.IGNORECASE)
_WRAPPED = re.compile(rf"(?:[\w.]*\()?['\"]?({NUMBER})['\"]?(?:, *[^()]*)?\)?", re.IGNORECASE)

MAX_NAME_LENGTH = 200


def field_of(name: str, names: Mapping[str, str] | None = None) -> str | None:
    """Our field that this foreign name means, or None; `names` (ours to theirs) is asked first."""
    for ours, theirs in (names or {}).items():
        if name == theirs:
            return ours
    return _FIELD_OF.get(name.strip().lower().replace(" ", "_").replace("-", "_").replace(".", "/"))


def own_name(name: str) -> str:
    """The name under which an unknown metric is kept: harmless, and none that our schema uses otherwise."""
    name = plain_text(name).strip()[:MAX_NAME_LENGTH]
    return f"other/{name}" if name in _OURS or name == "kind" else name


def number(value: Any) -> float | int | None:
    """The number that a value or its text stands for, None where it is none; understands nan and inf.

    Reads through what Python's repr puts around numbers: quotes, `np.float64(...)`, `tensor(...)`.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, float):
        return value
    match = _WRAPPED.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 200 else None
    return _from_text(match.group(1)) if match else None


def _from_text(text: str) -> float | int:
    value = float(text)
    if math.isfinite(value) and text.lstrip("+-").isdigit() and abs(value) < 2**53:
        return int(text)
    return value


def whole(value: Any) -> int | None:
    """The step that a value stands for: a whole number from 0, None where it is none."""
    found = number(value)
    if found is None or not math.isfinite(found) or found != int(found) or not 0 <= found < 2**53:
        return None
    return int(found)


def renamed(
    metrics: Iterable[tuple[str, Any]], names: Mapping[str, str] | None = None
) -> dict[str, float | int]:
    """Numbers under our names where they are known and under their own where not; the rest is left out."""
    found: dict[str, float | int] = {}
    for name, raw in metrics:
        value = number(raw)
        if value is None:
            continue
        ours = field_of(name, names)
        if ours == "time" and not 1e9 < value < 1e10:  # seconds since the start, or milliseconds
            ours = None
        found.setdefault(ours or own_name(name), value)
    return found
