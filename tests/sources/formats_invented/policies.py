"""Logs of programs that learn from reward. A reader may take their loss or their reward."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

from tests.sources.formats_invented.invented import Drawing, lines, training_log


@training_log("monitor.txt")
def boxes_of_keys(run: Drawing) -> str:
    """A box an iteration, groups with their keys indented, nothing but numbers in the right column."""
    at = range(2048, 2048 * 121, 2048)
    reward = run.metric("ep_rew_mean|reward", at, 21, 487, ".3g")
    loss = run.loss("loss", at, 31, 2.2, ".3g", 0.1)
    value = run.loss("value_loss", at, 60, 4, ".3g", 0.1)
    entropy = run.other(120, -0.69, -0.41, ".3g")
    rows = ["Using cpu device", "Wrapping the env in a DummyVecEnv."]
    for i, step in enumerate(at):
        pairs = [
            ("rollout/", ""),
            ("   ep_len_mean", reward[i]),
            ("   ep_rew_mean", reward[i]),
            ("time/", ""),
            ("   fps", 1810 + i % 9),
            ("   iterations", i + 1),
            ("   total_timesteps", step),
            ("train/", ""),
            ("   entropy_loss", entropy[i]),
            ("   loss", loss[i]),
            ("   n_updates", i * 10),
            ("   value_loss", value[i]),
        ]
        rows += ["-" * 41, *(f"| {name:<23} | {number!s:<11} |" for name, number in pairs), "-" * 41]
    return lines(rows)


@training_log("out.txt")
def scores_of_episodes(run: Drawing) -> str:
    """Reward only, an episode a line, with the mean of the last hundred."""
    at = range(1, 401)
    score = run.metric("Score|reward", at, -210, 95, ".2f", 0.4)
    mean = run.metric("Average|reward", at, -205, 88, ".2f", 0.02)
    rows = ["State space: 8, action space: 4"]
    rows += [
        f"Episode {i}\tScore: {a}\tAverage(100): {b}\tEpsilon: {max(0.01, 0.995**i):.3f}\tSteps: {run.rng.randint(80, 900)}"
        for i, a, b in zip(at, score, mean, strict=True)
    ]
    return lines([*rows, "", "Environment solved in 300 episodes!"])


@training_log("a2c.log")
def updates_of_an_actor(run: Drawing) -> str:
    """Short names; the policy's part of the loss changes its sign."""
    at = range(10, 3010, 10)
    ret = run.metric("ret|reward", at, 4, 61, ".1f", 0.1)
    value = run.loss("vf", at, 22, 3.1, ".3f", 0.1)
    policy = run.accept("pg", at, (f"{run.rng.gauss(0, 0.03):.3f}" for _ in at))
    run.accept("sum", at, (f"{float(a) + float(b):.3f}" for a, b in zip(policy, value, strict=True)))
    return lines(
        f"[{run.time('%H:%M:%S')}] upd {i:>5} | frames {i * 80:>8,} | ret {r} ± {run.rng.uniform(2, 9):.1f} | pg {p} | vf {v} | ent {1.3 - i / 4000:.3f} | kl {run.rng.uniform(0.001, 0.02):.4f}"
        for i, r, p, v in zip(at, ret, policy, value, strict=True)
    )


@training_log("progress.txt")
def tabs_of_returns(run: Drawing) -> str:
    """Tab-separated columns; a test policy's return stands beside that of the training."""
    at = range(0, 100)
    ret = run.metric("AverageEpRet|reward|return", at, -1400, -160, ".4f")
    tested = run.validation("AverageTestEpRet", at, -1380, -140, ".4f")
    q = run.loss("LossQ", at, 91, 2.4, ".4f", 0.1)
    pi = run.loss("LossPi", at, 3.1, 121, ".4f")
    rows = [[i, ret[i], 99.1, tested[i], (i + 1) * 4000, q[i], pi[i], f"{31.2 * (i + 1):.1f}"] for i in at]
    return lines(
        [
            "Epoch\tAverageEpRet\tStdEpRet\tAverageTestEpRet\tTotalEnvInteracts\tLossQ\tLossPi\tTime",
            *("\t".join(map(str, row)) for row in rows),
        ]
    )
