"""Logs of programs that learn from text and speech."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

import json
import math

from tests.sources.formats_invented.invented import Drawing, lines, training_log


@training_log("hydra_train.log")
def updates_and_subsets(run: Drawing) -> str:
    """Inner lines of updates and lines of a subset, both between bars; the losses are in bits."""
    at, tests = range(100, 24100, 100), range(2400, 24001, 2400)
    loss = run.loss("loss", at, 13.1, 4.3, ".3f")
    nll = run.loss("nll_loss", at, 12.6, 2.9, ".3f")
    for printed in (loss, nll):
        run.accept("in nats", at, (f"{float(value) * math.log(2):.6f}" for value in printed))
    held = run.validation("loss", tests, 11, 4.9, ".3f")
    run.accept_validation("in nats", tests, (f"{float(value) * math.log(2):.6f}" for value in held))
    rows = []
    for i, (step, a, b) in enumerate(zip(at, loss, nll, strict=True)):
        rows.append(
            f"{run.time()} | INFO | inner | epoch {i // 24 + 1:03d}: {i % 24 * 100:6d} / 2400 loss={a}, nll_loss={b}, "
            f"ppl={2 ** float(b):.2f}, wps=30114.2, ups=8.4, num_updates={step}, lr={5e-4:.3g}, gnorm=1.312, wall={i * 12}"
        )
        if step in tests:
            rows.append(
                f"{run.time()} | INFO | dev | epoch {i // 24 + 1:03d} | subset 'dev' | loss {held[step // 2400 - 1]} | ppl 44.1 "
                f"| num_updates {step} | best_loss {held[step // 2400 - 1]}"
            )
    return lines(rows)


@training_log("mt.log")
def costs_of_translation(run: Drawing) -> str:
    """Fields between colons, thousands with a comma, the word cost, scores of a dev set as extra lines."""
    at, tests = range(500, 60500, 500), range(5000, 60001, 5000)
    cost = run.loss("Cost", at, 8.7, 2.6, ".6f")
    dev = run.validation("cross-entropy", tests, 8.2, 3.1, ".6f")
    rows = [
        "[2026-11-24 08:00:00] [config] dim-emb: 512",
        "[2026-11-24 08:00:00] [data] Vocabulary size: 32000",
    ]
    for step, value in zip(at, cost, strict=True):
        rows.append(
            f"[{run.time()}] Ep. {step // 9000 + 1} : Up. {step} : Sen. {step * 61:,} : Cost {value} * 7,331,204"
            f" : Time {run.rng.uniform(40, 44):.2f}s : 33120.55 words/s : L.r. 3.0000e-04"
        )
        if step in tests:
            rows.append(
                f"[{run.time()}] [valid] Ep. {step // 9000 + 1} : Up. {step} : cross-entropy : {dev[step // 5000 - 1]} : new best"
            )
            rows.append(
                f"[{run.time()}] [valid] Ep. {step // 9000 + 1} : Up. {step} : bleu : {20 + step / 9000:.4f} : new best"
            )
    return lines(rows)


@training_log("train.log")
def batches_of_speech(run: Drawing) -> str:
    """Many timings before the loss; the epoch's summary holds both splits on one long line."""
    at, epochs = range(100, 18100, 100), range(1, 31)
    loss = run.loss("loss", at, 190, 8.4, ".3f")
    ctc = run.other(180, 240, 11, ".3f")
    held = run.validation("loss", epochs, 150, 13.2, ".3f")
    rows = []
    for i, (a, b) in enumerate(zip(loss, ctc, strict=True)):
        epoch, batch = i // 6 + 1, i % 6 * 100
        head = f"[gpu07] {run.time()},113 (looper:744) INFO:"
        rows.append(
            f"{head} {epoch}epoch:train:{batch + 1}-{batch + 100}batch: iter_time=0.002, forward_time=0.141, loss_ctc={b}, "
            f"loss_att={float(a) * 0.8:.3f}, acc=0.{300 + i}, loss={a}, backward_time=0.11, optim0_lr0=4.1e-04"
        )
        if i % 6 == 5:
            mean = sum(map(float, loss[i - 5 : i + 1])) / 6
            rows.append(
                f"{head} {epoch}epoch results: [train] loss={mean:.3f}, time=2 minutes and 3.1 seconds, "
                f"[valid] loss_ctc={float(held[epoch - 1]) * 1.2:.3f}, loss={held[epoch - 1]}, cer=0.0{90 - epoch}"
            )
    return lines(rows)


@training_log("stderr.txt")
def progress_in_per_cent(run: Drawing) -> str:
    """One line written over itself, its counter a percentage."""
    at = [i / 2 for i in range(200)]
    loss = run.loss("avg.loss", at, 3.9, 0.71, ".6f", 0.01)
    drawn = (
        f"\rDone: {p:5.1f}% words/sec/thread: {30000 + 7 * i:7d} lr: {0.1 * (1 - p / 100):9.6f} avg.loss: {value:>9} ETA:   0h{9 - i // 23:2d}m"
        for i, (p, value) in enumerate(zip(at, loss, strict=True))
    )
    return "Read 17M words\nNumber of words:  71290\nNumber of labels: 0\n" + "".join(drawn) + "\n"


