"""A YAML file and the command line's --set to a checked Config, with errors that point at the line."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from flight_recorder.engine.config import Config
from flight_recorder.engine.faults.registry import UnknownFault, parse_fault
from flight_recorder.engine.runlog.safe_yaml import MAX_BYTES, YamlError, composed, constructed, load_yaml

Keys = tuple[str, ...]


class ConfigError(ValueError):
    """The config cannot be used; the message says what is wrong, where, and what would be right."""


def load_config(path: Path, overrides: list[str] | None = None, fault: str | None = None) -> Config:
    """The checked config of a file, with `section.key=value` overrides and a fault on top; only reads.

    Raises:
        ConfigError: no such file, no YAML, an unknown key, a value out of bounds.
    """
    root = _parsed(path)
    values = _plain(root, path) if root is not None else {}
    lines = {keys: f"{path} line {line}" for keys, line in _lines(root).items()}
    for override in overrides or []:
        keys = _override(values, override)
        lines[keys] = f"--set {override}"
    if fault is not None:
        values["fault"], lines[("fault",)] = fault, f"--fault {fault}"
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems = [_problem(dict(e), lines, path) for e in error.errors()]
        raise ConfigError("\n".join(problems)) from None
    try:
        parse_fault(config.fault)
    except UnknownFault as error:
        raise ConfigError(f"{lines.get(('fault',), path)}: fault: {error}") from None
    return config


def to_yaml(config: Config) -> str:
    """The config with every key written out; loading it gives the same config."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _parsed(path: Path) -> yaml.Node | None:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"there is no config file {path}.") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; name the config file in it.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text file in UTF-8; a config is YAML.") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from None
    try:
        root = composed(text)
    except YamlError as error:
        raise ConfigError(f"{path} {error}.") from None
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path} must hold keys and values, such as `seed: 0`.")
    return root


def _plain(root: yaml.Node, path: Path) -> dict[str, Any]:
    """The values of the file; a key written twice is an error, since only one of them could count."""
    _refuse_repeated_keys(root, path)
    try:
        values: dict[str, Any] = constructed(root)
    except YamlError as error:
        raise ConfigError(f"{path} {error}.") from None
    return values


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{path} line {key.start_mark.line + 1}: a key must be a single word.")
        if key.value in seen:
            raise ConfigError(f"{path} line {key.start_mark.line + 1}: {key.value} is written twice.")
        seen.add(key.value)
        _refuse_repeated_keys(value, path)


def _lines(node: yaml.Node | None, above: Keys = ()) -> dict[Keys, int]:
    """Line of every key, counted from 1."""
    lines: dict[Keys, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*above, str(key.value))] = key.start_mark.line + 1
            lines |= _lines(value, (*above, str(key.value)))
    return lines


def _override(values: dict[str, Any], override: str) -> Keys:
    """Put one KEY=VALUE into the nested values; return the key as a path."""
    name, equals, text = override.partition("=")
    if not equals or not all(name.split(".")):
        raise ConfigError(f"--set {override}: write it as section.key=value, such as training.T=400.")
    *sections, key = keys = tuple(name.split("."))
    for section in sections:
        if values.get(section) is None:
            values[section] = {}
        if not isinstance(values[section], dict):
            raise ConfigError(f"--set {override}: {section} has no keys of its own.")
        values = values[section]
    try:
        values[key] = load_yaml(text)
    except YamlError as error:
        raise ConfigError(f"--set {override}: the value {error}.") from None
    return keys


def _problem(error: dict[str, Any], lines: dict[Keys, str], path: Path) -> str:
    """One sentence: where, which key, what is wrong, what would be right."""
    keys = tuple(str(part) for part in error["loc"] if not isinstance(part, int))
    where = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), str(path))
    name = ".".join(keys) or "the config"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key {name}; {_nearest(keys)}"
    if (
        error["type"] == "value_error"
    ):  # a sentence of our own; its first word may be the key that it is about
        reason = str(error["ctx"]["error"])
        return f"{lines.get((*keys, reason.split()[0]), where)}: {name}: {reason}"
    if error["type"] == "missing":
        return f"{where}: {name} needs more values than {error['input']!r}."
    demand = str(error["msg"]).replace("Input should be", "must be").replace("Input should have", "must have")
    given = "" if isinstance(error["input"], dict) else f", not {error['input']!r}"
    return f"{where}: {name} {demand[0].lower()}{demand[1:]}{given}."


def _nearest(keys: Keys) -> str:
    """The known key that looks most like this one, in its own section or anywhere."""
    known = _known_keys(Config)
    here = [k for k in known if k[:-1] == keys[:-1]]
    by_name = {k[-1]: k for k in known} | {k[-1]: k for k in here}
    for candidates in ({k[-1] for k in here}, set(by_name)):
        near = difflib.get_close_matches(keys[-1], candidates, n=1, cutoff=0.6)
        near += [name for name in candidates if name.lower() == keys[-1].lower()]
        if near:
            return f"did you mean {'.'.join(by_name[near[-1]])}?"
    return f"known here: {', '.join(sorted(k[-1] for k in here))}."


def _known_keys(model: type[BaseModel], above: Keys = ()) -> list[Keys]:
    keys: list[Keys] = []
    for name, field in model.model_fields.items():
        keys.append((*above, name))
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _known_keys(field.annotation, (*above, name))
    return keys
