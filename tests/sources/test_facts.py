"""Facts from files that others wrote: given ones are refused in a sentence, found ones passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.commands import app
from flight_recorder.tui.sources.facts import facts_of
from flight_recorder.tui.sources.huggingface.beside import facts_beside

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
BAD = {
    "aliases": BOMB,
    "itself": "a: &a {b: *a}\n",
    "key": "? [a, b]\n: 1\n",
    "digits": "seed: " + "1" * 5000 + "\n",
    "date": "seed: 2021-13-45\n",
    "deep": "[" * 3000,
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "train.out"
    path.write_text("".join(f"{{'loss': 2.0, 'learning_rate': 0.1, 'epoch': {n}.0}}\n" for n in range(1, 9)))
    return path


@pytest.mark.parametrize("option", ["--config", "--thresholds"])
@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_bad_file_that_is_given_is_refused_in_a_sentence(log: Path, option: str, text: str) -> None:
    given = log.with_name("given.yaml")
    given.write_text(text)
    result = CliRunner().invoke(app, ["check", str(log), option, str(given)])

    assert result.exit_code == 2
    assert result.stderr.startswith(f"tui: {given} is no")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_bad_file_that_lies_beside_a_log_is_passed_over(log: Path, text: str) -> None:
    log.with_name("training_args.yaml").write_text(text)

    assert facts_beside(log) == {}
    assert CliRunner().invoke(app, ["check", str(log)]).exit_code == 0


@pytest.mark.parametrize("count", [10**400, -1, 0.5, float("inf"), True, "many"])
def test_a_count_that_is_none_is_no_fact(count: object) -> None:
    assert facts_of({"max_steps": count, "eval_steps": 5}) == {"eval_every": 5}


def test_sections_without_end_are_looked_at_so_far() -> None:
    config: dict[str, object] = {"max_steps": 5}
    for _ in range(5000):
        config = {"section": config}

    assert facts_of(config) == {}
