"""Logs in unusual layouts, encodings and languages."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

import json

from tests.sources.formats_invented.invented import Drawing, lines, training_log


@training_log("train.INFO")
def arrays_in_a_dict(run: Drawing) -> str:
    """absl in front, then a dict of arrays as Python shows them; the evaluation names its split in the text."""
    at = range(100, 20100, 100)
    loss = run.loss("loss", at, 6.2, 1.7, ".7f")
    held = run.validation("loss", at[9::10], 6.4, 2.0, ".7f")
    rows = []
    for i, (step, value) in enumerate(zip(at, loss, strict=True)):
        head = f"I{run.time('%m%d %H:%M:%S')}.118213 139872 loop.py:141]"
        rows.append(
            f"{head} [{step}] {{'learning_rate': Array(0.0003, dtype=float32), 'loss': Array({value}, dtype=float32), 'n_tok': 8192}}"
        )
        if i % 10 == 9:
            rows.append(
                f"{head} [{step}] eval on dev: {{'loss': Array({held[i // 10]}, dtype=float32), 'acc': Array(0.4{i}, dtype=float32)}}"
            )
    return lines(rows)


@training_log("sortie.txt")
def french_in_utf16(run: Drawing) -> bytes:
    """What a redirection of PowerShell writes, French words, points in the numbers."""
    at = range(1, 91)
    loss = run.loss("perte", at, 2.2, 0.31)
    held = run.validation("perte (validation)", at, 2.3, 0.52)
    text = "".join(
        f"Époque {i}/90 terminée en 12 s : perte = {a}, perte (validation) = {b}, précision = {1 - float(a) / 3:.3f}\r\n"
        for i, a, b in zip(at, loss, held, strict=True)
    )
    return b"\xff\xfe" + text.encode("utf-16-le")


@training_log("verlauf.csv")
def german_with_units(run: Drawing) -> str:
    """Semicolons, a decimal comma, and units in the heading, as a German spreadsheet has it."""
    at = range(50, 10050, 50)
    loss = run.loss("Verlust", at, 4.1, 0.83)
    held = run.validation("Val.-Verlust", at[4::5], 4.3, 1.02)
    rows = ["Schritt;Zeit [s];Verlust [nat];Lernrate [1e-3];Val.-Verlust [nat]"]
    rows += [
        f"{step};{step * 0.31:.2f};{a};{1 - step / 11000:.3f};{held[i // 5] if i % 5 == 4 else ''}".replace(
            ".", ","
        )
        for i, (step, a) in enumerate(zip(at, loss, strict=True))
    ]
    return "\ufeff" + "\r\n".join(rows) + "\r\n"


@training_log("README.md")
def table_in_markdown(run: Drawing) -> str:
    """A table between headings and prose; the best row is in bold."""
    at = range(1, 71)
    loss = run.loss("train loss", at, 1.8, 0.22)
    held = run.validation("dev loss", at, 1.9, 0.4)
    rows = [
        "# Run 12",
        "",
        "Two layers, dropout 0.3, 70 epochs:",
        "",
        "| epoch | train loss | dev loss | F1 (%) |",
        "|------:|-----------:|---------:|-------:|",
    ]
    rows += [
        f"| {i} | {a} | {f'**{b}**' if i == 66 else b} | {95 - float(b) * 40:.1f} |"
        for i, a, b in zip(at, loss, held, strict=True)
    ]
    return lines([*rows, "", "Next: try 4 layers."])


@training_log("screen.log")
def table_of_box_letters(run: Drawing) -> str:
    """A table drawn with letters for boxes, a dash where nothing was measured."""
    at = range(0, 160)
    loss = run.loss("Loss", at, 0.69, 0.11, ".3e")
    held = run.validation("Loss (test)", at[9::10], 0.71, 0.19, ".3e")
    rows = [
        "                     Fitting",
        "┏━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━┓",
        "┃ Round ┃ Loss        ┃ Loss (test) ┃ Elapsed ┃",
        "┡━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━┩",
    ]
    rows += [
        f"│ {i:>5} │ {a:<11} │ {held[i // 10] if i % 10 == 9 else '—':<11} │ {i // 4:>3}m {i % 4 * 15:02d}s │"
        for i, a in zip(at, loss, strict=True)
    ]
    return lines([*rows, "└───────┴─────────────┴─────────────┴─────────┘"])


@training_log("julia.log")
def blocks_of_lines(run: Drawing) -> str:
    """A record of several lines, as Julia's logger draws it, with numbers of both 32 and 64 bits."""
    at = range(1, 121)
    loss = run.loss("train_loss", at, 2.29, 0.18, ".7f")
    held = run.validation("test_loss", at, 2.31, 0.27, ".7f")
    rows = ["[ Info: Training on CUDA device 0"]
    for i, a, b in zip(at, loss, held, strict=True):
        rows += [
            "┌ Info: epoch done",
            f"│   epoch = {i}",
            f"│   train_loss = {a}f0",
            f"│   test_loss = {b}",
            f"└   seconds = {run.rng.uniform(3, 4):.3f}",
        ]
    return lines(rows)


@training_log("history.json")
def lists_of_a_history(run: Drawing) -> str:
    """One JSON document: what the run was, and a list of numbers a measure, split by split."""
    at = range(0, 200)
    loss = run.loss("huber", at, 14.2, 1.3, ".5f")
    held = run.validation("huber", at, 14.9, 1.9, ".5f")
    document = {
        "model": {"name": "tcn", "params": 41213},
        "finished": True,
        "history": {
            split: {"huber": [float(a) for a in printed], "mae": [round(float(a) * 0.8, 5) for a in printed]}
            for split, printed in (("train", loss), ("dev", held))
        },
    }
    return json.dumps(document, indent=1)
