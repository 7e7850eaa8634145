"""P, exact facts of the loop: modes, rows, and what was declared against what was done."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.checks.rule import NOTHING, PROOF, Flags, Floats, Leaf, Readings, check
from flight_recorder.tui.checks.scope import BATCH_SIZE_DECLARED, END_KNOWN
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SECTION = "exact probes"
_OURS = "ours; an exact probe"


@check(
    "P23",
    section=_SECTION,
    question="Does training run in training mode?",
    panel="loss",
    reads=("mode/training", "mode/droppable"),
    leaves=(
        Leaf(
            "trained in evaluation mode",
            above=0.0,
            causes=("wrong_mode",),
            weight=PROOF,
            fix="Call model.train() before the loop, and again after each evaluation: dropout is off and "
            "batch norms stand still.",
        ),
    ),
    source=_OURS,
)
def trained_in_eval(view: View) -> Readings:
    """Dropouts and batch norms of a model whose pass that was trained on ran in evaluation mode; else 0."""
    values = np.where(view["mode/training"] == 0, view["mode/droppable"], 0.0)
    return Readings(
        view.steps, values, lambda i: f"{values[i]:.0f} dropouts and batch norms in evaluation mode"
    )


@check(
    "P24",
    section=_SECTION,
    question="Does evaluation run in evaluation mode?",
    panel="loss",
    reads=("evaluation.mode/training", "evaluation.mode/droppable"),
    leaves=(
        Leaf(
            "evaluated in training mode",
            above=0.0,
            causes=("wrong_mode", "eval_broken"),
            weight=PROOF,
            fix="Call model.eval() before the evaluation and model.train() after it: units are dropped, and "
            "batch norms learn from validation.",
        ),
    ),
    source=_OURS,
)
def evaluated_in_training(view: View) -> Readings:
    """Dropouts and batch norms of a model whose evaluation ran in training mode; else 0."""
    values = np.where(view["mode/training"] > 0, view["mode/droppable"], 0.0)
    return Readings(
        view.steps, values, lambda i: f"{values[i]:.0f} dropouts and batch norms in training mode"
    )


@check(
    "P25",
    section=_SECTION,
    question="Do two evaluations of one batch agree?",
    panel="loss",
    reads=("evaluation.mode/repeat", "evaluation.mode/dropout"),
    leaves=(
        Leaf(
            "dropout is at work in evaluation",
            above=1e-3,
            latch=True,
            causes=("wrong_mode", "eval_broken"),
            weight=PROOF,
            unless=("nothing_dropped",),
            fix="A functional dropout is not told the mode: F.dropout(x, p, training=self.training), and "
            "dropout_p=self.p if self.training else 0.0 in attention.",
        ),
    ),
    source=_OURS,
    why="1e-3 leaves room for kernels that add up in any order; a model that samples on purpose is excused",
)
def repeated_evaluation(view: View) -> Readings:
    """Largest difference between two evaluation passes over one batch, over the largest output."""
    values, dropped = view["mode/repeat"], view["mode/dropout"]
    return Readings(
        view.steps,
        values,
        lambda i: f"two passes in evaluation mode differ by {values[i]:.2%}",
        excused={"nothing_dropped": dropped == 0},
    )


@check(
    "P26",
    section=_SECTION,
    question="Are the rows of a batch different ones?",
    panel="loss",
    reads=("rows/repeated", "rows/rows"),
    leaves=(
        Leaf(
            "every row of the batch is there more than once",
            above=0.99,
            hold=3,
            causes=("duplicate_rows",),
            weight=PROOF,
            fix="Loader workers draw with one seed, or read the same shard: seed numpy and random in "
            "worker_init_fn, and split the data by worker id.",
        ),
    ),
    source=_OURS,
    why="chance repeats some rows of a small set, never all of them",
)
def repeated_rows(view: View) -> Readings:
    """Share of the rows of a batch that are in it more than once."""
    repeated, rows = view["rows/repeated"], view["rows/rows"]
    shares = repeated / rows
    several = rows > 1
    steps, kept = view.steps[several], np.flatnonzero(several)
    return Readings(
        steps,
        shares[several],
        lambda i: f"{repeated[kept[i]]:.0f} of {rows[kept[i]]:.0f} rows are there twice or more",
    )


@check(
    "P27",
    section=_SECTION,
    question="Are batches as large as declared?",
    panel="loss",
    reads=("rows/rows", "header.batch_size"),
    applies=(BATCH_SIZE_DECLARED,),
    leaves=(
        Leaf(
            "batches are short",
            below=0.5,
            hold=3,
            causes=("short_batch",),
            weight=PROOF,
            fix="The collator or the processor merges rows: look at the first dimension of what it returns.",
        ),
    ),
    source=_OURS,
    why="the last batch of an epoch may be short, three noted ones in a row are not",
)
def declared_rows(view: View) -> Readings:
    """Rows of a batch over the declared batch size."""
    rows, declared = view["rows/rows"], view.facts.number("batch_size") or 1.0
    return Readings(view.steps, rows / declared, lambda i: f"{rows[i]:.0f} rows of {declared:.0f}")


def _declared(id: str, name: str, of: str, question: str, leaf: Leaf, panel: str = "loss") -> None:
    """A node of one number of `declared`, over another where there is one."""
    reads = tuple(f"declared/{field}" for field in (name, of) if field)

    def measure(view: View) -> Readings:
        counts: Floats = view[f"declared/{name}"]
        totals: Floats = view[f"declared/{of}"] if of else np.ones(len(counts))
        words = "{:.0f} of {:.0f}" if of else "{:.0f}"
        return Readings(view.steps, counts / totals, lambda i: words.format(counts[i], totals[i]))

    measure.__doc__ = f"`declared`: {name}{f' over {of}' if of else ''}."
    check(id, section=_SECTION, question=question, panel=panel, reads=reads, leaves=(leaf,), source=_OURS)(
        measure
    )


_declared(
    "P28",
    "dtype_off",
    "dtype_of",
    "Is the forward pass in the declared precision?",
    Leaf(
        "layers run in another precision than declared",
        above=0.25,
        causes=("dtype_mismatch",),
        weight=PROOF,
        fix="Enter torch.autocast around the forward pass, and look for code that switches it off or calls "
        ".float() before a linear layer. A few layers in float32 (a router, a last projection) are meant so.",
    ),
    "activation",
)
_declared(
    "P29",
    "ties_off",
    "",
    "Are tied weights one tensor?",
    Leaf(
        "tied weights have parted",
        above=0.0,
        level=Level.RED,
        causes=("ties_broken",),
        weight=PROOF,
        fix="Tie them again (model.tie_weights()) after whatever made new storage: wrapping, loading, "
        "moving.",
    ),
)
_declared(
    "P30",
    "frozen_off",
    "",
    "Is what was declared frozen frozen?",
    Leaf(
        "parameters declared frozen are trained",
        above=0.0,
        causes=("frozen_parameters",),
        weight=PROOF,
        fix="Set requires_grad_(False) on them before the optimizer is made, not in a method that is called "
        "later.",
    ),
)
_declared(
    "P31",
    "trainable_off",
    "",
    "Does what was declared to train train?",
    Leaf(
        "parameters declared to train are frozen",
        above=0.0,
        causes=("mostly_frozen",),
        weight=PROOF,
        fix="Set requires_grad_(True) on them: an adapter that is not active or modules_to_save stay frozen.",
    ),
)


@check(
    "P32",
    section=_SECTION,
    question="Does a share of the model worth the name train?",
    panel="spectral_norm",
    reads=("declared/trainable_share", "declared/vectors_only"),
    leaves=(
        Leaf(
            "only norms and biases train",
            below=0.05,
            causes=("mostly_frozen",),
            weight=PROOF,
            unless=("a_matrix_trains",),
            fix="A test of names has frozen every matrix: print the names of what has requires_grad.",
        ),
    ),
    source=_OURS,
    why="adapters and heads are small shares on purpose, and have matrices",
)
def trainable_share(view: View) -> Readings:
    """Share of the model's elements that train."""
    shares, only_vectors = view["declared/trainable_share"], view["declared/vectors_only"]
    return Readings(
        view.steps,
        shares,
        lambda i: f"{shares[i]:.2%} of the elements train",
        excused={"a_matrix_trains": only_vectors == 0},
    )


