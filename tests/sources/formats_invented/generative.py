"""Logs of programs that learn to make pictures."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

import json

from tests.sources.formats_invented.invented import Drawing, lines, training_log


@training_log("loss_log.txt")
def two_losses_in_brackets(run: Drawing) -> str:
    """A generator and a discriminator, no total, iterations that begin again each epoch."""
    at = range(100, 24100, 100)
    d = run.loss("D_fake", at, 0.7, 0.55, ".3f", 0.1)
    g = run.loss("G_adv", at, 0.8, 1.9, ".3f", 0.1)
    real = run.loss("D_real", at, 0.69, 0.5, ".3f", 0.1)
    cycle = run.loss("G_rec", at, 5.2, 1.1, ".3f")
    run.accept("G", at, (f"{float(a) + float(b):.3f}" for a, b in zip(g, cycle, strict=True)))
    run.accept("sum", at, (f"{sum(map(float, row)):.3f}" for row in zip(d, real, g, cycle, strict=True)))
    rows = ["================ Training Loss (Tue Nov 24 08:00:00 2026) ================"]
    rows += [
        f"(epoch: {i // 12 + 1}, iters: {i % 12 * 100 + 100}, time: 0.211, data: 0.004) D_real: {real[i]} D_fake: {d[i]} G_adv: {g[i]} G_rec: {cycle[i]} "
        for i in range(240)
    ]
    return lines(rows)


@training_log("metric.jsonl")
def distances_of_pictures(run: Drawing) -> str:
    """A metric only: the FID of each snapshot, in JSON."""
    at = range(0, 6000, 80)
    fid = run.metric("fid", at, 318, 9.4, ".6g")
    run.truth.is_evaluation = True
    return lines(
        json.dumps(
            {
                "results": {"fid20k": float(value)},
                "metric": "fid20k",
                "total_time": 121.3,
                "snapshot_pkl": f"snapshot-{step:06d}.pkl",
                "kimg": step,
                "timestamp": 1795507207.1 + step * 60,
            }
        )
        for step, value in zip(at, fid, strict=True)
    )


@training_log("vae.log")
def bounds_of_evidence(run: Drawing) -> str:
    """Arrows; the negative bound, its parts in brackets, and a line for the test set."""
    at = range(1, 81)
    bound = run.loss("elbo", at, 210, 101.4)
    test = run.validation("elbo", at, 220, 106.3)
    rows = []
    for i, a, b in zip(at, bound, test, strict=True):
        rows += [
            f"====> Epoch: {i}  train -ELBO {a}  (recon {float(a) * 0.78:.4f}, kl {float(a) * 0.22:.4f}, beta 1.00)",
            f"====> Test set   -ELBO {b}",
        ]
    return lines(rows)


@training_log("log.txt")
def quartiles_of_noise(run: Drawing) -> str:
    """A box of sorted keys a time, the loss among its quartiles, numbers in scientific notation."""
    at = range(0, 40000, 200)
    loss = run.loss("loss", at, 0.9, 0.021, ".2e")
    mse = run.loss("mse", at, 0.85, 0.019, ".2e")
    rows = ["Logging to /tmp/diffusion-2026-11-24", "creating data loader..."]
    for i, step in enumerate(at):
        pairs = [
            ("grad_norm", "3.1e-01"),
            ("loss", loss[i]),
            *((f"loss_q{k}", f"{float(loss[i]) * (1.9 - k * 0.4):.2e}") for k in range(4)),
            ("mse", mse[i]),
            ("samples", f"{step * 128:.3g}"),
            ("step", f"{step}"),
            ("vb", f"{run.rng.uniform(0.001, 0.002):.2e}"),
        ]
        rows += ["-" * 27, *(f"| {name:<11} | {number:<9} |" for name, number in pairs), "-" * 27]
    return lines(rows)


@training_log("slurm-4471.out")
def bars_with_mse(run: Drawing) -> str:
    """Bars of tqdm that are drawn over each other, counters that begin again, other bars between them."""
    at = range(40, 12040, 40)
    mse = run.loss("mse", at, 0.41, 0.032)
    text = "Fetching 5 files: 100%|██████████| 5/5 [00:01<00:00,  4.81it/s]\n"
    for i, value in enumerate(mse):
        k = i % 10 * 10 + 10
        text += f"\rEpoch {i // 10}: {k:3d}%|{'█' * (k // 10)}{' ' * (10 - k // 10)}| {k * 4}/400 [00:{k // 2:02d}<00:{50 - k // 2:02d},  7.9it/s, mse={value}, lr=0.0001]"
        if k == 100:
            text += f"\nsampling: 100%|██████████| 50/50 [00:04<00:00, 12.{i % 9}it/s]\n"
    return text
