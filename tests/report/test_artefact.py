"""Files are whole or not there, and land where they were asked for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from flight_recorder.tui.report.artefact import write_artefact
from flight_recorder.tui.report.compare.journal import append_to_journal


def test_a_written_artefact_replaces_the_one_before_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "dashboard.html"
    write_artefact(path, "old")
    write_artefact(path, "new ü")
    assert path.read_text(encoding="utf-8") == "new ü"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "dashboard.html").symlink_to(outside)
    write_artefact(folder / "dashboard.html", "page")
    assert outside.read_text() == "precious"
    assert not (folder / "dashboard.html").is_symlink()


def test_a_failed_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gap-analysis.md"
    write_artefact(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flight_recorder.engine.runlog.atomic_file.os.fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_artefact(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "dashboard.html"
    with pytest.raises(OSError, match="No such file") as caught:
        write_artefact(path, "page")
    assert caught.value.filename == str(path)


def test_journal_entries_follow_each_other_with_a_blank_line(tmp_path: Path) -> None:
    journal = tmp_path / "JOURNAL.md"
    journal.write_text("# Training log")
    append_to_journal("## one\n", journal)
    append_to_journal("## two\n", journal)
    assert journal.read_text() == "# Training log\n\n## one\n\n## two\n"


def test_entries_appended_at_once_are_all_there_and_whole(tmp_path: Path) -> None:
    journal = tmp_path / "JOURNAL.md"
    entries = [f"## {index} " + "x" * 5000 + "\n" for index in range(20)]
    threads = [threading.Thread(target=append_to_journal, args=(entry, journal)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = journal.read_text().rstrip("\n").split("\n\n")
    assert sorted(found) == sorted(entry.rstrip("\n") for entry in entries)


def test_a_journal_that_is_a_link_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target.md"
    target.write_text("precious")
    (tmp_path / "JOURNAL.md").symlink_to(target)
    with pytest.raises(OSError, match="is a link"):
        append_to_journal("## one\n", tmp_path / "JOURNAL.md")
    assert target.read_text() == "precious"


def test_an_entry_the_disk_has_no_room_for_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "JOURNAL.md"
    journal.write_text("before\n")
    whole = os.write
    monkeypatch.setattr(
        "flight_recorder.tui.report.compare.journal.os.write",
        lambda descriptor, data: whole(descriptor, data[:5]),
    )
    with pytest.raises(OSError, match="No space left"):
        append_to_journal("## a long entry\n", journal)
    assert journal.read_text() == "before\n"
