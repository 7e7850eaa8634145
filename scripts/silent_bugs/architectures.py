"""Ten kinds of networks with the loop that trains them, each small and healthy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.silent_bugs.data import LENGTH, NUM_ROWS, PAD, V, images
from scripts.silent_bugs.networks import GPT, HEADS, WIDTH, Block, init_weights, next_token_loss
from scripts.silent_bugs.training import Batch, Training

CLASSES = 10


class Masked(Training):
    """BERT: a sixth of the tokens is hidden and has to be guessed from both sides."""

    def make_model(self) -> nn.Module:
        return GPT(causal=False, dropout=self.dropout)

    def labelled(self, rows: Tensor) -> Batch:
        hidden = torch.rand(rows.shape, generator=torch.Generator().manual_seed(int(rows.sum()))) < 0.16
        return rows.masked_fill(hidden, PAD)[:, :LENGTH], rows.masked_fill(~hidden, -100)[:, :LENGTH]


class EncoderDecoder(nn.Module):
    """T5 in small: the decoder sees what it has written and, across, all of the source."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder, self.decoder = (
            GPT(causal=False, layers=1, dropout=dropout),
            GPT(dropout=dropout, layers=1),
        )
        self.across = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ln = nn.LayerNorm(WIDTH)
        del self.encoder.head

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits of the target, [batch, time, vocab]."""
        memory, x = self.encoder.hidden(source), self.decoder.hidden(target)
        return self.decoder.head(x + self.across(self.ln(x), memory, memory, need_weights=False)[0])


class SourceToTarget(Training):
    """The second half of each row is written from the first."""

    def make_model(self) -> nn.Module:
        return EncoderDecoder(self.dropout)

    def loss_of(self, batch: Batch) -> Tensor:
        source, labels = batch[0][:, :16], batch[1][:, 16:]
        start = torch.full_like(labels[:, :1], PAD)
        return next_token_loss(self.model(source, torch.cat([start, labels[:, :-1]], 1)), labels)


class Images(Training):
    """Pictures are told apart."""

    vocab = 0

    def make_rows(self) -> Tensor:
        self.pictures, self.classes = images()
        return torch.arange(NUM_ROWS)

    def labelled(self, rows: Tensor) -> Batch:
        return self.pictures[rows], self.classes[rows]

    def validation_batch(self) -> Batch:
        return images(seed=100, num_rows=64)

    def make_model(self) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(256, CLASSES),
        )


class Residual(nn.Module):
    """Two convolutions with batch statistics, and the way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn_1, self.bn_2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, side, side] to the same."""
        inner = F.relu(self.bn_1(self.conv_1(x)))
        return F.relu(x + self.bn_2(self.conv_2(inner)))


class ResidualImages(Images):
    """A ResNet with BatchNorm."""

    def make_model(self) -> nn.Module:
        stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(self.dropout))
        return nn.Sequential(stem, Residual(8), Residual(8), pooled, nn.Linear(128, CLASSES))


class Patches(nn.Module):
    """ViT: patches of 4 x 4 are tokens of a transformer."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, WIDTH, 4, stride=4)
        self.position = nn.Parameter(0.02 * torch.randn(16, WIDTH))
        self.blocks = nn.ModuleList(Block(causal=False, dropout=dropout) for _ in range(2))
        self.ln_f, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [batch, classes]."""
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_f(x).mean(1))


class PatchImages(Images):
    """A small vision transformer."""

    def make_model(self) -> nn.Module:
        return Patches(self.dropout)


class Recurrent(nn.Module):
    """An LSTM over tokens."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed, self.lstm = nn.Embedding(V, WIDTH), nn.LSTM(WIDTH, 2 * WIDTH, batch_first=True)
        self.drop, self.head = nn.Dropout(dropout), nn.Linear(2 * WIDTH, V)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, [batch, time, vocab]."""
        with torch.autocast("cpu", enabled=False):  # some processors have no LSTM in bfloat16
            states, _ = self.lstm(self.embed(tokens))
        return self.head(self.drop(states))


class RecurrentTokens(Training):
    """A recurrent language model."""

    def make_model(self) -> nn.Module:
        return Recurrent(self.dropout)


class Experts(nn.Module):
    """A router weighs four small networks; a share of each step's loss keeps them in balance."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, 4, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH)) for _ in range(4)
        )
        self.imbalance = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, width] to the same."""
        share = self.router(x).softmax(-1)
        self.imbalance = 4 * share.flatten(0, 1).mean(0).square().sum() - 1
        outputs = torch.stack([expert(x) for expert in self.experts], -1)
        return (outputs * share.unsqueeze(-2)).sum(-1)


class ExpertsGPT(GPT):
    """A GPT whose feed-forward layers are mixtures; the loss comes out of it, as transformers have it."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__(dropout=dropout)
        self.mixtures = [Experts() for _ in self.blocks]
        for block, experts in zip(self.blocks, self.mixtures, strict=True):
            block.mlp = experts

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """Cross-entropy and a hundredth of the imbalance."""
        loss = next_token_loss(super().forward(tokens), labels)
        return loss + 0.01 * torch.stack([experts.imbalance for experts in self.mixtures]).sum()


class Mixture(Training):
    """A mixture of experts."""

    def make_model(self) -> nn.Module:
        return ExpertsGPT(self.dropout)

    def loss_of(self, batch: Batch) -> Tensor:
        return self.model(*batch)


class AutoEncoder(nn.Module):
    """A variational auto-encoder of pictures."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(dropout))
        self.mean, self.log_var = nn.Linear(64, 8), nn.Linear(64, 8)
        self.decode = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 256))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction [batch, 256], mean and log-variance [batch, 8]."""
        hidden = self.encode(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        latent = mean + torch.randn_like(mean) * (log_var / 2).exp() if self.training else mean
        return self.decode(latent), mean, log_var


class Reconstruction(Images):
    """Pictures are made again from eight numbers."""

    def make_model(self) -> nn.Module:
        return AutoEncoder(self.dropout)

    def loss_of(self, batch: Batch) -> Tensor:
        made, mean, log_var = self.model(batch[0])
        apart = (mean.square() + log_var.exp() - 1 - log_var).sum(1).mean() / 2
        return F.mse_loss(made.float(), batch[0].flatten(1)) + apart.float() / 256


class Regression(Training):
    """A small perceptron fits a smooth function of eight numbers."""

    vocab = 0

    def make_rows(self) -> Tensor:
        return points(0, NUM_ROWS)

    def validation_rows(self) -> Tensor:
        return points(100, 64)

    def labelled(self, rows: Tensor) -> Batch:
        return rows, (rows[:, :4].sin().sum(1, keepdim=True) + rows[:, 4:5] * rows[:, 5:6])

    def make_model(self) -> nn.Module:
        drop = nn.Dropout(self.dropout)
        return nn.Sequential(
            nn.Linear(8, 64), nn.ReLU(), drop, nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def loss_of(self, batch: Batch) -> Tensor:
        return F.mse_loss(self.model(batch[0]).float(), batch[1])


def points(seed: int, num_rows: int) -> Tensor:
    """Standard normal numbers, [rows, 8]."""
    return torch.randn(num_rows, 8, generator=torch.Generator().manual_seed(seed))


ARCHITECTURES: dict[str, type[Training]] = {
    "gpt": Training,
    "bert": Masked,
    "t5": SourceToTarget,
    "cnn": Images,
    "resnet": ResidualImages,
    "vit": PatchImages,
    "lstm": RecurrentTokens,
    "moe": Mixture,
    "vae": Reconstruction,
    "mlp": Regression,
}
