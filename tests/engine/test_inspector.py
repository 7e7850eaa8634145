from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from flight_recorder.engine.inspector.inspector import Cadence, Inspector
from flight_recorder.engine.runlog.codec import decode
from flight_recorder.engine.runlog.schema import KINDS, LOG_NAME
from tests.engine.probes.models import TinyGPT, batch, loss_of

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]


def read(folder: Path) -> list[dict[str, Any]]:
    return [decode(line) for line in (folder / LOG_NAME).read_bytes().splitlines()]


def of_kind(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [record for record in read(folder) if record["kind"] == kind]


def train(
    folder: Path | None, steps: int = 5, *, clip: float = 1.0, passes_norm: bool = True, **arguments: Any
) -> list[float]:
    """Somebody's own loop. Without a folder it is bare."""
    model = TinyGPT(dropout=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    inspector = Inspector(model, optimizer, log=folder, **arguments) if folder else None
    losses = []
    for step in range(steps):
        loss = loss_of(model, step)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        if inspector:
            inspector.step(loss=loss, grad_norm=norm if passes_norm else None, batch=batch(step)[0])
        losses.append(loss.item())
    if inspector:
        inspector.close()
    return losses


def test_the_inspector_changes_no_bit_of_training(tmp_path: Path) -> None:
    assert train(None, 50) == train(tmp_path, 50)


def test_a_foreign_loop_becomes_a_whole_log(tmp_path: Path) -> None:
    losses = train(tmp_path, config={"lr": 1e-2}, planned_steps=5, grad_clip=1.0, vocab_size=11)
    assert [record["kind"] for record in read(tmp_path)] == ["header", "initial"] + 5 * ["step"] + ["exit"]
    header, steps = read(tmp_path)[0], of_kind(tmp_path, "step")
    assert [record["step"] for record in steps] == list(range(5))
    assert [record["loss"] for record in steps] == losses
    assert header["config"] == {"lr": 1e-2} and header["vocab_size"] == 11
    assert (header["num_units"], header["num_heads"]) == (64, 4)
    assert header["optimizer"]["name"] == "AdamW"


def test_the_listing_in_the_readme_runs_as_it_stands_and_the_monitor_reads_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own loop")
    listing = section.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    net = TinyGPT()

    class Model(nn.Module):
        def forward(self, step: int) -> torch.Tensor:
            return loss_of(net, step)

    model = Model()
    model.net = net
    optimizer = torch.optim.AdamW(model.parameters())
    exec(listing, {"torch": torch, "model": model, "optimizer": optimizer, "loader": range(6)})
    command = [sys.executable, "-m", "tui", "check", "run", "--json"]
    checked = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    report = json.loads(checked.stdout)
    assert (report["source"]["steps"], report["source"]["damaged_lines"]) == (6, 0)
    assert report["source"]["pulse"].startswith("finished")


def test_every_key_is_in_the_schema(tmp_path: Path) -> None:
    train(tmp_path)
    for record in read(tmp_path):
        assert set(record) - {"kind"} <= set(KINDS[record["kind"]])


def test_a_cadence_that_is_asked_for_is_kept_and_the_default_one_may_be_stretched(tmp_path: Path) -> None:
    train(tmp_path / "asked", 40, cadence=Cadence(activation=2))
    train(tmp_path / "default", 40)
    asked = [r["step"] for r in of_kind(tmp_path / "asked", "step") if "activation" in r]
    default = [r["step"] for r in of_kind(tmp_path / "default", "step") if "activation" in r]
    assert asked == list(range(0, 40, 2))
    assert 0 in default and len(default) < 40  # on a model this small the record alone costs over 5 %


def test_the_learning_rate_is_the_one_of_the_update_though_the_scheduler_has_stepped(tmp_path: Path) -> None:
    train(tmp_path)
    rates = [record["lr"] for record in of_kind(tmp_path, "step")]
    assert rates == pytest.approx([1e-2 / (1 + step) for step in range(5)])


def test_the_activations_at_init_are_those_of_the_first_step(tmp_path: Path) -> None:
    train(tmp_path)
    (initial,) = of_kind(tmp_path, "initial")
    first = of_kind(tmp_path, "step")[0]
    assert initial["activation"] == first["activation"]
    assert len(initial["activation_rms"]) == 4 and "activation_rms" not in first
    assert {row["role"] for row in initial["weights"]} == {"embedding", "linear", "bias", "norm"}
    assert initial["parameter_groups"][0]["num_tensors"] == len(initial["weights"])


def test_a_norm_that_the_loop_passes_is_the_one_before_clipping(tmp_path: Path) -> None:
    train(tmp_path, clip=1e-3)
    assert all(record["grad_norm"] > 0.1 for record in of_kind(tmp_path, "step"))
    assert read(tmp_path)[0]["grad_norm_is"] == "before clipping"


def test_a_norm_that_was_clipped_unseen_is_absent(tmp_path: Path) -> None:
    train(tmp_path, clip=1e-3, passes_norm=False, grad_clip=1e-3)
    assert all("grad_norm" not in record for record in of_kind(tmp_path, "step"))


def test_a_norm_below_the_clip_value_is_seen_at_the_update(tmp_path: Path) -> None:
    train(tmp_path / "a", clip=100.0)
    train(tmp_path / "b", clip=100.0, passes_norm=False, grad_clip=100.0)
    passed, seen = ([r["grad_norm"] for r in of_kind(tmp_path / name, "step")] for name in ("a", "b"))
    assert passed == pytest.approx(seen, rel=1e-4)


def test_without_a_known_clip_value_the_header_says_where_the_norm_was_taken(tmp_path: Path) -> None:
    train(tmp_path, passes_norm=False)
    assert read(tmp_path)[0]["grad_norm_is"] == "at the update"
    assert all("grad_norm" in record for record in of_kind(tmp_path, "step"))


def test_the_optimizer_is_followed_under_clipping(tmp_path: Path) -> None:
    train(tmp_path, clip=0.1)
    last = of_kind(tmp_path, "step")[3]
    assert last["v_sum"] == pytest.approx(last["v_expected"], rel=1e-3)
    assert last["update_ratio"] == pytest.approx(1.0, abs=1e-3)


def test_a_skipped_update_is_counted_and_has_no_norm(tmp_path: Path) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        for step in range(3):
            loss = loss_of(model, step)
            loss.backward()
            if step != 1:
                optimizer.step()
            optimizer.zero_grad()
            inspector.step(loss=loss)
    steps = of_kind(tmp_path, "step")
    assert [record.get("skipped_updates") for record in steps] == [None, 1, 1]
    assert ["grad_norm" in record for record in steps] == [True, False, True]


def test_a_step_with_a_closure_is_measured(tmp_path: Path) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    with Inspector(model, optimizer, log=tmp_path, cadence=Cadence()) as inspector:
        for _ in range(2):
            inspector.step(loss=optimizer.step(closure))
    assert all(len(r["activation"]) == 4 and r["grad_norm"] > 0 for r in of_kind(tmp_path, "step"))


def test_evaluations_and_checkpoints_stand_behind_the_steps_before_them(tmp_path: Path) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        inspector.evaluation(val_loss=2.5)
        loss_of(model).backward()
        optimizer.step()
        inspector.step(loss=2.0)
        inspector.evaluation(val_loss=torch.tensor(2.25), train_loss=2.125)
        inspector.checkpoint("best.pt", role="best", val_loss=2.25)
    tail = read(tmp_path)[1:]
    assert [(r["kind"], r["step"]) for r in tail] == [
        ("evaluation", 0), ("initial", 0), ("step", 0), ("evaluation", 1), ("checkpoint", 1), ("exit", 1),
    ]  # fmt: skip
    assert tail[3]["train_loss"] == 2.125


def test_an_evaluation_does_not_overtake_steps_that_wait_for_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "flight_recorder.engine.inspector.inspector_log.device_of", lambda model: torch.device("meta")
    )
    model = TinyGPT()
    with Inspector(model, torch.optim.AdamW(model.parameters()), log=tmp_path) as inspector:
        for _ in range(3):
            inspector.step(loss=2.0)
        waiting = [record["kind"] for record in read(tmp_path)]
        inspector.evaluation(val_loss=2.5)
    assert waiting == ["header"]
    kinds = [record["kind"] for record in read(tmp_path)]
    assert kinds == ["header", "initial", "step", "step", "step", "evaluation", "exit"]


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (ValueError("bad batch"), "error", "ValueError: bad batch"),
        (KeyboardInterrupt(), "interrupted", None),
        (SystemExit(3), "terminated", None),
    ],
)
def test_the_exit_record_says_how_the_loop_ended(
    tmp_path: Path, error: BaseException, reason: str, message: str | None
) -> None:
    model = TinyGPT()
    with pytest.raises(type(error)), Inspector(model, torch.optim.AdamW(model.parameters()), log=tmp_path):
        raise error
    (end,) = of_kind(tmp_path, "exit")
    assert (end["reason"], end.get("message")) == (reason, message)


