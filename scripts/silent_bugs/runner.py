"""Programs in processes with a time limit, a few at a time; what came of each is kept beside its log."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from scripts.silent_bugs.case import Case
from scripts.silent_bugs.judging import Judged, Said, judge, same_losses
from scripts.silent_bugs.worker import RESULT, work

OUTCOME = "outcome.json"
_CONTEXT = multiprocessing.get_context("forkserver")
"""A server imports torch once, and each process is a copy of it."""
_CONTEXT.set_forkserver_preload(
    ["torch._dynamo", "scripts.silent_bugs.suite", "flight_recorder.engine.inspector.inspector"]
)


@dataclass(frozen=True)
class Outcome:
    """What came of one program. `error` is the last line of what broke it off."""

    judged: Judged | None
    error: str = ""
    is_same: bool | None = None
    """Whether the losses are bit-equal with and without the Inspector; None where that was not tried."""
    step_s: float | None = None
    watched_step_s: float | None = None
    expected: dict[str, Any] | None = None
    seconds: float = 0.0


def run_all(cases: Iterable[Case], root: Path, jobs: int) -> None:
    """Run these programs anew; a line of progress for each."""
    todo = [case for case in cases if not case.left_out]
    with ThreadPoolExecutor(jobs) as pool:
        tasks = {pool.submit(run, case, root): case for case in todo}
        for number, task in enumerate(as_completed(tasks), 1):
            outcome, case = task.result(), tasks[task]
            told = outcome.error or (outcome.judged.level if outcome.judged else "")
            line = f"{number}/{len(todo)} {case.id} {outcome.seconds:.1f} s {told}"
            print(line, file=sys.stderr, flush=True)


def run(case: Case, root: Path) -> Outcome:
    """Run one program and keep what came of it."""
    started, folder = time.perf_counter(), root / case.id
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    outcome = _run(case, folder.resolve(), lambda: time.perf_counter() - started)
    (folder / OUTCOME).write_text(json.dumps(asdict(outcome)))
    for path in folder.glob("*.pt"):
        path.unlink()
    return outcome


def kept(case: Case, root: Path) -> Outcome | None:
    """What came of it when it was last run; None if it never was."""
    path = root / case.id / OUTCOME
    if not path.exists():
        return None
    fields = json.loads(path.read_text())
    if (judged := fields["judged"]) is not None:
        for name in ("said", "notes"):
            judged[name] = tuple(Said(**{**one, "causes": tuple(one["causes"])}) for one in judged[name])
        lists = {name: tuple(judged[name]) for name in ("causes", "pending")}
        fields["judged"] = Judged(**{**judged, **lists})
    return Outcome(**fields)


def _run(case: Case, folder: Path, elapsed: Callable[[], float]) -> Outcome:
    limit_s = case.program.cut_s or case.program.limit_s
    ranks = [
        _CONTEXT.Process(target=work, args=(case.id, folder, rank)) for rank in range(case.program.ranks)
    ]
    for process in ranks:
        process.start()
    is_late = _is_late(ranks, limit_s)
    error = _error(folder)
    if is_late and case.program.cut_s is None:
        error = f"not done after {limit_s:g} s"
    result = json.loads((folder / RESULT).read_text()) if (folder / RESULT).exists() else {}
    try:
        judged = judge(folder)
    except (OSError, RuntimeError, ValueError) as failure:
        return Outcome(None, error or str(failure), seconds=elapsed())
    is_same = same_losses(result["losses"], result["watched_losses"]) if "losses" in result else None
    facts = {name: result.get(name) for name in ("step_s", "watched_step_s", "expected")}
    return Outcome(judged, error, is_same, **facts, seconds=elapsed())


def _is_late(processes: Sequence[BaseProcess], limit_s: float) -> bool:
    """Wait for all; kill what is left at the limit, or a few seconds after one of them broke off."""
    deadline = time.monotonic() + limit_s
    while any(process.is_alive() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
        if any(process.exitcode for process in processes):
            deadline = min(deadline, time.monotonic() + 5)
    left = [process for process in processes if process.is_alive()]
    for process in left:
        process.kill()
    for process in processes:
        process.join()
    return bool(left)


def _error(folder: Path) -> str:
    errors = [path.read_text().strip().splitlines()[-1] for path in sorted(folder.glob("error-*.txt"))]
    return errors[0] if errors else ""