def _last(view: View) -> int:
    return max(view.recording.last_step or 0, int((view.recording.exit or {}).get("step") or 0))


@check(
    "P33",
    section=_SECTION,
    question="Were all planned steps and epochs made?",
    panel="lr",
    reads=("header.planned_steps", "exit.reason"),
    whole=True,
    applies=(END_KNOWN,),
    leaves=(
        Leaf(
            "finished before the planned end",
            below=0.98,
            causes=("ended_early",),
            weight=PROOF,
            fix="The loop ended by itself: the number of steps was rounded down in each epoch "
            "(accumulation), the loader is shorter than the plan, or the schedule was made for another "
            "number.",
        ),
    ),
    source="ours; the exit record against the plan",
    why="of a run that says that it finished; a plan is often off by a step or two",
)
def share_made(view: View) -> Readings:
    """Share of the planned steps, or epochs, that a run had made as it said that it was finished."""
    ended, planned = view.recording.exit, view.facts.number("planned_steps")
    if ended is None or ended.get("reason") != "finished" or not planned or "source" in view.facts.header:
        return NOTHING
    made, epochs = view.recording.num_steps, view.recording.steps["epoch"].values
    asked = view.facts.number("planned_epochs")
    shares = {made / planned: f"{made:,} of {planned:,.0f} steps"}
    if asked and len(epochs):
        shares[float(epochs[-1]) / asked] = f"{epochs[-1]:.3g} of {asked:g} epochs"
    share = min(shares)
    return Readings(np.array([_last(view)]), np.array([share]), lambda i: shares[share])


