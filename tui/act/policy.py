"""What a guard does, and when: a YAML file, every key of it looked at.

rules:
  - when: black            # a level and worse, a cause (nan), or a check (D1.1)
    do: stop               # stop, signal or exec
  - when: D3.1
    do: exec
    command: ./page-somebody.sh
grace: 60                  # seconds from SIGTERM to SIGKILL
cooldown: 600              # seconds between two acts
at_most: 3                 # acts in all
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from flight_recorder.engine.runlog.safe_yaml import YamlError, load_yaml
from flight_recorder.engine.runlog.shipped import CONFIGS, NothingOfThatName, shipped_or_own
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.run import Run


class PolicyError(ValueError):
    """A policy cannot be read or asks for what there is not; the message is a sentence."""


class Rule(BaseModel):
    """One condition and what to do then."""

    model_config = ConfigDict(extra="forbid")
    when: str
    do: Literal["stop", "signal", "exec"]
    signal: str = "SIGUSR1"
    command: str = ""

    @field_validator("when")
    @classmethod
    def _exists(cls, when: str) -> str:
        known = [str(level) for level in Level if level > Level.GREEN]
        known += [check.id for check in every_check()] + sorted(
            {cause for check in every_check() for leaf in check.leaves for cause in leaf.causes}
        )
        if when not in known:
            near = difflib.get_close_matches(when, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{when!r} is no level, no cause and no check{hint}")
        return when

    @field_validator("signal")
    @classmethod
    def _is_signal(cls, name: str) -> str:
        if name not in signal.Signals.__members__:
            raise ValueError(f"{name!r} is no signal, such as SIGUSR1")
        return name

    @model_validator(mode="after")
    def _has_command(self) -> Self:
        if self.do == "exec" and not self.command:
            raise ValueError("exec needs a command")
        return self

    def evidence(self, run: Run) -> str:
        """Why this rule acts on the run as it is; empty where it does not."""
        firing = [verdict for verdict in run.judge.verdicts if verdict.state is State.FIRING]
        if self.when.upper() in Level.__members__:
            least = Level[self.when.upper()]
            firing = [verdict for verdict in firing if verdict.level >= least]
        elif not any(verdict.check == self.when for verdict in firing):
            first = next(iter(run.judge.causes), None)
            checks = first[1] if first and first[0] == self.when else ()
            firing = [each for each in firing if each.check in checks and each.level >= Level.ORANGE]
        else:
            firing = [verdict for verdict in firing if verdict.check == self.when]
        worst = max(firing, key=lambda verdict: verdict.level, default=None)
        return f"{worst.check} {worst.symptom}: {worst.evidence}" if worst else ""


class Policy(BaseModel):
    """Rules in order, and their limits."""

    model_config = ConfigDict(extra="forbid")
    rules: list[Rule] = Field(min_length=1)
    grace: float = Field(default=60.0, ge=0)
    cooldown: float = Field(default=600.0, ge=0)
    at_most: int = Field(default=3, ge=1)


def load_policy(path: Path) -> Policy:
    """The policy of a file, or a shipped one by its name: careful, thrifty.

    Raises:
        PolicyError: there is none, or it says what cannot be done.
    """
    try:
        path = shipped_or_own(path, CONFIGS / "guards")
        content = load_yaml(path)
    except NothingOfThatName as error:
        raise PolicyError(f"--guard: {error}") from None
    except YamlError as error:
        raise PolicyError(f"{path} {error}.") from None
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        raise PolicyError(f"{path}: {_sentence(error)}.") from None


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, with its place."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{place} is no setting{_nearest(str(first['loc'][-1]), first['loc'])}"
    return f"{place}: {str(first['msg']).removeprefix('Value error, ')}"


def _nearest(name: str, place: Iterable[Any]) -> str:
    known = list(Rule.model_fields if "rules" in place else Policy.model_fields)
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
