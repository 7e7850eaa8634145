"""Data that is not what the config says it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from flight_recorder.engine.faults.fault import Fault
from flight_recorder.engine.faults.noise import noised, random_like
from flight_recorder.engine.faults.streams import cut, first_pieces, joined

if TYPE_CHECKING:
    import torch

    from flight_recorder.engine.data.batches import Batch
    from flight_recorder.engine.data.corpus import Corpus
    from flight_recorder.engine.model.model import GPT


class BrokenMask(Fault):
    """Attention sees the future."""

    name = "broken_mask"
    cause = "broken_mask"
    breaks = "attention sees the tokens it has to predict"

    def model(self, model: GPT) -> None:
        """Leave the causal mask out of every block."""
        for block in model.blocks:
            block.get_submodule("attention").causal = False  # type: ignore[assignment]


class MaskedTargets(Fault):
    """The loss mask is wrong: (nearly) nothing counts."""

    name = "masked_targets"
    cause = "masked_targets"
    also = ("nan",)
    strengths = (1.0, 0.95)
    breaks = "a share of {strength:g} of all targets is masked"
    deadline_step = 12

    def batch(self, step: int, batch: Batch) -> Batch:
        """Ignore a random share of the targets."""
        from flight_recorder.engine.data.batches import IGNORED

        drawn = random_like(batch.targets, step)
        return replace(batch, targets=batch.targets.masked_fill(drawn < self.strength, IGNORED))


class DegenerateTargets(Fault):
    """One constant token is to be predicted everywhere."""

    name = "degenerate_targets"
    cause = "degenerate_targets"
    default_strength = 7.0
    breaks = "every target is the token {strength:g}"
    deadline_step = 12

    def batch(self, step: int, batch: Batch) -> Batch:
        """Overwrite all targets."""
        import torch

        return replace(batch, targets=torch.full_like(batch.targets, int(self.strength)))


class RandomTargets(Fault):
    """What is to be predicted has nothing to do with anything: nothing is better than a uniform guess."""

    name = "plateau"
    cause = "plateau"
    also = ("shuffled_labels",)
    level = "red"
    breaks = "every target is drawn at random from the whole vocabulary: there is nothing to learn"
    deadline_step = 300
    num_steps = 320

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._vocab_size = 0

    def corpus(self, corpus: Corpus) -> Corpus:
        """Remember how many tokens there are to draw from."""
        self._vocab_size = corpus.vocab_size
        return corpus

    def batch(self, step: int, batch: Batch) -> Batch:
        """Other targets each time."""
        drawn = random_like(batch.targets, step) * self._vocab_size
        return replace(batch, targets=drawn.long().to(batch.targets))


class DataLeak(Fault):
    """Validation examples are in the training set."""

    name = "data_leak"
    cause = "data_leak"
    strengths = (1.0, 0.1)
    breaks = "a share of {strength:g} of the validation sentences is in the training set as well"

    def corpus(self, corpus: Corpus) -> Corpus:
        """Append validation to training."""
        validation = corpus.validation
        count = max(1, int(len(validation.pieces) * self.strength))
        return replace(corpus, train=joined(corpus.train, first_pieces(validation, count)))


class ShuffledLabels(Fault):
    """Targets do not belong to their inputs."""

    name = "shuffled_labels"
    cause = "shuffled_labels"
    breaks = "the targets of each batch are shuffled among its positions"
    deadline_step = 680
    num_steps = 700

    def batch(self, step: int, batch: Batch) -> Batch:
        """Another order of the same targets."""
        order = random_like(batch.targets, step).flatten().argsort()
        shuffled = batch.targets.flatten()[order].view_as(batch.targets)
        return replace(batch, targets=shuffled)


class TinyTrainingSet(Fault):
    """Most of the training set is lost on the way, and what is left is learned by heart."""

    name = "overfit"
    cause = "overfit"
    also = ("memorised",)
    default_strength = 100.0
    strengths = (100.0, 200.0)
    breaks = "only {strength:g} sentences of the training set are read"
    deadline_step = 380
    num_steps = 400

    def corpus(self, corpus: Corpus) -> Corpus:
        """Keep the first sentences only."""
        return replace(corpus, train=first_pieces(corpus.train, int(self.strength)))


class Memorised(Fault):
    """A few blocks of text, always cut at the same places, until the training loss is gone.

    Nothing is left to guess but which of the blocks it is: with four of 96 tokens ln(4) / 96 = 0.014 nats a
    token, 0.6 % of the loss at the best evaluation. Were they cut anywhere, finding the place would cost
    more. What is known by heart is overfitted as well.
    """

    name = "memorised"
    cause = "memorised"
    also = ("overfit",)
    level = "black"
    default_strength = 4.0
    strengths = (4.0, 2.0)
    breaks = "only {strength:g} blocks of the training set are read, until they are known by heart"
    deadline_step = 680
    num_steps = 700
    needs: ClassVar = {
        "training.schedule": "cosine",
        "training.weight_decay": 0.0,
        "training.accumulation": 1,
        "training.batch_size": 8,
        "training.lr_max": 4e-3,
        "training.lr_min": 1e-3,
        "model.context": 96,
    }

    def corpus(self, corpus: Corpus) -> Corpus:
        """Keep the first tokens: whole blocks and one to predict, so that no tail stays unread."""
        train, end = corpus.train, int(self.strength) * self.needs["model.context"] + 1
        kept = tuple(piece for piece in train.pieces if piece[1] <= end)
        self._kept = replace(cut(train, end), pieces=kept)
        return replace(corpus, train=self._kept)

    def batch(self, step: int, batch: Batch) -> Batch:
        """Rows drawn from these blocks."""
        from flight_recorder.engine.data.batches import gather

        drawn = random_like(batch.inputs[:, 0], step) * int(self.strength)
        context = batch.inputs.shape[1]
        return gather(self._kept, [int(place) * context for place in drawn.tolist()], context)


class RepeatedBatch(Fault):
    """The loader gives the same batch for ever."""

    name = "repeated_batch"
    cause = "repeated_batch"
    breaks = "every step reads the first batch again"
    onset_step = 1
    deadline_step = 3

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._first: Batch | None = None

    def batch(self, step: int, batch: Batch) -> Batch:
        """The first batch that was ever read."""
        self._first = self._first or batch
        return self._first


class LoaderReset(Fault):
    """The loader's seed is reset now and then, so that a few batches come round again and again."""

    name = "loader_reset"
    cause = "repeated_batch"
    default_strength = 4.0
    strengths = (4.0, 16.0)
    breaks = "the loader starts over after every {strength:g} steps"
    onset_step = 4
    deadline_step = 20

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._seen: dict[int, list[Batch]] = {}
        self._turn = (-1, 0)

    def batch(self, step: int, batch: Batch) -> Batch:
        """The micro-batch of the same place in the first cycle."""
        before, micro_step = self._turn
        micro_step = micro_step + 1 if step == before else 0
        self._turn = step, micro_step
        place = self._seen.setdefault(step % int(self.strength), [])
        if micro_step == len(place):
            place.append(batch)
        return place[micro_step]


