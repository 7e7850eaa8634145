"""Exact facts in somebody's own loop: beside the same loop without the fault, and no bit of it changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flight_recorder.engine.inspector.inspector import Inspector
from flight_recorder.engine.runlog.codec import decode
from flight_recorder.engine.runlog.schema import LOG_NAME
from tests.engine.probes.models import TinyGPT, batch

pytestmark = pytest.mark.torch
PAD, EOS = 0, 1


def records(folder: Path, kind: str = "step") -> list[dict[str, Any]]:
    read = [decode(line) for line in (folder / LOG_NAME).read_bytes().splitlines()]
    return [record for record in read if record["kind"] == kind]


def cross_entropy(logits: Tensor, labels: Tensor, **how: Any) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), **how)


def plain(model: nn.Module, tokens: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(model(tokens), labels)


class Loop:
    """A loop with a place for each fault."""

    micro_batches = 1
    clip = 1.0

    def __init__(self, folder: Path | None, steps: int = 4, dropout: float = 0.0, **told: Any) -> None:
        self.model = self.make()
        for module in self.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-2)
        self.inspector = None
        if folder is not None:
            given = {"grad_clip": self.clip, "eos_id": EOS, **told}
            self.inspector = Inspector(self.model, self.optimizer, log=folder, **given)
        self.losses = []
        for step in range(steps):
            self.losses.append(self.step(step))
        if self.inspector:
            self.inspector.close()

    def make(self) -> nn.Module:
        return TinyGPT()

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        return batch(step)

    def loss(self, tokens: Tensor, labels: Tensor) -> Tensor:
        return plain(self.model, tokens, labels)

    def backward(self, loss: Tensor) -> None:
        (loss / self.micro_batches).backward()

    def norm(self) -> Tensor:
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)

    def update(self, step: int) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    def step(self, step: int) -> float:
        losses = []
        for part in range(self.micro_batches):
            losses.append(self.loss(*self.batch(10 * step + part)))
            self.backward(losses[-1])
        norm = self.norm()
        self.update(step)
        mean = torch.stack(losses).detach().mean()
        if self.inspector:
            self.inspector.step(loss=mean, grad_norm=norm)
        return float(mean)


def contract_of(loss: Callable[[nn.Module, Tensor, Tensor], Tensor], folder: Path, **attributes: Any) -> Any:
    kind = type("Own", (Loop,), {"loss": lambda self, *pair: loss(self.model, *pair), **attributes})
    kind(folder, 1)
    (step,) = records(folder)
    return step["contract"]


def test_the_contract_of_a_plain_loss(tmp_path: Path) -> None:
    found = contract_of(plain, tmp_path)
    _, labels = batch(0)
    assert (found["shift"], found["counted"], found["of"]) == (1, labels.numel(), labels.numel())
    assert found["eos"] == int((labels == EOS).sum())
    assert found["weights"] == pytest.approx(1.0, abs=1e-4) and found["equal"] is True


def masked(model: nn.Module, tokens: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(model(tokens), labels.masked_fill(labels == EOS, -100))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda m, x, y: cross_entropy(m(x), x), {"shift": 0}),
        (lambda m, x, y: cross_entropy(m(x)[:, :-1], y[:, 1:]), {"shift": 2, "counted": 25}),
        (masked, {"eos": 0, "shift": 1}),
        (lambda m, x, y: cross_entropy(m(x), y, reduction="sum"), {"weights": 30.0}),
        (lambda m, x, y: 8 * cross_entropy(m(x), y), {"weights": 8.0}),
        (lambda m, x, y: F.cross_entropy(m(x).mT, y), {"weights": 1.0, "shift": 1}),
        (lambda m, x, y: F.nll_loss(m(x).log_softmax(-1).mT, y), {"weights": 1.0, "shift": 1}),
        (lambda m, x, y: cross_entropy(m(x), y, weight=torch.linspace(1, 3, 11)), {"equal": False}),
    ],
    ids=["unshifted", "twice", "masked ends", "sum", "times eight", "classes second", "nll", "class weights"],
)
def test_what_the_loss_asks_for_is_read_off_its_gradient(
    loss: Any, expected: dict[str, Any], tmp_path: Path
) -> None:
    found = contract_of(loss, tmp_path)
    for name, value in expected.items():
        assert found[name] == (pytest.approx(value, rel=1e-3) if isinstance(value, float) else value), name


def fused(model: Any, tokens: Tensor, labels: Tensor) -> Tensor:
    hidden: list[Tensor] = []
    handle = model.final_norm.register_forward_hook(lambda module, args, output: hidden.append(output))
    with torch.no_grad():
        model(tokens)
    handle.remove()
    return cross_entropy(hidden[0] @ model.head.weight.T, labels)


def preference(model: nn.Module, tokens: Tensor, labels: Tensor) -> Tensor:
    logp = model(tokens).log_softmax(-1).gather(-1, labels[..., None])[..., 0].sum(1)
    return -F.logsigmoid(logp[:2].sum() - logp[2:4].sum())


@pytest.mark.parametrize(
    "loss",
    [
        lambda m, x, y: cross_entropy(m(x), y, label_smoothing=0.1),
        lambda m, x, y: cross_entropy(m(x), y) + 0.1 * m(x).logsumexp(-1).square().mean(),
        lambda m, x, y: F.mse_loss(m(x), F.one_hot(y, 11).float()),
        lambda m, x, y: -(torch.randn(5, 6, 11).softmax(-1) * m(x).log_softmax(-1)).mean(),
        preference,
        fused,
    ],
    ids=["smoothing", "z-loss", "squared error", "distillation", "preference", "fused"],
)
def test_of_another_loss_nothing_is_claimed_and_the_reason_said(loss: Any, tmp_path: Path) -> None:
    assert set(contract_of(loss, tmp_path)) == {"reason"}


def test_micro_batches_add_up_to_one_step(tmp_path: Path) -> None:
    def undivided(self: Loop, loss: Tensor) -> None:
        loss.backward()

    divided = contract_of(plain, tmp_path / "a", micro_batches=4)
    whole = contract_of(plain, tmp_path / "b", micro_batches=4, backward=undivided)
    assert divided["weights"] == pytest.approx(1.0, abs=1e-3) and divided["shift"] == 1
    assert whole["weights"] == pytest.approx(4.0, abs=1e-3) and whole["micro_batches"] == 4


def test_the_contract_holds_under_autocast(tmp_path: Path) -> None:
    def half(model: nn.Module, tokens: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(model(tokens).float(), labels)

    found = contract_of(half, tmp_path)
    assert found["shift"] == 1 and found["weights"] == pytest.approx(1.0, rel=0.01)


def audit(folder: Path, **attributes: Any) -> list[float]:
    type("Own", (Loop,), attributes)(folder)
    return [record["norm_audit"]["ratio"] for record in records(folder) if "norm_audit" in record]


def clip_scaled(self: Loop) -> Tensor:
    norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
    for parameter in self.model.parameters():
        assert parameter.grad is not None
        parameter.grad /= 65536.0
    return norm


def clip_nothing(self: Loop) -> Tensor:
    norm = torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
    torch.nn.utils.clip_grad_norm_(iter(()), self.clip)
    return norm


def clip_twice_summed(self: Loop) -> Tensor:
    parameters = list(self.model.parameters())
    norm = 2**0.5 * torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    torch.nn.utils.clip_grads_with_norm_(parameters, self.clip, norm)
    return norm


def test_the_norm_at_the_update_is_the_one_that_was_clipped_to(tmp_path: Path) -> None:
    assert audit(tmp_path, clip=0.1) == pytest.approx([1.0] * 4, rel=1e-3)


@pytest.mark.parametrize(
    ("norm", "low", "high"),
    [(clip_scaled, 1.5e-5, 1.6e-5), (clip_nothing, 2.0, 1e3), (clip_twice_summed, 0.706, 0.708)],
)
def test_clipping_that_goes_wrong_shows_in_the_ratio(
    norm: Any, low: float, high: float, tmp_path: Path
) -> None:
    backward = (lambda self, loss: (65536.0 * loss).backward()) if norm is clip_scaled else Loop.backward
    assert all(low < ratio < high for ratio in audit(tmp_path, clip=0.1, norm=norm, backward=backward))


def gradients(folder: Path, steps: int = 6, **attributes: Any) -> list[dict[str, Any]]:
    type("Own", (Loop,), attributes)(folder, steps)
    return [record["gradient"] for record in records(folder) if "gradient" in record]


def test_a_gradient_that_is_exactly_zero_is_named_and_its_steps_counted(tmp_path: Path) -> None:
    def norm(self: Loop) -> Tensor:
        self.model.get_parameter("head.weight").grad.zero_()  # type: ignore[union-attr]
        return Loop.norm(self)

    found = gradients(tmp_path, norm=norm)
    assert [one["streak"] for one in found] == [1, 2, 3, 4, 5, 6]
    assert found[-1]["names"] == ["head.weight"] and found[-1]["sudden"] == 0


def test_a_gradient_that_is_lost_once_is_told_at_that_step(tmp_path: Path) -> None:
    def update(self: Loop, step: int) -> None:
        Loop.update(self, step)
        self.lose = step + 1 == 12  # type: ignore[attr-defined]

    def norm(self: Loop) -> Tensor:
        if getattr(self, "lose", False):
            self.model.get_parameter("blocks.1.ffn.up.weight").grad.zero_()  # type: ignore[union-attr]
        return Loop.norm(self)

    type("Own", (Loop,), {"norm": norm, "update": update})(tmp_path, 14)
    lost = {r["step"]: r["gradient"] for r in records(tmp_path) if r.get("gradient", {}).get("sudden")}
    assert list(lost) == [12] and lost[12]["names"] == ["blocks.1.ffn.up.weight"]


def test_gradients_that_nobody_clears_are_still_there_at_the_next_backward(tmp_path: Path) -> None:
    def update(self: Loop, step: int) -> None:
        self.optimizer.step()

    assert [one["stale"] for one in gradients(tmp_path / "a", 4, update=update)[1:]] == [30] * 3
    assert [one["stale"] for one in gradients(tmp_path / "b", 4)[1:]] == [0] * 3


def updates(folder: Path, steps: int = 6, **attributes: Any) -> dict[int, dict[str, Any]]:
    type("Own", (Loop,), attributes)(folder, steps)
    return {record["step"]: record["update"] for record in records(folder) if "update" in record}


def test_updates_arrive(tmp_path: Path) -> None:
    found = updates(tmp_path)
    assert all(one["moved"] > 0.5 and not one["lost"] for one in found.values())
    assert all(one.get("overwritten", 0.0) == 0.0 for one in found.values())


def test_an_update_that_moves_nothing_is_lost(tmp_path: Path) -> None:
    def update(self: Loop, step: int) -> None:
        if step == 5:
            for parameter in self.model.parameters():
                parameter.grad = None
        Loop.update(self, step)

    found = updates(tmp_path, update=update)
    assert found[5]["lost"] == 1 and not found[3]["lost"]


def test_weights_that_are_written_between_updates_are_told_and_swapping_back_is_not(tmp_path: Path) -> None:
    def reset(self: Loop, step: int) -> None:
        Loop.update(self, step)
        if step == 4:
            for parameter in self.model.parameters():
                parameter.data = torch.zeros_like(parameter)

    def swap(self: Loop, step: int) -> None:
        Loop.update(self, step)
        kept = [parameter.data.clone() for parameter in self.model.parameters()]
        for parameter, values in zip(self.model.parameters(), kept, strict=True):
            parameter.data.zero_()
            parameter.data.copy_(values)

    assert updates(tmp_path / "a", update=reset)[5]["overwritten"] > 1
    assert not any(one.get("overwritten") for one in updates(tmp_path / "b", update=swap).values())


def test_updates_below_half_an_ulp_are_rounded_away(tmp_path: Path) -> None:
    def make(self: Loop) -> nn.Module:
        model = TinyGPT()
        for parameter in model.parameters():
            parameter.data.add_(4.0)
        return model.to(torch.bfloat16)

    assert all(one["rounded"] > 0.2 for one in updates(tmp_path, make=make).values())


def test_the_mode_of_training_and_evaluation_passes(tmp_path: Path) -> None:
    def update(self: Loop, step: int) -> None:
        Loop.update(self, step)
        if step == 1:
            self.model.eval()
            with torch.no_grad():
                self.model(batch(0)[0])
            if self.inspector:
                self.inspector.evaluation(val_loss=1.0)

    type("Own", (Loop,), {"update": update})(tmp_path, 4, dropout=0.2)
    assert [record["mode"]["training"] for record in records(tmp_path)] == [1, 1, 0, 0]
    (evaluation,) = records(tmp_path, "evaluation")
    assert evaluation["mode"] == {"training": 0, "droppable": 2, "repeat": 0.0, "dropout": 0}


def test_dropout_that_does_not_ask_for_the_mode_is_found_at_an_evaluation(tmp_path: Path) -> None:
    class Forgetful(TinyGPT):
        def forward(self, tokens: Tensor) -> Tensor:
            return F.dropout(super().forward(tokens), 0.3)

    model = Forgetful()
    with Inspector(model, torch.optim.AdamW(model.parameters()), log=tmp_path) as inspector:
        model.eval()
        torch.manual_seed(5)
        with torch.no_grad():
            model(batch(0)[0])
        inspector.evaluation(val_loss=1.0)
        drawn = torch.rand(2)
    (evaluation,) = records(tmp_path, "evaluation")
    assert evaluation["mode"]["repeat"] > 0.1 and evaluation["mode"]["dropout"] == 1
    torch.manual_seed(5)
    with torch.no_grad():
        model(batch(0)[0])
    assert torch.equal(drawn, torch.rand(2))


def test_rows_that_are_there_twice_are_counted(tmp_path: Path) -> None:
    def make(self: Loop) -> nn.Module:
        return nn.Sequential(nn.Linear(16, 8), nn.Unflatten(1, (1, 8)))

    def twice(self: Loop, step: int) -> tuple[Tensor, Tensor]:
        rows = torch.randn(4, 16)
        return rows.repeat(2, 1), torch.zeros(8, 1, dtype=torch.long)

    type("Own", (Loop,), {"make": make, "batch": twice})(tmp_path, 2)
    assert [record["rows"] for record in records(tmp_path)] == [{"rows": 8, "repeated": 8}] * 2


def test_declarations_are_held_against_the_model(tmp_path: Path) -> None:
    Loop(tmp_path, 1, dtype="bfloat16", frozen=["blocks.0.*"], tied=[["head.weight", "embedding.weight"]])
    found = records(tmp_path)[0]["declared"]
    assert found["dtype_off"] == found["dtype_of"] == 9
    assert (found["ties_off"], found["frozen_off"], found["trainable_share"]) == (1, 12, 1.0)


@pytest.mark.parametrize(("spoil", "differ"), [(False, 0), (True, 1)])
def test_the_first_checkpoint_is_read_back(spoil: bool, differ: int, tmp_path: Path) -> None:
    model = TinyGPT()
    state = dict(model.state_dict())
    if spoil:
        state["head.weight"] = state["head.weight"][:1].expand_as(state["head.weight"]).clone()
    torch.save({"model": state, "step": 3}, tmp_path / "last.pt")
    with Inspector(model, torch.optim.AdamW(model.parameters()), log=tmp_path) as inspector:
        inspector.checkpoint(tmp_path / "last.pt")
        inspector.checkpoint(tmp_path / "last.pt")
    first, second = records(tmp_path, "checkpoint")
    assert (first["read_back"]["differ"], first["read_back"]["missing"]) == (differ, 0)
    assert "read_back" not in second


class Accumulated(Loop):
    micro_batches = 3


class Half(Loop):
    def loss(self, tokens: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().loss(tokens, labels)


class Tied(Loop):
    def make(self) -> nn.Module:
        model = TinyGPT()
        model.head.weight = model.embedding.weight
        return model


@pytest.mark.parametrize("kind", [Loop, Accumulated, Half, Tied])
def test_facts_change_no_bit_of_training(kind: type[Loop], tmp_path: Path) -> None:
    bare, watched = kind(None, 12, dropout=0.2), kind(tmp_path, 12, dropout=0.2)
    assert bare.losses == watched.losses
    pairs = zip(bare.model.parameters(), watched.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert all(not module._forward_hooks for module in watched.model.modules())
    assert all(not module._forward_pre_hooks for module in watched.model.modules())


def test_facts_of_a_healthy_loop_are_written_every_ten_steps_only(tmp_path: Path) -> None:
    Loop(tmp_path, 25)
    for field in ("gradient", "update", "norm_audit", "rows"):
        assert [r["step"] for r in records(tmp_path) if field in r] == [0, 1, 2, 3, 10, 20], field
