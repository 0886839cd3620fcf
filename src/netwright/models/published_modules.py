"""Networks that no package defines as a whole: their modules, and what wraps those of packages."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def dcgan_generator(latent: int = 100, width: int = 64) -> nn.Module:
    """The generator of DCGAN (Radford et al. 2016), as PyTorch's example has it: 64x64 images."""
    layers: list[nn.Module] = []
    channels = latent
    for step, factor in enumerate((8, 4, 2, 1)):
        stride, padding = (1, 0) if step == 0 else (2, 1)
        layers += [
            nn.ConvTranspose2d(channels, width * factor, 4, stride, padding, bias=False),
            nn.BatchNorm2d(width * factor),
            nn.ReLU(),
        ]
        channels = width * factor
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Tanh())


class Tagger(nn.Module):
    """An embedding, a recurrent layer and a dense layer over each step, as in word tagging."""

    def __init__(self, words: int, features: int, layers: int, classes: int, kind: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, features)
        cell = nn.LSTM if kind == "lstm" else nn.GRU
        self.cell = cell(features, features, layers, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * features, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores ``(batch, tokens, classes)`` of token ids ``(batch, tokens)``."""
        made: Tensor = self.head(self.cell(self.embedding(tokens))[0])
        return made


class Decoder(nn.Module):
    """One step of a language model: a token and the cache of keys and values in, logits out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, place: Tensor, *cache: Tensor) -> tuple[Tensor, ...]:
        """Logits of the next token, then the keys and values of each layer, one longer."""
        from transformers import DynamicCache

        held: Any = DynamicCache()
        for layer, (keys, values) in enumerate(zip(cache[::2], cache[1::2], strict=True)):
            held.update(keys, values, layer)
        made = self.model(tokens, position_ids=place, past_key_values=held, use_cache=True)
        longer = [tensor for layer in held.layers for tensor in (layer.keys, layer.values)]
        return (made[0], *longer)
