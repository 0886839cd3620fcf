"""A BERT encoder with a classifier on the mean over its tokens, in plain torch.

Tensors have the names that BERT checkpoints use, so that their weights can be loaded. Every linear
operator of a layer can be masked, and every tensor that an int8 engine stores as bytes passes an
:class:`ActivationGrid`, so that the same network trains dense, sparse and fake-quantized.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from netwright.errors import DataError, require
from netwright.exchange.bert.package import minilm_folder
from netwright.exchange.bert.shape import LINEARS, SIGNED_SITES, SITES, EncoderShape, read_config
from netwright.reading import check_plain, translated

GELU_FLOOR = -4.0
"""GELU is zero to within 2e-4 below this, so its input needs no codes there."""

_NAMED = 3
"""Missing tensors that a message names."""


class ActivationGrid(nn.Module):
    """Fake quantization of an activation to 8 bits, with a range that was observed.

    Attributes:
        low: Smallest real value that has a code, a scalar.
        high: Largest, a scalar.
        mode: ``"off"`` passes values on, ``"observe"`` widens the range, ``"on"`` rounds to it.
    """

    low: Tensor
    high: Tensor

    def __init__(self, site: str) -> None:
        super().__init__()
        self.symmetric = site in SIGNED_SITES
        self.floor = GELU_FLOOR if site == "before_gelu" else None
        self.mode = "off"
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    def forward(self, values: Tensor) -> Tensor:
        """Pass, observe or round; same shape."""
        if self.mode == "off":
            return values
        if self.mode == "observe":
            with torch.no_grad():
                self.low.copy_(torch.minimum(self.low, values.min().float()))
                self.high.copy_(torch.maximum(self.high, values.max().float()))
                if self.floor is not None:
                    self.low.clamp_(min=self.floor)
            return values
        if self.symmetric:
            scale = torch.maximum(-self.low, self.high).clamp_min(1e-6) / 127
            codes = (values.float() / scale).round().clamp(-127, 127)
            rounded = codes * scale
        else:
            scale = (self.high - self.low).clamp_min(1e-6) / 255
            zero = (-self.low / scale).round()
            rounded = ((values.float() / scale).round() + zero).clamp(0, 255).sub(zero) * scale
        return values + (rounded.to(values.dtype) - values).detach()


class EncoderLinear(nn.Linear):
    """A linear operator whose weights can be masked and fake-quantized.

    Attributes:
        mask: True where weights are kept, of the shape of the weights; all if ``None``.
        quantized: Round the weights of each row to 127 steps on either side of zero.
    """

    mask: Tensor | None

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_buffer("mask", None)
        self.quantized = False

    def effective_weight(self) -> Tensor:
        """The weights that the products see, (outputs, inputs); bfloat16 where products are."""
        weight: Tensor = self.weight
        if not self.quantized:
            if torch.is_autocast_enabled("cpu"):
                weight = weight.to(torch.get_autocast_dtype("cpu"))
            return self._masked(weight)
        weight = self._masked(weight)
        with torch.no_grad():
            scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127
            rounded = (weight / scale).round_().mul_(scale)
        return weight + (rounded - weight).detach()

    def _masked(self, weight: Tensor) -> Tensor:
        # A product of equal types takes a third of the time of one with booleans.
        return weight if self.mask is None else weight * self.mask.to(weight.dtype)

    def forward(self, values: Tensor) -> Tensor:
        """Product with the effective weights, (..., inputs) to (..., outputs)."""
        return functional.linear(values, self.effective_weight(), self.bias)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Attention of (batch, heads, tokens, features), for words alone.

    For short sentences this takes 0.6 of the time of torch's own operator in float32, gradient
    included, and less still of its time in bfloat16. A trace of the encoder keeps it as a whole.
    """
    products = torch.matmul(query, key.transpose(-1, -2))
    wide = products.to(torch.promote_types(products.dtype, torch.float32))
    scores = wide / math.sqrt(query.shape[-1])
    shares = functional.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)
    return torch.matmul(shares.to(value.dtype), value)


fx.wrap("attend")


