"""What a run learns from: two disjoint streams of tokens, one to train on and one to validate with.

Beside each token of the verb corpus stand the class of its sentence and whether it belongs to the verb.
A text file of the user's own has neither, nor has a file of token ids, which is mapped into memory and never
read as a whole.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.config import Data
from flight_recorder.engine.data.grammar import CLASSES, Sentence, sentence
from flight_recorder.engine.data.lexicon import vocabulary

Ids = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]

VALIDATION_SHARE_OF_TEXT = 0.1
"""The last tenth of a text is its validation split: the tail, so that no sentence is in both."""

SAMPLED_TOKENS = 1_000_000
"""Of a mapped file only so many tokens of a split are looked at for its hash and its largest id."""


class CorpusError(ValueError):
    """The data cannot be trained on; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Tokens in reading order, shape (N,).

    `classes` is the index of the sentence's class and `verb` marks the verb's own tokens, both (N,), or
    None where the text has no classes. `pieces` are the spans that count as one example when the two
    splits are compared: (start, end) of each sentence.
    """

    tokens: Ids
    classes: Ids | None = None
    verb: Flags | None = None
    pieces: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Both splits, the meaning of their ids and the names of their classes."""

    train: Stream
    validation: Stream
    vocabulary: list[str]
    classes: tuple[str, ...] = ()

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens that the model can predict."""
        return len(self.vocabulary)

    def content_hash(self) -> str:
        """SHA-256 over both splits; two runs with the same hash have learned from the same tokens.

        Of mapped files over their length and a sample: reading many gigabytes would keep the run waiting.
        """
        digest = hashlib.sha256()
        for stream in (self.train, self.validation):
            if isinstance(stream.tokens, np.memmap):
                digest.update(f"{len(stream)} of {stream.tokens.dtype}".encode())
            digest.update(_sample(stream.tokens).tobytes())
        return digest.hexdigest()


def load_corpus(data: Data) -> Corpus:
    """The corpus that the config names.

    Raises:
        CorpusError: the file is missing, unreadable, too short, or not what the config says.
    """
    return {"verbs": verb_corpus, "text": _text_corpus, "tokens": _token_corpus}[data.kind](data)


def verb_corpus(data: Data) -> Corpus:
    """Sentences by `data.seed`, all different, so that no validation sentence is in training."""
    try:
        words = vocabulary(data.vocab_size)
    except ValueError as error:
        raise CorpusError(f"data.vocab_size is too small: {error}.") from None
    ids = {word: i for i, word in enumerate(words)}
    rng = random.Random(data.seed)
    seen: dict[tuple[str, ...], Sentence] = {}
    while len(seen) < data.train_sentences + data.val_sentences:
        candidate = sentence(rng)
        seen.setdefault(candidate.tokens, candidate)
    drawn = list(seen.values())
    train, validation = drawn[: data.train_sentences], drawn[data.train_sentences :]
    return Corpus(_stream(train, ids), _stream(validation, ids), words, CLASSES)


def _stream(sentences: list[Sentence], ids: dict[str, int]) -> Stream:
    tokens = [ids[token] for s in sentences for token in s.tokens]
    classes = [s.class_index for s in sentences for _ in s.tokens]
    verb = [i in s.verb for s in sentences for i in range(len(s.tokens))]
    ends = np.cumsum([len(s.tokens) for s in sentences]).tolist()
    pieces = tuple(zip([0, *ends[:-1]], ends, strict=True))
    return Stream(np.array(tokens, np.int64), np.array(classes, np.int64), np.array(verb), pieces)


def _text_corpus(data: Data) -> Corpus:
    content = _read(Path(data.path or ""))
    if data.tokens == "bytes":
        tokens = np.frombuffer(content, np.uint8).astype(np.int64)
        words = [repr(bytes([i]))[2:-1] for i in range(256)]
    else:
        text = content.decode("utf-8", errors="replace")
        words = sorted(set(text))
        ids = {character: i for i, character in enumerate(words)}
        tokens = np.array([ids[character] for character in text], np.int64)
    cut = round(len(tokens) * (1 - VALIDATION_SHARE_OF_TEXT))
    return Corpus(Stream(tokens[:cut]), Stream(tokens[cut:]), words)


def _token_corpus(data: Data) -> Corpus:
    """Ids as they stand in a file, one after the other; split off its end unless `val_path` names another."""
    tokens = _mapped(Path(data.path or ""), data)
    if data.val_path:
        train, validation = tokens, _mapped(Path(data.val_path), data)
    else:
        cut = math.ceil(len(tokens) * (1 - VALIDATION_SHARE_OF_TEXT))
        train, validation = tokens[:cut], tokens[cut:]
    return Corpus(Stream(train), Stream(validation), [str(i) for i in range(data.vocab_size)])


def _mapped(path: Path, data: Data) -> Ids:
    """The file as an array that is read where it is looked at."""
    try:
        tokens: Ids = np.memmap(path, np.dtype(data.dtype).newbyteorder("<"), mode="r")
    except OSError as error:
        raise CorpusError(f"cannot read the token file {path}: {error.strerror}.") from None
    except ValueError:
        raise CorpusError(
            f"{path} is empty or no whole number of {data.dtype} ids; set data.dtype as it was written."
        ) from None
    sample = _sample(tokens)
    if not 0 <= sample.min() <= sample.max() < data.vocab_size:
        raise CorpusError(
            f"{path} holds ids from {sample.min()} to {sample.max()}, and data.vocab_size is "
            f"{data.vocab_size}; raise it, or set data.dtype as the file was written."
        )
    return tokens


def _sample(tokens: Ids) -> Ids:
    """A hundred stretches from first to last; an array in memory as a whole."""
    if not isinstance(tokens, np.memmap) or len(tokens) <= SAMPLED_TOKENS:
        return tokens
    length = SAMPLED_TOKENS // 100
    starts = np.linspace(0, len(tokens) - length, 100).astype(np.int64)
    return np.concatenate([tokens[start : start + length] for start in starts])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read data.path {path}: {error.strerror}.") from None


def examples(stream: Stream) -> list[Ids]:
    """The token ids of each sentence; nothing where the stream has no sentences."""
    return [stream.tokens[start:end] for start, end in stream.pieces]