class NanInput(Fault):
    """One number of one input is not a number."""

    name = "nan"
    cause = "nan"
    breaks = "one number of the embedded input of step 60 is NaN"
    onset_step = 60
    deadline_step = 61

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._step = -1

    def model(self, model: GPT) -> None:
        """Watch the embeddings go by."""
        model.embed_out.register_forward_hook(self._spoil)

    def batch(self, step: int, batch: Batch) -> Batch:
        """Remember which step is running."""
        self._step = step
        return batch

    def _spoil(self, module: torch.nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor | None:
        if not module.training or self._step != self.onset_step:
            return None
        spoilt = output.clone()
        spoilt[0, 0, 0] = float("nan")
        return spoilt


class LossSpike(Fault):
    """A few batches of garbage."""

    name = "loss_spike"
    cause = "loss_spike"
    also = ("gradient_outlier",)
    level = "yellow"
    strengths = (1.0, 2.0)
    breaks = "{strength:g} batches from step 90 on are random tokens"
    onset_step = 90
    deadline_step = 94

    def batch(self, step: int, batch: Batch) -> Batch:
        """Random tokens for a while."""
        if not self.onset_step <= step < self.onset_step + self.strength:
            return batch
        return noised(batch, step, 1.0)


class DataDrift(Fault):
    """The data gets worse, a little with every step."""

    name = "drift"
    cause = "drift"
    default_strength = 0.001
    strengths = (0.001, 0.002)
    breaks = "from step 200 on a share of the tokens is random, and each step adds {strength:g} to it"
    onset_step = 200
    deadline_step = 590
    num_steps = 600

    def batch(self, step: int, batch: Batch) -> Batch:
        """More and more noise."""
        share = self.strength * max(0, step - self.onset_step)
        return noised(batch, step, share) if share else batch


class WrongTokenizer(Fault):
    """Validation is encoded with another vocabulary than training."""

    name = "eval_broken"
    cause = "eval_broken"
    breaks = "the token ids of the validation split are those of another vocabulary"
    deadline_step = 110
    num_steps = 160

    def corpus(self, corpus: Corpus) -> Corpus:
        """Permute the ids of the validation split."""
        import numpy as np

        other = np.random.default_rng(0).permutation(corpus.vocab_size)
        return replace(corpus, validation=replace(corpus.validation, tokens=other[corpus.validation.tokens]))
