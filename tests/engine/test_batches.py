"""The order of the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flight_recorder.engine.data.batches import IGNORED, BatchOrder, evaluation_batches, gather
from flight_recorder.engine.data.corpus import CorpusError, Stream

pytestmark = pytest.mark.torch

STREAM = Stream(np.arange(1001), classes=np.arange(1001) % 2, verb=np.arange(1001) % 3 == 0)


def _order(**keys: int) -> BatchOrder:
    return BatchOrder(STREAM, **{"context": 10, "batch_size": 4, "seed": 0, **keys})


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    one, other = _order(), _order()
    for step in (7, 3, 200, 3):  # out of order, and across epochs
        assert torch.equal(one.batch(step, 0).inputs, other.batch(step, 0).inputs)
    assert not torch.equal(one.batch(3, 0).inputs, _order(seed=1).batch(3, 0).inputs)


def test_targets_are_the_next_tokens_with_their_own_class_and_verb() -> None:
    batch = _order().batch(0, 0)
    assert torch.equal(batch.targets, batch.inputs + 1)
    assert batch.classes is not None and torch.equal(batch.classes, batch.targets % 2)
    assert batch.verb is not None and torch.equal(batch.verb, batch.targets % 3 == 0)


def test_an_epoch_reads_every_block_once_in_an_order_of_its_own() -> None:
    order = _order()
    epochs = [order.starts(range(e * order.num_blocks, (e + 1) * order.num_blocks)) for e in (0, 1)]
    for starts in epochs:
        assert np.diff(sorted(starts)).tolist() == [10] * (order.num_blocks - 1)
    places = [[start // 10 for start in starts] for starts in epochs]
    assert places[0] != places[1] != sorted(places[1])


def test_no_block_of_any_epoch_leaves_the_stream() -> None:
    order = _order()
    for step in range(100):
        assert (order.batch(step, 0).targets != IGNORED).all()


def test_micro_batches_and_ranks_share_out_the_blocks_of_one_large_batch() -> None:
    whole = _order(batch_size=16).batch(5, 0).inputs
    by_micro_step = [_order(accumulation=4).batch(5, m).inputs for m in range(4)]
    by_rank = [_order(batch_size=16, world_size=3, rank=r).batch(5, 0).inputs for r in range(3)]
    assert torch.equal(torch.cat(by_micro_step), whole)
    assert torch.equal(torch.cat(by_rank), whole)
    assert [len(rows) for rows in by_rank] == [5, 5, 6]


def test_more_ranks_than_sequences_are_refused_in_one_sentence() -> None:
    with pytest.raises(CorpusError, match="batch_size is 4, fewer sequences than the 5 processes"):
        _order(world_size=5)


def test_a_rank_without_a_row_comes_all_the_same_and_counts_nothing() -> None:
    batch = gather(STREAM, [0], 10)
    first, second = batch.share(0, 2), batch.share(1, 2)
    assert {first.num_targets, second.num_targets} == {0, 10}
    assert first.inputs.shape == second.inputs.shape == (1, 10)


def test_a_stream_shorter_than_a_block_is_refused_in_one_sentence() -> None:
    with pytest.raises(CorpusError, match="too few for one block"):
        BatchOrder(Stream(np.arange(10)), context=10, batch_size=1)


def test_a_stream_of_exactly_one_block_is_read() -> None:
    batch = BatchOrder(Stream(np.arange(11)), context=10, batch_size=2).batch(0, 0)
    assert batch.targets.tolist() == [list(range(1, 11))] * 2


def test_padding_behind_the_end_does_not_count() -> None:
    batch = gather(STREAM, [995], 10)
    assert batch.targets[0].tolist() == [996, 997, 998, 999, 1000, *[IGNORED] * 5]
    assert batch.num_targets == 5


def test_an_evaluation_reads_every_target_once_when_it_may() -> None:
    targets = torch.cat([b.targets.flatten() for b in evaluation_batches(STREAM, 10, 4, 10_000)])
    assert targets[targets != IGNORED].tolist() == list(range(1, 1001))


def test_a_shorter_evaluation_spreads_over_the_whole_stream() -> None:
    inputs = torch.cat([b.inputs for b in evaluation_batches(STREAM, 10, 4, 50)])
    assert inputs[:, 0].tolist() == [0, 250, 500, 740, 990]
