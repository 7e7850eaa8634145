"""What the list of fire drills promises."""

from __future__ import annotations

import pytest

from flight_recorder.engine.faults.fault import DAMAGED, NAMED, Fault
from flight_recorder.engine.faults.registry import FAULTS, UnknownFault, explain, family, parse_fault
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level

PROMISED = frozenset(
    {
        "bad_init", "zero_init", "embedding_scale", "head_bias", "loaded_checkpoint", "no_warmup",
        "constant_lr", "zero_lr", "step_decay", "wrong_total_steps", "warmup_off_by_one",
        "scheduler_overstepped", "lr_too_high", "lr_too_low", "gradient_outlier", "instability",
        "broken_mask", "masked_targets", "degenerate_targets", "sum_reduction",
        "missing_accumulation_divisor", "optimizer_rebuilt", "no_bias_correction",
        "decay_on_all_parameters", "missing_zero_grad", "frozen_parameters", "no_normalization",
        "exploding_residual", "dead_units", "dead_head", "data_leak", "shuffled_labels", "overfit",
        "memorised", "best_checkpoint_missing", "repeated_batch", "nan", "fp16_overflow",
        "loss_spike", "resume_lost_optimizer", "ranks_out_of_sync", "drift", "plateau",
        "above_uniform", "eval_broken", "schedule_mismatch", "no_validation", "stalled",
        "throughput_drop"
    }
)  # fmt: skip
"""Causes that the tree may name."""

WITHOUT_DRILL = frozenset(
    {
        "never_learned", "diverged", "ended_early", "out_of_memory", "crashed", "killed", "negative_loss",
        "reward_collapse", "setback",
        "clip_before_unscale", "clip_ineffective", "corrupt_checkpoint", "dtype_mismatch", "duplicate_rows",
        "eos_masked", "label_shift", "mostly_frozen", "norm_misreported", "padding_in_loss",
        "ranks_read_same_data", "replayed_data", "same_order_every_epoch", "short_batch", "ties_broken",
        "unequal_weights", "updates_lost", "updates_rounded_away", "weights_overwritten", "wrong_mode",
        "zero_gradient",
    }
)  # fmt: skip
"""Causes that are no fault of ours to plant: an end, what is said where no reason is known, and the silent
bugs that scripts/silent_bugs rehearses in loops of its own."""


def test_there_are_at_least_forty_five_faults_in_eight_families() -> None:
    assert len(FAULTS) >= 45
    assert len({family(fault) for fault in FAULTS.values()}) == 8


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_every_fault_declares_a_promised_cause_a_level_and_a_deadline_within_its_run(
    fault: type[Fault],
) -> None:
    assert {fault.cause, *fault.also} <= PROMISED or (fault.sign == DAMAGED and not fault.cause)
    assert fault.level.upper() in Level.__members__
    assert fault.onset_step <= fault.deadline_step <= fault.num_steps
    assert not fault.strengths or fault.strengths[0] == fault.default_strength
    assert "{" not in explain(fault)["breaks"]


def test_every_promised_cause_has_a_drill() -> None:
    assert {fault.cause for fault in FAULTS.values()} >= PROMISED


def test_a_fault_bears_the_name_of_its_cause_where_there_is_one_of_that_name() -> None:
    for name in FAULTS.keys() & PROMISED:
        assert FAULTS[name].cause == name


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_some_leaf_can_name_the_cause_at_the_declared_level(fault: type[Fault]) -> None:
    leaves = [leaf for check in every_check() if check.shipped for leaf in check.leaves]
    level = Level[fault.level.upper()]
    assert fault.sign != NAMED or any(fault.cause in leaf.causes and leaf.level >= level for leaf in leaves)


def test_every_cause_of_the_tree_is_a_promised_one() -> None:
    assert {cause for check in every_check() for leaf in check.leaves for cause in leaf.causes} <= (
        PROMISED | WITHOUT_DRILL
    )


def test_two_faults_at_once_keep_their_names_and_strengths() -> None:
    assert str(parse_fault("bad_init:10+constant_lr")) == "bad_init:10+constant_lr:1"
    with pytest.raises(UnknownFault, match="did you mean constant_lr"):
        parse_fault("bad_init+constant_l")
    assert str(parse_fault("fp16_overflow:1e+12")) == "fp16_overflow:1e+12"
