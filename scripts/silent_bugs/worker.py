"""One program in a process of its own: run without the Inspector, then with it, and what both came to."""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

RESULT = "result.json"
MOST_ALONE = 40
"""Steps of a broken program without the Inspector: there they are run for their time alone."""

WARM_UP = 5
"""First steps, in which allocators and compilers get ready, do not count in the time of a step."""


def work(case_id: str, folder: Path, rank: int) -> None:
    """Run a program into the folder, where the result of rank 0 will lie, and an error of any rank."""
    sys.stdout = sys.stderr = (folder / f"output-{rank}.txt").open("w")
    warnings.simplefilter("ignore")
    try:
        result = _both(case_id, folder, rank)
    except BaseException:
        (folder / f"error-{rank}.txt").write_text(traceback.format_exc())
        raise
    if rank == 0:
        (folder / RESULT).write_text(json.dumps(result))


def _both(case_id: str, folder: Path, rank: int) -> dict[str, Any]:
    import torch

    from scripts.silent_bugs.suite import everything

    torch.set_num_threads(1)
    case = everything()[case_id]
    if case.program.ranks > 1:
        _join(folder, rank, case.program.ranks)
    result: dict[str, Any] = {}
    if case.program.cut_s is None:
        alone = case.program(folder, rank)
        alone.run(watch=False, most=MOST_ALONE if case.is_bug else None)
        result |= {"losses": alone.losses, "step_s": _middle(alone.seconds)}
    watched = case.program(folder, rank)
    watched.run(watch=True)
    result |= {"watched_losses": watched.losses, "watched_step_s": _middle(watched.seconds)}
    if hasattr(watched, "expected"):
        result["expected"] = watched.expected()
    return result


def _join(folder: Path, rank: int, ranks: int) -> None:
    import torch.distributed as dist

    os.environ.update(RANK=str(rank), WORLD_SIZE=str(ranks), LOCAL_RANK=str(rank))
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks)


def _middle(seconds: list[float]) -> float:
    ordered = sorted(seconds[WARM_UP:])
    return ordered[len(ordered) // 2]
