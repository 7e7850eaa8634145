"""Facts of a run that its log does not state, read from a file that the user names or that lies beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.safe_yaml import YamlError, load_yaml
from flight_recorder.engine.runlog.schema import HEADER
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.huggingface.training_arguments import declared_schedule
from flight_recorder.tui.sources.text import plain_text
from flight_recorder.tui.sources.timeline import is_sound

_OTHER_NAMES = {
    "max_steps": "planned_steps",
    "max_iters": "planned_steps",
    "total_steps": "planned_steps",
    "num_train_steps": "planned_steps",
    "max_grad_norm": "grad_clip",
    "clip_grad": "grad_clip",
    "gradient_clip_val": "grad_clip",
    "gradient_accumulation_steps": "accumulation",
    "padded_vocab_size": "vocab_size",
    "eval_steps": "eval_every",
    "eval_interval": "eval_every",
    "save_steps": "ckpt_every",
    "logging_steps": "logging_steps",
}
"""Names that other programs give to facts of our header."""

MAX_DEPTH = 20
"""Sections in sections of a config that are looked at."""

_OBJECTS = frozenset({"schedule", "optimizer"})
"""Facts that a config may call by a mere name, which is not what the header means by them."""


def facts_from_file(path: Path) -> dict[str, Any]:
    """Header fields found in a YAML or JSON file, nested sections included; the whole file as `config`.

    Raises:
        CannotRead: the file is missing, is not YAML or JSON, or holds no mapping.
    """
    content = _parsed(path)
    if not isinstance(content, dict):
        raise CannotRead(
            f"{plain_text(str(path))} holds no names with values; give the run's config as YAML or JSON."
        )
    return {"config": content, **facts_of(content)}


def facts_of(config: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Header fields among the keys of a config, the outer ones before those of its sections."""
    facts: dict[str, Any] = {}
    for value in config.values():
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            facts |= facts_of(value, depth + 1)
    for name, value in config.items():
        ours = _OTHER_NAMES.get(name, name)
        if value is None or (ours in _OBJECTS and not isinstance(value, Mapping)):
            continue
        if (ours in HEADER or ours == "logging_steps") and ours != "config" and is_sound(ours, value):
            facts[ours] = value
    if (schedule := declared_schedule(config)) is not None:
        facts |= {"schedule": schedule, "lr_lag": 1}
    return facts


def _parsed(path: Path) -> Any:
    try:
        if path.suffix == ".json":
            return json.loads(path.read_text(encoding="utf-8-sig"))
        return load_yaml(path)
    except YamlError as error:
        raise CannotRead(f"{plain_text(str(path))} {error}.") from None
    except OSError as error:
        raise CannotRead(f"{plain_text(str(path))} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise CannotRead(f"{plain_text(str(path))} is not JSON: {error}.") from None
