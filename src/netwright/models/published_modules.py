"""Networks that no package defines as a whole: their modules, and what wraps those of packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
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


class Logits(nn.Module):
    """A language model without a cache, under a causal mask that is made as it runs."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``(batch, tokens, words)`` of token ids ``(batch, tokens)``."""
        length = tokens.shape[1]
        mask = torch.triu(torch.full((1, 1, length, length), -1e9), diagonal=1)
        made: Tensor = self.model(tokens, attention_mask=mask, use_cache=False).logits
        return made


class Encoder(nn.Module):
    """An encoder of text whose only argument is the token ids."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """States ``(batch, tokens, features)`` and the pooled one of token ids."""
        made = self.model(input_ids=tokens, return_dict=True)
        return made.last_hidden_state, made.pooler_output


_EAGER: Mapping[str, Any] = {"attn_implementation": "eager"}


def _bert() -> nn.Module:
    from transformers import BertConfig, BertModel

    return Encoder(BertModel(BertConfig(**_EAGER)))


def _gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return Logits(GPT2LMHeadModel(GPT2Config(**_EAGER)))


def _gpt2_decode() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return Decoder(GPT2LMHeadModel(GPT2Config(**_EAGER)))


def _llama_grouped() -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=512, intermediate_size=1376, num_hidden_layers=8, num_attention_heads=8,
        num_key_value_heads=2, **_EAGER,
    )  # fmt: skip
    return Logits(LlamaForCausalLM(config))


def _segformer() -> nn.Module:
    from transformers import SegformerConfig, SegformerModel

    return SegformerModel(SegformerConfig(return_dict=False, **_EAGER))


def _whisper_encoder() -> nn.Module:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    return WhisperEncoder(WhisperConfig(return_dict=False, **_EAGER))


TRANSFORMERS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "bert": _bert,
        "gpt2": _gpt2,
        "gpt2_decode": _gpt2_decode,
        "llama_grouped": _llama_grouped,
        "segformer": _segformer,
        "whisper_encoder": _whisper_encoder,
    }
)
"""Networks of the package ``transformers``, in their published sizes unless the name says more."""

OWN: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "dcgan_generator": dcgan_generator,
        "lstm_tagger": lambda: Tagger(10_000, 256, 2, 17, "lstm"),
    }
)
"""Networks that are defined here."""
