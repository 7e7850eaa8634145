"""What a run can be told: every key of a config file, its default, its unit and its bounds.

The defaults are the reference run; `training` speaks with the overfit lab's names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


class Section(BaseModel):
    """A part of the config: unknown keys are errors, values are frozen once checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _can_be_used(cls, value: object) -> object:
        """No number too large to count with, no text that neither a path nor a log can hold."""
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("it is a larger number than this machine counts with.")
        if isinstance(value, str) and ("\0" in value or (not value.isascii() and _is_broken(value))):
            raise ValueError(f"{value!r} holds a character that no path and no log can hold.")
        return value


class Training(Section):
    """How the parameters are moved."""

    batch_size: int = Field(default=32, ge=1, description="sequences in a micro-batch, over all processes")
    accumulation: int = Field(default=1, ge=1, description="micro-batches in an optimizer step")
    T: int = Field(default=2000, ge=1, lt=2**53, description="optimizer steps")
    schedule: Literal["cosine", "linear", "constant", "step", "wsd", "inverse_sqrt"] = "cosine"
    warmup: int = Field(default=100, ge=0, description="steps of linear warm-up")
    lr_max: float = Field(default=3e-3, ge=0)
    lr_min: float = Field(default=3e-4, ge=0)
    decay_every: int = Field(default=500, ge=1, description="steps between two drops of the step schedule")
    decay_factor: float = Field(
        default=0.5, gt=0, le=1, description="what one drop of the step schedule multiplies by"
    )
    cooldown: int = Field(
        default=200, ge=0, description="steps of the final linear decay of the wsd schedule"
    )
    weight_decay: float = Field(default=0.1, ge=0)
    grad_clip: float = Field(default=1.0, ge=0, description="largest global gradient norm; 0 for none")
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = Field(default=1e-8, gt=0)
    dtype: Literal["float32", "bfloat16"] = "float32"
    eval_every: int = Field(
        default=50, ge=0, description="steps between evaluations; 0 for the last step only"
    )
    eval_tokens: int = Field(
        default=16_384, ge=1, description="most tokens of either split that an evaluation reads"
    )
    ckpt_every: int = Field(
        default=500, ge=0, description="steps between checkpoints; 0 for the last step only"
    )
    early_stopping: int = Field(
        default=0, ge=0, description="evaluations without a new best before stopping; 0 is off"
    )

    @field_validator("betas")
    @classmethod
    def _betas_are_decay_rates(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"both betas must be at least 0 and below 1, not {list(betas)}.")
        return betas

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        if self.warmup > self.T:
            raise ValueError(f"T is {self.T}, shorter than its own warmup of {self.warmup} steps.")
        if self.lr_min > self.lr_max:
            raise ValueError(f"lr_min {self.lr_min:g} is above lr_max {self.lr_max:g}.")
        if self.schedule == "wsd" and self.warmup + self.cooldown > self.T:
            raise ValueError(
                f"cooldown and warmup take {self.warmup + self.cooldown} steps, more than T = {self.T}."
            )
        return self


class Model(Section):
    """Shape of the transformer."""

    n_layers: int = Field(default=2, ge=1)
    n_heads: int = Field(default=4, ge=1)
    width: int = Field(default=64, ge=1, description="C, width of the residual stream")
    context: int = Field(default=32, ge=1, description="T, tokens that a prediction can look back on")
    ffn_multiple: int = Field(
        default=2, ge=1, description="hidden units of a feed-forward layer over the width"
    )
    activation: Literal["gelu", "relu"] = "gelu"
    normalization: Literal["layer", "none"] = "layer"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    causal: bool = True
    attention: Literal["explicit", "fused"] = Field(
        default="explicit",
        description="explicit attention can be looked at; the fused one takes less memory and time",
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.n_heads:
            raise ValueError(f"width {self.width} cannot be divided among {self.n_heads} heads.")
        return self


class Data(Section):
    """What is learned: generated verb sentences, a text file, or a file of token ids."""

    kind: Literal["verbs", "text", "tokens"] = "verbs"
    seed: int = Field(
        default=0, description="seed of the generated sentences; apart from the run's seed on purpose"
    )
    train_sentences: int = Field(default=4000, ge=1, le=200_000)
    val_sentences: int = Field(default=400, ge=1, le=20_000)
    vocab_size: int = Field(
        default=512,
        ge=1,
        le=10_000_000,
        description="V of the verb corpus or of a file of token ids, unused ones included",
    )
    path: str | None = Field(
        default=None, description="text or token file, relative to the current directory"
    )
    val_path: str | None = Field(
        default=None, description="token file to validate with; the last part of `path` otherwise"
    )
    dtype: Literal["uint16", "uint32", "int32", "int64"] = Field(
        default="uint16", description="how a token file stores an id"
    )
    tokens: Literal["bytes", "characters"] = Field(default="bytes", description="tokens of a text file")

    @field_validator("path", "val_path")
    @classmethod
    def _path_is_absolute(cls, path: str | None) -> str | None:
        """The resolved config must mean the same file wherever it is read."""
        return None if path is None else str(Path(path).expanduser().absolute())

    @model_validator(mode="after")
    def _text_has_a_path(self) -> Self:
        if self.kind != "verbs" and not self.path:
            raise ValueError(f"kind is {self.kind}, so the path of a {self.kind} file is needed too.")
        return self


class Run(Section):
    """Where and how the run happens; nothing here changes what is computed except threads and device."""

    dir: str | None = Field(default=None, description="run folder")
    name: str | None = None
    device: str = Field(
        default="auto", description="auto, cpu, mps, cuda or cuda:N; auto is cuda where there is one"
    )
    parallel: Literal["ddp", "fsdp"] = Field(
        default="ddp",
        description="with several processes: ddp, a copy of the model on each; fsdp, a part of it on each",
    )
    rank_timeout: float = Field(
        default=45.0,
        gt=0,
        description="seconds after which a rank that does not answer counts as lost; one that dies is "
        "noticed at once",
    )
    compile: bool = Field(default=False, description="compile the blocks with torch.compile")
    threads: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="threads on cpu; 1 is the only safe default when cores are shared",
    )
    on_write_error: Literal["continue", "stop"] = "continue"

    @field_validator("device")
    @classmethod
    def _device_is_known(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,4})?", device):
            raise ValueError(f"{device!r} is no device; there are auto, cpu, mps, cuda and cuda:N.")
        return device


class Config(Section):
    """A whole config file."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    training: Training = Training()
    model: Model = Model()
    data: Data = Data()
    run: Run = Run()
    fault: str | None = Field(default=None, description="NAME or NAME:STRENGTH of a fire drill")
