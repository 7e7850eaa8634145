"""Logs of programs that learn from pictures."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

from tests.sources.formats_invented.invented import Drawing, lines, training_log


@training_log()
def imagenet_meters(run: Drawing) -> str:
    """Each number beside its running mean; the test of an epoch has bars and a line of its own."""
    at = [i // 20 * 5005 + i % 20 * 250 for i in range(240)]
    now = run.loss("Loss", at, 6.9, 2.1, ".4e", 0.05)
    mean = run.accept("Loss (mean)", at, (f"{float(value) * 1.02:.4e}" for value in now))
    tested = run.validation("Loss", at[19::20], 6.5, 2.6)
    top1 = run.validation("Acc@1", at[19::20], 3, 49, ".3f")
    rows = ["=> creating model 'resnet34'", "=> 1281167 images, 1000 classes"]
    for i in range(240):
        rows.append(
            f"Epoch: [{i // 20}][{i % 20 * 250:4d}/5005]\tTime  0.213 ( 0.250)\tData  0.002 ( 0.019)"
            f"\tLoss {now[i]} ({mean[i]})\tLR 1.0e-01"
        )
        if i % 20 == 19:
            rows.append(f"Test: [190/196]\tTime  0.110 ( 0.181)\tLoss {tested[i // 20]}")
            rows.append(f" *   Acc@1 {top1[i // 20]} Acc@5 {float(top1[i // 20]) * 1.5:.3f}")
    return lines(rows)


@training_log("results.csv")
def detector_columns(run: Drawing) -> str:
    """Padded columns with the parts of a loss and no total."""
    at = range(1, 91)
    parts = [
        run.loss(f"train/{part}", at, a, b, ".5f")
        for part, a, b in (("box", 4.1, 1.2), ("obj", 3.3, 0.8), ("cls", 5.0, 0.6))
    ]
    run.accept("sum", at, (f"{sum(map(float, row)):.5f}" for row in zip(*parts, strict=True)))
    tested = [
        run.validation(f"dev/{part}", at, a, b, ".5f")
        for part, a, b in (("box", 4.6, 1.5), ("obj", 3.9, 1.1), ("cls", 5.6, 0.9))
    ]
    run.accept_validation("sum", at, (f"{sum(map(float, row)):.5f}" for row in zip(*tested, strict=True)))
    found = run.other(90, 0.01, 0.61, ".5f")
    names = (
        "epoch",
        "seconds",
        *(f"{split}/{part}" for split in ("train", "dev") for part in ("box", "obj", "cls")),
    )
    rows = [",".join(f"{name:>16}" for name in (*names, "mAP50-95"))]
    for row in zip(at, run.other(90, 31, 30, ".2f"), *parts, *tested, found, strict=True):
        rows.append(",".join(f"{cell:>16}" for cell in row))
    return lines(rows)


@training_log()
def segmentation_dev_parts(run: Drawing) -> str:
    """Both halves on one line, parts before the total, the score in per cent."""
    at = range(1, 81)
    dice = run.other(80, 0.8, 0.2)
    total = run.loss("total", at, 1.5, 0.33)
    bad_dice = run.other(80, 0.9, 0.31)
    bad = run.validation("total", at, 1.7, 0.52)
    miou = run.other(80, 12, 71, ".1f")
    return lines(
        f"[Epoch {i:>3}/80]  train: dice {d} bce {float(t) - float(d):.4f} total {t}  ||  dev: dice {e} total {b}"
        f"  mIoU {m}%  ({run.time('%H:%M:%S')})"
        for i, d, t, e, b, m in zip(at, dice, total, bad_dice, bad, miou, strict=True)
    )


@training_log("solver.INFO")
def solver_iterations(run: Drawing) -> str:
    """Prefixes of glog, the learning rate on a line of its own, the test net's outputs numbered."""
    at = range(0, 8000, 40)
    loss = run.loss("loss", at, 2.31, 0.09, ".6g", 0.1)
    test = run.validation("loss", at[::10], 2.36, 0.21, ".6g")
    rows = []
    for i, (step, value) in enumerate(zip(at, loss, strict=True)):
        head = f"I{run.time('%m%d %H:%M:%S')}.402713 20417"
        if i % 10 == 0:
            rows.append(f"{head} trainer.cc:411] Iteration {step}, Testing net (#0)")
            rows.append(
                f"{head} trainer.cc:478]     Test net output #0: accuracy = {1 - float(test[i // 10]) / 4:.4f}"
            )
            rows.append(
                f"{head} trainer.cc:478]     Test net output #1: loss = {test[i // 10]} (* 1 = {test[i // 10]} loss)"
            )
        rows.append(f"{head} trainer.cc:239] Iteration {step} (31.2 iter/s, 1.28s/40 iters), loss = {value}")
        rows.append(f"{head} policy.cc:106] Iteration {step}, lr = 0.01")
    return lines(rows)


