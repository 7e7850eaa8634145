"""`--map` with a name that the log lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.commands import app
from flight_recorder.tui.sources.naming.options import GivenNames
from tests.sources.reading import LOGS, RECORDED, of_kind, read

CSV = RECORDED / "metrics.csv"


@pytest.mark.parametrize("command", ["check", "show", "report", "export --to csv", "compare"])
def test_a_name_that_the_log_lacks_is_told_with_those_it_has(command: str, tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_bytes(CSV.read_bytes())
    logs = [str(log)] * (1 + (command == "compare"))
    result = CliRunner().invoke(app, [*command.split(), *logs, "--map", "loss=tran_loss"])
    assert result.exit_code == 2
    assert "--map loss=tran_loss: nothing in the log is called that; did you mean train_loss" in result.output
    assert list(tmp_path.iterdir()) == [log]


def test_two_logs_need_a_name_only_once() -> None:
    result = CliRunner().invoke(app, ["compare", str(CSV), str(LOGS / "llm_c.log"), "--map", "lr=train_loss"])
    assert result.exit_code == 0, result.output


def test_a_format_without_names_says_so() -> None:
    names = GivenNames({"loss": "mine"})
    read((LOGS / "runlog.jsonl").read_bytes(), names=names)
    assert names.unmet().endswith("its format has no names that could be mapped.")


def test_a_name_is_met_wherever_it_comes() -> None:
    names = GivenNames({"grad_norm": "g"})
    read(b'{"step":1,"loss":2.5}\n', names=names)
    assert names.unmet() == "--map grad_norm=g: nothing in the log is called that; it has step, loss."
    read(b'{"step":1,"loss":2.5}\n{"step":2,"g":0.5}\n', names=names)
    assert not names.unmet()


def test_a_hostile_name_is_shown_as_text() -> None:
    names = GivenNames({"loss": "\x1b[2Jone\ntwo" + "x" * 5000})
    assert names.unmet().isprintable()
    assert len(names.unmet()) < 300


HF = b"""{'loss': 2.5, 'grad_norm': 1.5, 'kl': 0.25, 'learning_rate': 0.1, 'epoch': 1.0}
{'eval_loss': 2.6, 'eval_wer': 30.5, 'epoch': 1.0}
"""


@pytest.mark.parametrize("is_state", [False, True])
def test_what_the_trainer_logs_can_be_given_for_ours(is_state: bool) -> None:
    rows = ",".join(f'{{"step":10,{row[1:]}'.replace("'", '"') for row in HF.decode().splitlines())
    log = f'{{"log_history": [{rows}]}}\n'.encode() if is_state else HF
    names = GivenNames({"loss": "kl", "val_loss": "eval_wer"})
    records = read(log, names=names)
    (step,), (evaluation,) = of_kind(records, "step"), of_kind(records, "evaluation")
    assert (step["loss"], step["grad_norm"], step["other/loss"]) == (0.25, 1.5, 2.5)
    assert (evaluation["val_loss"], evaluation["eval_loss"]) == (30.5, 2.6)
    assert not names.unmet()
