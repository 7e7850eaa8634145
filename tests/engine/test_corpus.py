"""What is learned: the verb corpus, text files, and the baseline that counting reaches on them."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from flight_recorder.engine.config import Data
from flight_recorder.engine.data.baseline import _fitted_weights, _probabilities, baseline_loss
from flight_recorder.engine.data.corpus import Corpus, CorpusError, Stream, load_corpus
from flight_recorder.engine.data.lexicon import IRREGULAR, REGULAR, SUFFIX_ED, SUFFIX_ING, SUFFIX_S


@pytest.fixture(scope="module")
def verbs() -> Corpus:
    return load_corpus(Data())


def _sentences(corpus: Corpus, stream: Stream) -> list[list[str]]:
    return [[corpus.vocabulary[i] for i in stream.tokens[start:end]] for start, end in stream.pieces]


def test_the_reference_corpus_has_its_declared_size(verbs: Corpus) -> None:
    assert verbs.vocab_size == 512
    assert (len(verbs.train.pieces), len(verbs.validation.pieces)) == (4000, 400)
    assert 35_000 < len(verbs.train) < 39_000


def test_no_validation_sentence_is_in_training(verbs: Corpus) -> None:
    train = {tuple(s) for s in _sentences(verbs, verbs.train)}
    assert train.isdisjoint(tuple(s) for s in _sentences(verbs, verbs.validation))


def test_all_twenty_verbs_are_there_in_their_class(verbs: Corpus) -> None:
    assert (len(REGULAR), len(IRREGULAR)) == (12, 8)
    forms = {form: verb for verb, all_forms in IRREGULAR.items() for form in all_forms}
    forms |= {"am": "be", "are": "be", "were": "be"} | {verb: verb for verb in REGULAR}
    met: dict[str, set[str]] = {"regular": set(), "irregular": set()}
    for (start, end), words in zip(verbs.train.pieces, _sentences(verbs, verbs.train), strict=True):
        assert verbs.train.classes is not None and verbs.train.verb is not None
        own = [word for word, is_verb in zip(words, verbs.train.verb[start:end], strict=True) if is_verb]
        assert len(set(verbs.train.classes[start:end])) == 1
        met[verbs.classes[verbs.train.classes[start]]].add(forms[own[0]])
        assert all(word in (SUFFIX_S, SUFFIX_ED, SUFFIX_ING) for word in own[1:])
    assert met == {"regular": set(REGULAR), "irregular": set(IRREGULAR)}


def test_a_regular_past_is_stem_and_suffix_and_an_irregular_one_a_single_token(verbs: Corpus) -> None:
    sentences = [" ".join(s) for s in _sentences(verbs, verbs.train)]
    assert any("walk +ed" in s for s in sentences)
    assert any(" went " in s for s in sentences)
    assert not any("go +ed" in s for s in sentences)


def test_the_corpus_depends_on_its_seed_alone() -> None:
    small = {"train_sentences": 50, "val_sentences": 5}
    one, same, other = (load_corpus(Data.model_validate({"seed": seed, **small})) for seed in (1, 1, 2))
    assert one.content_hash() == same.content_hash() != other.content_hash()


def test_the_tail_of_a_text_is_its_validation_split(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(bytes(range(100)) * 10)
    corpus = load_corpus(Data(kind="text", path=str(path)))
    assert corpus.vocab_size == 256
    assert (len(corpus.train), len(corpus.validation)) == (900, 100)
    assert corpus.validation.tokens.tolist() == list(range(100))


def test_a_text_of_characters_has_its_own_alphabet(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcä" * 10)
    corpus = load_corpus(Data(kind="text", path=str(path), tokens="characters"))
    assert corpus.vocabulary == ["a", "b", "c", "ä"]


def test_a_missing_text_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot read data\.path"):
        load_corpus(Data(kind="text", path=str(tmp_path / "none.txt")))


def test_a_vocabulary_too_small_is_said_in_one_sentence() -> None:
    with pytest.raises(CorpusError, match=r"data\.vocab_size is too small"):
        load_corpus(Data(vocab_size=100))


def _slow_probability(train: list[int], before: list[int], token: int) -> float:
    """Share of the places in training behind these tokens at which this token follows."""
    grams = Counter(tuple(train[i : i + len(before) + 1]) for i in range(len(train) - len(before)))
    places = Counter(tuple(train[i : i + len(before)]) for i in range(len(train) - len(before) + 1))
    contexts = places[tuple(before)] if before else len(train)
    return grams[(*before, token)] / max(1, contexts)


def test_n_gram_probabilities_equal_those_of_plain_counting() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.integers(0, 4, 200), rng.integers(0, 4, 30)
    table = _probabilities(train, test, vocab_size=4)
    for at in range(2, len(test)):
        before = test[at - 2 : at].tolist()
        slow = [_slow_probability(train.tolist(), before[2 - n :], test[at]) for n in (0, 1, 2)]
        assert table[at] == pytest.approx([0.25, *slow]), at


def test_weights_go_to_the_order_that_predicts_best() -> None:
    cycle = np.arange(300) % 3
    weights = _fitted_weights(_probabilities(cycle, cycle, 3))
    assert weights.sum() == pytest.approx(1)
    assert weights[2] + weights[3] > 0.95


def test_noise_cannot_be_beaten_and_a_cycle_is_free() -> None:
    rng = np.random.default_rng(0)
    noise = Corpus(Stream(rng.integers(0, 8, 20_000)), Stream(rng.integers(0, 8, 2_000)), list("abcdefgh"))
    assert baseline_loss(noise) == pytest.approx(math.log(8), abs=0.02)
    cycle = np.arange(3000) % 8
    assert baseline_loss(Corpus(Stream(cycle), Stream(cycle[:800]), list("abcdefgh"))) < 0.02


def test_the_baseline_of_the_reference_corpus_is_far_below_uniform(verbs: Corpus) -> None:
    assert 2.2 < baseline_loss(verbs) < 2.7