@training_log("nohup.out")
def numbers_before_names(run: Drawing) -> str:
    """The counter first, then numbers whose names follow them."""
    at = range(1, 301)
    now = run.loss("loss", at, 900, 1.9, ".6f", 0.08)
    mean = run.loss("avg loss", at, 930, 2.0, ".6f", 0.01)
    rows = ["yolo-pico", "net.optimized_memory = 0", "mini_batch = 4, batch = 64, time_steps = 1, train = 1"]
    for i, a, b in zip(at, now, mean, strict=True):
        rows += [
            f" {i}: {a}, {b} avg loss, 0.001000 rate, 3.{i % 10}21447 seconds, {i * 64} images, 11.2 hours left",
            "Loaded: 0.000041 seconds",
        ]
    return lines(rows)


@training_log("workerlog.0")
def tagged_iterations(run: Drawing) -> str:
    """TRAIN and EVAL as tags; the evaluation has scores only."""
    at, tests = range(20, 4020, 20), range(400, 4001, 400)
    loss = run.loss("loss", at, 2.9, 0.31)
    miou = run.validation("mIoU", tests, 0.11, 0.74)
    rows = []
    for step, value in zip(at, loss, strict=True):
        rows.append(
            f"{run.time()} [INFO]\t[TRAIN] epoch: {step // 371 + 1}, iter: {step}/4000, loss: {value}, "
            f"lr: {0.01 * (1 - step / 4001) ** 0.9:.6f}, batch_cost: 0.2217, ips: 18.0433 samples/sec | ETA 00:07:21"
        )
        if step in tests:
            rows.append(
                f"{run.time()} [INFO]\t[EVAL] #Images: 500, mIoU: {miou[step // 400 - 1]}, "
                f"Kappa: 0.7131, evaluated in 41.8 s"
            )
    return lines(rows)


@training_log("train.out")
def bars_of_an_epoch(run: Drawing) -> str:
    """A bar drawn over itself with the loss so far; what counts is on it when it is full."""
    at = range(375, 375 * 61, 375)
    loss = run.loss("loss", at, 1.9, 0.2)
    val = run.validation("val_loss", at, 1.8, 0.45)
    text, drawn = "", []
    for epoch, (a, b) in enumerate(zip(loss, val, strict=True), 1):
        early = [f"{float(a) * f:.4f}" for f in (1.08, 1.03)]
        drawn += [*early, a]
        text += f"Epoch {epoch}/60\n" + "".join(
            f"\r {k * 125}/375 [{'=' * k * 10}>{'.' * (30 - k * 10)}] - ETA: {3 - k}s - loss: {e} - acc: 0.{epoch:02}"
            for k, e in enumerate(early, 1)
        )
        text += f"\r375/375 [{'=' * 30}] - 4s 11ms/step - loss: {a} - acc: 0.{epoch:02}12 - val_loss: {b} - val_acc: 0.{epoch:02}01\n"
    run.accept("loss", range(125, 125 * 181, 125), drawn)
    return text


@training_log("report.txt")
def columns_named_again(run: Drawing) -> str:
    """A table of fixed width whose heading comes again every twenty rows; some rows have no evaluation."""
    at = range(1, 121)
    loss = run.loss("main/loss", at, 2.3, 0.11, ".6g")
    val = run.validation("validation/main/loss", at[4::5], 2.4, 0.3, ".6g")
    head = f"{'epoch':<12}{'iteration':<12}{'main/loss':<12}{'validation/main/loss':<22}{'main/accuracy':<15}{'elapsed_time':<12}"
    rows = []
    for i, a in zip(at, loss, strict=True):
        rows += [head] if i % 20 == 1 else []
        tested = val[i // 5 - 1] if i % 5 == 0 else ""
        rows.append(f"{i:<12}{i * 600:<12}{a:<12}{tested:<22}{1 - float(a) / 3:<15.6g}{i * 13.2231:<12.6g}")
    return lines(rows)


@training_log()
def error_in_per_cent(run: Drawing) -> str:
    """No loss at all: the error of both splits, in per cent."""
    at = range(0, 150)
    err = run.metric("err", at, 88.2, 4.1, ".2f")
    held = run.validation("holdout err", at, 89.0, 11.3, ".2f")
    return lines(
        f"{run.time('%H:%M')}  ep {i:03d}   train err {a} %   holdout err {b} %   {run.rng.uniform(11, 12):.1f}s"
        for i, a, b in zip(at, err, held, strict=True)
    )
