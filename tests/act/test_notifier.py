"""Each change of a run is told once, whoever watches and however often the watcher dies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.tui.act.journal import journal_of
from flight_recorder.tui.act.notifier import EVERY_S, Notifier, Receivers
from flight_recorder.tui.act.receivers import NoSuchReceiver, NotTaken, receiver
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.run import Run


class Sink:
    """A receiver that can be away."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.is_away = False

    def __call__(self, message: dict[str, Any]) -> None:
        if self.is_away:
            raise NotTaken("away")
        self.messages.append(message)

    @property
    def keys(self) -> list[str]:
        return [event["key"] for message in self.messages for event in message["events"]]


class Clock:
    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        self.now += 2.0  # each look is a new one
        return self.now


def notifier(log: Path, *sinks: Sink, clock: Clock | None = None) -> Notifier:
    receivers = Receivers({f"sink {index}": sink for index, sink in enumerate(sinks)})
    return Notifier(receivers, log, Level.ORANGE, clock or Clock(), retry_s=0.01)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A run that becomes not-a-number at step 150, and dies of it at step 200."""
    path = tmp_path / "train.jsonl"
    rows = [{"step": step, "loss": 3 - step / 100} for step in range(150)]
    rows += [{"step": step, "loss": float("nan")} for step in range(150, 200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run_to(log: Path, num_lines: int) -> Run:
    part = log.with_suffix(f".{num_lines}")
    part.write_text("".join(log.read_text().splitlines(keepends=True)[:num_lines]))
    run = Run(str(log))
    run.extend_by_all(read_all(str(part)))
    return run


def test_a_run_in_order_is_not_told(log: Path) -> None:
    sink = Sink()
    calls = notifier(log, sink)
    calls.look(run_to(log, 100))
    assert calls.close(5) == 0
    assert sink.messages == []


def test_a_violation_is_told_once_however_often_one_looks(log: Path) -> None:
    sink = Sink()
    calls = notifier(log, sink)
    for num_lines in (160, 170, 180, 180):
        calls.look(run_to(log, num_lines))
    assert calls.close(5) == 0
    assert len(sink.messages) == 1
    assert sink.messages[0]["level"] == "black"
    assert "150" in sink.messages[0]["title"]
    assert "⣀" in sink.messages[0]["body"] or "⠀" in sink.messages[0]["body"], "the panel is drawn"


def test_a_watcher_that_comes_later_tells_nothing_again(log: Path) -> None:
    first, second = Sink(), Sink()
    calls = notifier(log, first)
    calls.look(run_to(log, 160))
    calls.close(5)
    calls = notifier(log, second)
    calls.look(run_to(log, 180))
    calls.close(5)
    assert len(first.messages) == 1
    assert second.messages == []


def test_of_two_watchers_one_tells_and_the_other_takes_over(log: Path) -> None:
    first, second = Sink(), Sink()
    one, other = notifier(log, first), notifier(log, second)
    for calls in (one, other):
        calls.look(run_to(log, 160))
    assert one.close(5) == 0
    other.look(run_to(log, 170))
    assert other.close(5) == 0
    assert len(first.messages) == 1
    assert second.messages == []


def test_what_nobody_took_is_sent_by_the_next_watcher_under_the_same_name(log: Path) -> None:
    away, back = Sink(), Sink()
    away.is_away = True
    calls = notifier(log, away)
    calls.look(run_to(log, 160))
    assert calls.close(0.05) == 1
    written = [json.loads(line) for line in journal_of(log).path.read_text().splitlines()]
    assert [entry["state"] for entry in written] == ["to send"]
    calls._sender._journal.close()  # type: ignore[union-attr]  # as the end of its process does
    calls = notifier(log, back)
    calls.look(run_to(log, 170))
    assert calls.close(5) == 0
    assert [message["id"] for message in back.messages] == [written[0]["message"]["id"]]


def test_a_receiver_that_is_away_for_a_while_misses_nothing_and_keeps_no_other_waiting(log: Path) -> None:
    away, there = Sink(), Sink()
    away.is_away = True
    calls = notifier(log, away, there)
    calls.look(run_to(log, 160))
    assert calls.close(0.2) == 1
    assert len(there.messages) == 1
    away.is_away = False
    assert calls.close(5) == 0
    assert away.keys == there.keys


def test_a_level_is_told_once_in_ten_minutes_and_the_rest_together(tmp_path: Path) -> None:
    from flight_recorder.tui.act.message import Event, Kind

    clock = Clock()
    calls = notifier(tmp_path / "log", Sink(), clock=clock)
    orange = [Event("a", Kind.ROSE, Level.ORANGE, 1, "a")]
    red = [Event("b", Kind.ROSE, Level.RED, 1, "b")]
    assert calls._may_tell(orange)
    calls._last_told[Level.ORANGE] = clock.now
    assert not calls._may_tell(orange)
    assert calls._may_tell(red), "worse is told at once"
    clock.now += EVERY_S
    assert calls._may_tell(orange)


def test_a_torn_line_of_the_journal_costs_that_line(log: Path) -> None:
    sink = Sink()
    calls = notifier(log, sink)
    calls.look(run_to(log, 160))
    calls.close(5)
    path = journal_of(log).path
    with path.open("a") as file:
        file.write('{"state": "to se')
    again = notifier(log, sink)
    again.look(run_to(log, 170))
    again.close(5)
    assert len(sink.messages) == 1


@pytest.mark.parametrize("url", ["", "nothing", "env:NO_SUCH_VARIABLE", "file:/no/such/file"])
def test_what_is_no_receiver_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(NoSuchReceiver):
        receiver(url)


def test_a_command_gets_the_message_on_its_standard_input(log: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.json"
    send = receiver(f'exec:cat > {taken}; test -n "$TUI_TITLE"')
    send({"id": "1", "level": "red", "run": "r", "path": "p", "title": "RED r"})
    assert json.loads(taken.read_text())["level"] == "red"
    with pytest.raises(NotTaken):
        receiver("exec:false")({"id": "1", "level": "red", "run": "r", "path": "p", "title": "t"})
