"""Which of our fields a foreign name means, and which number a foreign text means.

A name that nobody knows keeps its own name, if it is a number: it can still be plotted. A known name is
matched whole, never as a part: "loss" inside "aux_loss" is another loss. Several names of one log may mean
the same field; then the best of them has it, and the others keep their own names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from flight_recorder.engine.runlog.schema import EVALUATION, STEP
from flight_recorder.tui.sources.naming.options import GivenNames
from flight_recorder.tui.sources.naming.words import COARSE as COARSE
from flight_recorder.tui.sources.naming.words import meaning_of
from flight_recorder.tui.sources.text import plain_text

_ALIASES = """
step          step steps current_steps global_step train/global_step trainer/global_step
epoch         epoch epochs train/epoch round rounds ep
loss          loss train_loss train/loss training_loss training/loss loss/train train/train_loss_step
loss          train_loss_step train/loss_step lm_loss trl batch_loss train/batch_loss
val_loss      val_loss eval_loss valid_loss validation_loss dev_loss val/loss eval/loss valid/loss
val_loss      validation/loss loss/val loss/validation loss/eval tel eval/val_loss val/val_loss val_loss_epoch
lr            lr learning_rate train/learning_rate train/lr optim/lr trainer/lr lr/group0 lr_0
lr            lr_adamw lr_adam lr_sgd lr_adamw/pg1 lr_adam/pg1 lr_sgd/pg1 lr/pg0 optim/learning_rate_group0
lr            lr_decoupledadamw/group0 train/optimizer/lr optimizer/lr
grad_norm     grad_norm gradient_norm gradnorm norm gnorm total_norm global_grad_norm grad_norm_total
grad_norm     train/grad_norm train/gradient_norm optim/total_grad_norm
time          time _timestamp timestamp wall_time
tokens        tokens num_tokens_seen total_tokens tokens_seen num_input_tokens_seen
tokens        train/num_input_tokens_seen
tokens_per_s  tokens_per_s tokens_per_sec tokens_per_second tok_per_sec tps train_tokens_per_second
loss_scale    loss_scale
mfu           mfu
step_s        step_s
nonfinite_count  nonfinite_count inf/nan_count
skipped_updates  skipped_updates skipped_steps
"""

_FIELD_OF = {
    alias: name for name, *aliases in map(str.split, _ALIASES.strip().splitlines()) for alias in aliases
}
FIELDS = frozenset(STEP | EVALUATION)
"""Our names, those that another name can be mapped to."""

_TAKEN = frozenset(
    {"kind", *(field.name for field in (STEP | EVALUATION).values() if field.shape == "scalar")}
)
"""First parts of a name that only our own single numbers have."""

EVALUATED = "evaluation/"
"""What our own export puts in front of the fields of an evaluation, in formats with one table for all."""

_LOSSES = frozenset({"loss", "val_loss", "train_loss", "perplexity", "val_perplexity"})

NUMBER = r"[-+]?(?>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
"""A number as programs print it, not-a-number and infinities among them; match ignoring case.

Atomic, and with one way to match it: four hundred digits in a row cost ten seconds otherwise.
"""

_NUMBER = re.compile(NUMBER, re.IGNORECASE)
_WRAPPED = re.compile(
    rf"(?:['\"]?({NUMBER})['\"]?|[\w.]*\(['\"]?({NUMBER})['\"]?(?:, *[^()]*)?\))", re.IGNORECASE
)
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")

MAX_NAME_LENGTH = 200

GIVEN, LISTED = 0, 1
"""Ranks of a name that the user gave for a field, and of a listed one; words rank behind."""


def ranked(name: str, names: Mapping[str, str] | None = None) -> tuple[str, int] | None:
    """Our field that this foreign name means, and its rank: GIVEN, LISTED, or one of what its words say.

    `names` maps ours to theirs. None for a name that means none of our fields.
    """
    for ours, theirs in (names or {}).items():
        if name == theirs:
            return ours, GIVEN
    plain = name.strip().lower().replace(" ", "_").replace("-", "_").replace(".", "/")
    if plain == "_step":  # of W&B: counts its own calls, not the optimizer's steps
        return "step", COARSE
    listed = _FIELD_OF.get(plain)
    if listed:
        return listed, LISTED
    return meaning_of(name.rpartition(" - ")[2])  # W&B's own export: "name of the run - train/loss"


def field_of(name: str, names: Mapping[str, str] | None = None) -> str | None:
    """Our field that this foreign name means, or None."""
    found = ranked(name, names)
    return found[0] if found and found[0] in FIELDS else None


class Naming:
    """The names of one log, its loss and validation loss chosen or given. The best name of another field has
    it, of equals the one that came first.
    """

    def __init__(self, names: Mapping[str, str], loss: str = "", val_loss: str = "") -> None:
        self._names = names
        self._known: dict[str, tuple[str, int] | None] = {}
        if loss:
            self._known[loss] = "loss", LISTED
        if val_loss:
            self._known[val_loss] = "val_loss", LISTED
        self._held: dict[str, tuple[int, str]] = {}

    def ranked(self, name: str) -> tuple[str, int] | None:
        """Our field that this name means, and its rank, losses only where they are chosen or given."""
        if name not in self._known:
            found = ranked(name, self._names)
            is_given = found is not None and found[1] == GIVEN
            self._known[name] = None if found and found[0] in _LOSSES and not is_given else found
            if isinstance(self._names, GivenNames):
                self._names.see(name)
        return self._known[name]

    def has(self, name: str, field: str, rank: int) -> bool:
        """Whether the field is this name's; it is from now on if no better or earlier name has it."""
        held = self._held.get(field)
        if held is None or rank < held[0]:
            self._held[field] = (rank, name)
            return True
        return held[1] == name


def own_name(name: str) -> str:
    """The name under which an unknown metric is kept: harmless, and none that our schema uses otherwise.

    "time/fps" would pose as one item of our `time`, which has none.
    """
    name = plain_text(name).strip()[:MAX_NAME_LENGTH]
    return f"other/{name}" if name in FIELDS or name.partition("/")[0] in _TAKEN else name


def number(value: Any) -> float | int | None:
    """The number that a value or its text stands for, None where it is none; understands nan and inf.

    Reads through what Python's repr puts around numbers (quotes, `np.float64(...)`, `tensor(...)`) and
    through commas between groups of thousands.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, float):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip()
    if len(text) >= 200:
        return float(text) if text.lstrip("+-").isdecimal() and text.isascii() else None
    if match := _WRAPPED.fullmatch(text):
        return _from_text(match[1] or match[2])
    return _from_text(text.replace(",", "")) if _GROUPED.fullmatch(text) else None


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
    """Numbers under our names where they are known and under their own where not; the rest is left out.

    Of several names for one field the best has it, of equals the first.
    """
    numbers = [(name, value) for name, raw in metrics if (value := number(raw)) is not None]
    best: dict[str, tuple[int, int]] = {}
    for at, (name, value) in enumerate(numbers):
        if isinstance(names, GivenNames):
            names.see(name)
        ours, rank = ranked(name, names) or ("", 0)
        is_time = ours != "time" or 1e9 < value < 1e10  # not seconds since the start, nor milliseconds
        if ours in FIELDS and is_time and (ours not in best or rank < best[ours][0]):
            best[ours] = rank, at
    fields = {at: ours for ours, (_, at) in best.items()}
    return {fields.get(at) or own_name(name): value for at, (name, value) in enumerate(numbers)}
