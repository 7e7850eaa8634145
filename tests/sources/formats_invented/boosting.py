"""Logs of programs that learn from tables."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

from tests.sources.formats_invented.invented import Drawing, lines, training_log


@training_log("fit.log")
def rounds_in_brackets(run: Drawing) -> str:
    """The round in brackets, a dash between split and measure, tabs."""
    at = range(0, 300)
    rmse = run.loss("rmse", at, 9.4, 0.61, ".5f", 0.005)
    held = run.validation("rmse", at, 9.6, 0.94, ".5f", 0.005)
    return lines(f"[{i}]\ttrain-rmse:{a}\tholdout-rmse:{b}" for i, a, b in zip(at, rmse, held, strict=True))


@training_log("gbm.txt")
def measures_of_both_splits(run: Drawing) -> str:
    """The splits in the genitive, warnings of the library between them."""
    at = range(10, 2010, 10)
    loss = run.loss("binary_logloss", at, 0.66, 0.21, ".6g", 0.005)
    held = run.validation("binary_logloss", at, 0.67, 0.33, ".6g", 0.005)
    rows = [
        "[LightGBM] [Info] Number of positive: 4101, number of negative: 15899",
        "[LightGBM] [Info] Total Bins 7331",
        "Training until validation scores don't improve for 200 rounds",
    ]
    rows += [
        f"[{i}]\ttraining's auc: {1 - float(a) / 5:.6g}\ttraining's binary_logloss: {a}\tvalid_1's auc: {1 - float(b) / 4:.6g}\tvalid_1's binary_logloss: {b}"
        for i, a, b in zip(at, loss, held, strict=True)
    ]
    rows[90:90] = ["[LightGBM] [Warning] No further splits with positive gain, best gain: -inf"]
    return lines([*rows, "Did not meet early stopping. Best iteration is:", rows[-1]])


@training_log("cb.log")
def learn_and_test(run: Drawing) -> str:
    """Two words for the splits and none for the loss; the best so far repeats the test's number."""
    at = range(0, 1000, 5)
    learn = run.loss("learn", at, 0.69, 0.18, ".7f", 0.002)
    test = run.validation("test", at, 0.69, 0.29, ".7f", 0.002)
    rows, best = ["Learning rate set to 0.043"], (9.0, 0)
    for i, a, b in zip(at, learn, test, strict=True):
        best = min(best, (float(b), i))
        rows.append(
            f"{i}:\tlearn: {a}\ttest: {b}\tbest: {best[0]:.7f} ({best[1]})\ttotal: {i * 8.1:.0f}ms\tremaining: {8.1 - i / 124:.2f}s"
        )
    return lines([*rows, "", f"bestTest = {best[0]:.7f}", f"bestIteration = {best[1]}"])


@training_log("rec.log")
def rankings(run: Drawing) -> str:
    """A pairwise loss whose word stands behind its name; the ranks of a test set every fifth epoch."""
    at = range(1, 151)
    bpr = run.loss("BPR", at, 0.6931, 0.112)
    ndcg = run.validation("NDCG@20", at[4::5], 0.004, 0.081)
    rows = ["#users 29858  #items 40981  #interactions 1027370  sparsity 99.92%"]
    for i, value in zip(at, bpr, strict=True):
        rows.append(f"epoch {i}/150 [{run.rng.uniform(21, 24):.1f}s] BPR={value} (reg 0.0{i % 90 + 10})")
        if i % 5 == 0:
            rows.append(
                f"   test: Recall@20={float(ndcg[i // 5 - 1]) * 1.3:.4f} NDCG@20={ndcg[i // 5 - 1]} HR@20=0.2{i % 9}"
            )
    return lines(rows)
