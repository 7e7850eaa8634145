"""What is no log is told apart, at once, with what to do about it."""

from __future__ import annotations

import gzip
import os
import pickle
from pathlib import Path

import pytest

from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.locate.runs import runs_of
from tests.sources.reading import read

BINARY = {
    "zcat FILE": gzip.compress(bytes(range(256))),
    "pickle": pickle.dumps({"loss": [0.5] * 100}),
    "Parquet": b"PAR1" + bytes(100),
    "binary file": b"picture\0\1\2\3" * 40,
    "checkpoint": b"PK\x03\x04" + b"archive" * 40,
}


@pytest.mark.parametrize("words", BINARY)
def test_a_binary_file_is_refused_while_it_is_followed(words: str) -> None:
    with pytest.raises(CannotRead, match=words):
        Recognising("the log").feed(BINARY[words])
    with pytest.raises(CannotRead, match=words):
        read(BINARY[words])


def test_a_log_that_was_emptied_under_its_writer_is_read_behind_the_hole() -> None:
    records = read(bytes(300) + b'\n{"step":1,"loss":2.5}\n')
    assert records[-1] == {"kind": "step", "step": 1, "loss": 2.5}


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (b"1,2.5,0.1\n2,2.4,0.1\n", "without a row of names"),
        (b'{"iter":1,"pressure":2.5}\n', "numbers iter, pressure.*--map loss=THEIR_NAME"),
        (b"town,rain loss height\na,1\nb,2\n", "numbers town, rain loss height.*loss='rain loss height'"),
        (b"1.5\n1.4\n1.3\n", 'a plain list of numbers; put "loss" in a line'),
    ],
)
def test_a_table_without_a_loss_says_what_it_has(log: bytes, sentence: str) -> None:
    with pytest.raises(CannotRead, match=sentence):
        read(log)


def test_a_pipe_and_a_device_are_named_as_what_they_are(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(CannotRead, match="no file that grows"):
            runs_of(str(path))
