"""What a log says of its run as a whole: the constants from which bounds are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from flight_recorder.engine.runlog.schema import is_number
from flight_recorder.tui.checks.signals.run_kind import RunKind, run_kind

_LARGEST = 2.0**53
"""No constant of a run is as large: whole numbers from here on are not exact any more."""


class Facts:
    """The header and the record of the start, read by meaning; None wherever the log is silent."""

    def __init__(
        self,
        header: Mapping[str, Any],
        initial: Mapping[str, Any] | None = None,
        kind: RunKind | None = None,
    ) -> None:
        self.header = header
        self.kind = kind or run_kind(header, ())
        self.initial: Mapping[str, Any] = initial or {}

    def number(self, name: str) -> float | None:
        """A finite number of the header, or None."""
        return _finite(self.header.get(name))

    @property
    def ln_vocab(self) -> float | None:
        """Loss of a uniform guess in nats, ln V."""
        vocab_size = self.number("vocab_size")
        return math.log(vocab_size) if vocab_size and vocab_size > 1 else None

    @property
    def scratch_ln_vocab(self) -> float | None:
        """ln V for a run from scratch; None for a fine-tune, which starts wherever its parent ended."""
        return self.ln_vocab if self.header.get("origin", "scratch") == "scratch" else None

    @property
    def grad_clip(self) -> float | None:
        """Largest gradient norm let through; None when nothing is clipped or the log does not say."""
        clip = self.number("grad_clip")
        return clip if clip and clip > 0 else None

    @property
    def baseline_loss(self) -> float | None:
        """Validation loss of the n-gram baseline, nats per token."""
        return self.number("baseline_loss")

    @property
    def schedule(self) -> Mapping[str, Any]:
        """The declared schedule: family and constants; empty when undeclared."""
        declared = self.header.get("schedule")
        return declared if isinstance(declared, Mapping) else {}

    def schedule_number(self, *names: str) -> float | None:
        """The first of these constants that the declared schedule has."""
        for name in names:
            value = _finite(self.schedule.get(name))
            if value is not None:
                return value
        return None

    @property
    def lr_max(self) -> float | None:
        """Declared peak of the learning rate."""
        return self.schedule_number("lr_max", "lr", "learning_rate")

    @property
    def warmup_steps(self) -> float | None:
        """Declared length of the warm-up; a share of the run is rounded up to whole steps."""
        steps, share = self.schedule_number("warmup", "warmup_steps"), self.schedule_number("warmup_ratio")
        total = self.schedule_number("total_steps", "T") or self.number("planned_steps")
        return float(math.ceil(share * total)) if steps is None and share and total else steps

    @property
    def declares_drops(self) -> bool:
        """Whether sudden drops of the rate are part of the declared schedule.

        Those of a step decay are; a short cooldown of WSD has them, and an inverse square root that begins at
        step 1, 29 % there.
        """
        family = self.schedule.get("family")
        if family == "wsd":
            return (self.schedule_number("cooldown_steps", "cooldown") or 0) < 10
        return family == "step" or (family == "inverse_sqrt" and (self.warmup_steps or 0) < 3)

    @property
    def weight_decay(self) -> float | None:
        """Declared weight decay of the optimizer."""
        optimizer = self.header.get("optimizer")
        decay = optimizer.get("weight_decay") if isinstance(optimizer, Mapping) else None
        return float(decay) if is_number(decay) else None

    @property
    def has_every_digit(self) -> bool:
        """Whether numbers are recorded to their last digit, so that 0 is 0.

        Our own recorder writes them so; what another program printed may be cut, unless its source declares
        `every_digit`.
        """
        return bool(self.header.get("every_digit", "source" not in self.header))

    @property
    def declares_schedule(self) -> bool:
        """Whether the header names the family of its schedule."""
        return isinstance(self.schedule.get("family"), str)

    @property
    def betas(self) -> tuple[float, float] | None:
        """AdamW's decay rates of its two moments."""
        optimizer = self.header.get("optimizer")
        betas = optimizer.get("betas") if isinstance(optimizer, Mapping) else None
        if isinstance(betas, list | tuple) and len(betas) == 2:
            first, second = _finite(betas[0]), _finite(betas[1])
            if first is not None and second is not None:
                return first, second
        return None


def _finite(value: Any) -> float | None:
    return float(value) if is_number(value) and abs(value) < _LARGEST else None
