"""The follower against everything that happens to a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_recorder.engine.runlog.codec import encode
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.follow.tail import RELOCATE_INTERVAL_S, Follower
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions
from tests.follow.files import Clock, append, drain, numbers, records, step, steps
from tests.sources.reading import LOGS, RECORDED, TEXT_LOGS, comparable, cut


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "inspector.log.jsonl"


def _follow(log: Path) -> Follower:
    return Follower(log, clock=Clock())


def test_a_file_that_is_not_there_yet_is_waited_for(log: Path) -> None:
    follower = _follow(log)
    assert follower.poll() is None
    assert follower.pulse is Pulse.WAITING
    log.touch()
    assert follower.poll() is None
    log.write_bytes(step(0))
    assert numbers(drain(follower)) == [0]


def test_a_folder_that_comes_later_is_followed_as_its_newest_log(tmp_path: Path) -> None:
    run = tmp_path / "run"
    follower = _follow(run)
    assert follower.poll() is None
    run.mkdir()
    assert follower.poll() is None
    (run / "inspector.log.jsonl").write_bytes(step(3))
    assert numbers(drain(follower)) == [3]


def test_half_a_line_is_no_record_until_its_other_half_comes(log: Path) -> None:
    follower = _follow(log)
    line = step(7)
    log.write_bytes(step(6) + line[:10])
    assert numbers(drain(follower)) == [6]
    append(log, line[10:])
    assert numbers(drain(follower)) == [7]


def test_growth_gives_every_record_once(log: Path) -> None:
    follower = _follow(log)
    seen = []
    for number in range(50):
        append(log, step(number))
        seen += numbers(drain(follower))
    assert seen == list(range(50))


def test_a_batch_holds_at_most_as_many_records_as_asked_for(log: Path) -> None:
    log.write_bytes(steps(range(1000)))
    batches = drain(_follow(log), limit_records=64)
    assert max(len(batch.records) for batch in batches) == 64
    assert numbers(batches) == list(range(1000))


def test_reading_stops_when_its_time_is_over_and_goes_on_at_the_next_poll(log: Path) -> None:
    clock = Clock()
    log.write_bytes(steps(range(30_000)))
    follower = Follower(log, clock=clock)
    first = follower.poll(limit_records=10**9, limit_s=0.0)
    assert first is not None
    assert 0 < len(first.records) < 30_000
    assert not follower.is_caught_up
    rest = drain(follower, limit_records=10**9)
    assert len(first.records) + len(numbers(rest)) == 30_000
    assert follower.is_caught_up


def test_truncation_voids_what_was_known(log: Path) -> None:
    follower = _follow(log)
    log.write_bytes(steps(range(9)))
    drain(follower)
    os.truncate(log, 0)
    (emptied,) = drain(follower)
    assert emptied.restarted
    assert emptied.pulse is Pulse.WAITING
    append(log, step(0))
    (anew,) = drain(follower)
    assert numbers([anew]) == [0]
    assert not anew.restarted


@pytest.mark.parametrize("same_beginning", [False, True])
def test_a_file_truncated_and_grown_past_the_old_offset_is_another_file(
    log: Path, same_beginning: bool
) -> None:
    follower = _follow(log)
    beginning = b"".join(step(number, batch=number) for number in range(20))
    log.write_bytes(beginning + steps(range(20, 40)))
    drain(follower)
    log.write_bytes((beginning if same_beginning else b"") + steps(range(100, 180)))
    batches = drain(follower)
    assert batches[0].restarted
    assert numbers(batches)[-1] == 179


def test_a_replaced_file_is_read_from_its_beginning(log: Path, tmp_path: Path) -> None:
    follower = _follow(log)
    log.write_bytes(steps(range(5)))
    drain(follower)
    other = tmp_path / "other"
    other.write_bytes(steps(range(5)) + step(99))
    other.replace(log)
    batches = drain(follower)
    assert batches[0].restarted
    assert numbers(batches) == [*range(5), 99]


def test_a_rotated_file_is_followed_under_its_old_name(log: Path) -> None:
    follower = _follow(log)
    log.write_bytes(steps(range(5)))
    drain(follower)
    log.rename(log.with_suffix(".1"))
    assert follower.poll() is None
    log.write_bytes(step(5))
    batches = drain(follower)
    assert batches[0].restarted
    assert numbers(batches) == [5]


def test_deletion_keeps_what_was_read_and_a_new_file_begins_anew(log: Path) -> None:
    follower = _follow(log)
    log.write_bytes(steps(range(5)))
    drain(follower)
    log.unlink()
    assert follower.poll() is None
    log.write_bytes(steps(range(2)))
    assert numbers(drain(follower)) == [0, 1]


def test_nul_bytes_at_the_end_are_not_yet_written(log: Path) -> None:
    follower = _follow(log)
    log.write_bytes(step(0) + b"\0" * 5000)
    (batch,) = drain(follower)
    assert numbers([batch]) == [0]
    assert not batch.damaged
    with log.open("r+b") as file:
        file.seek(len(step(0)))
        file.write(steps(range(1, 4)))
    os.utime(log, ns=(1, 1))
    assert numbers(drain(follower)) == [1, 2, 3]


def test_a_line_of_twenty_megabytes_is_one_record(log: Path) -> None:
    log.write_bytes(step(0) + encode({"kind": "step", "step": 1, "note": "x" * 20_000_000}) + step(2))
    batches = drain(_follow(log), limit_s=60.0)
    assert numbers(batches) == [0, 1, 2]
    assert not any(batch.damaged for batch in batches)


def test_a_line_without_end_is_damage_and_eats_no_memory(log: Path) -> None:
    log.write_bytes(step(0) + b"x" * 70_000_000 + b"\n" + step(1))
    follower = _follow(log)
    batches = drain(follower, limit_s=600.0)
    assert numbers(batches) == [0, 1]
    (damage,) = [damage for batch in batches for damage in batch.damaged]
    assert damage.offset == len(step(0))
    assert damage.num_bytes == 70_000_001


def test_damage_is_told_once_with_its_place(log: Path) -> None:
    log.write_bytes(step(0) + b"{broken\n" + step(1))
    follower = _follow(log)
    (batch,) = drain(follower)
    assert [(damage.offset, damage.num_bytes) for damage in batch.damaged] == [(len(step(0)), 8)]
    append(log, step(2))
    (later,) = drain(follower)
    assert not later.damaged


def test_the_offset_of_a_batch_is_that_of_its_last_whole_line(log: Path) -> None:
    log.write_bytes(step(0) + b'{"kind"')
    (batch,) = drain(_follow(log))
    assert (batch.next_offset, batch.size_bytes) == (len(step(0)), len(step(0)) + 7)


def test_what_is_no_log_is_refused_once_it_is_long_enough(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flight_recorder.tui.sources.locate.recognise.HEAD_LIMIT", 100)
    log.write_bytes(b"no record here\n" * 20)
    with pytest.raises(CannotRead, match="not a training log"):
        _follow(log).poll()


def test_a_log_behind_a_long_preamble_is_waited_for(log: Path) -> None:
    follower = _follow(log)
    log.write_bytes(b"loading the model ...\n" * 1000)
    assert follower.poll() is None
    append(log, b"".join(b"s:%d trl:2.0 lr:0.1 norm:1.0\n" % step for step in (1, 2, 3)))
    assert numbers(drain(follower)) == [1, 2, 3]


def test_a_file_that_may_not_be_read_is_a_sentence(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write_bytes(step(0))

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(CannotRead, match="may not be read"):
        _follow(log).poll()


def test_a_disk_that_goes_away_is_read_on_when_it_is_back(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = _follow(log)
    log.write_bytes(steps(range(3)))
    drain(follower)
    append(log, step(3))
    with monkeypatch.context() as away:

        def stale(*_: object) -> bytes:
            raise OSError(116, "Stale file handle")

        away.setattr("os.pread", stale)
        follower.poll()
    batches = drain(follower)
    assert numbers(batches)[-1] == 3
    assert follower.is_caught_up


def test_a_whole_document_is_read_again_when_it_changes(tmp_path: Path) -> None:
    state = tmp_path / "trainer_state.json"
    follower = _follow(state)
    line = '{"loss": 2.0, "step": %d}'
    state.write_text('{"log_history": [\n' + line % 10 + "]}\n")
    assert numbers(drain(follower)) == [10]
    state.write_text('{"log_history": [\n' + line % 10 + ",")
    assert follower.poll() is None  # half written: what is known stays
    append(state, (line % 20 + "]}\n").encode())
    (batch,) = drain(follower)
    assert batch.restarted
    assert numbers([batch]) == [10, 20]


def test_the_state_in_a_newer_checkpoint_takes_over(tmp_path: Path) -> None:
    clock = Clock()
    follower = Follower(tmp_path, clock=clock)
    for number in (90, 100):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(
            f'{{"log_history": [\n{{"loss": 2.0, "step": {number}}}]}}\n'
        )
        clock.now += 2 * RELOCATE_INTERVAL_S
        assert numbers(drain(follower)) == [number]


def test_csv_that_is_written_anew_with_one_more_column_is_read_anew(tmp_path: Path) -> None:
    table = tmp_path / "metrics.csv"
    follower = _follow(table)
    table.write_text("step,train_loss\n1,2.0\n")
    drain(follower)
    table.write_text("late,step,train_loss\n,1,2.0\n5.0,2,1.9\n")
    batches = drain(follower)
    assert batches[0].restarted
    assert records(batches)[-1]["late"] == 5.0


def test_facts_beside_a_trainers_output_are_used_and_weaker_than_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"vocab_size": 64, "model_type": "gpt2"}')
    (tmp_path / "checkpoint-12").mkdir()
    (tmp_path / "checkpoint-12" / "trainer_state.json").write_text(
        '{"logging_steps": 2, "max_steps": 99, "log_history": [{"loss": 3.8992}, {"loss": 3.9097}]}'
    )
    output = tmp_path / "train.out"
    output.write_bytes((RECORDED / "huggingface.5.x.out").read_bytes())
    header = [record for record in records(drain(_follow(output))) if record["kind"] == "header"][-1]
    assert (header["vocab_size"], header["planned_steps"], header["logging_steps"]) == (64, 24, 2)


def test_facts_from_the_user_are_stronger_than_the_log(tmp_path: Path) -> None:
    follower = Follower(LOGS / "runlog.jsonl", SourceOptions(facts={"vocab_size": 7}), clock=Clock())
    assert records(drain(follower))[0]["vocab_size"] == 7


def test_a_binary_log_that_ends_in_nul_is_followed_to_its_last_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_recorder.tui.sources.formats.wandb_run._package", lambda: lambda data: None)
    log = tmp_path / "run.wandb"
    log.write_bytes((RECORDED / "offline.wandb").read_bytes())
    assert log.read_bytes().endswith(b"\0")
    follower = _follow(log)
    batches = drain(follower)
    assert batches[-1].next_offset == log.stat().st_size


@pytest.mark.parametrize("path", TEXT_LOGS, ids=lambda path: path.name)
@given(places=st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=5, deadline=None)
def test_following_a_log_as_it_grows_gives_what_reading_it_at_once_gives(
    path: Path, places: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    growing = tmp_path_factory.mktemp("growing") / "log"
    clock = Clock()
    follower = Follower(growing, clock=clock)
    batches = []
    for piece in cut(path.read_bytes(), places):
        append(growing, piece)
        batches += drain(follower)
    clock.now += 60  # long enough for what was held back
    batches += drain(follower)
    expected = [record for batch in read_all(path) for record in batch.records]
    assert comparable(records(batches)) == comparable(expected)
