"""Runs that are right, and every way to be wrong that the configuration tree knows: logs by leaf.

Each case names a node and a leaf, a log on which it fires and one on which it does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.checks.builders import log

Records = Sequence[dict[str, Any]]

COSINE: dict[str, Any] = {
    "family": "cosine",
    "lr_max": 3e-3,
    "lr_min": 3e-4,
    "warmup_steps": 20,
    "warmup": "(t + 1) / W",
    "total_steps": 400,
}


def cosine(step: float, total: float = 400, warmup: int = 20) -> float:
    """The declared schedule, written out a second time."""
    if step < warmup:
        return 3e-3 * (step + 1) / warmup
    share = min(1.0, (step - warmup) / (total - warmup))
    return 3e-4 + 0.5 * (1 + math.cos(math.pi * share)) * 2.7e-3


def scheduled(rate: Callable[[int], float], steps: int = 60, **header: Any) -> Records:
    """A log of this learning rate under the declared cosine."""
    return log(header={"schedule": COSINE, **header}, lr=[rate(step) for step in range(steps)])


def linear(name: str = "blocks.0.ffn.up.weight", **changes: Any) -> dict[str, Any]:
    """Statistics of a linear weight as it should start."""
    row = {
        "name": name,
        "role": "linear",
        "shape": [128, 64],
        "mean": 1e-4,
        "std": 0.02,
        "min": -0.08,
        "max": 0.08,
    }
    return {**row, "declared_std": 0.02, **changes}


def embedding(**changes: Any) -> dict[str, Any]:
    """Statistics of an embedding as it should start."""
    return linear("token_embedding.weight", role="embedding", shape=[512, 64], **changes)


def gain(**changes: Any) -> dict[str, Any]:
    """Statistics of the gain of a fresh LayerNorm."""
    row = {
        "name": "final_ln.weight",
        "role": "norm",
        "shape": [64],
        "mean": 1.0,
        "std": 0.0,
        "min": 1.0,
        "max": 1.0,
    }
    return {**row, **changes}


def bias(**changes: Any) -> dict[str, Any]:
    """Statistics of a fresh bias."""
    row = {
        "name": "final_ln.bias",
        "role": "bias",
        "shape": [64],
        "mean": 0.0,
        "std": 0.0,
        "min": 0.0,
        "max": 0.0,
    }
    return {**row, **changes}


def started(header: dict[str, Any] | None = None, **initial: Any) -> Records:
    """A log of one step with this record of the start."""
    return log(header=header, initial=initial, loss="6.2")


FRESH = [linear(), embedding(), gain(), bias()]
GROUPS = [
    {"weight_decay": 0.1, "num_tensors": 2, "num_matrices": 2, "num_vectors": 0},
    {"weight_decay": 0.0, "num_tensors": 2, "num_matrices": 0, "num_vectors": 2},
]


def groups(**changes: Any) -> list[dict[str, Any]]:
    """The two optimizer groups, the second one changed."""
    return [GROUPS[0], {**GROUPS[1], **changes}]


def stream(*sizes: float) -> list[float]:
    """Activations of embed_out, block_0_out, block_1_out and a final normalisation."""
    return [*sizes, 0.8]


@dataclass(frozen=True)
class Case:
    """A leaf, a log that fires it and one that does not; `silence` is the sick one's, by the clock."""

    check: str
    symptom: str
    sick: Records
    well: Records
    silence: str = ""


WELL_START = started(weights=FRESH, parameter_groups=GROUPS)
FALLING = [6.2 * 0.99**step for step in range(260)]

MEGATRON = {"unit": "nats_per_token", "vocab_size": None, "origin": None}
_MEGATRON_WELL = log(header=MEGATRON, loss="11 9x3")

