"""Logs of more than one run, writer or file."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

from tests.sources.formats_invented.invented import Drawing, lines, training_log


@training_log("all.log")
def runs_one_after_another(run: Drawing) -> str:
    """Three runs of other lengths appended to one file; a reader takes the last."""
    at = range(0, 4000, 20)
    rows = []
    for name, printed in (
        ("a", run.other(60, 3.1, 1.9)),
        ("b", run.other(110, 3.0, 2.4)),
        ("c", run.loss("loss", at, 3.2, 0.7)),
    ):
        rows += [
            f"$ python fit.py --name {name} --seed 3",
            "Namespace(batch=32, lr=0.001, steps=4000)",
            f"{run.time()} start of {name}",
        ]
        rows += [
            f"{run.time()} it {i * 20:>5} loss {value} ({run.rng.uniform(0.1, 0.2):.2f} s/it)"
            for i, value in enumerate(printed)
        ]
        rows += ["Killed" if name != "c" else "done."]
    return lines(rows)


@training_log("srun.out")
def ranks_interleaved(run: Drawing) -> str:
    """Four ranks print their own loss of the same step, in any order; one of them or their mean is right."""
    at = range(5, 1005, 5)
    shared = run.other(200, 9.2, 2.8)
    ranks = [
        run.accept(
            f"rank {r}", at, (f"{float(value) * (1 + run.rng.gauss(0, 0.004)):.4f}" for value in shared)
        )
        for r in range(4)
    ]
    run.accept("mean", at, (f"{sum(map(float, row)) / 4:.4f}" for row in zip(*ranks, strict=True)))
    rows = []
    for i, step in enumerate(at):
        rows += [
            f"[{r}/4] step {step:>4} | lm loss {ranks[r][i]} | mem 31.{r} GB | {run.rng.uniform(400, 420):.0f} ms"
            for r in run.rng.sample(range(4), 4)
        ]
    return lines(rows)


@training_log("train.csv")
def splits_in_two_files(run: Drawing) -> dict[str, str]:
    """The evaluations in a file of their own, at fewer steps."""
    at = range(0, 3000, 10)
    loss = run.loss("loss", at, 5.1, 1.4, ".5f")
    held = run.validation("loss", at[9::10], 5.3, 1.8, ".5f")
    train = [
        "step,seconds,loss,lr",
        *(f"{step},{step * 0.2:.1f},{a},0.001" for step, a in zip(at, loss, strict=True)),
    ]
    val = ["step,loss,top5", *(f"{step},{b},0.5" for step, b in zip(at[9::10], held, strict=True))]
    return {"train.csv": lines(train), "val.csv": lines(val)}
