"""What stands behind the last number of a print-out, and what of it is an end."""

from __future__ import annotations

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.huggingface.stdout import HuggingFaceParser
from flight_recorder.tui.sources.tables.scanned import ScannedParser

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "train.py", line 3, in <module>\n'
    "    main()\n"
    "    ~~~~^^\n"
    "RuntimeError: CUDA error: device-side assert triggered\n"
)
STEPS = "".join(f"step {i}: loss {3 - 0.1 * i:.2f} lr 1e-3\n" for i in range(10))
LATER = "step 10: loss 1.90 lr 1e-3\n"


def _exit(text: str, pieces: int = 1) -> Record | None:
    """The exit record at the end of this print-out, fed in so many pieces, settled after each."""
    parser, records = ScannedParser(), []
    data = text.encode()
    size = -(-len(data) // pieces)
    for start in range(0, len(data), size):
        records += parser.feed(data[start : start + size])
        records += parser.settle() if pieces > 1 else []
    records += parser.finish()
    ends = [record for record in records if record["kind"] == "exit"]
    return ends[-1] if ends else None


@pytest.mark.parametrize("pieces", [1, 40])
@pytest.mark.parametrize(
    "tail, reason, message",
    [
        (TRACEBACK, "error", "RuntimeError: CUDA error: device-side assert triggered"),
        (TRACEBACK.replace("\n", "\n[rank1]: ").strip(), "error", None),
        (TRACEBACK + "\nDuring handling of the above exception, another exception occurred:\n\n"
         + TRACEBACK.replace("RuntimeError: CUDA", "my.pkg.ShardError: no"), "error",
         "my.pkg.ShardError: no error: device-side assert triggered"),
        (TRACEBACK + TRACEBACK[:60] + '  File "run"\ntorch.distributed.elastic.ChildFailedError: \n', "error",
         "RuntimeError: CUDA error: device-side assert triggered"),
        ("Killed\n", "error", "Killed"),
        ("run.sh: line 3: 4711 Killed                  python train.py\n", "error", None),
        ("Segmentation fault (core dumped)\n", "error", None),
        ("slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2024-01-01T00:00:00 DUE TO TIME LIMIT ***\n",
         "terminated", None),
        (TRACEBACK.replace("RuntimeError: CUDA error: device-side assert triggered", "KeyboardInterrupt"),
         "interrupted", "KeyboardInterrupt"),
        ("Early stopping after 12 epochs without improvement\n", "early_stopping", None),
    ],
)  # fmt: skip
def test_last_words_are_the_end(tail: str, reason: str, message: str | None, pieces: int) -> None:
    tail = tail if tail.endswith("\n") else tail + "\n"
    found = _exit(STEPS + tail, pieces)
    assert found is not None and found["reason"] == reason
    assert message is None or found["message"] == message


@pytest.mark.parametrize(
    "text",
    [
        STEPS,
        TRACEBACK,
        STEPS + TRACEBACK + LATER,
        STEPS + "Killed\n" + LATER,
        STEPS + "Exception ignored in: <function Pool.__del__>\n" + TRACEBACK,
        STEPS + "--- Logging error ---\n" + TRACEBACK,
        STEPS + "[WARNING] Traceback (most recent call last):\n" + TRACEBACK.split("\n", 1)[1],
        STEPS + "EarlyStopping counter: 3 out of 7\n",
        STEPS + "The process was not killed by anyone\n",
    ],
)
def test_what_is_no_end(text: str) -> None:
    assert _exit(text) is None


def test_an_end_that_was_none_leaves_no_trace() -> None:
    """A log that was looked at between its error and its next step reads as one that was not."""
    from flight_recorder.tui.series.recording import Recording

    looked, whole = Recording(), Recording()
    parser, other = ScannedParser(), ScannedParser()
    looked.extend(parser.feed((STEPS + TRACEBACK).encode()) + parser.settle())
    assert looked.exit is not None
    looked.extend(parser.feed(LATER.encode()) + parser.finish())
    whole.extend(other.feed((STEPS + TRACEBACK + LATER).encode()) + other.finish())
    for recording in (looked, whole):
        assert recording.exit is None and not recording.resumes and recording.last_step == 10


def test_trainer_that_breaks_off_has_crashed_behind_its_last_line() -> None:
    parser = HuggingFaceParser()
    lines = "".join(f"{{'loss': {3 - i / 10}, 'learning_rate': 0.1, 'epoch': {i / 9}}}\n" for i in range(9))
    records = parser.feed((lines + TRACEBACK + "  3%|3 | 9/300 [00:01<00:30]\r").encode()) + parser.finish()
    assert records[-1]["kind"] == "exit" and "device-side" in records[-1]["message"]
