"""What the survivors of a lost rank say, and what they do not take for one."""

from __future__ import annotations

import signal

import pytest
import torch

from flight_recorder.engine.distributed.distributed import RollCall, World, is_lost_peer
from flight_recorder.engine.distributed.parallel import Alone
from flight_recorder.engine.run.pace import Pace
from flight_recorder.engine.run.signals import StopRequest, stop_request

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("called", "said"),
    [
        (RollCall((0,), (1,)), "rank 1 died or does not answer any more"),
        (RollCall((0,), (1, 3)), "one or more of the ranks 1, 3 died"),
        (RollCall((0,), (1,), {1: "OutOfMemoryError: 80 GiB"}), "rank 1 ended with OutOfMemoryError: 80 GiB"),
        (RollCall((0, 1), ()), "every rank is alive"),
    ],
)
def test_the_sentence_names_who_is_missing(called: RollCall, said: str) -> None:
    assert said in str(called)


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1"), True),
        (torch.distributed.DistBackendError("NCCL communicator was aborted"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (torch.OutOfMemoryError("NCCL could not allocate"), False),
        (ValueError("gloo/"), False),
    ],
)
def test_an_error_of_ones_own_is_not_taken_for_a_lost_rank(error: Exception, is_lost: bool) -> None:
    assert is_lost_peer(error) == is_lost


class _Echo(World):
    """Three ranks that all have what this one has; a gathered value is told apart by its rank."""

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        return values * self.size

    def gather(self, value: object) -> list[object]:  # type: ignore[override]
        return [value] * self.size


def test_the_pace_of_a_rank_leaves_out_what_it_waited_for_others() -> None:
    pace = Pace()
    for _ in range(4):
        pace.add(0.5, 0.1, waited_s=0.3, num_tokens=100)
    assert pace.tokens_per_s() == pytest.approx(200)
    fields = pace.by_rank(_Echo(size=3), Alone(None))  # type: ignore[arg-type]
    assert fields["rank_step_s"] == pytest.approx([0.2] * 3)
    assert fields["rank_data_s"] == pytest.approx([0.1] * 3)
    assert pace.by_rank(World(), Alone(None)) == {}  # type: ignore[arg-type]


def test_a_stop_request_to_one_rank_is_shared_with_all() -> None:
    class OtherWasAsked(World):
        def sum(self, values: torch.Tensor) -> torch.Tensor:
            values[1] += 1
            return values

    request = StopRequest()
    request.share(World())
    assert request.reason is None
    request.share(OtherWasAsked(size=2))
    assert request.name == "SIGTERM"


def test_a_signal_that_comes_while_the_ranks_ask_each_other_is_kept_for_the_next_time() -> None:
    class AskedMeanwhile(World):
        def sum(self, values: torch.Tensor) -> torch.Tensor:
            request.receive(signal.SIGTERM, None)
            return values

    with stop_request() as request:
        request.share(AskedMeanwhile(size=2))
        assert request.reason is None, "the other ranks have not heard of it"
        request.share(World())
        assert request.reason == "terminated"


def test_a_launcher_may_repeat_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with stop_request() as request:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        request.share(World())
    assert request.name == "SIGTERM"