def _checkpoints(
    view: View, of: Callable[[Record], float | None], words: Callable[[Record], str]
) -> Readings:
    """One reading for each step with a checkpoint of which `of` gives a number, the last of a step."""
    found = {
        record["step"]: (value, words(record))
        for record in view.recording.checkpoints
        if (value := of(record)) is not None
    }
    steps = sorted(found)
    return Readings(
        np.array(steps, np.int64),
        np.array([found[s][0] for s in steps], np.float64),
        lambda i: found[steps[i]][1],
    )


@check(
    "P34",
    section=_SECTION,
    question="Does a checkpoint hold what is in memory?",
    panel="loss",
    reads=("header.format",),
    whole=True,
    leaves=(
        Leaf(
            "a checkpoint is not the model",
            above=0.0,
            level=Level.RED,
            latch=True,
            causes=("corrupt_checkpoint",),
            weight=PROOF,
            fix="Tensors are missing in the file or differ from those in memory: look at how the state dict "
            "is gathered, and save again before the process ends.",
        ),
    ),
    source="ours; the first checkpoint that can be read is read back",
)
def read_back(view: View) -> Readings:
    """Tensors of a checkpoint's file that are missing or are not those of the model in memory."""

    def wrong(record: Record) -> float | None:
        found = record.get("read_back")
        return (
            float(found["missing"] + found["differ"]) if found and _has(found, "missing", "differ") else None
        )

    def words(record: Record) -> str:
        found = dict(record.get("read_back") or {})
        names = ", ".join(map(str, found.get("names", ())))
        return f"{found['missing']} tensors missing, {found['differ']} differ{': ' if names else ''}{names}"

    return _checkpoints(view, wrong, words)


def _has(found: object, *names: str) -> bool:
    return isinstance(found, dict) and all(isinstance(found.get(name), int | float) for name in names)


@check(
    "P35",
    section=_SECTION,
    question="Is the best checkpoint the best?",
    panel="loss",
    reads=("header.format",),
    whole=True,
    leaves=(
        Leaf(
            "the checkpoint kept as the best is not",
            above=1.0,
            causes=("best_checkpoint_missing",),
            weight=PROOF,
            fix="Of a loss lower is better (greater_is_better=False); load_best_model needs evaluations and "
            "checkpoints at the same steps.",
        ),
    ),
    source="ours; the checkpoint's own validation loss against all evaluations up to it",
)
def best_over_lowest(view: View) -> Readings:
    """Validation loss of the checkpoint called best over the lowest one up to its step."""
    column = view.recording.evaluations["val_loss"]

    def ratio(record: Record) -> float | None:
        loss, step = record.get("val_loss"), record["step"]
        seen = column.values[column.steps <= step]
        seen = seen[np.isfinite(seen) & (seen > 0)]
        if record.get("role") != "best" or not isinstance(loss, int | float) or not len(seen) or not loss > 0:
            return None
        return float(loss) / min(float(seen.min()), float(loss))

    return _checkpoints(view, ratio, lambda record: f"val {record['val_loss']:.4g} at step {record['step']}")


class Replay:
    """Where the batches of a stretch have been before, in the same order."""

    def __init__(self) -> None:
        self._seen: dict[float, int] = {}
        self._lag = self._length = 0

    def take(self, view: View) -> tuple[Floats, Floats]:
        """Of each row: steps back to the same batch, and for how many in a row it has been that many."""
        lags, lengths = np.zeros(len(view)), np.zeros(len(view))
        for row, (step, batch) in enumerate(
            zip(view.steps.tolist(), view["batch_hash"].tolist(), strict=True)
        ):
            lag = step - self._seen.get(batch, step)
            self._length = self._length + 1 if lag and lag == self._lag else int(lag > 0)
            self._lag = lag
            self._seen[batch] = step
            lags[row], lengths[row] = lag, self._length
        return lags, lengths


