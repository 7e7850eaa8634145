"""Which way metrics improve."""

from __future__ import annotations

import pytest

from flight_recorder.tui.sources.naming.directions import DOWN, UP, direction_of


@pytest.mark.parametrize(
    ("names", "direction"),
    [
        (
            "acc val_accuracy eval/f1 top5 Acc@1 mAP50 metrics/mAP50-95(B) rewards/margins auc R2 r2_score",
            UP,
        ),
        ("rollout/ep_rew_mean/reward exact_match win_rate psnr bleu val_mIoU ndcg@10 spearman", UP),
        (
            "loss val/rmse wer perplexity fid valid-logloss cross_entropy bits_per_byte error reward_loss",
            DOWN,
        ),
        ("lr grad_norm tokens_per_s kl entropy accuracy_std loss_scale activation epoch", 0),
    ],
)
def test_the_last_known_word_says_which_way_is_better(names: str, direction: int) -> None:
    assert {name: direction_of(name) for name in names.split()} == dict.fromkeys(names.split(), direction)
