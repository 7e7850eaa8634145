"""What is known of a log beyond its own bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the user says about a log that the log itself does not say, and what lies beside it.

    `names` maps our field to the log's own name (`--map loss=train/loss`). `facts` are header fields
    (vocab_size, planned_steps, grad_clip, schedule, config ...), stronger than what the log says; `beside`
    are header fields found in files beside the log, weaker than what the log says. `split` is the name of the
    folder that says of which split all numbers are ("val"), where the names do not.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
