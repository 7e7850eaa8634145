from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning", reason="lightning is not installed: its callback is NOT tested")

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from flight_recorder.engine.inspector.inspector import Cadence
from flight_recorder.engine.inspector.integrations.lightning import InspectorCallback
from flight_recorder.engine.model.schedule import Schedule
from tests.engine.integrations.logs import kinds, records

pytestmark = pytest.mark.torch


class Module(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
        self.losses: list[float] = []

    def training_step(self, batch: Any, index: int) -> Tensor:
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val_loss", F.cross_entropy(self.net(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


def loader() -> torch.utils.data.DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(32, 8, generator=generator), torch.randint(3, (32,), generator=generator)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4)


def fit(
    folder: Path,
    *callbacks: pl.Callback,
    module: Module | None = None,
    ckpt_path: Path | None = None,
    **overrides: Any,
) -> Module:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = module or Module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package itself, which differ from release to release
        trainer = pl.Trainer(
            default_root_dir=folder,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=list(callbacks),
            **({"max_epochs": 1, "enable_checkpointing": False} | overrides),
        )
        trainer.fit(module, loader(), loader(), ckpt_path=ckpt_path)
    return module


def test_lightning_reaches_the_same_bits_with_and_without_the_callback(tmp_path: Path) -> None:
    without = fit(tmp_path / "a")
    with_it = fit(tmp_path / "b", InspectorCallback())
    assert without.losses == with_it.losses
    assert len(without.losses) == 8


def test_a_lightning_run_becomes_a_whole_log(tmp_path: Path) -> None:
    module = fit(tmp_path, InspectorCallback(cadence=Cadence()))
    written = records(tmp_path, "step")
    assert [record["loss"] for record in written] == module.losses
    assert [record["step"] for record in written] == list(range(8))
    assert [record["step"] for record in records(tmp_path, "evaluation")] == [8]
    assert all(len(record["activation"]) == 2 and "dead_units" in record for record in written)
    assert records(tmp_path, "header")[0]["planned_steps"] == 8
    assert kinds(tmp_path)[:2] == ["header", "initial"]
    assert records(tmp_path, "exit")[0]["reason"] == "finished"


def test_micro_batches_of_lightning_make_one_step(tmp_path: Path) -> None:
    module = fit(tmp_path, InspectorCallback(), accumulate_grad_batches=2)
    written = [record["loss"] for record in records(tmp_path, "step")]
    pairs = zip(module.losses[::2], module.losses[1::2], strict=True)
    assert written == pytest.approx([(first + second) / 2 for first, second in pairs])


def test_the_norm_of_lightning_is_the_one_before_clipping(tmp_path: Path) -> None:
    fit(tmp_path, InspectorCallback(), gradient_clip_val=1e-3)
    written = records(tmp_path, "step")
    assert all(record["grad_norm"] > 1e-2 for record in written)
    assert all(record["v_expected"] == pytest.approx(record["v_sum"], rel=1e-3) for record in written[:3])


def test_an_exception_in_lightning_is_the_reason_of_the_exit(tmp_path: Path) -> None:
    class Broken(Module):
        def training_step(self, batch: Any, index: int) -> Tensor:
            if index == 3:
                raise ValueError("no such batch")
            return super().training_step(batch, index)

    with pytest.raises(ValueError, match="no such batch"):
        fit(tmp_path, InspectorCallback(), module=Broken())
    end = records(tmp_path, "exit")[0]
    assert (end["step"], end["reason"], end["message"]) == (3, "error", "ValueError: no such batch")


class Scheduled(Module):
    def __init__(self, interval: str) -> None:
        super().__init__()
        self.interval = interval

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-2)
        kind = torch.optim.lr_scheduler
        made = (
            kind.StepLR(optimizer, 1, 0.5) if self.interval == "epoch" else kind.LinearLR(optimizer, 1, 0, 16)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": made, "interval": self.interval}}


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_the_declared_schedule_of_lightning_is_the_one_applied(tmp_path: Path, interval: str) -> None:
    fit(tmp_path, InspectorCallback(), module=Scheduled(interval), max_epochs=2)
    declared = records(tmp_path, "header")[0]["schedule"]
    closed = Schedule(**{"decay_every": 0, "decay_factor": 0.0, "cooldown_steps": 0} | declared)
    applied = [record["lr"] for record in records(tmp_path, "step")]
    assert applied == pytest.approx([closed(step) for step in range(16)])
    assert len(set(applied)) > 1


def test_without_a_scheduler_nothing_is_declared(tmp_path: Path) -> None:
    fit(tmp_path, InspectorCallback(), gradient_clip_val=0.5, gradient_clip_algorithm="value")
    header = records(tmp_path, "header")[0]
    assert "schedule" not in header and "grad_clip" not in header


def test_a_resumed_lightning_run_goes_on_in_the_same_log(tmp_path: Path) -> None:
    saving = ModelCheckpoint(dirpath=tmp_path, filename="end")
    fit(tmp_path, InspectorCallback(), saving, enable_checkpointing=True)
    fit(tmp_path, InspectorCallback(), max_epochs=2, ckpt_path=tmp_path / "end.ckpt")
    assert kinds(tmp_path).count("header") == 1 and records(tmp_path, "resume")[0]["step"] == 8
    assert [record["step"] for record in records(tmp_path, "step")] == list(range(16))


def test_validation_data_that_is_the_training_data_is_counted(tmp_path: Path) -> None:
    fit(tmp_path, InspectorCallback())
    (initial,) = records(tmp_path, "initial")
    assert (initial["num_validation"], initial["num_validation_in_training"]) == (32, 32)
