"""Weights of an encoder, and the ranges of its activations, checked once and for all."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, NumericsError
from netwright.exchange.bert.sentences import Sentence, check_sentences
from netwright.exchange.bert.shape import LINEARS, NORMS, SIGNED_SITES, SITES, EncoderShape
from netwright.kernels.epilogue import gelu

Array = NDArray[np.float32]

GELU_FLOOR = -4.0
"""GELU is zero to within 2e-4 below this, so its input needs no codes there."""

MAX_TENSOR = 1 << 31
"""Most elements of a tensor."""

_LARGEST = float(np.finfo(np.float32).max)
LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
"""How the names of a layer's tensors begin."""

_POOLER = re.compile(r"(^|\.)pooler\.")


@dataclass(frozen=True, slots=True)
class Range:
    """The real values of an activation that have a code.

    Attributes:
        low: Smallest.
        high: Largest.
        signed: Codes are -127 to 127 with the zero point 0, rather than 0 to 255.

    Raises:
        NumericsError: An end is not finite, or zero is not between them.
    """

    low: float
    high: float
    signed: bool = False

    def __post_init__(self) -> None:
        if not -_LARGEST <= self.low <= 0 <= self.high <= _LARGEST:
            raise NumericsError(f"the range {self.low} to {self.high} must be finite and hold 0")

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

    The classifier of these encoders acts on the mean over the tokens. One that was trained on a
    pooler, as that of ``BertForSequenceClassification``, would give other logits, so a state with
    ``pooler.`` tensors is refused; remove them if the classifier was trained without.

    Args:
        state: Arrays by name, or tensors on any device. Masks (``NAME.mask``) are multiplied in;
            ranges (``encoder.layer.N.grids.SITE.low`` and ``.high``) are kept, unless all of them
            are empty. Other names than those of layers and poolers are ignored if unknown.
        shape: Extents.

    Raises:
        DataError: A tensor is missing, has another shape, holds no numbers or is absurdly large, or
            there is one that such an encoder does not have; all faults are listed.
        NumericsError: A value is not finite.
    """
    wanted = tensor_shapes(shape)
    faults = []
    for name, extents in wanted.items():
        if math.prod(extents) > MAX_TENSOR:
            faults.append(f'tensor "{name}" must have at most 2^31 elements, not {extents}')
        elif name not in state:
            faults.append(f'tensor "{name}" is missing')
        elif (found := _extents(state[name])) != extents:
            faults.append(f'tensor "{name}" must have shape {extents}, not {found}')
    hint = prefix_hint(state, [name for name in wanted if name not in state])
    if hint is None:
        faults += _foreign(state, wanted, shape)
    if faults:
        raise DataError("; ".join(faults[:8]), hint=hint)
    tensors: dict[str, Array] = {}
    for name, extents in wanted.items():
        array = to_array(name, state[name])
        mask = state.get(f"{name.removesuffix('weight')}mask")
        if mask is not None and name.startswith("encoder.") and name.endswith(".weight"):
            kept = to_array(f"{name.removesuffix('weight')}mask", mask)
            if kept.shape != extents:
                raise DataError(f'the mask of "{name}" must have shape {extents}, not {kept.shape}')
            array = array * kept
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            at = tuple(int(index) for index in wrong[0])
            raise NumericsError(f"must be finite, not {array[at]} at {at}", tensor=name)
        tensors[name] = array
    return EncoderWeights(shape, tensors, _ranges(state, shape))


def _extents(value: Any) -> tuple[int, ...]:
    try:
        return tuple(int(extent) for extent in np.shape(value))
    except (TypeError, ValueError):  # lists of unequal lengths
        return ()


def to_array(name: str, value: Any) -> Array:
    """A tensor of any library as float32 in C order.

    Raises:
        DataError: It is no array of numbers.
    """
    try:
        if hasattr(value, "detach"):  # of torch, which NumPy reads on the CPU and in few formats
            value = value.detach().cpu().float().numpy()
        array = np.asarray(value)
        if array.dtype.kind in "biufV":
            with np.errstate(over="ignore"):
                return np.ascontiguousarray(array, dtype=np.float32)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise DataError(f'tensor "{name}" must be an array of numbers, not {type(value).__name__}')


def prefix_hint(state: Mapping[str, Any], missing: Sequence[str]) -> str | None:
    """What to do if all tensors that are missing are there under names with one prefix."""
    if not missing:
        return None
    for name in state:
        prefix = name.removesuffix(missing[0])
        if prefix != name and all(f"{prefix}{other}" in state for other in missing):
            return f'remove "{prefix}" from the beginning of the names'
    return None


def _foreign(state: Mapping[str, Any], wanted: Mapping[str, Any], shape: EncoderShape) -> list[str]:
    """Tensors that change the logits of an encoder, and that ours does not have."""
    faults = []
    for name in state:
        if _POOLER.search(name):
            faults.append(
                f'tensor "{name}" is not accepted: the classifier here acts on the mean over the '
                "tokens, not on a pooler"
            )
        layer = LAYER.match(name)
        if layer is None or name in wanted:
            continue
        number = layer[1].lstrip("0") or "0"
        if len(number) > 9 or int(number) >= shape.layers:
            faults.append(f'tensor "{name}" is beyond the {shape.layers} layers of the shape')
        elif ".grids." not in name and not name.endswith(".mask"):
            faults.append(f'tensor "{name}" is none of such an encoder')
    return faults


def _ranges(state: Mapping[str, Any], shape: EncoderShape) -> dict[tuple[int, str], Range]:
    found = {}
    for layer in range(shape.layers):
        for site in SITES:
            prefix = f"encoder.layer.{layer}.grids.{site}"
            ends = [state[name] for name in (f"{prefix}.low", f"{prefix}.high") if name in state]
            if len(ends) < 2:
                continue
            low, high = (_end(prefix, value) for value in ends)
            try:
                found[layer, site] = Range(low, high, site in SIGNED_SITES)
            except NumericsError as error:
                raise NumericsError(error.message, tensor=prefix) from None
    complete = len(found) == shape.layers * len(SITES)
    # A grid that never observed anything has the ends 0 and 0.
    return found if complete and any(item.low < item.high for item in found.values()) else {}


def _end(prefix: str, value: Any) -> float:
    try:
        return float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):
        raise DataError(f'the ends of the range "{prefix}" must be numbers, not {value}') from None


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
        if not np.isfinite(values).all():
            raise NumericsError(f'the activations of "{site}" in layer {layer} must be finite')
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
