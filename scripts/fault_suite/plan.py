"""Which runs the fault suite is made of. Everything here is decided before any run is judged.

Three configurations: thresholds and drills may be chosen by looking at runs of REFERENCE and WIDE, never at
those of HELD_OUT, which nobody has run before the figures are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from flight_recorder.engine.faults.drill import drill_settings
from flight_recorder.engine.faults.fault import Fault
from flight_recorder.engine.faults.registry import FAULTS, parse_fault

Settings = dict[str, Any]

REFERENCE: Settings = {}
"""The engine's defaults: 2 layers, width 64, 512 tokens, cosine from 3e-3."""

WIDE: Settings = {
    "model.n_layers": 3,
    "model.width": 48,
    "model.context": 24,
    "data.vocab_size": 640,
    "data.train_sentences": 3000,
    "data.seed": 7,
    "training.batch_size": 24,
    "training.lr_max": 2e-3,
    "training.lr_min": 1e-4,
    "training.schedule": "linear",
    "training.betas": [0.9, 0.98],
    "training.weight_decay": 0.05,
}

"""A second reference, which was held out until its runs had been looked at."""

HELD_OUT: Settings = {
    "model.n_layers": 5,
    "model.n_heads": 2,
    "model.width": 36,
    "model.context": 18,
    "model.ffn_multiple": 5,
    "model.activation": "relu",
    "data.vocab_size": 576,
    "data.train_sentences": 5000,
    "data.val_sentences": 350,
    "data.seed": 31,
    "training.batch_size": 18,
    "training.accumulation": 3,
    "training.warmup": 36,
    "training.eval_every": 18,
    "training.lr_max": 1.5e-3,
    "training.lr_min": 1.5e-4,
    "training.schedule": "inverse_sqrt",
    "training.betas": [0.88, 0.96],
    "training.eps": 1e-9,
    "training.weight_decay": 0.2,
    "training.grad_clip": 1.5,
}
CONFIGURATIONS: dict[str, Settings] = {"reference": REFERENCE, "wide": WIDE, "held-out": HELD_OUT}
FAULT_SEEDS: dict[str, tuple[int, ...]] = {"reference": (0, 1), "wide": (10,), "held-out": (60, 61)}
HEALTHY_SEEDS: dict[str, tuple[int, ...]] = {"reference": (20, 21), "wide": (30,), "held-out": (70, 71)}
EVERY_STRENGTH_SEEDS = (0, 60, 61)
"""Seeds with which every strength is tried; the others get the default strength only."""

PAIRS = (
    "bad_init:10+constant_lr",
    "lr_too_high:10+data_leak",
    "broken_mask+warmup_off_by_one",
    "decay_on_all_parameters+wrong_total_steps",
    "optimizer_rebuilt+scheduler_overstepped",
    "missing_zero_grad+dead_units",
    "frozen_block+head_bias",
    "dead_head+lr_too_low:10",
    "exploding_residual+no_bias_correction",
    "repeated_batch+ranks_out_of_sync",
)
"""Ten runs with two faults at once; both causes have to be named."""

PAIRS_IN = ("reference", "held-out")

TEXT = "text"
"""Value of data.path that stands for the text file that the suite writes."""

_HEALTHY_LENGTH: Settings = {
    "training.T": 300,
    "training.warmup": 30,
    "training.eval_every": 20,
    "training.ckpt_every": 100,
    "training.eval_tokens": 4096,
}

HEALTHY: dict[str, Settings] = {
    "plain": {},
    "lr-x2": {"lr": 2.0},
    "lr-x0.5": {"lr": 0.5},
    "batch-x4": {"batch": 4, "training.T": 200},
    "accumulation": {"training.accumulation": 4, "training.batch_size": 8},
    "dropout": {"model.dropout": 0.1},
    "no-decay": {"training.weight_decay": 0.0},
    "no-clip": {"training.grad_clip": 0.0},
    "linear": {"training.schedule": "linear"},
    "constant": {"training.schedule": "constant"},
    "cosine": {"training.schedule": "cosine", "training.lr_min": 0.0},
    "wsd": {"training.schedule": "wsd", "training.cooldown": 80},
    "inverse-sqrt": {"training.schedule": "inverse_sqrt"},
    "step-declared": {"training.schedule": "step", "training.decay_every": 80},
    "no-warmup-declared": {"training.warmup": 0},
    "two-layers-more": {"layers": 2, "training.T": 200},
    "other-activation": {"activation": "other"},
    "bf16": {"training.dtype": "bfloat16", "training.T": 200},
    "resumed": {"resumes_at": 150},
    "plateau": {"training.T": 1000, "training.lr_max": 1e-3, "data.train_sentences": 20_000},
    "text": {"data.kind": "text", "data.path": TEXT},
    "beta2-0.999": {"training.betas": [0.9, 0.999]},
}
"""Ways to train in good health, each tried with every healthy seed of each configuration."""


