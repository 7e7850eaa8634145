"""The gradient that the optimizer gets is not that of the loss, or its norm is not what is reported."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.silent_bugs.networks import GPT, WIDTH, parameters_of
from scripts.silent_bugs.training import Batch, Training

SCALE = 65536.0


class LostTransfers(Training):
    """Whole tensors of gradients arrive as zeros now and then."""

    first_lost, every = 10, 7

    def gradient_norm(self) -> float | Tensor | None:
        if self.step >= self.first_lost and (self.step - self.first_lost) % self.every == 0:
            self.lose()
        return super().gradient_norm()

    def lose(self) -> None:
        """One transfer fails."""
        parameters = parameters_of(self.model)
        lost = parameters[(self.step * 5) % len(parameters)]
        lost.grad = torch.zeros_like(lost)


class LostBlock(LostTransfers):
    """Everything that belongs to one block arrives as zeros."""

    first_lost, every = 20, 10

    def lose(self) -> None:
        for parameter in self.model.blocks[1].parameters():
            parameter.grad.zero_()


class GarbageTransfers(LostTransfers):
    """Zeros first, and later something that is no number."""

    def lose(self) -> None:
        super().lose()
        if self.step >= 80:
            self.model.head.weight.grad[0] = float("nan")


class NoZeroGrad(Training):
    """Gradients are never reset: that of the update is the sum of all so far."""

    clip = 0.0

    def gradient_norm(self) -> float | Tensor | None:
        return None

    def update(self) -> None:
        self.optimizer.step()


class NotClipped(Training):
    """The healthy loop without clipping."""

    clip = 0.0

    def gradient_norm(self) -> float | Tensor | None:
        return None


class NoZeroGradClipped(Training):
    """The same where clipping hides the growth."""

    def update(self) -> None:
        self.optimizer.step()


class Scaled(Training):
    """Losses are scaled as for half precision, and gradients unscaled before they are clipped."""

    def backward(self, loss: Tensor) -> None:
        (loss * SCALE).backward()

    def unscale(self) -> None:
        """As a GradScaler does."""
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.div_(SCALE)

    def gradient_norm(self) -> float | Tensor | None:
        self.unscale()
        return super().gradient_norm()


class ClipsScaled(Scaled):
    """Clipped first and unscaled after: every update is made of a gradient 65536 times too small."""

    def gradient_norm(self) -> float | Tensor | None:
        norm = Training.gradient_norm(self)
        self.unscale()
        return norm


class Tight(Training):
    """Clipping that binds at most steps."""

    clip = 0.25


class ShardNorm(Training):
    """The reported norm is that of every second tensor."""

    def gradient_norm(self) -> float | Tensor | None:
        shard = [p.grad for p in self.model.parameters() if p.grad is not None][::2]
        norm = torch.nn.utils.get_total_norm(shard)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        return norm


class ShardClips(Tight):
    """Each shard's own norm decides how much all gradients are scaled."""

    def gradient_norm(self) -> float | Tensor | None:
        parameters = list(self.model.parameters())
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None][::2])
        torch.nn.utils.clip_grads_with_norm_(parameters, self.clip, norm)
        return norm


class NormTwice(Tight):
    """Two ranks add up squares that were summed already: the norm is sqrt(2) too large."""

    def gradient_norm(self) -> float | Tensor | None:
        parameters = list(self.model.parameters())
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]) * 2**0.5
        torch.nn.utils.clip_grads_with_norm_(parameters, self.clip, norm)
        return norm


class ClipsFew(Tight):
    """Clipping sees the head alone; the norm of everything is reported."""

    def gradient_norm(self) -> float | Tensor | None:
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(self.model.head.parameters(), self.clip)
        return norm


class ConsumedIterator(Tight):
    """The generator of parameters was used up before: nothing is clipped."""

    def gradient_norm(self) -> float | Tensor | None:
        generator = self.model.parameters()
        norm = torch.nn.utils.get_total_norm([p.grad for p in generator if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(generator, self.clip)
        return norm


class CutGraph(Training):
    """The first block is run without a graph: half of the model has no gradient."""

    def loss_of(self, batch: Batch) -> Tensor:
        model = self.model
        with torch.no_grad():
            x = model.embed(batch[0]) + model.position.weight[: batch[0].shape[1]]
            x = model.blocks[0](x)
        logits = model.head(model.ln_f(model.blocks[1](x)))
        return F.cross_entropy(logits.flatten(0, 1), batch[1].flatten())


class ZeroMatrix(Training):
    """A gate whose gradient is exactly zero; weight decay still moves its matrix."""

    decay = 0.01

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.blocks[0].mlp = Gated()
        return model

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), lr=self.lr, weight_decay=self.decay)


class Gated(nn.Module):
    """A feed-forward layer with a gate that is computed and multiplied by nothing."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        self.up, self.gate = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, width] to the same."""
        return self.down(F.gelu(self.up(x)) * (1 + self.share * self.gate(x)))


class ZeroMatrixDecayed(ZeroMatrix):
    """The same under a strong decay, so that the matrix moves a lot."""

    decay = 0.5


class GatedTraining(ZeroMatrix):
    """The gate takes part."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.blocks[0].mlp = Gated(share=1.0)
        return model


class UnusedModule(Training):
    """A layer that is registered and never called."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.adapter = nn.Linear(WIDTH, WIDTH)
        return model


class PolicyGradient(Training):
    """Every token's advantage weighs its log-probability; the ratio to the old policy has a graph."""

    def rewards(self, batch: Batch) -> Tensor:
        """One for a likely successor, and less the mean."""
        hits = ((batch[1] + batch[0]) % 2).float()
        return hits - hits.mean()

    def loss_of(self, batch: Batch) -> Tensor:
        logp = torch.log_softmax(self.model(batch[0]), -1).gather(-1, batch[1].unsqueeze(-1)).squeeze(-1)
        return -(self.ratio(logp) * self.rewards(batch)).mean()

    def ratio(self, logp: Tensor) -> Tensor:
        """1 in value, with the gradient of the policy."""
        return torch.exp(logp - logp.detach())


class RatioWithoutGraph(PolicyGradient):
    """The ratio is a constant: rewards move, and the gradient is exactly zero."""

    def ratio(self, logp: Tensor) -> Tensor:
        return torch.exp(logp - logp)
