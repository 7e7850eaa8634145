"""Two runs side by side: what changed, who won and by what, and no praise where none is due."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from datetime import date
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.report.compare.compare import compare, compare_all
from flight_recorder.tui.report.compare.contest import outcome
from tests.checks import fine_tune_log
from tests.report.logs import CONFIG, header, learning_rate, overfit_records, run_of

TODAY = date(2025, 8, 29)


def _section(text: str, title: str) -> str:
    return text[text.index(f"### {title}") :].split("\n### ")[0]


def _simple(losses: list[float], name: str = "run", **changes: Any) -> list[Record]:
    records = [header(name=name, **changes)]
    records += [{"kind": "step", "step": 10 * step, "loss": loss + 0.01} for step, loss in enumerate(losses)]
    return records + [
        {"kind": "evaluation", "step": 10 * step, "val_loss": loss} for step, loss in enumerate(losses)
    ]


def _pico(name: str, first: float, last: float, lr: float) -> Iterator[Record]:
    """A run of the two-run journal: training goes well, the perplexity of the evaluation explodes."""
    yield header(name=name, vocab_size=50304, config={"max_lr": lr}, schedule=None, baseline_loss=None)
    for step in range(0, 9001, 50):
        yield {"kind": "step", "step": step, "loss": 10.98 - 4.4 * step / 9000, "lr": lr, "grad_norm": 1.0}
        if step % 1000 == 0:
            share = step / 9000
            val = (1 - share) * math.log(first) + share * math.log(last)
            yield {"kind": "evaluation", "step": step, "val_loss": val}


def test_the_entry_is_dated_and_has_the_journal_s_four_parts() -> None:
    text = compare(run_of(_simple([3, 2], "a")), run_of(_simple([3, 2.5], "b")), TODAY)
    assert text.startswith("## 2025-08-29 - `a` against `b`\n")
    places = [
        text.index(f"### {part}")
        for part in ("What we did", "The result", "What happened", "What we do next")
    ]
    assert places == sorted(places)


def test_changed_added_and_removed_settings_are_listed() -> None:
    config = copy.deepcopy(CONFIG)
    config["training"]["weight_decay"] = 0.2
    config["training"]["lr_max"] = 1e-3
    config["extra"] = {"key": "new"}
    del config["training"]["eps"]
    did = _section(
        compare(run_of(_simple([3, 2], "a")), run_of(_simple([3, 2.5], "b", config=config)), TODAY),
        "What we did",
    )
    assert "- changed `training.weight_decay`: `0.1` → `0.2` (2 x)" in did
    assert "- changed `training.lr_max`: `0.003` → `0.001` (−67 %)" in did
    assert "- added `extra.key`: `new`" in did
    assert "- removed `training.eps` (was `1e-08`)" in did
    assert "batch_size" not in did


def test_the_lower_best_validation_loss_wins_and_the_measure_is_named() -> None:
    result = outcome(run_of(_simple([3, 2.2, 2.6], "a")), run_of(_simple([3, 2.4, 2.3], "b")))
    assert result.winner == "a"
    assert "by its best validation loss" in result.words
    assert "2.200 at step 10 against 2.300 at step 20" in result.words
    assert "the other way round (2.600 against 2.300)" in result.words
    assert outcome(run_of(_simple([3, 2.4], "a")), run_of(_simple([3, 2.2], "b"))).winner == "b"


def test_a_difference_within_the_noise_of_a_bottom_is_a_tie() -> None:
    assert outcome(run_of(_simple([3, 2.00])), run_of(_simple([3, 2.015]))).winner == "tie"
    assert outcome(run_of(_simple([3, 2.00])), run_of(_simple([3, 2.03]))).winner == "a"


def test_two_runs_worse_than_uniform_win_nothing() -> None:
    a = run_of(_pico("v1", 2.55e19, 4.98e30, 3e-4))
    b = run_of(_pico("v2", 5.07e18, 2.39e21, 1e-4))
    assert outcome(a, b).winner == "neither"
    text = compare(a, b, TODAY)
    assert "Both are worse than a uniform guess: 44.69 and 43.07 nats" in text
    assert "10.83 nats" in text
    assert " won," not in text
    assert "Check the evaluation before anything else" in _section(text, "What we do next")


def test_they_win_nothing_when_the_vocabulary_is_unknown_either() -> None:
    runs = [
        run_of(record | {"vocab_size": None} if record["kind"] == "header" else record for record in records)
        for records in (_pico("v1", 2.55e19, 4.98e30, 3e-4), _pico("v2", 5.07e18, 2.39e21, 1e-4))
    ]
    assert outcome(*runs).winner == "neither"


def test_a_run_better_than_uniform_beats_one_that_is_not() -> None:
    result = outcome(run_of(_simple([7.0, 6.9], "bad")), run_of(_simple([7.0, 6.0], "good")))
    assert result.winner == "b"
    assert "`bad` is worse than a uniform guess (6.238 nats)" in result.words


def test_different_vocabularies_are_not_compared() -> None:
    result = outcome(run_of(_simple([3, 2])), run_of(_simple([3, 1], vocab_size=50304)))
    assert result.winner == "unknown"
    assert "do not compare" in result.words


def test_without_validation_nobody_has_won() -> None:
    blind: list[Record] = [
        header(name="blind"),
        *({"kind": "step", "step": s, "loss": 2.0} for s in range(9)),
    ]
    result = outcome(run_of(blind), run_of(_simple([3, 2])))
    assert result.winner == "unknown"
    assert "`blind` logged no finite validation loss" in result.words


def test_a_declared_schedule_that_did_not_run_is_named() -> None:
    fine_tune = run_of(fine_tune_log.records(), path="train.out", format="huggingface")
    did = _section(compare(fine_tune, run_of(overfit_records(500)), TODAY), "What we did")
    assert "Declared, but without visible effect" in did
    assert "declares the schedule constant" in did
    assert "observed is linear" in did


def test_a_changed_rate_that_the_log_does_not_show_is_named() -> None:
    config = copy.deepcopy(CONFIG)
    config["training"]["lr_max"] = 1e-3
    rates: list[Record] = [
        {"kind": "step", "step": s, "loss": 3 - s / 100, "lr": learning_rate(s)} for s in range(50)
    ]
    others = [rate | {"loss": rate["loss"] + 0.1} for rate in rates]
    did = _section(
        compare(run_of([header(), *rates]), run_of([header(config=config), *others]), TODAY), "What we did"
    )
    assert "the logged learning rates are the same" in did
    assert "Every logged training loss" not in did


def test_the_winner_s_next_step_is_its_best_checkpoint() -> None:
    text = compare(run_of(overfit_records(2000)), run_of(_simple([6, 5.5], "weak")), TODAY)
    assert "`19-overfit`: go on from the checkpoint of step 600" in _section(text, "What we do next")


def test_runs_of_one_name_are_told_apart_by_their_paths() -> None:
    text = compare(run_of(_simple([3, 2]), path="one/log"), run_of(_simple([3, 1]), path="two/log"), TODAY)
    assert "`one/log` against `two/log`" in text


def test_two_empty_logs_can_be_compared() -> None:
    assert "### The result" in compare(run_of([]), run_of([]), TODAY)


def _without_config(name: str, peak: float, **changes: Any) -> list[Record]:
    """A foreign log: losses and rates, and no word of its configuration."""
    steps: list[Record] = [
        {"kind": "step", "step": step, "loss": 3 - step / 100, "lr": peak * (1 - step / 100)}
        for step in range(100)
    ]
    return [{"kind": "header", "format": "1.0", "name": name, "source": "huggingface", **changes}, *steps]


def test_rates_that_only_the_logs_show_are_compared() -> None:
    text = compare(run_of(_without_config("good", 0.002)), run_of(_without_config("bad", 2.0)), TODAY)
    assert "| **peak learning rate** | 0.00200 | 2.00 |" in _section(text, "What we did")
    happened = _section(text, "What happened")
    assert "The logs differ in peak learning rate" in happened
    assert "final learning rate" in happened
    assert "are the same" not in text


def test_the_same_configuration_at_another_rate_is_not_called_the_same() -> None:
    runs = [run_of([header(name=f"{p}"), *_without_config("", p)[1:]]) for p in (0.002, 2.0)]
    text = compare(runs[0], runs[1], TODAY)
    assert "The configurations are the same, and yet the logs differ in peak learning rate" in text
    assert "left to seed" not in text


def test_what_one_log_lacks_is_unknown_and_no_difference() -> None:
    runs = run_of(_without_config("a", 0.002, grad_clip=1.0)), run_of(_without_config("b", 0.002))
    text = compare(*runs, TODAY)
    assert "| gradient clip | 1.0 | unknown |" in text
    assert "In what both logs show nothing differs" in text
    assert "configurations are the same" not in text


def test_names_places_and_times_are_no_change_of_a_setting() -> None:
    first = {"output_dir": "a", "run": {"name": "x"}, "args": {"run_name": "n", "learning_rate": 1e-3}}
    second = {"output_dir": "b", "run": {"name": "y"}, "args": {"run_name": "m", "learning_rate": 1e-4}}
    text = compare(run_of(_simple([3, 2], "a", config=first)), run_of(_simple([3, 1], "b", config=second)))
    assert "- changed `args.learning_rate`: `0.001` → `0.0001` (−90 %)" in text
    assert text.count("- changed ") == 1
    assert "One setting was changed" in text


def test_more_runs_are_compared_with_the_first() -> None:
    configs = [{"lr": 1, "wd": 0}, {"lr": 2, "wd": 0}, {"lr": 1, "wd": 0, "new": "x"}]
    runs = [
        run_of(_simple([3, 2 - at / 2], name, config=config))
        for at, (name, config) in enumerate(zip("abc", configs, strict=True))
    ]
    text = compare_all(runs, TODAY)
    assert text.startswith("## 2025-08-29 - 3 runs against `a`\n")
    assert "| `lr` | `1` | `2` | `1` |" in text
    assert "| `new` | not set | not set | `x` |" in text
    assert "`wd`" not in text
    assert "- `c`: **`c` won, by its best validation loss**" in text
    assert "| best val loss | 2.000 at step 10 | 1.500 at step 10 | 1.000 at step 10 |" in text