LOOP = """
import sys, torch
from flight_recorder.engine.inspector.inspector import Inspector
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inspector = Inspector(model, optimizer, log=sys.argv[1])
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
inspector.step(loss=1.0)
"""


@pytest.mark.parametrize(
    ("last", "reason", "message"),
    [
        ("raise ValueError('bad batch')", "error", "ValueError: bad batch"),
        ("raise KeyboardInterrupt", "interrupted", None),
        ("", "terminated", "the process ended before the log was closed"),
        ("import os\nif not os.fork(): sys.exit()\nos.wait()\ninspector.close()", "finished", None),
    ],
    ids=["exception", "interrupt", "forgotten", "fork"],
)
def test_a_process_that_ends_without_closing_says_why_in_the_log(
    tmp_path: Path, last: str, reason: str, message: str | None
) -> None:
    subprocess.run([sys.executable, "-c", LOOP + last, str(tmp_path)], capture_output=True)
    assert [record["kind"] for record in read(tmp_path)] == ["header", "initial", "step", "exit"]
    (end,) = of_kind(tmp_path, "exit")
    assert (end["reason"], end.get("message")) == (reason, message)


def test_a_loss_that_is_not_finite_is_written_as_such(tmp_path: Path) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        loss = loss_of(model) * math.nan
        loss.backward()
        optimizer.step()
        inspector.step(loss=loss)
    (step,) = of_kind(tmp_path, "step")
    assert math.isnan(step["loss"]) and math.isnan(step["grad_norm"])
    assert step["nonfinite_site"] == "gradients"