def _from_resumes(view: View, lengths: Floats) -> Flags:
    """Whether the stretch of each row began where a resume went on."""
    resumed = [int(record["step"]) for record in view.recording.resumes]
    firsts = view.steps - lengths.astype(np.int64) + 1
    return (lengths > 0) & np.isin(firsts, [step + late for step in resumed for late in (-1, 0, 1)])


@check(
    "P36",
    section=_SECTION,
    question="Is every epoch in an order of its own?",
    panel="loss",
    reads=("batch_hash",),
    leaves=(
        Leaf(
            "an epoch in the order of the one before",
            above=2.5,
            level=Level.YELLOW,
            latch=True,
            causes=("same_order_every_epoch",),
            weight=PROOF,
            fix="Call sampler.set_epoch(epoch), and let workers start anew (persistent_workers=False) or "
            "reseed.",
        ),
    ),
    source=_OURS,
    why="shuffled again, batches of other rows come: one that comes again as it was is no chance. The "
    "batches of the last 32 steps are P3's",
)
def same_order(view: View, *, gap: int = 33) -> Readings:
    """Steps in a row whose batches have been before, all the same number of steps ago, but for a resume's."""
    lags, lengths = view.kept("replay", Replay).take(view)
    other = (lags < gap) | _from_resumes(view, lengths)
    values = np.where(other, 0.0, lengths)
    return Readings(view.steps, values, lambda i: f"{values[i]:.0f} batches as {lags[i]:.0f} steps ago")


@check(
    "P37",
    section=_SECTION,
    question="Does a resumed run read on where it was?",
    panel="loss",
    reads=("batch_hash",),
    leaves=(
        Leaf(
            "data is replayed after a resume",
            above=2.5,
            latch=True,
            causes=("replayed_data",),
            weight=PROOF,
            fix="Save and restore the position of the sampler, or skip the batches that were seen "
            "(skip_first_batches).",
        ),
    ),
    source=_OURS,
)
def replayed(view: View) -> Readings:
    """Steps in a row from a resume on whose batches have been before, all the same number of steps ago."""
    lags, lengths = view.kept("replay", Replay).take(view)
    values = np.where(_from_resumes(view, lengths), lengths, 0.0)
    return Readings(view.steps, values, lambda i: f"{values[i]:.0f} batches as {lags[i]:.0f} steps ago")


@check(
    "P38",
    section=_SECTION,
    question="Do all ranks hold the same parameters behind an update?",
    panel="loss",
    reads=("ranks/parameters", "ranks/of", "ranks/at"),
    leaves=(
        Leaf(
            "ranks hold different parameters",
            above=1.0,
            level=Level.RED,
            latch=True,
            causes=("ranks_out_of_sync",),
            weight=PROOF,
            fix="Gradients are not averaged over the ranks, or they started apart: call the DDP wrapper and "
            "not the module inside it, wrap after .to(device), and clip on every rank alike.",
        ),
    ),
    source=_OURS,
)
def parameter_sets(view: View) -> Readings:
    """Different sets of parameters among the ranks, by a few elements of every tensor; 1 when all agree."""
    sets, ranks, at = (view[f"ranks/{name}"] for name in ("parameters", "of", "at"))
    return Readings(
        view.steps,
        sets,
        lambda i: f"{sets[i]:.0f} different parameter sets on {ranks[i]:.0f} ranks behind update {at[i]:.0f}",
    )


@check(
    "P39",
    section=_SECTION,
    question="Do the ranks read different rows?",
    panel="loss",
    reads=("ranks/rows", "ranks/of", "ranks/at"),
    leaves=(
        Leaf(
            "ranks read the same rows",
            above=0.0,
            hold=2,
            causes=("ranks_read_same_data",),
            weight=PROOF,
            fix="Use a DistributedSampler, or split the data by rank; a seed that is the same on all ranks "
            "needs a sampler that knows its rank.",
        ),
    ),
    source=_OURS,
)
def shared_batches(view: View) -> Readings:
    """Ranks whose batch is that of another rank."""
    different, ranks, at = (view[f"ranks/{name}"] for name in ("rows", "of", "at"))
    return Readings(
        view.steps,
        ranks - different,
        lambda i: f"{different[i]:.0f} different batches on {ranks[i]:.0f} ranks at update {at[i]:.0f}",
    )
