"""Weights of an encoder, and the ranges of its activations, checked once and for all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.sentences import Sentence, check_sentences
from netwright.backends.cpu.shape import LINEARS, NORMS, SIGNED_SITES, SITES, EncoderShape
from netwright.errors import DataError, NumericsError
from netwright.kernels.epilogue import gelu

Array = NDArray[np.float32]

GELU_FLOOR = -4.0
"""GELU is zero to within 2e-4 below this, so its input needs no codes there."""

MAX_TENSOR = 1 << 31
"""Most elements of a tensor."""


@dataclass(frozen=True, slots=True)
class Range:
    """The real values of an activation that have a code.

    Attributes:
        low: Smallest.
        high: Largest.
        signed: Codes are -127 to 127 with the zero point 0, rather than 0 to 255.
    """

    low: float
    high: float
    signed: bool = False

    @property
    def step(self) -> float:
        """Real value of one step of the codes; it fits float32."""
        wide = max(-self.low, self.high) / 127 if self.signed else (self.high - self.low) / 255
        return float(np.float32(max(wide, 1e-6)))

    @property
    def zero_point(self) -> int:
        """Code of the real value zero."""
        return 0 if self.signed else min(255, max(0, round(-self.low / self.step)))


@dataclass(frozen=True, slots=True, eq=False)
class EncoderWeights:
    """An encoder in float32 with the ranges of its activations.

    Attributes:
        shape: Extents.
        tensors: By the names that BERT checkpoints use; masks are multiplied in.
        ranges: By layer number and site; empty before :func:`calibrate`.
    """

    shape: EncoderShape
    tensors: Mapping[str, Array]
    ranges: Mapping[tuple[int, str], Range]

    def linear(self, layer: int, name: str) -> tuple[Array, Array]:
        """Weights (outputs, inputs) and bias (outputs,) of an operator."""
        prefix = f"encoder.layer.{layer}.{name}"
        return self.tensors[f"{prefix}.weight"], self.tensors[f"{prefix}.bias"]


def tensor_shapes(shape: EncoderShape) -> dict[str, tuple[int, ...]]:
    """Every tensor of an encoder of this shape, by name."""
    hidden, wide = shape.hidden, shape.intermediate
    found: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (shape.vocabulary, hidden),
        "embeddings.position_embeddings.weight": (shape.positions, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
        "classifier.weight": (shape.classes, hidden),
        "classifier.bias": (shape.classes,),
    }
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}"
        for name in LINEARS:
            outputs = wide if name == "intermediate.dense" else hidden
            inputs = wide if name == "output.dense" else hidden
            found[f"{prefix}.{name}.weight"] = (outputs, inputs)
            found[f"{prefix}.{name}.bias"] = (outputs,)
        for name in NORMS:
            found[f"{prefix}.{name}.weight"] = (hidden,)
            found[f"{prefix}.{name}.bias"] = (hidden,)
    return found


def read_state(state: Mapping[str, Any], shape: EncoderShape) -> EncoderWeights:
    """Take the weights from a state dict, as ``module.state_dict()`` or a checkpoint has them.

    Args:
        state: Arrays, or tensors that NumPy can read, by name. Masks (``NAME.mask``) are multiplied
            in; ranges (``encoder.layer.N.grids.SITE.low`` and ``.high``) are kept.
        shape: Extents.

    Raises:
        DataError: A tensor is missing or has another shape, or one is absurdly large; all faults
            are listed.
        NumericsError: A value is not finite.
    """
    wanted = tensor_shapes(shape)
    faults = []
    tensors: dict[str, Array] = {}
    for name, extents in wanted.items():
        if math.prod(extents) > MAX_TENSOR:
            faults.append(f'tensor "{name}" must have at most 2^31 elements, not {extents}')
        elif name not in state:
            faults.append(f'tensor "{name}" is missing')
        elif tuple(state[name].shape) != extents:
            faults.append(
                f'tensor "{name}" must have shape {extents}, not {tuple(state[name].shape)}'
            )
    if faults:
        raise DataError("; ".join(faults[:8]))
    for name in wanted:
        array = np.ascontiguousarray(state[name], dtype=np.float32)
        mask = state.get(name.removesuffix("weight") + "mask") if "encoder." in name else None
        if mask is not None and name.endswith(".weight"):
            array = array * np.asarray(mask, dtype=np.float32)
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            at = tuple(int(index) for index in wrong[0])
            raise NumericsError(f"must be finite, not {array[at]} at {at}", tensor=name)
        tensors[name] = array
    return EncoderWeights(shape, tensors, _ranges(state, shape))


def _ranges(state: Mapping[str, Any], shape: EncoderShape) -> dict[tuple[int, str], Range]:
    found = {}
    for layer in range(shape.layers):
        for site in SITES:
            prefix = f"encoder.layer.{layer}.grids.{site}"
            if f"{prefix}.low" in state and f"{prefix}.high" in state:
                low, high = float(state[f"{prefix}.low"]), float(state[f"{prefix}.high"])
                if not (math.isfinite(low) and math.isfinite(high) and low <= 0 <= high):
                    raise NumericsError(
                        f"the range {low} to {high} must be finite and hold 0", tensor=prefix
                    )
                if low < high:
                    found[layer, site] = Range(low, high, site in SIGNED_SITES)
    return found if len(found) == shape.layers * len(SITES) else {}


def calibrate(weights: EncoderWeights, sentences: Sequence[Sentence]) -> EncoderWeights:
    """Observe the ranges of the activations on some sentences, in float32.

    Raises:
        DataError: There is no sentence, or one is no vector of integers, or has no token, too
            many, or an unknown one.
        NumericsError: An activation is not finite.
    """
    words = check_sentences(sentences, weights.shape)
    bounds: dict[tuple[int, str], tuple[float, float]] = {}

    def observe(layer: int, site: str, values: Array) -> None:
        low, high = bounds.get((layer, site), (0.0, 0.0))
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        bounds[layer, site] = (max(low, GELU_FLOOR) if site == "before_gelu" else low, high)

    for sentence in words:
        float_logits(weights, sentence, observe)
    ranges = {key: Range(*bound, key[1] in SIGNED_SITES) for key, bound in bounds.items()}
    return EncoderWeights(weights.shape, weights.tensors, ranges)


def float_logits(weights: EncoderWeights, sentence: Sentence, observe: Any = None) -> Array:
    """Logits of one sentence in float32, ``(classes,)``: what the integers approximate.

    Args:
        weights: The encoder.
        sentence: Word pieces, integers ``(tokens,)``.
        observe: Called with layer number, site and values of each activation.

    Raises:
        DataError: The sentence is no vector of integers, or has no token, too many, or an unknown
            one.
    """
    (sentence,) = check_sentences([sentence], weights.shape)
    shape, tensors = weights.shape, weights.tensors
    seen = (lambda *_: None) if observe is None else observe
    values = tensors["embeddings.word_embeddings.weight"][sentence]
    values = values + tensors["embeddings.position_embeddings.weight"][: len(sentence)]
    values = values + tensors["embeddings.token_type_embeddings.weight"][0]
    values = _norm(weights, "embeddings.LayerNorm", values)
    for layer in range(shape.layers):
        seen(layer, "input", values)
        heads = []
        for name in ("query", "key", "value"):
            result = _linear(weights, layer, f"attention.self.{name}", values)
            seen(layer, "attention", result)
            heads.append(result.reshape(len(sentence), shape.heads, -1).swapaxes(0, 1))
        query, key, value = heads
        scores = query @ key.swapaxes(1, 2) / math.sqrt(shape.head)
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        context = (shares @ value).swapaxes(0, 1).reshape(values.shape)
        seen(layer, "context", context)
        result = _linear(weights, layer, "attention.output.dense", context)
        values = _norm(weights, f"encoder.layer.{layer}.{NORMS[0]}", result + values)
        seen(layer, "middle", values)
        wide = _linear(weights, layer, "intermediate.dense", values)
        seen(layer, "before_gelu", wide)
        wide = gelu(wide).astype(np.float32)
        seen(layer, "after_gelu", wide)
        result = _linear(weights, layer, "output.dense", wide)
        values = _norm(weights, f"encoder.layer.{layer}.{NORMS[1]}", result + values)
    pooled = values.mean(axis=0)
    return tensors["classifier.weight"] @ pooled + tensors["classifier.bias"]


def _linear(weights: EncoderWeights, layer: int, name: str, values: Array) -> Array:
    matrix, bias = weights.linear(layer, name)
    return values @ matrix.T + bias


def _norm(weights: EncoderWeights, name: str, values: Array) -> Array:
    gain, offset = weights.tensors[f"{name}.weight"], weights.tensors[f"{name}.bias"]
    centered = values - values.mean(axis=1, keepdims=True)
    variance = np.square(centered).mean(axis=1, keepdims=True)
    return centered / np.sqrt(variance + np.float32(weights.shape.epsilon)) * gain + offset