def test_a_log_is_never_overwritten(tmp_path: Path) -> None:
    train(tmp_path)
    before = (tmp_path / LOG_NAME).read_bytes()
    model = TinyGPT()
    with pytest.raises(FileExistsError, match="resume=True"):
        Inspector(model, torch.optim.AdamW(model.parameters()), log=tmp_path)
    assert (tmp_path / LOG_NAME).read_bytes() == before
    assert not any(module._forward_hooks for module in model.modules())


def test_a_resumed_log_goes_on(tmp_path: Path) -> None:
    train(tmp_path)
    train(tmp_path, 2, resume=True, first_step=3)
    assert [record["kind"] for record in read(tmp_path)[-5:]] == ["exit", "resume", "step", "step", "exit"]
    assert [record["step"] for record in read(tmp_path)[-4:]] == [3, 3, 4, 5]


@pytest.mark.parametrize("where", ["header", "step", "evaluation"])
def test_a_field_that_the_log_does_not_know_is_refused_with_the_nearest_name(
    tmp_path: Path, where: str
) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())
    if where == "header":
        with pytest.raises(TypeError, match="'vocabsize'; did you mean 'vocab_size'"):
            Inspector(model, optimizer, log=tmp_path, vocabsize=3)
        return
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        if where == "step":
            with pytest.raises(TypeError, match="did you mean 'epoch'"):
                inspector.step(loss=1.0, epochs=1)
        else:
            with pytest.raises(TypeError, match="did you mean 'train_loss'"):
                inspector.evaluation(val_loss=1.0, trainloss=1.0)


def test_what_is_not_a_torch_optimizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="is no torch optimizer"):
        Inspector(TinyGPT(), object(), log=tmp_path)  # type: ignore[arg-type]


def test_parameters_that_are_cut_among_ranks_are_refused_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_recorder.engine.inspector.inspector.is_sharded", lambda tensor: True)
    model = TinyGPT()
    with pytest.raises(ValueError, match="cut among ranks"):
        Inspector(model, torch.optim.AdamW(model.parameters()), log=tmp_path)
    assert not list(tmp_path.iterdir())


def test_closing_twice_is_closing_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())
    inspector = Inspector(model, optimizer, log=tmp_path)
    inspector.close()
    inspector.close()
    assert len(of_kind(tmp_path, "exit")) == 1
    assert not any(module._forward_hooks for module in model.modules())
    assert not optimizer._optimizer_step_pre_hooks and not optimizer._optimizer_step_post_hooks


