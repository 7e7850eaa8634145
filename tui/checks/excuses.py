"""What excuses a reading that is beyond a bound: named reasons, told on the card and in JSON.

A measure states at which of its readings each reason holds (`Readings.excused`); a leaf says which reasons it
accepts (`Leaf.unless`). The reading stays the true number.
"""

from __future__ import annotations

EXCUSES: dict[str, str] = {
    "random_walk_explains": "a random walk with the run's own steps explains it",
    "validation_at_its_best": "validation has since been at its best",
    "within_noise": "the noise of the run explains it",
    "within_printed_precision": "it is smaller than what the log prints",
    "printed_too_coarsely": "the log prints too few digits",
    "too_few_records": "so few records prove nothing",
    "explained_otherwise": "it did not hold at every step so far",
    "second_rate_rises": "the rate rises from the first step to the second",
    "pause_like_before": "a pause as long has been before",
    "short_pause": "the pause was short",
    "may_come_back": "in the first steps many units fall silent that come back",
    "no_spike": "it is less than six robust deviations above the records before, or the loss has no shares",
    "no_jump": "no spike was 50 to 400 records before",
    "evaluated_since": "there is a validation loss by now",
    "validation_is_high": "validation is as high as honest learning leaves it",
    "no_steady_rise": "it did not rise at each of the first steps",
    "still_falling": "the loss still falls",
    "rate_rises": "the learning rate still rises",
    "rate_decayed": "the learning rate has decayed",
    "training_rises_too": "the training loss rises as well",
    "planned_restart": "the declared schedule restarts there",
    "learned_before": "the run has learned before",
    "nothing_learned_yet": "nothing was learned yet that could be lost",
    "little_is_lost": "it is little of what was learned",
    "half_is_kept": "half of what was learned is kept",
    "loss_bears_it": "the loss neither rose by half nor stands still under it",
    "loss_below_zero": "a loss that has been below zero has no shares",
    "noise_of_each_of_three": "the noise of the run explains three such evaluations in a row",
    "validation_not_ruined": "validation is not ruined",
    "rose_only_once": "validation has not risen twice in a row",
    "no_onset": "no overfitting was called",
    "loss_moves": "the loss moves up and down too far to stand still",
    "noise_hides_a_fall": "a fall could hide in the noise of the run",
    "may_start_trained": "the run may start from trained weights",
    "judged_as_nats": "the loss is in nats per token, and another leaf judges it",
    "other_unit": "the loss may be in another unit than nats per token",
    "may_be_unlogged": "a loss of 0 throughout may never have been logged",
    "has_a_gradient": "its gradient is not zero",
    "loss_is_scaled": "the loss is scaled by a power of two, as for half precision",
    "explained_by_micro_batches": "the micro-batches are not averaged, and P10 says so",
    "after_every_update": "something is done to the weights behind every update",
    "nothing_dropped": "nothing was dropped: the model samples on purpose",
    "a_matrix_trains": "a matrix trains: an adapter or a head",
    "usual_default": "PyTorch's default initialisation explains it",
    "none_declared": "the config declares none",
    "one_declared": "the config declares one, and another leaf judges it",
}
"""Every reason by name, as it completes the sentence "excused: ..."."""