@training_log("ner.out")
def table_of_a_pipeline(run: Drawing) -> str:
    """A ruled table, two parts of a loss under names of two words, then scores of the dev set."""
    at = range(0, 16000, 200)
    tagger = run.loss("LOSS TAGGER", at, 210, 12, ".2f", 0.08)
    ner = run.loss("LOSS NER", at, 330, 21, ".2f", 0.08)
    run.accept("sum", at, (f"{float(a) + float(b):.2f}" for a, b in zip(tagger, ner, strict=True)))
    score = run.validation("SCORE", at, 0.21, 0.88, ".2f")
    rows = [
        "ℹ Pipeline: ['tagger', 'ner']",
        "ℹ Initial learn rate: 0.001",
        "EP    #       LOSS TAGGER  LOSS NER  TAG_ACC  ENTS_F  SCORE ",
        "---  ------  -----------  --------  -------  ------  ------",
    ]
    for i, (step, a, b, s) in enumerate(zip(at, tagger, ner, score, strict=True)):
        rows.append(
            f"{i // 9:3d}  {step:6d}  {a:>11}  {b:>8}  {float(s) * 101:7.2f}  {float(s) * 99:6.2f}  {s:>6}"
        )
    return lines([*rows, "✔ Saved pipeline to output directory", "out/model-last"])


@training_log("pane.txt")
def coloured_lines_to_nan(run: Drawing) -> str:
    """Colours of a terminal, a module and a line in front, k for thousands; the end is nan."""
    at = range(0, 3000, 10)
    printed = run.other(300, 10.8, 3.4, ".3f")
    loss = run.accept("loss", at, [*printed[:280], *["nan"] * 20])
    rows = [
        f"\x1b[32m{run.time()}.118\x1b[0m | \x1b[1mINFO    \x1b[0m | \x1b[36mlm.loop\x1b[0m:\x1b[36mfit\x1b[0m:\x1b[36m88\x1b[0m - "
        f"\x1b[1mstep={step} loss={value} lr={3e-4 * min(1, step / 200):.2e} gnorm={'nan' if value == 'nan' else '0.81'} tok/s={run.rng.uniform(51, 53):.1f}k\x1b[0m"
        for step, value in zip(at, loss, strict=True)
    ]
    rows[150:150] = [
        "\x1b[33m2026-11-24 09:40:00.001\x1b[0m | \x1b[33m\x1b[1mWARNING \x1b[0m | \x1b[36mlm.data\x1b[0m - \x1b[33mshard 7 of 12 is short: 812 of 4096 rows\x1b[0m"
    ]
    return lines(rows)


@training_log("svc.log")
def fields_with_equals_signs(run: Drawing) -> str:
    """logfmt of a service: quoted messages tell training from the holdout."""
    at = range(25, 5025, 25)
    ce = run.loss("ce", at, 4.6, 1.2)
    held = run.validation("ce", at[7::8], 4.9, 1.5)
    rows = ['ts=2026-11-24T08:00:00Z level=info caller=main.go:51 msg="listening" addr=:9090']
    for i, (step, value) in enumerate(zip(at, ce, strict=True)):
        stamp = f"ts={run.time('%Y-%m-%dT%H:%M:%SZ')} level=info caller=fit.go:212"
        rows.append(
            f'{stamp} msg="train step" run=7f3a step={step} ce={value} lr=0.0005 took=1.{i:03}s queue=12'
        )
        if i % 8 == 7:
            rows.append(f'{stamp} msg="holdout" run=7f3a step={step} ce={held[i // 8]} batches=40')
    return lines(rows)


@training_log("worker.log")
def json_behind_text(run: Drawing) -> str:
    """A prefix, then one nested JSON object for a step and another for a dev set, with text behind them."""
    at = range(50, 7050, 50)
    nll = run.loss("nll", at, 7.2, 3.3)
    dev = run.validation("nll", at[9::10], 7.5, 3.6)
    rows = ["[launcher] 8 workers up in 12.4 s"]
    for i, (step, value) in enumerate(zip(at, nll, strict=True)):
        shown = {
            "kind": "train",
            "at": {"update": step, "epoch": step / 900},
            "nll": float(value),
            "opt": {"lr": 2e-4, "scale": 65536},
        }
        rows.append(f"{run.time('%d.%m. %H:%M:%S')} worker-0 stats> {json.dumps(shown)} <end>")
        if i % 10 == 9:
            held = {"kind": "dev", "at": {"update": step}, "nll": float(dev[i // 10]), "wer": 0.31}
            rows.append(f"{run.time('%d.%m. %H:%M:%S')} worker-0 stats> {json.dumps(held)} <end>")
    return lines(rows)
