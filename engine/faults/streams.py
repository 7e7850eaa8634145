"""A corpus cut short or put together: what is known of each token goes with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from flight_recorder.engine.data.corpus import Stream


def first_pieces(stream: Stream, count: int) -> Stream:
    """The first sentences of a stream; of a text without sentences, nine tokens for each."""
    end = stream.pieces[min(count, len(stream.pieces)) - 1][1] if stream.pieces else 9 * count
    return replace(cut(stream, end), pieces=stream.pieces[:count])


def cut(stream: Stream, end: int) -> Stream:
    """The first tokens of a stream, with what is known of each; the sentences stay those of the whole."""
    return replace(
        stream,
        tokens=stream.tokens[:end],
        classes=None if stream.classes is None else stream.classes[:end],
        verb=None if stream.verb is None else stream.verb[:end],
    )


def joined(first: Stream, second: Stream) -> Stream:
    """One stream after the other."""
    import numpy as np

    def both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
        return None if one is None or other is None else np.concatenate([one, other])

    return replace(
        first,
        tokens=np.concatenate([first.tokens, second.tokens]),
        classes=both(first.classes, second.classes),
        verb=both(first.verb, second.verb),
        pieces=(*first.pieces, *((start + len(first), end + len(first)) for start, end in second.pieces)),
    )
