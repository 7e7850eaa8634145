"""Reading a config: strict, with errors that name the line and the nearest right key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from flight_recorder.engine.config import Config
from flight_recorder.engine.config_file import ConfigError, load_config, to_yaml

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.yaml"


def _message(file: Path, text: str, *overrides: str) -> str:
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(file, list(overrides))
    return str(error.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_valid(path: Path) -> None:
    load_config(path)


def test_the_overfit_lab_has_its_own_numbers() -> None:
    training = load_config(CONFIGS / "19-overfit.yaml").training
    assert (training.batch_size, training.T, training.warmup) == (32, 8000, 100)
    assert (training.lr_max, training.lr_min, training.weight_decay) == (3e-3, 3e-4, 0.1)
    assert (training.grad_clip, training.betas, training.eps) == (1.0, (0.9, 0.95), 1e-8)
    assert (training.eval_every, training.ckpt_every, training.early_stopping) == (50, 500, 0)


def test_a_number_that_yaml_takes_for_text_is_a_number(file: Path) -> None:
    assert yaml.safe_load("3e-3") == "3e-3"
    file.write_text("training: {lr_max: 3e-3, T: '400'}")
    training = load_config(file).training
    assert (training.lr_max, training.T) == (3e-3, 400)


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_right_key(file: Path) -> None:
    message = _message(file, "seed: 1\ntraining:\n  batchsize: 3\n")
    assert message == f"{file} line 3: unknown key training.batchsize; did you mean training.batch_size?"


def test_a_key_in_the_wrong_section_is_sent_to_the_right_one(file: Path) -> None:
    assert "did you mean training.weight_decay?" in _message(file, "model:\n  weight_decay: 1\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training:\n  T: -4\n", "line 2: training.T must be greater than or equal to 1, not -4."),
        ("training:\n  batch_size: 0\n", "line 2: training.batch_size must be"),
        ("training:\n  warmup: 50\n  T: 40\n", "line 3: training: T is 40, shorter than its own warmup"),
        ("training:\n  lr_min: 1\n", "line 2: training: lr_min 1 is above lr_max 0.003."),
        ("training: {lr_max: .nan}", "training.lr_max must be a finite number"),
        ("training: {betas: [0.9]}", "training.betas needs more values"),
        ("training: {betas: [0.9, 1.0]}", "both betas must be at least 0 and below 1"),
        ("run:\n  device: tpu\n", "line 2: run.device: 'tpu' is no device"),
        ("model: {n_heads: 5}", "width 64 cannot be divided among 5 heads"),
        ("data: {kind: text}", "the path of a text file is needed"),
        ("fault: bad_int", "did you mean bad_init?"),
        ("fault: 'bad_init:x'", "the strength of bad_init must be a number"),
        ("seed: 1\nseed: 2\n", "line 2: seed is written twice."),
        ("a: [1", "is not YAML: line 1"),
        ("- 1\n", "must hold keys and values"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file: Path, text: str, said: str) -> None:
    message = _message(file, text)
    assert said in message
    assert "\n" not in message


def test_every_problem_is_reported_at_once(file: Path) -> None:
    assert len(_message(file, "training: {T: -1}\nmodle: {}\nseed: x\n").splitlines()) == 3


def test_an_override_wins_over_the_file(file: Path) -> None:
    file.write_text("training: {T: 500}\n")
    config = load_config(file, ["training.T=400", "training.betas=[0.8, 0.9]", "run.name=a b"])
    assert (config.training.T, config.training.betas, config.run.name) == (400, (0.8, 0.9), "a b")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.t=4", "--set training.t=4: unknown key training.t; did you mean training.T?"),
        ("trainin.T=4", "did you mean training?"),
        ("training.T", "write it as section.key=value"),
        ("seed.x=1", "seed has no keys of its own"),
        ("training.T=[", "the value is not YAML"),
    ],
)
def test_a_bad_override_is_named(file: Path, override: str, said: str) -> None:
    assert said in _message(file, "seed: 1\n", override)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no config file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b"\xff\xfe\0"), "is not a text file"),
    ],
    ids=["missing", "folder", "binary"],
)
def test_a_file_that_cannot_be_read_is_said_in_one_sentence(file: Path, make: object, said: str) -> None:
    make(file)  # type: ignore[operator]
    with pytest.raises(ConfigError, match=said):
        load_config(file)


def test_an_empty_file_is_the_reference_run_on_the_overfit_labs_data(file: Path) -> None:
    file.write_text("")
    assert load_config(file) == Config()
    assert load_config(CONFIGS / "healthy.yaml", ["data.train_sentences=4000"]) == Config()


def test_the_resolved_config_loads_to_itself(file: Path) -> None:
    config = load_config(CONFIGS / "no_warmup.yaml", ["data.kind=text", "data.path=some.txt"])
    file.write_text(to_yaml(config))
    assert load_config(file) == config


_BOMB = "a0: &a0 [x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    "text",
    [
        _BOMB, "a: &a {b: *a}", "? [a, b]\n: 1", "training: {? {a: b} : 1}", "seed: " + "9" * 5000,
        "seed: 2021-13-45", "a: " + "[" * 3000 + "]" * 3000, "seed: !!int 'zz'", "seed: !!timestamp 'zz'",
        "- a\n- b", "hello", "1: 2", "null: 2", "seed: 1\n---\nseed: 2", "run: {dir: \"a\\0b\"}",
        "run: {name: \"\\ud800\"}", "training: {T: 99999999999999999999}",
        "model: {width: 99999999999999999999}",
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_yaml_that_is_odd_in_any_way_is_one_sentence_with_the_files_name(file: Path, text: str) -> None:
    message = _message(file, text)
    assert message.startswith(str(file)) and message.endswith(".")
    assert "\n" not in message


def test_bytes_that_are_no_text_are_said(file: Path) -> None:
    for content in ("seed: é".encode("latin-1"), "seed: 1".encode("utf-16")):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="is not a text file in UTF-8"):
            load_config(file)


@pytest.mark.parametrize(
    "override",
    ["x", "=1", ".=1", "training..T=1", "training.T=", "a.b.c=1", "training.lr_max=1e400", "seed=&a [*a]",
     "seed=[[", "seed=2021-13-45", "seed=" + "9" * 5000],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_an_override_that_is_odd_in_any_way_is_one_sentence(file: Path, override: str) -> None:
    assert "\n" not in _message(file, "seed: 0", override)


@pytest.mark.parametrize("fault", ["", ":", "bad_init:nan", "bad_int", "bad_init+"])
def test_a_fault_of_the_command_line_is_named_as_it_was_given(file: Path, fault: str) -> None:
    file.write_text("seed: 0")
    with pytest.raises(ConfigError, match=re.escape(f"--fault {fault}: fault:")):
        load_config(file, fault=fault)
