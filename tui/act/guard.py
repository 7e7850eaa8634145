"""Act on a run as a policy says: stop the command, signal it, or start another one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flight_recorder.tui.act.policy import Policy, Rule
from flight_recorder.tui.act.processes import with_children
from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.run import Run

STOPPED = 128 + signal.SIGTERM
"""Exit code of a command that the guard stopped."""


@dataclass(frozen=True, slots=True)
class Act:
    """What was done, or would have been, and why."""

    step: int | None
    rule: Rule
    evidence: str

    @property
    def sentence(self) -> str:
        """The act in words."""
        did = {
            "stop": "stop the run",
            "signal": f"send {self.rule.signal}",
            "exec": f"run {self.rule.command}",
        }
        return f"{did[self.rule.do]} at step {self.step}, by the rule for {self.rule.when}: {self.evidence}"

    def as_json(self) -> dict[str, Any]:
        """A line of the journal."""
        return {"step": self.step, "do": self.rule.do, "when": self.rule.when, "evidence": self.evidence}


@dataclass
class Decisions:
    """Which rule acts next. Each acts once; the same run gives the same acts, live or recorded."""

    policy: Policy
    acts: list[Act] = field(default_factory=list)
    _at: float = float("-inf")

    def next_act(self, run: Run, now: float) -> Act | None:
        """The act that is due on the run as it is, noted as done."""
        is_limited = len(self.acts) >= self.policy.at_most or now - self._at < self.policy.cooldown
        if is_limited or run.is_partial:
            return None
        for rule in self.policy.rules:
            if any(act.rule is rule for act in self.acts):
                continue
            if evidence := rule.evidence(run):
                act = Act(run.recording.last_step, rule, evidence)
                self.acts.append(act)
                self._at = now
                return act
        return None


class Guard:
    """The policy at work on a command that runs."""

    def __init__(self, policy: Policy, journal: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._policy, self._journal, self._now = policy, journal, now
        self._decisions = Decisions(policy)
        self._pid = 0
        self._kill: threading.Timer | None = None
        self.has_stopped = False

    @property
    def acts(self) -> list[Act]:
        """What was done so far."""
        return self._decisions.acts

    def protect(self, pid: int) -> None:
        """This is the command."""
        self._pid = pid

    def ended(self) -> None:
        """The command has ended: its number may soon be another process."""
        self._pid = 0
        if self._kill:
            self._kill.cancel()

    def look(self, run: Run) -> None:
        """Act where the policy says so."""
        act = self._decisions.next_act(run, self._now())
        if act is None or self.has_stopped:
            return
        with self._journal.open("a") as file:
            file.write(json.dumps(act.as_json() | {"at": time.time()}) + "\n")
        {"stop": self._stop, "signal": self._signal, "exec": self._exec}[act.rule.do](act)

    def _stop(self, act: Act) -> None:
        self.has_stopped = True
        self._send(signal.SIGTERM)
        self._kill = threading.Timer(self._policy.grace, self._send, (signal.SIGKILL,))
        self._kill.daemon = True
        self._kill.start()

    def _signal(self, act: Act) -> None:
        self._send(signal.Signals[act.rule.signal])

    def _exec(self, act: Act) -> None:
        words = {"TUI_STEP": str(act.step), "TUI_EVIDENCE": act.evidence, "TUI_PID": str(self._pid)}
        subprocess.Popen(
            act.rule.command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | words,
            start_new_session=True,
        )

    def _send(self, number: signal.Signals) -> None:
        """To the command and all that it started: a shell script would not pass it on."""
        for pid in with_children(self._pid) if self._pid else ():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def exit_code(self, code: int) -> int:
        """The command's own, or 143 where it was stopped."""
        return STOPPED if self.has_stopped else code


def one_by_one(batch: Batch) -> Iterator[Batch]:
    """The same news, a record at a time."""
    if not batch.records or batch.stored:
        yield batch
        return
    yield replace(batch, records=batch.records[:1])
    for record in batch.records[1:]:
        yield replace(batch, records=(record,), damaged=(), restarted=False)


def dry_run(run: Run, batches: Iterable[Batch], policy: Policy) -> list[Act]:
    """What a guard would have done in a recorded run; a cooldown counts by the log's own clock."""
    decisions = Decisions(policy)
    for batch in batches:
        for part in one_by_one(batch):
            run.extend(part)
            decisions.next_act(run, _clock(run, len(decisions.acts) * policy.cooldown))
            if any(act.rule.do == "stop" for act in decisions.acts):
                break
    return decisions.acts


def _clock(run: Run, otherwise: float) -> float:
    """The time of the newest step in seconds, where the log has it."""
    steps = run.recording.steps
    return float(steps["time"].values[-1]) if "time" in steps and len(steps["time"]) else otherwise