class EncoderLayer(nn.Module):
    """One layer: attention and two wide products, each with a residual and a normalization."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        hidden, wide = shape.hidden, shape.intermediate
        self.heads = shape.heads
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict(
                    {name: EncoderLinear(hidden, hidden) for name in ("query", "key", "value")}
                ),
                "output": nn.ModuleDict(
                    {
                        "dense": EncoderLinear(hidden, hidden),
                        "LayerNorm": nn.LayerNorm(hidden, eps=shape.epsilon),
                    }
                ),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": EncoderLinear(hidden, wide)})
        self.output = nn.ModuleDict(
            {
                "dense": EncoderLinear(wide, hidden),
                "LayerNorm": nn.LayerNorm(hidden, eps=shape.epsilon),
            }
        )
        self.grids = nn.ModuleDict({site: ActivationGrid(site) for site in SITES})

    def linears(self) -> dict[str, EncoderLinear]:
        """The linear operators by their names within the layer."""
        found: dict[str, Any] = dict(self.named_modules())
        return {name: found[name] for name in LINEARS}

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(batch, tokens, hidden) to the same; the mask (batch, 1, 1, tokens) is true for words."""
        grids, linears = self.grids, self.linears()
        batch, tokens, hidden = values.shape
        read = grids["input"](values)
        split = (batch, tokens, self.heads, hidden // self.heads)
        query, key, value = (
            grids["attention"](linears[f"attention.self.{name}"](read)).view(split).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        context = attend(query, key, value, mask)
        context = grids["context"](context.transpose(1, 2).reshape(values.shape))
        attention: Any = self.attention
        norms = attention["output"]["LayerNorm"], self.output["LayerNorm"]
        values = norms[0](linears["attention.output.dense"](context) + values)
        wide = grids["before_gelu"](linears["intermediate.dense"](grids["middle"](values)))
        wide = grids["after_gelu"](functional.gelu(wide))
        return norms[1](linears["output.dense"](wide) + values)


class TextEncoder(nn.Module):
    """Word pieces to logits.

    The embeddings are not trained.

    Attributes:
        shape: Extents.
    """

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.shape = shape
        hidden = shape.hidden
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(shape.vocabulary, hidden),
                "position_embeddings": nn.Embedding(shape.positions, hidden),
                "token_type_embeddings": nn.Embedding(2, hidden),
                "LayerNorm": nn.LayerNorm(hidden, eps=shape.epsilon),
            }
        )
        self.embeddings.requires_grad_(False)
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(EncoderLayer(shape) for _ in range(shape.layers))}
        )
        self.classifier = nn.Linear(hidden, shape.classes)

    @property
    def layers(self) -> list[EncoderLayer]:
        """The layers in order."""
        layers: Any = self.encoder["layer"]
        return list(layers)

    def linears(self) -> dict[str, EncoderLinear]:
        """Every linear operator of every layer, as ``encoder.layer.0.output.dense``."""
        return {
            f"encoder.layer.{number}.{name}": linear
            for number, layer in enumerate(self.layers)
            for name, linear in layer.linears().items()
        }

    def set_quantized(self, mode: str) -> None:
        """Set the mode of every :class:`ActivationGrid`; ``"on"`` rounds the weights, too."""
        for module in self.modules():
            if isinstance(module, ActivationGrid):
                module.mode = mode
            elif isinstance(module, EncoderLinear):
                module.quantized = mode == "on"

    def forget_ranges(self) -> None:
        """Set the ranges of all activations to nothing, before they are observed."""
        for module in self.modules():
            if isinstance(module, ActivationGrid):
                module.low.zero_()
                module.high.zero_()

    def hidden_states(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """The result of each layer, (batch, tokens, hidden); see :meth:`forward`."""
        parts: Any = self.embeddings
        positions = torch.arange(ids.shape[1], device=ids.device)
        values = parts["word_embeddings"](ids) + parts["position_embeddings"](positions)
        values = parts["LayerNorm"](values + parts["token_type_embeddings"].weight[0])
        allowed = mask.bool()[:, None, None, :]
        found = []
        for layer in self.layers:
            values = layer(values, allowed)
            found.append(values)
        return found

    def classify(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Logits, (batch, classes), from hidden states, (batch, tokens, hidden)."""
        words = mask[..., None].to(hidden.dtype)
        return self.classifier((hidden * words).sum(1) / words.sum(1))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits of sentences.

        Args:
            ids: Word pieces, (batch, tokens) int64.
            mask: True, or 1, where a sentence has a word piece, of the same shape.

        Returns:
            (batch, classes).
        """
        return self.classify(self.hidden_states(ids, mask)[-1], mask)


def minilm(*, classes: int = 2, seed: int = 0) -> TextEncoder:
    """MiniLM-L6 (6 layers, 384 features) with an untrained classifier.

    Args:
        classes: Outputs of the classifier.
        seed: Seed of the classifier's weights.

    Raises:
        DataError: A file of the package is missing or damaged, or lacks a tensor.
        MissingExtra: The package with the weights, or safetensors, is not installed.
    """
    folder = minilm_folder()
    model = TextEncoder(read_config(folder / "config.json", classes=classes))
    _load_weights(model, folder / "model.safetensors")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        nn.init.normal_(model.classifier.weight, std=0.02)
    nn.init.zeros_(model.classifier.bias)
    return model


@torch.no_grad()
def _load_weights(model: TextEncoder, path: Path) -> None:
    """Load all but the classifier; tensors that the model does not have are left out."""
    source = str(path)
    reader = require("safetensors.torch", extra="text", purpose="loading MiniLM-L6")
    check_plain(path)
    with translated(path, "a file of tensors"):
        state: dict[str, Tensor] = reader.load_file(path)
    wanted = {
        name: tensor
        for name, tensor in model.named_parameters()
        if not name.startswith("classifier.")
    }
    missing = [name for name in wanted if name not in state]
    if missing:
        first = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        raise DataError(f"lacks {len(missing)} of {len(wanted)} tensors: {first}", source=source)
    faults = [
        f"{name} must have shape {tuple(tensor.shape)}, not {tuple(state[name].shape)}"
        for name, tensor in wanted.items()
        if tensor.shape != state[name].shape
    ]
    if faults:
        raise DataError("; ".join(faults), source=source)
    for name, tensor in wanted.items():
        tensor.copy_(state[name])
