"""Compiled blocks compute what the others do, and are still measured at their ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from torch._dynamo.utils import counters

from tests.engine.runs import records, run, small

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(
        not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile on cpu needs a C++ compiler"
    ),
    # torch's compiler uses names that torch itself has deprecated, and leaves a pool of processes behind
    pytest.mark.filterwarnings("ignore"),
]


def test_a_compiled_run_has_the_losses_and_the_measured_points_of_one_that_is_not(tmp_path: Path) -> None:
    counters.clear()
    for name in ("compiled", "eager"):
        run(tmp_path / name, small(model={"n_layers": 1}, run={"compile": name == "compiled"}))
    assert counters["stats"]["unique_graphs"] > 0, "nothing was compiled"
    compiled, eager = (records(tmp_path / name, "step") for name in ("compiled", "eager"))
    for name in ("loss", "grad_norm"):
        assert [r[name] for r in compiled] == pytest.approx([r[name] for r in eager], abs=1e-5), name
    for ours, theirs in zip(compiled, eager, strict=True):
        assert ours["activation"] == pytest.approx(theirs["activation"], rel=1e-3)
    assert not any("dead_units" in record or "dead_heads" in record for record in compiled)
    assert compiled[10]["spectral_norm"] == pytest.approx(eager[10]["spectral_norm"], rel=1e-3)
    assert compiled[10]["update_ratio"] == pytest.approx(1, abs=1e-3)
