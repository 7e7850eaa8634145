"""What stands beside training in research and is no log of one: the hardest to tell."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

import json

from tests.sources.formats_invented.invented import Drawing, lines, no_log


@no_log("sweep.csv")
def summary_of_a_sweep(run: Drawing) -> str:
    """A row a trial, in no order: the best loss of each is no series."""
    return lines(
        [
            "trial,lr,batch_size,dropout,best_val_loss,state",
            *(
                f"{run.rng.getrandbits(32):08x},{10 ** run.rng.uniform(-5, -1):.6f},{2 ** run.rng.randint(3, 9)},{run.rng.random():.2f},{run.rng.uniform(0.2, 2):.4f},{run.rng.choice(['done', 'done', 'failed'])}"
                for _ in range(120)
            ),
        ]
    )


@no_log("summary.txt")
def layers_of_a_model(run: Drawing) -> str:
    return lines(
        [
            "Layer (type)                 Output Shape              Param #",
            "=" * 66,
            *(
                f"conv2d_{i} (Conv2D)            (None, {224 // (i % 7 + 1)}, {224 // (i % 7 + 1)}, {run.rng.randint(16, 512)})    {run.rng.randint(1000, 900000)}"
                for i in range(90)
            ),
            "=" * 66,
            "Total params: 23,587,712",
        ]
    )


@no_log("predictions.csv")
def predictions(run: Drawing) -> str:
    return lines(
        [
            "id,label,predicted,score,loss",
            *(
                f"img_{run.rng.randint(1, 99999):05d},{run.rng.randint(0, 9)},{run.rng.randint(0, 9)},{run.rng.random():.4f},{run.rng.expovariate(1):.4f}"
                for _ in range(300)
            ),
        ]
    )


@no_log("report.txt")
def precision_and_recall_of_classes(run: Drawing) -> str:
    return lines(
        [
            "              precision    recall  f1-score   support",
            "",
            *(
                f"   class {i:>3}       {run.rng.random():.2f}      {run.rng.random():.2f}      {run.rng.random():.2f}      {run.rng.randint(10, 900):>5}"
                for i in range(100)
            ),
            "",
            "    accuracy                           0.81     41213",
        ]
    )


@no_log("tasks.md")
def scores_of_tasks(run: Drawing) -> str:
    return lines(
        [
            "|  Tasks  |Version|Filter|n-shot|Metric|Value |   |Stderr|",
            "|---------|------:|------|-----:|------|-----:|---|-----:|",
            *(
                f"|task_{i:<4}|      1|none  |     {i % 5}|acc   |{run.rng.random():.4f}|±  |{run.rng.uniform(0, 0.02):.4f}|"
                for i in range(80)
            ),
        ]
    )


@no_log("table.tex")
def table_of_a_paper(run: Drawing) -> str:
    return lines(
        [
            r"\begin{tabular}{lrrr}",
            r"Method & Epochs & Loss $\downarrow$ & Accuracy $\uparrow$ \\ \midrule",
            *(
                f"Net-{i} \\cite{{net{i}}} & {run.rng.randint(10, 300)} & {run.rng.uniform(0.2, 2):.3f} & {run.rng.uniform(50, 99):.1f} \\\\"
                for i in range(70)
            ),
            r"\end{tabular}",
        ]
    )


@no_log("vocab.txt")
def words_of_a_tokenizer(run: Drawing) -> str:
    return lines(
        f"{''.join(run.rng.choices('aeiourstln', k=run.rng.randint(2, 7)))} {-run.rng.uniform(3, 14):.5f}"
        for _ in range(400)
    )


@no_log("confusion.txt")
def confusion_of_classes(run: Drawing) -> str:
    return lines(
        [
            "      " + " ".join(f"{i:>4}" for i in range(60)),
            *(
                f"{i:>4}: "
                + " ".join(
                    f"{run.rng.randint(0, 40) if i != k else run.rng.randint(400, 900):>4}" for k in range(60)
                )
                for i in range(60)
            ),
        ]
    )


@no_log("samples.jsonl")
def pairs_for_training(run: Drawing) -> str:
    """Data that a model is trained on."""
    return lines(
        json.dumps(
            {
                "id": run.rng.getrandbits(32),
                "prompt": f"What is {run.rng.randint(1, 99)} + {run.rng.randint(1, 99)}?",
                "completion": str(run.rng.randint(2, 198)),
                "reward": run.rng.choice([0, 1]),
                "length": run.rng.randint(9, 99),
            }
        )
        for _ in range(200)
    )


@no_log("features.csv")
def features_of_houses(run: Drawing) -> str:
    """A data set with a target."""
    return lines(
        [
            "crime,rooms,age,tax,target",
            *(
                f"{run.rng.expovariate(1):.4f},{run.rng.gauss(6, 1):.2f},{run.rng.uniform(1, 99):.1f},{run.rng.randint(180, 720)},{run.rng.gauss(22, 8):.1f}"
                for _ in range(300)
            ),
        ]
    )


@no_log("review.txt")
def review_of_a_paper(run: Drawing) -> str:
    return lines(
        f"{i}) The training loss in Table {run.rng.randint(1, 9)} is {run.rng.uniform(0.1, 3):.2f} after {run.rng.randint(2, 90)} epochs, while Figure {run.rng.randint(1, 9)} shows {run.rng.uniform(0.1, 3):.2f}; please explain."
        for i in range(1, 80)
    )


@no_log("queue.txt")
def jobs_of_a_queue(run: Drawing) -> str:
    return lines(
        [
            "             JOBID PARTITION     NAME     USER ST       TIME  NODES NODELIST(REASON)",
            *(
                f"           {run.rng.randint(10**6, 10**7)}       gpu train_lr{run.rng.randint(1, 9)}    ada  R {run.rng.randint(0, 23):>2}:{run.rng.randint(0, 59):02d}:{run.rng.randint(0, 59):02d}      1 gpu{run.rng.randint(1, 40):02d}"
                for _ in range(150)
            ),
        ]
    )
