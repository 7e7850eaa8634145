"""What programmers write and their tools print that is no training log."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

import json

from tests.sources.formats_invented.invented import Drawing, lines, no_log

NAMES = ("loss", "model", "epoch", "batch", "optimizer", "rate", "data", "metric", "step", "grad")


@no_log("history.txt")
def commits(run: Drawing) -> str:
    rows = []
    for i in range(60):
        rows += [
            f"commit {run.rng.getrandbits(160):040x}",
            "Author: Ada <ada@example.org>",
            f"Date:   {run.time('%a %b %d %H:%M:%S %Y +0100', 9000)}",
            "",
            f"    {run.rng.choice(['Fix the loss of step', 'Train for epochs of', 'Bump version to 0.'])} {run.rng.randint(1, 400)}",
            "",
            f" src/train.py | {i % 40 + 1} ++--",
            " 1 file changed, 2 insertions(+), 1 deletion(-)",
            "",
        ]
    return lines(rows)


@no_log("train.py")
def source_of_a_loop(run: Drawing) -> str:
    rows = ["import torch", "", "EPOCHS = 90", "LR = 3e-4", ""]
    for i in range(30):
        rows += [
            f"def part_{i}(x, loss=0.{run.rng.randint(10, 99)}):",
            f"    for step in range({run.rng.randint(10, 900)}):",
            f"        x = x * {run.rng.uniform(0, 2):.3f} + loss",
            '        print(f"step {step} loss {loss:.4f}")',
            "    return x",
            "",
        ]
    return lines(rows)


@no_log("requirements.txt")
def pinned_packages(run: Drawing) -> str:
    return lines(
        f"{run.rng.choice(NAMES)}-{run.rng.choice(['tools', 'kit', 'core'])}{i}=={run.rng.randint(0, 9)}.{run.rng.randint(0, 30)}.{run.rng.randint(0, 9)}"
        for i in range(90)
    )


@no_log("make.out")
def output_of_a_compiler(run: Drawing) -> str:
    return lines(
        row
        for i in range(60)
        for row in (
            f"[{i * 100 // 60:3d}%] Building CXX object src/CMakeFiles/net.dir/layer{i}.cpp.o",
            f"src/layer{i}.cpp:{run.rng.randint(1, 400)}:{run.rng.randint(1, 80)}: warning: unused variable 'loss' [-Wunused-variable]",
            "   float loss = 0.5f;",
            "         ^~~~",
        )
    )


@no_log("CHANGELOG.md")
def changes(run: Drawing) -> str:
    return lines(
        row
        for i in range(50, 0, -1)
        for row in (
            f"## 1.{i}.0 ({run.time('%Y-%m-%d')})",
            "",
            f"- Training is {run.rng.randint(2, 40)} % faster with batches of {2 ** run.rng.randint(3, 9)} (#{run.rng.randint(100, 999)})",
            f"- `loss` no longer returns {run.rng.choice(['NaN', '0.0', 'inf'])} after step {run.rng.randint(1, 9)}",
            "",
        )
    )


@no_log("config.json")
def settings_in_json(run: Drawing) -> str:
    return json.dumps(
        {
            "epochs": 90,
            "loss": {"name": "cross_entropy", "smoothing": 0.1},
            "lr": 0.1,
            "layers": [
                {"width": run.rng.randint(16, 512), "dropout": round(run.rng.random(), 2)} for _ in range(40)
            ],
        },
        indent=2,
    )


@no_log("config.yaml")
def settings_in_yaml(run: Drawing) -> str:
    return lines(
        [
            "trainer:",
            "  max_epochs: 40",
            "  loss: focal",
            "  lr: 0.0003",
            "  steps: 4000",
            "stages:",
            *(
                row
                for i in range(30)
                for row in (
                    f"  - name: stage{i}",
                    f"    loss_weight: {run.rng.random():.2f}",
                    f"    epoch: {i * 3}",
                )
            ),
        ]
    )


@no_log("fix.patch")
def a_patch(run: Drawing) -> str:
    return lines(
        row
        for i in range(30)
        for row in (
            f"diff --git a/net{i}.py b/net{i}.py",
            f"@@ -{i + 3},7 +{i + 3},7 @@ def step(self):",
            "     total = 0",
            f"-    loss = {run.rng.uniform(0, 9):.3f}",
            f"+    loss = {run.rng.uniform(0, 9):.3f}",
            "     return total",
        )
    )


@no_log("crash.txt")
def stacks_of_calls(run: Drawing) -> str:
    return lines(
        row
        for i in range(25)
        for row in (
            "Traceback (most recent call last):",
            f'  File "/srv/app/train.py", line {run.rng.randint(10, 900)}, in step',
            "    loss = model(batch)",
            f"ValueError: expected {run.rng.randint(2, 64)} values, got {run.rng.randint(65, 99)}",
            "",
        )
    )


@no_log("pytest.out")
def tests_that_passed(run: Drawing) -> str:
    return lines(
        [
            "============ test session starts ============",
            *(
                f"tests/test_{run.rng.choice(NAMES)}.py::test_{run.rng.choice(NAMES)}_{i} PASSED [{i // 2:3d}%]"
                for i in range(200)
            ),
            f"=========== 200 passed in {run.rng.uniform(10, 20):.2f}s ===========",
        ]
    )


@no_log("profile.txt")
def times_of_functions(run: Drawing) -> str:
    return lines(
        [
            "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)",
            *(
                f"{run.rng.randint(1, 90000):>9} {run.rng.uniform(0, 9):>8.3f} {run.rng.uniform(0, 0.1):>8.3f} {run.rng.uniform(0, 9):>8.3f} {run.rng.uniform(0, 0.1):>8.3f} {run.rng.choice(NAMES)}.py:{run.rng.randint(1, 400)}({run.rng.choice(NAMES)})"
                for _ in range(120)
            ),
        ]
    )


@no_log("dump.sql")
def rows_of_a_database(run: Drawing) -> str:
    return lines(
        [
            "CREATE TABLE orders (id int, customer text, price numeric, step int);",
            *(
                f"INSERT INTO orders VALUES ({i}, 'customer {run.rng.randint(1, 99)}', {run.rng.uniform(1, 900):.2f}, {run.rng.randint(1, 5)});"
                for i in range(200)
            ),
        ]
    )
