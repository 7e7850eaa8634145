"""What a record may say: every kind of record, every field with its unit and its meaning.

The one table from which the codec, FORMAT.md, the columns of the monitor and the `reads` of the checks
take their names. A field that was not measured is an absent key, never a null and never a zero.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TypeGuard

FORMAT_VERSION = "1.0"
"""major.minor. A reader refuses a newer major version and ignores what a newer minor version adds."""

LOG_NAME = "inspector.log.jsonl"
"""Name of the log inside a run folder."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    `shape` is "scalar"; or the header field that names the items of a list of numbers ("layers", "matrices",
    "classes"), or "ranks" for one item a rank; or, for what is read whole, "names" for a list of text, "rows"
    for a list of objects, "object"; or "facts" for an object of numbers, each a column ("contract/shift"), in
    which a text `reason` says why they were not measured. `exact` numbers keep every digit, the others are
    written with five significant digits. `unit` is "text" for what is not a number. `least` is the smallest
    value that a count can have; from 2^53 on none is exact.
    """

    name: str
    unit: str
    meaning: str
    shape: str = "scalar"
    exact: bool = False
    least: int | None = None

    def holds(self, value: object) -> bool:
        """Whether this value has the shape of the field."""
        match self.shape:
            case "scalar" if self.unit == "text":
                return isinstance(value, str | bool)
            case "scalar":
                return is_number(value) and (self.least is None or self.least <= value < 2**53)
            case "object" | "facts":
                return isinstance(value, dict)
            case "names":
                return _is_list_of(value, str)
            case "rows":
                return _is_list_of(value, dict)
            case "ranks" | "pairs":
                return isinstance(value, list)
            case _:
                return isinstance(value, list) and all(map(is_number, value))


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether this is a number that a double can be, NaN and the infinities included."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, float)


def _is_list_of(value: object, item: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, item) for one in value)


def _table(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


_TIME = Field("time", "s", "Unix time at which the record was written", exact=True)
_STEP = Field("step", "step", "optimizer steps done before this record's measurements, from 0", exact=True)

HEADER = _table(
    Field("format", "text", "version of this format, major.minor"),
    Field("run_id", "text", "unique for each log, kept on resume"),
    Field("name", "text", "name of the run, shown in the status line"),
    Field("origin", "text", '"scratch" or "fine-tune"; a fine-tune is exempt from the bounds around ln V'),
    Field("unit", "text", '"nats_per_token" where the loss is the mean of a token in nats'),
    Field("pretrained", "text", "true where the program is mostly used to train on from trained weights"),
    Field("seed", "1", "seed of the run", exact=True),
    Field("config", "text", "the resolved configuration, whole", shape="object"),
    Field("vocab_size", "token", "V, the number of tokens of the vocabulary", exact=True, least=2),
    Field("num_parameters", "1", "trainable parameters", exact=True),
    Field("planned_steps", "step", "optimizer steps the run is meant to take", exact=True),
    Field("schedule", "text", "declared schedule: family and every constant", shape="object"),
    Field("grad_clip", "1", "largest global gradient norm let through; 0 for none", exact=True),
    Field("baseline_loss", "nat/token", "validation loss of the n-gram baseline", exact=True),
    Field("layers", "text", "measured points of the residual stream, in order", shape="names"),
    Field(
        "residual_layers", "text", "those of `layers` that are on the residual stream itself", shape="names"
    ),
    Field("matrices", "text", "weight matrices whose spectral norm is measured", shape="names"),
    Field("classes", "text", "names of the classes of class_loss", shape="names"),
    Field("num_units", "1", "hidden units of all feed-forward layers together", exact=True),
    Field("num_heads", "1", "attention heads of all blocks together", exact=True),
    Field("dead_eps", "1", "|activation| below which a hidden unit counts as silent on a token", exact=True),
    Field(
        "grad_norm_is",
        "text",
        'what grad_norm was measured on where the loop is not ours: "before clipping", or "at the update"',
    ),
    Field("dtype", "text", "arithmetic of the forward pass: float32, bfloat16, float16"),
    Field("device", "text", "cpu, cuda or mps, with its name where known"),
    Field("world_size", "1", "number of processes", exact=True),
    Field("optimizer", "text", "name and constants: betas, eps, weight_decay", shape="object"),
    Field("accumulation", "1", "micro-batches in one optimizer step", exact=True),
    Field("tokens_per_step", "token", "target tokens in one optimizer step over all ranks", exact=True),
    Field("steps_per_epoch", "step", "optimizer steps in one pass over the training set", exact=True),
    Field("eval_every", "step", "steps between evaluations; 0 for none", exact=True),
    Field("ckpt_every", "step", "steps between periodic checkpoints; 0 for none", exact=True),
    Field("dropout", "1", "largest dropout probability in the model", exact=True),
    Field("causal", "text", "whether the model is meant to be causal"),
    Field("pad_id", "token", "id of the padding", exact=True),
    Field("eos_id", "token", "id of the end of a sequence", exact=True),
    Field("batch_size", "1", "rows of one micro-batch on one rank, as declared", exact=True),
    Field("tied", "text", "pairs of parameters declared to be one: [[name, name], ...]", shape="pairs"),
    Field("frozen", "text", "shell patterns of parameters declared frozen", shape="names"),
    Field("trainable", "text", "shell patterns of parameters declared to train", shape="names"),
    Field("planned_epochs", "epoch", "passes over the training set that were asked for", exact=True),
    Field("fault", "text", "fault switched on for a fire drill; no check may read it"),
    Field("source", "text", "format of a log that another program wrote; absent in our own"),
    Field("steps_inferred", "text", "whether the steps were counted because the log does not state them"),
    Field(
        "lr_lag", "step", "steps by which `lr` lags behind the schedule: lr at step s is schedule(s - lag)"
    ),
    Field("confidence", "1", "how surely another program's loss was found; below 0.65 a note says so"),
    Field("notes", "text", "remarks on how another program's numbers were read", shape="names"),
    _TIME,
)

INITIAL = _table(
    _STEP,
    _TIME,
    Field(
        "weights",
        "1",
        "per tensor: name, role (linear, embedding, norm, bias), shape, mean, std, min, max, declared_std",
        shape="rows",
    ),
    Field("activation", "1", "mean absolute value over batch, time and width of one batch", shape="layers"),
    Field("activation_rms", "1", "root mean square over batch, time and width of one batch", shape="layers"),
    Field(
        "parameter_groups",
        "text",
        "per optimizer group: weight_decay, num_tensors, num_matrices (2-D and more), num_vectors, names",
        shape="rows",
    ),
    Field(
        "causality",
        "1",
        "largest change of any logit before the position whose token was changed; 0 for a causal model",
        exact=True,
    ),
    Field("num_validation", "1", "validation examples", exact=True),
    Field(
        "num_validation_in_training", "1", "validation examples whose content is also in training", exact=True
    ),
    Field("validation_loss", "nat/token", "validation loss before the first step", exact=True),
    Field("num_loaded_tensors", "1", "tensors loaded from a checkpoint before step 0", exact=True),
)

STEP = _table(
    _STEP,
    _TIME,
    Field("loss", "nat/token", "mean training loss of this step's batch, before the update", exact=True),
    Field("lr", "1", "learning rate applied at this step", exact=True),
    Field("grad_norm", "1", "global L2 norm of the gradient before clipping"),
    Field("step_s", "s", "wall time of the whole step"),
    Field("data_s", "s", "part of it spent waiting for the batch"),
    Field("batch", "1", "index of the batch in the order of this run", exact=True),
    Field("batch_hash", "text", "eight hexadecimal digits over the tokens of the batch"),
    Field("activation", "1", "mean absolute value over batch, time and width", shape="layers"),
    Field("spectral_norm", "1", "largest singular value of each weight matrix", shape="matrices"),
    Field("dead_units", "1", "hidden units with |activation| below eps on over 99 % of the batch's tokens"),
    Field("dead_heads", "1", "heads with attention entropy below log 2 on over 99 % of the queries"),
    Field("dead_unit_blocks", "text", "dead units by block, only where there are any", shape="object"),
    Field("dead_head_names", "text", "names of the dead heads, only where there are any", shape="names"),
    Field("class_loss", "nat/token", "mean training loss by class over whole sentences", shape="classes"),
    Field("num_targets", "token", "target tokens that count in the loss", exact=True),
    Field("num_tokens", "token", "positions in the batch, padding left out", exact=True),
    Field("num_distinct_targets", "1", "different tokens among the targets", exact=True),
    Field("adam_step", "step", "largest step counter found in the optimizer's state", exact=True),
    Field("m_norm", "1", "L2 norm of the first moment over all parameters"),
    Field("v_sum", "1", "sum of the second moment over all parameters"),
    Field(
        "v_expected", "1", "what v_sum would be had the optimizer seen every clipped gradient since step 0"
    ),
    Field("update_ratio", "1", "norm of the update made over norm of the update that AdamW prescribes"),
    Field("weight_norm", "1", "L2 norm of all parameters"),
    Field(
        "grad_norm_recomputed", "1", "gradient norm of the same batch computed afresh, accumulation and all"
    ),
    Field(
        "num_frozen",
        "1",
        "parameters (elements) that have not moved since the measurement before",
        exact=True,
    ),
    Field("frozen_names", "text", "tensors that have not moved, only where there are any", shape="names"),
    Field(
        "contract",
        "1",
        "what the loss asks of the logits, by its gradient: shift, counted (positions), of, padding, eos "
        "(counted labels of these), ends (ends of sequences in the tokens), weights (their sum over the "
        "step), equal, spread (largest over smallest mean weight of a micro-batch), micro_batches",
        shape="facts",
    ),
    Field(
        "norm_audit",
        "1",
        "ratio (norm at the update over the smaller of reported norm and clip value), clipped, norm, "
        "reported",
        shape="facts",
    ),
    Field(
        "gradient",
        "1",
        "tensors whose gradient is exactly zero: zero, streak (most steps in a row), sudden (had one at "
        "every step before), all (1 if it is every tensor); stale (gradients of the step before at the "
        "backward pass); names",
        shape="facts",
    ),
    Field(
        "update",
        "1",
        "a few elements of every tensor: moved (share that the update moved), lost (1 if it moved none and "
        "one like it did before), rounded (share with a gradient that 16-bit rounding left in place), "
        "overwritten (change between updates over that of an update), every (share of updates with such)",
        shape="facts",
    ),
    Field(
        "mode",
        "1",
        "training (0 if the pass that was trained on ran in evaluation mode), droppable (dropouts and batch "
        "norms)",
        shape="facts",
    ),
    Field(
        "rows",
        "1",
        "rows of the newest batch: rows, repeated (of those that occur twice or more)",
        shape="facts",
    ),
    Field(
        "ranks",
        "1",
        "of (ranks), at (update), parameters (different sets among them), rows (different batches)",
        shape="facts",
    ),
    Field(
        "declared",
        "1",
        "declared against done: dtype_off and dtype_of (linear layers), ties_off, frozen_off, trainable_off "
        "(tensors), trainable_share (of all elements), vectors_only",
        shape="facts",
    ),
    Field("nonfinite_count", "1", "non-finite micro-batch losses in this step", exact=True),
    Field("nonfinite_site", "text", "first measured point that was not finite"),
    Field("loss_scale", "1", "loss scale of fp16 training"),
    Field("skipped_updates", "1", "updates skipped so far for non-finite gradients", exact=True),
    Field("epoch", "epoch", "passes over the training set so far", exact=True),
    Field("tokens", "token", "tokens seen so far", exact=True),
    Field("tokens_per_s", "token/s", "throughput"),
    Field("mfu", "1", "model FLOP/s utilisation, a fraction"),
    Field(
        "device_load", "1", "utilisation of the device, a fraction; on cpu of the threads that may be used"
    ),
    Field("memory_bytes", "B", "memory in use on the device; on cpu by the process", exact=True),
    Field("memory_peak_bytes", "B", "the most of it in use at any moment so far", exact=True),
)

EVALUATION = _table(
    _STEP,
    _TIME,
    Field("val_loss", "nat/token", "validation loss", exact=True),
    Field(
        "train_loss", "nat/token", "loss on a part of the training split, measured the same way", exact=True
    ),
    Field("class_loss", "nat/token", "validation loss by class over whole sentences", shape="classes"),
    Field(
        "class_verb_loss", "nat/token", "validation loss by class over the verb's own tokens", shape="classes"
    ),
    Field("eval_s", "s", "wall time of the evaluation"),
    Field("epoch", "epoch", "passes over the training set so far", exact=True),
    Field("parameter_checksums", "text", "checksum of all parameters, by rank", shape="ranks"),
    Field(
        "rank_step_s",
        "s",
        "mean step time since the evaluation before without waiting for other ranks, by rank",
        shape="ranks",
    ),
    Field("rank_data_s", "s", "mean data time since the evaluation before, by rank", shape="ranks"),
    Field(
        "mode",
        "1",
        "training (1 if the evaluation ran in training mode), droppable (dropouts and batch norms), repeat "
        "(largest relative difference of two passes over one batch), dropout (1 if it was at work in them)",
        shape="facts",
    ),
)

_ROWS = {
    "weights": _table(
        Field("name", "text", "name of the tensor"),
        Field("role", "text", "linear, embedding, norm or bias"),
        Field("shape", "1", "length of each dimension", shape="dimensions"),
        *(
            Field(name, "1", f"{name} of the entries")
            for name in ("mean", "std", "min", "max", "declared_std")
        ),
    ),
    "parameter_groups": _table(
        *(Field(name, "1", name) for name in ("weight_decay", "num_tensors", "num_matrices", "num_vectors")),
        Field("names", "text", "names of the tensors", shape="names"),
    ),
}
"""What a row of a field of rows may say."""


def is_row(name: str, row: dict[str, object]) -> bool:
    """Whether this is a row of the field of this name: all of it of its shape, a tensor with its name."""
    fields = _ROWS[name]
    is_named = "name" not in fields or "name" in row
    return is_named and all(field.holds(row[key]) for key, field in fields.items() if key in row)


CHECKPOINT = _table(
    _STEP,
    _TIME,
    Field("path", "text", "file, relative to the run folder"),
    Field("role", "text", '"periodic", "last" or "best"'),
    Field("val_loss", "nat/token", "validation loss of these parameters, where known", exact=True),
    Field(
        "read_back",
        "1",
        "the file beside the model in memory: tensors, missing, differ; names",
        shape="facts",
    ),
)

RESUME = _table(
    Field("step", "step", "step the run restarts from; steps logged from it on are superseded", exact=True),
    _TIME,
    Field("optimizer_restored", "text", "whether moments and step counter came back"),
    Field("world_size", "1", "number of processes now", exact=True),
    Field("torn_bytes", "B", "length of a torn last line that was moved aside", exact=True),
)

EXIT = _table(
    _STEP,
    _TIME,
    Field("reason", "text", '"finished", "interrupted", "terminated", "early_stopping" or "error"'),
    Field("message", "text", "one sentence more, where there is one"),
    Field("num_lost", "1", "records of this process that could not be written, if any", exact=True),
)

KINDS: dict[str, dict[str, Field]] = {
    "header": HEADER,
    "initial": INITIAL,
    "step": STEP,
    "evaluation": EVALUATION,
    "checkpoint": CHECKPOINT,
    "resume": RESUME,
    "exit": EXIT,
}

REQUIRED: dict[str, tuple[str, ...]] = {
    "header": ("format",),
    "initial": ("step",),
    "step": ("step",),
    "evaluation": ("step",),
    "checkpoint": ("step",),
    "resume": ("step",),
    "exit": ("reason",),
}

EXACT: frozenset[str] = frozenset(
    field.name for fields in KINDS.values() for field in fields.values() if field.exact
)
TEXT: frozenset[str] = frozenset(
    field.name for fields in KINDS.values() for field in fields.values() if field.unit == "text"
)