CASES: tuple[Case, ...] = (
    Case("Q1.1a", "loss far above a uniform guess", log(loss="8.1 7x5"), log(loss="7.9 7x5")),
    Case("Q1.1d", "loss above that of any vocabulary", log(header=MEGATRON, loss="60 9x3"), _MEGATRON_WELL),
    Case("Q1.1d", "loss of many tokens at once", log(header=MEGATRON, loss="2600 900x3"), _MEGATRON_WELL),
    Case("Q1.1a", "loss is a sum over tokens", log(loss="6398 6000x3"), log(loss="49 40x3")),
    Case("Q1.1a", "loss far below a uniform guess", log(loss="3.9x3"), log(loss="4.1x3")),
    Case(
        "Q1.1b", "loss is exactly zero", log(loss="0x3", grad_norm="0x3"), log(loss="0x3", grad_norm="0.3x3")
    ),
    Case(
        "Q1.1c",
        "weights were loaded",
        started(num_loaded_tensors=12),
        started(header={"origin": "fine-tune"}, num_loaded_tensors=12),
    ),
    Case("Q1.2a", "first gradient far too large", log(grad_norm="110 5x3"), log(grad_norm="82 5x3")),
    Case(
        "Q1.2a",
        "first gradient is large",
        log(header={"origin": "fine-tune"}, grad_norm="110 5x3"),
        log(header={"origin": "fine-tune"}, grad_norm="82 5x3"),
    ),
    Case("Q1.2a", "first gradient vanishes", log(grad_norm="0.0005 1x3"), log(grad_norm="0.07 1x3")),
    Case(
        "Q1.2b",
        "no target counts",
        log(num_targets="0x2", num_tokens="1024x2"),
        log(num_targets="900x2", num_tokens="1024x2"),
    ),
    Case(
        "Q1.2b",
        "almost every target is masked",
        log(num_targets="51x2", num_tokens="1024x2"),
        log(num_targets="51 900", num_tokens="1024x2"),
    ),
    Case(
        "Q1.2c",
        "every target is the same token",
        log(num_targets="1024x2", num_distinct_targets="1x2"),
        log(num_targets="8x2", num_distinct_targets="1x2"),
    ),
    Case(
        "Q1.2c",
        "hardly any different targets",
        log(num_targets="1024x2", num_distinct_targets="3x2"),
        log(num_targets="1024x2", num_distinct_targets="212x2"),
    ),
    Case(
        "Q1.2d",
        "no target counts, and nothing is trained",
        log(loss=[math.nan] * 3, grad_norm="0x3"),
        log(loss=[math.nan] * 3, grad_norm="0x2 0.1"),
    ),
    Case("Q2.1a", "learning rate stays zero", log(lr="0x5"), log(lr="0 0 0.001x3")),
    Case(
        "Q2.1e",
        "learning rate reached zero before the planned end",
        log(lr="0.0031 -0.00001x300 0x85"),
        log(lr="0.0031 -0.00001x300 0x83"),
    ),
    Case(
        "Q2.1e",
        "learning rate reached zero early",
        log(header={"planned_steps": None}, lr="0.0003007 -0.00001x30 0x25"),
        log(header={"planned_steps": None}, lr="0.0003007 -0.00001x30 0x15"),
    ),
    Case("Q2.1b", "learning rate is flat", scheduled(lambda s: 3e-3, 100), scheduled(cosine, 100)),
    Case("Q2.1b", "learning rate is flat", scheduled(lambda s: 3e-4, 16), scheduled(lambda s: 3e-3, 16)),
    Case("Q2.1b", "learning rate is flat, nothing is declared", log(lr="0.003x20"), log(lr="0.003x19")),
    Case(
        "Q2.1c",
        "drops in steps, another schedule is declared",
        scheduled(lambda s: 3e-3 if s < 40 else 1.5e-3),
        scheduled(cosine, 400),
    ),
    Case(
        "Q2.1c",
        "drops in steps, nothing is declared",
        log(lr="0.003x20 0.0015x20"),
        log(lr="0 +0.0001x30 -0.0001x30"),
    ),
    Case("Q2.1d", "starts at the top", scheduled(lambda s: cosine(max(s, 20))), scheduled(cosine)),
    Case(
        "Q2.2a",
        "not as declared",
        scheduled(lambda s: cosine(s) * 1.01),
        scheduled(lambda s: cosine(s) * 1.0005),
    ),
    Case("Q2.2b", "a multiple of the declared rate", scheduled(lambda s: 10 * cosine(s)), scheduled(cosine)),
    Case(
        "Q2.2b",
        "a fraction of the declared rate",
        scheduled(lambda s: cosine(s) / 1000),
        scheduled(lambda s: 0.0),
    ),
    Case("Q2.2c", "one step behind", scheduled(lambda s: cosine(s - 1)), scheduled(cosine)),
    Case("Q2.2d", "advances several times per step", scheduled(lambda s: cosine(4 * s)), scheduled(cosine)),
    Case("Q2.2e", "ends too late", scheduled(lambda s: cosine(s, 800), 200), scheduled(cosine, 400)),
    Case("Q2.2e", "ends too early", scheduled(lambda s: cosine(s, 200), 200), scheduled(cosine, 400)),
    Case("Q3.1a", "always clipping", log(grad_norm="5.1x60"), log(grad_norm="4.9x60")),
    Case(
        "Q3.1b",
        "norm has grown tenfold",
        log(header={"grad_clip": None}, grad_norm="0.1x150 1.1x60"),
        log(header={"grad_clip": None}, grad_norm="0.1x150 0.9x60"),
    ),
    Case(
        "Q3.1d",
        "gradients add up",
        log(first_step=1, grad_norm="4 +3x20 80x80"),
        log(first_step=1, grad_norm="4 +3x9 30 +3x10 80x80"),
    ),
    Case(
        "Q3.1c",
        "dead training",
        log(loss="2x60", grad_norm="0.005x60"),
        log(loss="0.01x60", grad_norm="0.005x60"),
    ),
    Case("Q3.2a", "gradient outlier", log(grad_norm="1x60 11 1x9"), log(grad_norm="1x60 9 1x9")),
    Case(
        "Q3.2b",
        "unstable",
        log(grad_norm="1x60 11 1x9 11 1x9 11 1x9 11"),
        log(grad_norm="1x60 11 1x9 11 1x9 11 1x60"),
    ),
    Case("Q4.1a", "loss rises", log(loss="6 +0.01x210"), log(loss=FALLING)),
    Case("Q4.1a", "loss stands still", log(loss="6.2x210"), log(loss=FALLING)),
    Case(
        "Q4.1a",
        "loss is higher than at the start",
        log(header={"origin": "fine-tune"}, loss="1 +0.01x210"),
        log(header={"origin": "fine-tune"}, loss="1x210"),
    ),
    Case("Q4.1b", "barely falls", log(loss="6.2 -0.0001x210"), log(loss=FALLING)),
    Case(
        "Q4.1c",
        "too good to be true",
        log(loss="6x400", evaluations={"val_loss": "6 5 3 1.2"}, eval_every=100),
        log(loss="6x400", evaluations={"val_loss": "6 5 3 1.4"}, eval_every=100),
    ),
    Case(
        "Q4.1d",
        "all near zero, no gap",
        log(class_loss=[[0.1, 0.1]] * 210),
        log(class_loss=[[0.1, 0.5]] * 210),
    ),
    Case(
        "Q4.2a",
        "gap as large as the best validation loss",
        log(
            loss="0.1x300",
            evaluations={
                "val_loss": "2.4 2.1 1.95 1.9 1.94 2.05 2.2",
                "train_loss": "2 1.5 1.2 0.9 0.7 0.3 0.1",
            },
        ),
        log(loss="0.1x300", evaluations={"val_loss": "2 1.9 1.9 1.9", "train_loss": "2 1.5 0.5 0.1"}),
    ),
    Case(
        "Q4.2b",
        "validation is easier than training",
        log(loss="3x300", evaluations={"val_loss": "3 2 1", "train_loss": "3 2.4 1.4"}),
        log(loss="3x300", evaluations={"val_loss": "3 2 1", "train_loss": "3 2.4 1.2"}),
    ),
    Case(
        "Q5.1a", "weights too large", started(weights=[linear(std=0.2)]), started(weights=[linear(std=0.05)])
    ),
    Case(
        "Q5.1a",
        "weights all but zero",
        started(weights=[linear(std=0.0)]),
        started(weights=[linear(std=0.01)]),
    ),
    Case(
        "Q5.1b", "embeddings too large", started(weights=[embedding(std=2.0)]), started(weights=[embedding()])
    ),
    Case(
        "Q5.1b",
        "embeddings too small",
        started(weights=[embedding(std=0.0002)]),
        started(weights=[embedding()]),
    ),
    Case(
        "Q5.1c",
        "weights off zero",
        started(weights=[linear(mean=0.02)]),
        started(weights=[linear(mean=0.005)]),
    ),
    Case("Q5.1d", "gains have been trained", started(weights=[gain(std=0.1)]), started(weights=[gain()])),
    Case("Q5.1e", "a bias is not zero", started(weights=[bias(min=-3.0)]), started(weights=[bias(max=0.1)])),
    Case(
        "Q5.1f",
        "the declared normalisation is missing",
        started(header={"config": {"model": {"normalization": "layer"}}}, weights=[linear()]),
        started(header={"config": {"model": {"normalization": "layer"}}}, weights=FRESH),
    ),
    Case("Q5.1f", "no normalisation has a gain", started(weights=[linear()]), started(weights=FRESH)),
    Case(
        "Q5.2a",
        "one block inflates the residual stream",
        started(activation=stream(1, 66, 70)),
        started(activation=stream(1, 1.07, 1.1)),
    ),
    Case(
        "Q5.2b",
        "every block multiplies the stream",
        started(activation=stream(1, 3, 9)),
        started(activation=stream(1, 3, 3.1)),
    ),
    Case(
        "Q5.2c",
        "a block is far louder than its input",
        log(activation=[stream(1, 1, 30)] * 5),
        log(activation=[stream(1, 1, 13)] * 5),
    ),
    Case(
        "Q5.2e",
        "the first block is far louder than the embedding",
        log(activation=[stream(1, 52, 54)] * 5),
        log(activation=[stream(1, 38, 40)] * 5),
    ),
    Case(
        "Q5.2d",
        "output of the normalisation has another size",
        started(activation_rms=[0.02] * 4),
        started(activation_rms=[0.02, 0.02, 0.02, 1.0]),
    ),
    Case("Q6.1a", "vectors decay", started(parameter_groups=groups(weight_decay=0.1)), WELL_START),
    Case(
        "Q6.1b",
        "no matrix decays",
        started(parameter_groups=[{**GROUPS[0], "weight_decay": 0.0}]),
        WELL_START,
    ),
    Case(
        "Q6.1c",
        "parameters are left out",
        started(weights=FRESH, parameter_groups=groups(names=["final_ln.weight"])),
        started(weights=[gain()], parameter_groups=groups(names=["final_ln.weight"])),
    ),
    Case("Q6.2a", "optimizer step counter does not advance", log(adam_step="1 1"), log(adam_step="1 2 3")),
    Case(
        "Q6.2b",
        "second moment forgets",
        log(v_sum="0.05x6", v_expected="1x6"),
        log(v_sum="1x6", v_expected="1x6"),
    ),
    Case(
        "Q6.2c",
        "first moment is the newest gradient alone",
        log(m_norm="0.1x5", grad_norm="3 1.5 2 4 1"),
        log(m_norm="0.1 0.15 0.2x3", grad_norm="3 1.5 2 4 1"),
    ),
    Case("Q6.2d", "first updates too small", log(update_ratio="0.45 0.6 0.7"), log(update_ratio="1 0.99 1")),
    Case("Q6.2e", "bias correction is missing", log(update_ratio="0.4472"), log(update_ratio="1")),
    Case(
        "Q6.3",
        "gradient is a sum over micro-batches",
        log(header={"accumulation": 4}, grad_norm="4x2", grad_norm_recomputed="1x2"),
        log(header={"accumulation": 4}, grad_norm="1x2", grad_norm_recomputed="1x2"),
    ),
    Case(
        "Q6.3",
        "gradient is a sum over tokens",
        log(grad_norm="1024x2", grad_norm_recomputed="1x2"),
        log(grad_norm="1x2", grad_norm_recomputed="1x2"),
    ),
    Case(
        "Q6.3",
        "gradient holds more than this batch",
        log(grad_norm="1 1.7 2.4 3", grad_norm_recomputed="1x4"),
        log(grad_norm="1 1.01 1 1", grad_norm_recomputed="1x4"),
    ),
    Case(
        "Q6.4",
        "parameters stand still",
        log(num_frozen="64x2", frozen_names=[["final_ln.weight"]] * 2),
        log(num_frozen="64x2"),
    ),
    # The sources' literal thresholds
    Case("Q2.2w", "warm-up off by one", scheduled(lambda s: 0.4 * cosine(s)), scheduled(cosine)),
    Case("Q3.1w", "always clipping", log(grad_norm="5.1x20"), log(grad_norm="4.9x20")),
    Case("Q3.1w", "dead training", log(grad_norm="0.009x20"), log(grad_norm="0.011x20")),
    Case("Q3.2w", "investigate the batch", log(grad_norm="1x199 101"), log(grad_norm="1x200")),
    Case("Q3.2w", "unstable", log(grad_norm="1x196 101x4"), log(grad_norm="1x197 101x3")),
    Case("Q4.1w", "not monotone", log(loss="6 5 7"), log(loss="6 5 4")),
    Case(
        "Q4.2w",
        "overfitting fast",
        log(loss="1x60", evaluations={"val_loss": "2.1"}),
        log(loss="1x60", evaluations={"val_loss": "1.9"}),
    ),
    Case(
        "Q4.2w",
        "data leak",
        log(loss="1x60", evaluations={"val_loss": "0.6"}),
        log(loss="1x60", evaluations={"val_loss": "0.8"}),
    ),
    Case("Q5.1w", "100 x expected", started(weights=[linear(std=2.1)]), started(weights=[linear()])),
    Case(
        "Q5.2w",
        "missing normalization",
        started(activation=[1.0, 1.0, 1.0, 31.0]),
        started(activation=[1.0] * 4),
    ),
    Case("Panel4w", "out of balance", log(activation=[[1.0, 1.0, 1.0, 3.1]]), log(activation=[[1.0] * 4])),
    Case(
        "Panel5w",
        "grows",
        log(spectral_norm=[[1.0, 1.0], [1.0, 2.1]]),
        log(spectral_norm=[[1.0, 1.0], [1.0, 1.9]]),
    ),
    Case("Panel6w", "too many dead units", log(dead_units="60x2"), log(dead_units="50x2")),
)
