"""num_validation_in_training: validation examples that are in the training set as well."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike

from flight_recorder.engine.probes.measured import Fields


def overlap(training: Iterable[ArrayLike], validation: Iterable[ArrayLike]) -> Fields:
    """`num_validation` and `num_validation_in_training`, by a hash over each example's content.

    An example is a sequence of token ids, or any array of numbers; padding has to be cut off before, and
    what counts as an example (a sentence, a document, a window) is the caller's to say. One pass over each,
    16 bytes of memory for a training example.
    """
    known = {content_digest(example) for example in training}
    found = [content_digest(example) in known for example in validation]
    return {"num_validation": len(found), "num_validation_in_training": sum(found)}


def content_digest(example: ArrayLike) -> bytes:
    """16 bytes over values and shape; integer types of any width agree."""
    array = np.asarray(example)
    if np.issubdtype(array.dtype, np.integer):
        array = array.astype("<i8")
    return blake2b(repr(array.shape).encode() + array.tobytes(), digest_size=16).digest()
