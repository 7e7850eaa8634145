"""D7, inside the model: growth of weights and activations, balance of layers, dead parts, verb classes."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Bound, Floats, Leaf, Readings, check
from flight_recorder.tui.checks.signals.rolling import First, Running
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View, latest_before

FEW_HEADS = Bound("a twentieth of the heads", lambda facts: (facts.number("num_heads") or 0.0) / 20)
"""As many as the share of hidden units that panel 6 calls normal."""


def grown(view: View, field: str, what: str, least: float) -> Readings:
    """The largest of several values over its own first value; a first below `least` divides nothing.

    What is not finite is left out: D1 judges it.
    """
    names, ratios = [], []
    for name, values in view.items(field).items():
        if (first := view.kept(name, First).take(values)) > least:
            names.append(name)
            ratios.append(np.where(np.isfinite(values), values / first, -np.inf))
    if not names:
        return NOTHING
    grid = np.stack(ratios)
    known = np.isfinite(grid.max(axis=0))
    grid = grid[:, known]
    worst, largest = grid.argmax(axis=0), grid.max(axis=0)
    return Readings(
        view.steps[known], largest, lambda i: f"{what} of {names[worst[i]]} is {largest[i]:.3g} x its first"
    )


@check(
    "D7.1",
    question="Do the weight matrices keep their size?",
    panel="spectral_norm",
    reads=("spectral_norm",),
    leaves=(
        Leaf(
            "spectral norm grows without bound",
            above=100.0,
            level=Level.ORANGE,
            hold=2,
            keep=5,
            causes=("lr_too_high", "instability"),
            weight=STRONG,
            fix="Lower the learning rate; look whether weight decay reaches this matrix.",
        ),
        Leaf(
            "spectral norm has grown much",
            above=50.0,
            level=Level.YELLOW,
            hold=2,
            keep=5,
            causes=("lr_too_high",),
            weight=HINT,
            fix="Watch it: is the learning rate as it was meant to be?",
        ),
    ),
    as_written="never more than ~2 x the initial value",
    why="an initial std of 0.02 must grow: healthy runs reach 4.6 to 15 x, with a constant rate of twice the "
    "reference 38 x; 30 x the reference rate reads 60 to 140",
)
def spectral_growth(view: View, *, least: float = 1e-6) -> Readings:
    """Largest ratio of a matrix's spectral norm to its first one."""
    return grown(view, "spectral_norm", "spectral norm", least)


@check(
    "D7.2",
    question="Do the activations keep their size?",
    panel="activation",
    reads=("activation",),
    leaves=(
        Leaf(
            "activations explode",
            above=600.0,
            level=Level.ORANGE,
            hold=2,
            keep=50,
            causes=("lr_too_high", "instability", "exploding_residual"),
            weight=STRONG,
            fix="Lower the learning rate, and look which layer grew first.",
        ),
    ),
    source="He et al. 2015, https://arxiv.org/abs/1502.01852, on signals that keep their size",
    why="the stream starts at 0.02 and must grow: 270 x with a constant rate of twice the reference",
)
def activation_growth(view: View, *, least: float = 1e-6) -> Readings:
    """Largest ratio of a measured point's mean activation to its first one."""
    return grown(view, "activation", "activation", least)


@check(
    "D7.3",
    question="Are the blocks in balance?",
    panel="activation",
    reads=("activation",),
    leaves=(
        Leaf(
            "layers out of balance",
            above=10.0,
            level=Level.ORANGE,
            hold=2,
            keep=5,
            causes=("no_normalization", "exploding_residual", "bad_init"),
            weight=STRONG,
            fix="Look for a missing normalization or an unscaled residual branch between these blocks.",
        ),
    ),
    passes=(None, 7.0),
    source="He et al. 2015, https://arxiv.org/abs/1502.01852, on signals that keep their size",
    as_written="all layers within ~3 x of each other",
    why="embedding and final normalization are apart at init (35 x); healthy blocks read 1.0 to 3.4",
)
def block_ratio(view: View) -> Readings:
    """Largest ratio of the mean activations of two neighbouring blocks of the residual stream."""
    items = view.items("activation")
    residual = view.facts.header.get("residual_layers") or [name for name in items if "block" in name]
    names = [name for name in residual if name in items and "embed" not in str(name)]
    if len(names) < 2:
        return NOTHING
    grid = np.stack([np.maximum(items[name], 1e-12) for name in names])
    steps_up = grid[1:] / grid[:-1]
    ratios: Floats = np.maximum(steps_up, 1 / steps_up)
    worst = np.nan_to_num(ratios, nan=np.inf).argmax(axis=0)
    values = ratios.max(axis=0)
    return Readings(
        view.steps, values, lambda i: f"{names[worst[i] + 1]} against {names[worst[i]]}: {values[i]:.3g} x"
    )