@dataclass(frozen=True)
class Planned:
    """One run of the suite; `settings` are config keys with a dot, `faults` texts as for --fault."""

    name: str
    configuration: str
    seed: int
    settings: Settings
    faults: tuple[str, ...] = ()
    resumes_at: int | None = None
    variant: str = ""
    parsed: tuple[Fault, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_healthy(self) -> bool:
        """Planned without a fault; whether it came out healthy is seen from its losses."""
        return not self.faults


def every_run() -> list[Planned]:
    """All runs of the suite: drills, pairs, healthy runs."""
    return [*drills(), *pairs(), *healthy_runs()]


def drills() -> Iterator[Planned]:
    """Every fault in every configuration, in every strength in the reference and the held-out one."""
    for configuration, base in CONFIGURATIONS.items():
        for seed in FAULT_SEEDS[configuration]:
            for fault in FAULTS.values():
                strengths = fault.strengths or (fault.default_strength,)
                for strength in strengths if seed in EVERY_STRENGTH_SEEDS else strengths[:1]:
                    yield drill(fault(strength), configuration, base, seed)


def drill(fault: Fault, configuration: str, base: Settings, seed: int) -> Planned:
    """One fault, long enough to show."""
    return Planned(
        name=f"{configuration}-{fault}-{seed}",
        configuration=configuration,
        seed=seed,
        settings={**drill_settings(fault), **base, **fault.needs},
        faults=(str(fault),),
        resumes_at=fault.onset_step if fault.resumes else None,
        parsed=(fault,),
    )


def pairs() -> Iterator[Planned]:
    """Two faults at once."""
    for configuration, (number, text) in product(PAIRS_IN, enumerate(PAIRS)):
        faults = tuple(parse_fault(part) for part in text.split("+"))
        longest = max(faults, key=lambda fault: fault.num_steps)
        needs = {key: value for fault in faults for key, value in fault.needs.items()}
        yield Planned(
            name=f"{configuration}-{text}-{number}",
            configuration=configuration,
            seed=number,
            settings={**drill_settings(longest), **CONFIGURATIONS[configuration], **needs},
            faults=tuple(map(str, faults)),
            parsed=faults,
        )


def healthy_runs() -> Iterator[Planned]:
    """Every healthy variant with every healthy seed, but for those that a configuration has as its own."""
    for configuration, base in CONFIGURATIONS.items():
        plain = _resolved(base, {})
        for variant, changes in HEALTHY.items():
            settings, resumes_at = _resolved(base, changes)
            if changes and (settings, resumes_at) == plain:
                continue
            for seed in HEALTHY_SEEDS[configuration]:
                yield Planned(
                    name=f"{configuration}-healthy-{variant}-{seed}",
                    configuration=configuration,
                    seed=seed,
                    settings=settings,
                    resumes_at=resumes_at,
                    variant=variant,
                )


def _resolved(base: Settings, changes: Settings) -> tuple[Settings, int | None]:
    """What is relative turned into values; the step at which the run is stopped and resumed, if it is."""
    settings = {**_HEALTHY_LENGTH, **base, **changes}
    factor, batches, layers = settings.pop("lr", 1.0), settings.pop("batch", 1), settings.pop("layers", 0)
    resumes_at = settings.pop("resumes_at", None)
    settings["training.lr_max"] = settings.get("training.lr_max", 3e-3) * factor
    settings["training.batch_size"] = settings.get("training.batch_size", 32) * batches
    settings["model.n_layers"] = settings.get("model.n_layers", 2) + layers
    if settings.pop("activation", None):
        settings["model.activation"] = {"gelu": "relu"}.get(settings.get("model.activation", "gelu"), "gelu")
    return settings, resumes_at
