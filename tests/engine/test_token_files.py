"""Training on a file of token ids, as large as the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flight_recorder.engine.config import Config
from flight_recorder.engine.config_file import load_config
from flight_recorder.engine.data.corpus import CorpusError, load_corpus
from tests.engine.runs import ROOT, records, run, small

pytestmark = pytest.mark.torch


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A walk over 60 ids that always goes one up, two up or three up: something to learn."""
    steps = np.random.default_rng(0).integers(1, 4, 20_000)
    path = tmp_path / "train.bin"
    (np.cumsum(steps) % 60).astype("<u2").tofile(path)
    return path


def _config(path: Path, data: dict[str, object] | None = None) -> Config:
    return small(data={"kind": "tokens", "vocab_size": 64, "path": str(path)} | (data or {}))


def test_the_file_is_mapped_and_not_read(tokens: Path) -> None:
    corpus = load_corpus(_config(tokens).data)
    assert isinstance(corpus.train.tokens, np.memmap)
    assert (len(corpus.train), len(corpus.validation), corpus.vocab_size) == (18_000, 2_000, 64)
    other = load_corpus(_config(tokens, {"val_path": str(tokens)}).data)
    assert (len(other.train), len(other.validation)) == (20_000, 20_000)
    assert other.content_hash() != corpus.content_hash()


def test_what_is_in_the_file_is_learned(tokens: Path, tmp_path: Path) -> None:
    config = small(
        data={"kind": "tokens", "path": str(tokens), "vocab_size": 64},
        training={"T": 80, "lr_max": 0.02, "eval_every": 40},
    )
    run(tmp_path / "run", config)
    first, last = records(tmp_path / "run", "initial")[0], records(tmp_path / "run", "evaluation")[-1]
    assert last["val_loss"] < first["validation_loss"] - 1
    assert records(tmp_path / "run", "header")[0]["baseline_loss"] == pytest.approx(np.log(3), abs=0.2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"vocab_size": 50}, "holds ids from 0 to 59, and data.vocab_size is 50"),
        ({"dtype": "uint32"}, "set data.dtype as the file was written"),
        ({"path": "nowhere.bin"}, "cannot read the token file"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_sentence(
    tokens: Path, data: dict[str, object], said: str
) -> None:
    with pytest.raises(CorpusError, match=said):
        load_corpus(_config(tokens, data).data)


def test_an_odd_number_of_bytes_is_refused(tokens: Path) -> None:
    tokens.write_bytes(tokens.read_bytes()[:-1])
    with pytest.raises(CorpusError, match="no whole number of uint16 ids"):
        load_corpus(_config(tokens).data)


def test_the_gpt2_config_runs_a_few_steps_when_it_is_made_small(tokens: Path, tmp_path: Path) -> None:
    smaller = [
        f"data.path={tokens}",
        f"data.val_path={tokens}",
        "data.vocab_size=64",
        "model.n_layers=2",
        "model.n_heads=2",
        "model.width=16",
        "model.context=16",
        "training.batch_size=4",
        "training.T=6",
        "training.warmup=2",
        "training.eval_tokens=256",
        "run.device=cpu",
        "run.compile=false",
    ]
    config = load_config(ROOT / "configs/gpt2-124m.yaml", smaller)
    run(tmp_path / "run", config)
    header = records(tmp_path / "run", "header")[0]
    assert (header["dtype"], header["accumulation"], header["tokens_per_step"]) == ("bfloat16", 4, 4 * 4 * 16)
    steps = records(tmp_path / "run", "step")
    assert [step["step"] for step in steps] == list(range(6))
    assert all("activation" in step and "dead_heads" not in step for step in steps)


def test_fused_attention_computes_what_explicit_attention_does(tmp_path: Path) -> None:
    run(tmp_path / "fused", small(model={"attention": "fused"}))
    run(tmp_path / "explicit", small())
    for fused, explicit in zip(
        records(tmp_path / "fused", "step"), records(tmp_path / "explicit", "step"), strict=True
    ):
        assert fused["loss"] == pytest.approx(explicit["loss"], abs=1e-4)
    assert records(tmp_path / "fused", "initial")[0]["causality"] == 0