@check(
    "D7.4",
    question="How many hidden units are dead?",
    panel="dead",
    reads=("dead_units", "header.num_units"),
    leaves=(
        Leaf(
            "many dead units",
            above=0.25,
            level=Level.ORANGE,
            hold=3,
            keep=3,
            causes=("dead_units",),
            weight=STRONG,
            unless=("may_come_back",),
            fix="Lower the learning rate or use GELU; a whole dead block points to its initialisation.",
        ),
        Leaf(
            "dead units",
            above=0.1,
            level=Level.YELLOW,
            hold=3,
            keep=3,
            causes=("dead_units",),
            weight=STRONG,
            unless=("may_come_back",),
            fix="Watch whether they become more.",
        ),
    ),
    source="Lu et al. 2020, https://arxiv.org/abs/1903.06733, on ReLU units that die",
    as_written="5-10 % is normal",
    why="with GELU none is ever exactly 0; with ReLU a tenth may be, and while the first steps move the "
    "weights most a quarter falls silent and comes back (all but 5 % by step 80 of 44 runs): until step 100 "
    "half as many again as were dead at the fewest prove nothing",
)
def dead_share(view: View, *, settled: int = 100, as_many: float = 1.5) -> Readings:
    """Share of the hidden units dead on over 99 % of a batch's tokens.

    Nothing where the log does not say how many units there are.
    """
    total, dead = view.facts.number("num_units"), view["dead_units"]
    if not total:
        return NOTHING
    fewest = view.kept("fewest", Running, np.fmin, np.inf).take(dead)
    return Readings(
        view.steps,
        dead / total,
        lambda i: f"{dead[i]:.0f} of {total:.0f} hidden units are dead",
        {"may_come_back": (view.steps < settled) & (dead > as_many * fewest)},
    )


@check(
    "D7.5",
    question="Are attention heads dead?",
    panel="dead",
    reads=("dead_heads",),
    leaves=(
        Leaf(
            "dead heads",
            above=FEW_HEADS,
            level=Level.ORANGE,
            hold=5,
            keep=5,
            causes=("dead_head",),
            weight=STRONG,
            fix="The head looks at one token whatever comes: look at its query and key weights.",
        ),
        Leaf(
            "a dead head among many",
            above=0.0,
            level=Level.YELLOW,
            hold=5,
            keep=5,
            causes=("dead_head",),
            weight=STRONG,
            fix="Heads that always look at the previous token read so; watch whether they become more.",
        ),
    ),
    source="Zhai et al. 2023, https://arxiv.org/abs/2303.06296, on attention without entropy",
    as_written="usually 0",
    why="healthy runs of the reference model have none at any step to 8,000; of a model with many heads some "
    "attend to one token by trade",
)
def dead_heads(view: View) -> Readings:
    """Attention heads whose entropy is below log 2 on over 99 % of the queries."""
    values = view["dead_heads"]
    return Readings(view.steps, values, lambda i: f"{values[i]:.0f} attention heads are dead")


@check(
    "D7.6",
    question="Does the class that follows a rule lead the one that does not?",
    panel="class_loss",
    reads=("evaluation.class_loss",),
    after=1,
    leaves=(
        Leaf(
            "irregular ahead of regular",
            below=-0.02,
            level=Level.YELLOW,
            hold=3,
            keep=3,
            causes=("memorised", "data_leak"),
            weight=HINT,
            fix="The rule is not what is learned: look for a leak, and at the gap between the splits.",
        ),
    ),
    as_written="irregular lags by 10-30 %",
    why="read on validation, where whole sentences lag by 4 to 14 %; on the training split the order turns "
    "round once it is memorised",
)
def irregular_lag(view: View) -> Readings:
    """Share by which the irregular class's validation loss is above that of the regular one."""
    items = view.items("class_loss")
    if "regular" not in items or "irregular" not in items:
        return NOTHING
    regular, irregular = items["regular"], items["irregular"]
    values = irregular / np.maximum(regular, 1e-9) - 1
    return Readings(
        view.steps, values, lambda i: f"regular {regular[i]:.3g}, irregular {irregular[i]:.3g} nats per token"
    )


@check(
    "D7.7",
    question="Do both verb classes keep a loss that honest learning must leave?",
    panel="class_loss",
    reads=("class_loss", "header.baseline_loss"),
    leaves=(
        Leaf(
            "both classes near zero far too early",
            below=0.25,
            level=Level.RED,
            hold=5,
            keep=5,
            causes=("broken_mask", "masked_targets", "data_leak"),
            weight=STRONG,
            unless=("validation_is_high",),
            fix="The model copies what it has to predict: look at the attention mask and the targets.",
        ),
    ),
    as_written="both curves drop to near-zero unreasonably fast, with no gap",
    why="judged to step 500 only, and not while validation is high: a tiny training set is memorised as fast",
)
def worst_class(view: View, *, early: int = 500, high: float = 0.5) -> Readings:
    """The larger of the class losses over the n-gram baseline, to step 500."""
    items, baseline = view.items("class_loss"), view.facts.baseline_loss
    judged = view.steps <= early
    if len(items) < 2 or not baseline or not judged.any():
        return NOTHING
    worst = np.max(np.stack(list(items.values())), axis=0)[judged]
    steps = view.steps[judged]
    val = latest_before(view.recording.evaluations["val_loss"], steps)
    return Readings(
        steps,
        worst / baseline,
        lambda i: f"the worse class costs {worst[i]:.3g} nats per token",
        {"validation_is_high": val > high * baseline},
    )
