"""For which runs a rule is meant: named predicates, each with the sentence that says why it does not apply.

A rule that does not apply to a run reads `not_applicable` with that sentence; its measure is never asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flight_recorder.tui.checks.facts import Facts


@dataclass(frozen=True, slots=True)
class Scope:
    """One predicate over what is known of a run as a whole.

    Attributes:
        name: what rules, TREE.md and `tui explain` call it.
        holds: whether a rule of this scope is meant for the run.
        otherwise: why it is not, as a sentence without its full stop.
    """

    name: str
    holds: Callable[[Facts], bool]
    otherwise: str


FROM_SCRATCH = Scope(
    "from_scratch",
    lambda facts: facts.header.get("origin", "scratch") == "scratch",
    "the run starts from trained weights",
)
DECLARED_FROM_SCRATCH = Scope(
    "declared_from_scratch",
    lambda facts: facts.header.get("origin") == "scratch",
    "the log does not declare that the run starts from scratch",
)
STARTS_UNTRAINED = Scope(
    "starts_untrained",
    lambda facts: facts.header.get("origin") != "fine-tune" and not facts.header.get("pretrained"),
    "the run starts, or may start, from trained weights",
)
NATS_PER_TOKEN = Scope(
    "nats_per_token",
    lambda facts: facts.header.get("unit") == "nats_per_token",
    "the log is not of a program that prints nats per token",
)
VOCABULARY_KNOWN = Scope(
    "vocabulary_known",
    lambda facts: facts.ln_vocab is not None,
    "the log does not say how many classes there are",
)
VOCABULARY_UNKNOWN = Scope(
    "vocabulary_unknown",
    lambda facts: facts.ln_vocab is None,
    "the number of classes is known, and other rules judge by it",
)
CLIP_KNOWN = Scope(
    "clip_known",
    lambda facts: facts.grad_clip is not None,
    "the log does not say at which norm gradients are clipped",
)
CLIP_UNKNOWN = Scope(
    "clip_unknown", lambda facts: facts.grad_clip is None, "the clip value is known, and Q3.1a judges by it"
)
SCHEDULE_DECLARED = Scope(
    "schedule_declared", lambda facts: facts.declares_schedule, "the log declares no learning-rate schedule"
)
SCHEDULE_UNDECLARED = Scope(
    "schedule_undeclared",
    lambda facts: not facts.declares_schedule,
    "the log declares its schedule, and other rules judge by it",
)
NOT_ADVERSARIAL_OR_POLICY = Scope(
    "not_adversarial_or_policy",
    lambda facts: facts.kind.name not in ("adversarial", "policy"),
    "the losses of players or of a policy are no distance from a goal",
)
LANGUAGE_MODEL = Scope(
    "language_model",
    lambda facts: facts.kind.name == "language_model",
    "nothing says that it is a language model",
)
CHANGE_DECLARED = Scope(
    "change_declared",
    lambda facts: facts.declares_schedule and facts.schedule["family"] != "constant",
    "a constant rate is declared",
)
NO_DROPS_DECLARED = Scope(
    "no_drops_declared",
    lambda facts: facts.declares_schedule and not facts.declares_drops,
    "drops of the rate are declared",
)
WARMUP_DECLARED = Scope(
    "warmup_declared",
    lambda facts: (facts.warmup_steps or 0) >= 3,
    "no warm-up of three steps or more is declared",
)
END_KNOWN = Scope(
    "end_known",
    lambda facts: bool(facts.number("planned_steps")),
    "the log does not say how many steps are planned",
)
END_UNKNOWN = Scope(
    "end_unknown", lambda facts: not facts.number("planned_steps"), "the log says how many steps are planned"
)
DECAY_DECLARED = Scope(
    "decay_declared", lambda facts: bool(facts.weight_decay), "no weight decay is declared"
)
CAUSAL = Scope(
    "causal", lambda facts: facts.header.get("causal") is not False, "the model may see what comes later"
)
DECLARED_FROM_SCRATCH = Scope(
    "declared_from_scratch",
    lambda facts: facts.header.get("origin") == "scratch",
    "only a run declared to be from scratch is judged",
)
ACCUMULATES = Scope(
    "accumulates",
    lambda facts: (facts.number("accumulation") or 1) > 1,
    "the run does not accumulate gradients",
)
BATCH_SIZE_DECLARED = Scope(
    "batch_size_declared",
    lambda facts: bool(facts.number("batch_size")),
    "the log declares no batch size",
)

SCOPES: tuple[Scope, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Scope))
"""Every scope, in the order of TREE.md."""