def convolutions(folder: Path | None) -> list[float]:
    """A plain CNN with a ReLU that works in place, trained with SGD."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(8 * 9, 3),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    inspector = Inspector(net, optimizer, log=folder) if folder else None
    losses = []
    for _ in range(12):
        loss = F.cross_entropy(net(torch.randn(4, 1, 12, 12)), torch.randint(3, (4,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if inspector:
            inspector.step(loss=loss)
        losses.append(loss.item())
    if inspector:
        inspector.close()
    return losses


def test_a_network_of_convolutions_trains_alike_and_gives_what_can_be_measured(tmp_path: Path) -> None:
    assert convolutions(None) == convolutions(tmp_path)
    header, first = read(tmp_path)[0], of_kind(tmp_path, "step")[0]
    assert header["layers"] == ["0", "3", "7"] and header["num_units"] == 12
    assert len(first["activation"]) == len(first["spectral_norm"]) == 3
    assert "num_frozen" in first and "frozen_names" not in first
    assert not {"dead_heads", "adam_step", "v_sum", "update_ratio"} & set(first)


@pytest.mark.parametrize("make", [torch.optim.Rprop, torch.optim.LBFGS], ids=["Rprop", "LBFGS"])
def test_an_optimizer_without_weight_decay_is_followed(make: Any, tmp_path: Path) -> None:
    model = nn.Linear(4, 1)
    optimizer = make(model.parameters())
    x = torch.randn(8, 4)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    with Inspector(model, optimizer, log=tmp_path) as inspector:
        for _ in range(3):
            inspector.step(loss=optimizer.step(closure))
    assert len(of_kind(tmp_path, "step")) == 3


@pytest.mark.parametrize("spoiled", [False, True])
def test_sparse_gradients_are_measured_like_others(tmp_path: Path, spoiled: bool) -> None:
    model = nn.Embedding(8, 4, sparse=True)
    optimizer = torch.optim.SparseAdam(list(model.parameters()))
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        loss = model(torch.tensor([1, 1, 2])).sum() * (math.nan if spoiled else 1.0)
        loss.backward()
        optimizer.step()
        inspector.step(loss=loss)
    (step,) = of_kind(tmp_path, "step")
    assert step["grad_norm"] == pytest.approx(
        math.nan if spoiled else math.sqrt(4 * 2**2 + 4), rel=1e-4, nan_ok=True
    )
    assert step.get("nonfinite_site") == ("gradients" if spoiled else None)


def accumulated(folder: Path, num_steps: int, num_micro: int, *, each: bool, zero_first: bool) -> list[float]:
    """Mean losses of steps of several micro-batches; the inspector is told of each, or of the steps."""
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses: list[float] = []
    with Inspector(model, optimizer, log=folder) as inspector:
        for micro in range(num_steps * num_micro):
            if zero_first and micro % num_micro == 0:
                optimizer.zero_grad()
            loss = loss_of(model, micro)
            (loss / num_micro).backward()
            losses.append(loss.item())
            is_last = micro % num_micro == num_micro - 1
            if is_last:
                optimizer.step()
                if not zero_first:
                    optimizer.zero_grad()
            if each:
                inspector.step(loss=loss, batch=batch(micro)[0])
            elif is_last:
                inspector.step(loss=sum(losses[-num_micro:]) / num_micro)
    return [sum(losses[n : n + num_micro]) / num_micro for n in range(0, len(losses), num_micro)]


@pytest.mark.parametrize("zero_first", [True, False])
@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("num_micro", [1, 4])
def test_a_step_is_an_update_however_many_micro_batches_the_loop_tells_of(
    tmp_path: Path, num_micro: int, each: bool, zero_first: bool
) -> None:
    means = accumulated(tmp_path, 5, num_micro, each=each, zero_first=zero_first)
    steps = of_kind(tmp_path, "step")
    assert [record["step"] for record in steps] == list(range(5))
    assert [record["loss"] for record in steps] == pytest.approx(means, rel=1e-6)
    assert all("grad_norm" in record and "lr" in record for record in steps)
    assert not any("skipped_updates" in record for record in steps)
    hashes = [record.get("batch_hash") for record in steps]
    assert len(set(hashes)) == (5 if each else 1)


def scaled(folder: Path, num_micro: int, overflows: set[int], *, zero_first: bool) -> None:
    """A loss scaler, as the inspector is told of each micro-batch; some updates overflow and are skipped."""
    model = TinyGPT()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with Inspector(model, optimizer, log=folder) as inspector:
        for micro in range(6 * num_micro):
            step, is_last = micro // num_micro, micro % num_micro == num_micro - 1
            if zero_first and micro % num_micro == 0:
                optimizer.zero_grad()
            loss = loss_of(model, micro)
            scaler.scale(loss / num_micro).backward()
            if step in overflows:
                assert model.head.weight.grad is not None
                model.head.weight.grad[0, 0] = math.inf
            if is_last:
                scaler.step(optimizer)
                scaler.update()
                if not zero_first:
                    optimizer.zero_grad()
            inspector.step(loss=loss)


@pytest.mark.parametrize("zero_first", [True, False])
@pytest.mark.parametrize(("num_micro", "overflows"), [(1, {0, 1, 4}), (4, {2, 3}), (4, set())])
def test_an_update_that_a_loss_scaler_skips_is_told_from_a_micro_batch(
    tmp_path: Path, num_micro: int, overflows: set[int], zero_first: bool
) -> None:
    scaled(tmp_path, num_micro, overflows, zero_first=zero_first)
    steps = of_kind(tmp_path, "step")
    assert [record["step"] for record in steps] == list(range(6))
    counts = [record.get("skipped_updates", 0) for record in steps]
    assert counts == [len([at for at in overflows if at <= step]) for step in range(6)]


def test_a_nan_in_the_middle_of_a_step_is_no_skipped_update(tmp_path: Path) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        for micro in range(12):
            loss = loss_of(model, micro) * (math.nan if micro == 5 else 1.0)
            loss.backward()
            if micro % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
            inspector.step(loss=loss)
    steps = of_kind(tmp_path, "step")
    assert [math.isnan(record["loss"]) for record in steps] == [False, True, True]
    assert not any("skipped_updates" in record for record in steps)


def test_more_micro_batches_than_before_and_a_short_last_step_are_no_skipped_updates(tmp_path: Path) -> None:
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters())
    sizes = [2, 2, 1, 2, 5, 5, 2]
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        for size in sizes:
            for micro in range(size):
                loss_of(model).backward()
                if micro == size - 1:
                    optimizer.step()
                    optimizer.zero_grad()
                inspector.step(loss=float(size))
    steps = of_kind(tmp_path, "step")
    assert [record["loss"] for record in steps] == sizes
    assert not any("skipped_updates" in record for record in steps)


def test_parameters_that_another_optimizer_moves_make_steps(tmp_path: Path) -> None:
    model = TinyGPT()
    watched = torch.optim.SGD(model.parameters(), lr=1e-2)
    moving = torch.optim.SGD(model.parameters(), lr=1e-2)
    with Inspector(model, watched, log=tmp_path) as inspector:
        for step in range(3):
            moving.zero_grad()
            loss_of(model, step).backward()
            moving.step()
            inspector.step(loss=1.0)
    steps = of_kind(tmp_path, "step")
    assert len(steps) == 3 and not any("skipped_updates" in record for record in steps)


def test_micro_batches_of_accelerate_make_one_step(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed: its accumulation is NOT tested")
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=4, mixed_precision="bf16")
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loader: Any = torch.utils.data.DataLoader(torch.arange(10), batch_size=1)  # type: ignore[arg-type]  # the third step is a short one
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    losses = []
    with Inspector(model, optimizer, log=tmp_path) as inspector:
        for _ in range(2):
            for index in loader:
                with accelerator.accumulate(model):
                    loss = loss_of(model, int(index))
                    accelerator.backward(loss)
                    optimizer.step()
                    optimizer.zero_grad()
                    inspector.step(loss=loss)
                    losses.append(loss.item())
    steps = of_kind(tmp_path, "step")
    bounds = [0, 4, 8, 10, 14, 18, 20]
    means = [sum(losses[a:b]) / (b - a) for a, b in itertools.pairwise(bounds)]
    assert [record["loss"] for record in steps] == pytest.approx(means, rel=1e-5)
    assert not any("skipped_updates" in record for record in steps)
