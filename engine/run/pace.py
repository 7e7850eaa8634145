"""How fast each rank is by itself: what tells a straggler from those who wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flight_recorder.engine.distributed.distributed import World
from flight_recorder.engine.distributed.parallel import Parallel


@dataclass(slots=True)
class Pace:
    """Sums over the steps of this rank, each until somebody asks for it."""

    num_steps: int = 0
    own_s: float = 0.0
    data_s: float = 0.0
    num_tokens: float = 0.0
    tokens_in_s: float = 0.0

    def add(self, step_s: float, data_s: float, *, waited_s: float, num_tokens: float) -> None:
        """One more step: its wall time, the parts for its data and for waiting, the tokens of all ranks."""
        self.num_steps += 1
        self.own_s += step_s - waited_s
        self.data_s += data_s
        self.num_tokens += num_tokens
        self.tokens_in_s += step_s

    def tokens_per_s(self) -> float:
        """Tokens of all ranks over the wall time of the steps since the last question, or 0."""
        pace = self.num_tokens / self.tokens_in_s if self.tokens_in_s else 0.0
        self.num_tokens = self.tokens_in_s = 0.0
        return pace

    def by_rank(self, world: World, parallel: Parallel) -> dict[str, Any]:
        """`rank_step_s` and `rank_data_s` of the steps since the last question; nothing for one process.

        The former is absent where a rank's own time cannot be told from its waiting.
        """
        if world.size == 1:
            return {}
        steps, device_wait_s = max(1, self.num_steps), parallel.device_wait_s()
        mine = (max(0.0, self.own_s - device_wait_s) / steps, self.data_s / steps)
        self.num_steps, self.own_s, self.data_s = 0, 0.0, 0.0
        step_s, data_s = zip(*world.gather(mine), strict=True)
        by_rank = {"rank_data_s": list(data_s)}
        return by_rank | {"rank_step_s": list(step_s)} if parallel.knows_waiting else by_rank
