"""The bounds as they are in force: those of the checks, with what a file or the user has changed.

A thresholds file is YAML, by check id and leaf:

    Q3.1a:
      passes: [0.01, 5.0]
      always clipping: {above: 5.0, hold: 20}
      dead training: off
    Q3.1c:
      parameters: {least_loss: 0.2}
    signals:
      val.noise: {window: 12}

`parameters` are the constants of a node's measure, `signals` those of a signal; TREE.md lists them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flight_recorder.tui.checks.parameters import Value
from flight_recorder.tui.checks.rule import Check, Leaf
from flight_recorder.tui.checks.signals.signal import SIGNALS
from flight_recorder.tui.checks.verdict import Level

_BOUNDS = ("above", "below", "equals")
_COUNTS = ("hold", "keep")
_SIGNALS, _PARAMETERS = "signals", "parameters"
_SETTINGS = (*_BOUNDS, *_COUNTS, "level")


class ThresholdError(ValueError):
    """A thresholds file names something that does not exist, or gives no number; the message says which."""


class Thresholds:
    """Changes to the shipped bounds. Immutable: a change gives a new one."""

    def __init__(self, changes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.changes: dict[str, dict[str, Any]] = {id: dict(rows) for id, rows in (changes or {}).items()}

    @classmethod
    def load(cls, path: str | Path) -> Thresholds:
        """The changes that a YAML file makes.

        Raises:
            ThresholdError: the file cannot be read, or names a check, leaf or setting that does not exist.
        """
        from flight_recorder.engine.runlog.safe_yaml import YamlError, load_yaml

        try:
            content = load_yaml(Path(path))
        except YamlError as error:
            raise ThresholdError(f"{path} {error}.") from None
        try:
            return cls.checked(content or {})
        except ThresholdError as error:
            raise ThresholdError(f"{path}: {error}") from None

    @classmethod
    def checked(cls, content: Any) -> Thresholds:
        """The changes of a mapping by check id, every name and value of it looked at.

        Raises:
            ThresholdError: see `load`.
        """
        from flight_recorder.tui.checks.tree import every_check

        if not isinstance(content, Mapping):
            raise ThresholdError("expected check ids with their leaves below them")
        checks = {check.id: check for check in every_check()}
        for id, rows in content.items():
            if id == _SIGNALS:
                _validate_signals(rows)
                continue
            check = checks.get(str(id))
            if check is None:
                raise ThresholdError(f"no check is called {id}{_nearest(str(id), checks)}")
            if not isinstance(rows, Mapping):
                raise ThresholdError(f"{id}: expected leaves with their bounds")
            for name, setting in rows.items():
                _validate(check, str(name), setting)
        return cls(
            {str(id): {str(name): value for name, value in rows.items()} for id, rows in content.items()}
        )

    def with_bound(self, check: str, symptom: str, side: str, value: float) -> Thresholds:
        """The same with one bound of one leaf changed; `side` is "above", "below" or "equals"."""
        changes = {id: dict(rows) for id, rows in self.changes.items()}
        rows = changes.setdefault(check, {})
        before = rows.get(symptom)
        rows[symptom] = {**(before if isinstance(before, Mapping) else {}), side: value}
        return Thresholds.checked(changes)

    def applied(self, check: Check) -> Check:
        """The check with the bounds that are in force."""
        rows = self.changes.get(check.id)
        if not rows:
            return check
        leaves = tuple(
            _changed(leaf, rows.get(leaf.symptom, {}))
            for leaf in check.leaves
            if rows.get(leaf.symptom) is not False
        )
        return replace(
            check,
            leaves=leaves,
            passes=tuple(rows.get("passes", check.passes)),
            parameters={**check.parameters, **rows.get(_PARAMETERS, {})},
        )

    @property
    def signals(self) -> Mapping[str, Mapping[str, Value]]:
        """Changed parameters of signals, by name."""
        return self.changes.get(_SIGNALS, {})

    def in_force(self, checks: Iterable[Check]) -> tuple[Check, ...]:
        """The checks that are on, with the bounds that are in force."""
        return tuple(self.applied(check) for check in checks if check.shipped or check.id in self.changes)


def _changed(leaf: Leaf, setting: Mapping[str, Any]) -> Leaf:
    values: dict[str, Any] = dict(setting)
    if "level" in values:
        values["level"] = Level[str(values["level"]).upper()]
    return replace(leaf, **values) if values else leaf


def _validate(check: Check, name: str, setting: Any) -> None:
    if name == "passes":
        if not (
            isinstance(setting, list)
            and len(setting) == 2
            and all(v is None or _is_number(v) for v in setting)
        ):
            raise ThresholdError(f"{check.id}: passes takes two numbers, [low, high], either may be null")
        return
    if name == _PARAMETERS:
        _validate_parameters(check.id, check.parameters, setting)
        return
    symptoms = {leaf.symptom for leaf in check.leaves}
    if name not in symptoms:
        raise ThresholdError(f"{check.id} has no leaf {name!r}{_nearest(name, symptoms)}")
    if setting is False:
        return
    if not isinstance(setting, Mapping):
        raise ThresholdError(f"{check.id}, {name}: expected for example {{above: 5.0, hold: 20}}, or off")
    for key, value in setting.items():
        _validate_setting(f"{check.id}, {name}", str(key), value)


def _validate_signals(rows: Any) -> None:
    if not isinstance(rows, Mapping):
        raise ThresholdError("signals: expected names of signals with their parameters")
    for name, parameters in rows.items():
        declared = SIGNALS.get(str(name))
        if declared is None:
            raise ThresholdError(f"no signal is called {name}{_nearest(str(name), SIGNALS)}")
        _validate_parameters(declared.name, declared.parameters, parameters)


def _validate_parameters(where: str, known: Mapping[str, Value], given: Any) -> None:
    if not isinstance(given, Mapping):
        raise ThresholdError(f"{where}: parameters are names with numbers")
    for name, value in given.items():
        if name not in known:
            hint = _nearest(str(name), known) if known else "; it has none"
            raise ThresholdError(f"{where} has no parameter {name!r}{hint}")
        if not _is_number(value) or (isinstance(known[name], int) and not isinstance(value, int)):
            whole = "a whole number" if isinstance(known[name], int) else "a number"
            raise ThresholdError(f"{where}: {name} takes {whole}, not {value!r}")


def _validate_setting(where: str, key: str, value: Any) -> None:
    if key not in _SETTINGS:
        raise ThresholdError(f"{where}: no setting is called {key!r}{_nearest(key, _SETTINGS)}")
    if key in _BOUNDS and value is not None and not _is_number(value):
        raise ThresholdError(f"{where}: {key} takes a number, not {value!r}")
    if key in _COUNTS and not (isinstance(value, int) and value >= 1):
        raise ThresholdError(f"{where}: {key} takes a whole number of readings from 1, not {value!r}")
    if key == "level" and str(value).upper() not in Level.__members__:
        raise ThresholdError(f"{where}: level is one of {', '.join(str(level) for level in Level)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nearest(name: str, known: Iterable[str]) -> str:
    by_lower = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.0)
    return f"; the nearest is {by_lower[close[0]]}" if close else ""
