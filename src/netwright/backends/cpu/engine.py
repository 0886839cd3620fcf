"""An encoder as an int8 engine whose tokens lie side by side, from the ids to the logits.

The residual stream is float32, all that is multiplied is bytes. A layer is four products with their
epilogues, attention, and two normalizations that return codes; nothing is transposed in between.
Each product is block-sparse or dense, whichever is faster here for its share of zeros.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.break_even import BreakEven
from netwright.backends.cpu.linear import (
    DenseProduct,
    SparseProduct,
    Way,
    check_options,
    make_product,
    quantize_linear,
)
from netwright.backends.cpu.weights import Array, EncoderWeights, Range
from netwright.errors import DataError, NumericsError
from netwright.exchange.bert.sentences import Sentence, check_sentences
from netwright.exchange.bert.shape import NORMS, EncoderShape, check_blocks
from netwright.kernels import attend, embed, gelu_table, normalize, selected_isa
from netwright.kernels.isa import check_isa

TOKENS_AT_ONCE = 512
"""Tokens whose activations are held at once, so that they stay in the second-level cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """A normalization that returns codes: gain and offset ``(hidden,)`` and the codes' range."""

    gain: Array
    offset: Array
    codes: Range


@dataclass(frozen=True, slots=True, eq=False)
class EngineLayer:
    """One layer, ready to run.

    Attributes:
        products: Query, key and value together; what follows attention; the two wide products.
        norms: After attention, and at the end of the layer.
        attention: Range of query, key and value.
        context: Range of what attention returns.
    """

    products: tuple[SparseProduct | DenseProduct, ...]
    norms: tuple[Norm, Norm]
    attention: Range
    context: Range


@dataclass(frozen=True, slots=True)
class Choices:
    """How one operator is computed.

    Attributes:
        name: Layer and operator.
        sparsity: Share of its blocks that is zero.
        way: The way taken.
    """

    name: str
    sparsity: float
    way: Way


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """An encoder ready to run; :func:`build_engine` makes it.

    Attributes:
        shape: Extents.
        words: Table of word pieces, ``(vocabulary, hidden)``.
        places: Table of positions, the type of the first sentence added, ``(positions, hidden)``.
        first: The normalization of the embeddings.
        layers: The layers.
        classifier: Weights ``(classes, hidden)`` and bias ``(classes,)`` on the mean over tokens.
        choices: How each operator is computed.
        isa: The path of the kernels.
        num_threads: Threads of every step.
    """

    shape: EncoderShape
    words: Array
    places: Array
    first: Norm
    layers: tuple[EngineLayer, ...]
    classifier: tuple[Array, Array]
    choices: tuple[Choices, ...]
    isa: str
    num_threads: int

    def __call__(
        self, sentences: Sequence[Sentence], *, profile: dict[str, float] | None = None
    ) -> NDArray[np.float32]:
        """Logits of sentences of any lengths, without padding.

        Args:
            sentences: Word pieces of each sentence, integers ``(tokens,)``.
            profile: Seconds of each kind of step are added here.

        Returns:
            ``(sentences, classes)``.

        Raises:
            DataError: There is no sentence, or one is no vector of integers, or has no token, too
                many, or an unknown one.
        """
        words = check_sentences(sentences, self.shape)
        lengths = [len(sentence) for sentence in words]
        logits = []
        begin = 0
        while begin < len(lengths):
            end, total = begin, 0
            while end < len(lengths) and (end == begin or total + lengths[end] <= TOKENS_AT_ONCE):
                total += lengths[end]
                end += 1
            logits.append(self._run(words[begin:end], lengths[begin:end], profile))
            begin = end
        return np.concatenate(logits)

    def _run(
        self, sentences: Sequence[Sentence], lengths: list[int], profile: dict[str, float] | None
    ) -> NDArray[np.float32]:
        clock = _Clock(profile)
        ids = np.concatenate(sentences)
        positions = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
        values = embed(ids, positions, self.words, self.places, **self._common())
        clock.lap("embedding")
        codes = self._normalize(values, self.first)
        clock.lap("normalization")
        for layer in self.layers:
            joined = layer.products[0](codes, num_threads=self.num_threads)
            clock.lap("query, key, value")
            context = attend(
                joined,
                lengths,
                heads=self.shape.heads,
                steps=(layer.attention.step, layer.context.step),
                zero_point=layer.context.zero_point,
                **self._common(),
            )
            clock.lap("attention")
            values = layer.products[1](context, residual=values, num_threads=self.num_threads)
            clock.lap("attention output")
            codes = self._normalize(values, layer.norms[0])
            clock.lap("normalization")
            wide = layer.products[2](codes, num_threads=self.num_threads)
            clock.lap("first wide product, GELU")
            values = layer.products[3](wide, residual=values, num_threads=self.num_threads)
            clock.lap("second wide product")
            codes = self._normalize(values, layer.norms[1])
            clock.lap("normalization")
        starts = np.cumsum([0, *lengths[:-1]])
        sums = np.add.reduceat(values, starts, axis=1)
        pooled = sums / np.array(lengths, dtype=np.float32)
        weights, bias = self.classifier
        logits = (weights @ pooled).T + bias
        clock.lap("mean and classifier")
        return logits.astype(np.float32)

    def _normalize(self, values: Array, norm: Norm) -> NDArray[np.uint8]:
        return normalize(
            values,
            norm.gain,
            norm.offset,
            epsilon=self.shape.epsilon,
            step=norm.codes.step,
            zero_point=norm.codes.zero_point,
            **self._common(),
        )

    def _common(self) -> Any:
        return {"num_threads": self.num_threads, "isa": self.isa}


class _Clock:
    """Adds the time since the last lap to a profile, if there is one."""

    def __init__(self, profile: dict[str, float] | None) -> None:
        self.profile = profile
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        if self.profile is None:
            return
        now = time.perf_counter()
        self.profile[name] = self.profile.get(name, 0.0) + now - self.last
        self.last = now


def build_engine(
    weights: EncoderWeights,
    *,
    block_rows: int = 4,
    way: Way | None = None,
    break_even: BreakEven | None = None,
    num_threads: int = 1,
    isa: str | None = None,
) -> Engine:
    """Round an encoder to integers and make it ready.

    Args:
        weights: The encoder with the ranges of its activations.
        block_rows: Outputs of a block, 4 or 8.
        way: Compute every product this way; if not given, each is block-sparse where its share of
            zeros is above the break-even measured here, and dense elsewhere.
        break_even: Where the break-even is looked up or measured; by default in the user's cache.
        num_threads: Threads of every step.
        isa: The path of the kernels; by default :func:`netwright.kernels.selected_isa`.

    Raises:
        ConfigError: The way, the block, the number of threads or the path is not accepted.
        DataError: The ranges are missing, or R does not divide the outputs of an operator.
        NumericsError: A sum could leave int32; the message names the product.
        MissingExtra: A dense product is faster or wanted, and ONNX Runtime is not installed.
        VerificationError: A dense product is wanted, and the sums of ONNX Runtime are not exact.
    """
    shape, tensors = weights.shape, weights.tensors
    check_options(way=way, block_rows=block_rows, num_threads=num_threads)
    if not weights.ranges:
        raise DataError(
            "the encoder has no ranges of activations", hint="call calibrate with some sentences"
        )
    check_blocks(shape, block_rows)
    path = selected_isa() if isa is None else check_isa(isa)
    measured = BreakEven() if break_even is None else break_even
    choices: list[Choices] = []

    def ready(
        name: str,
        operator: tuple[Array, Array],
        source: Range,
        result: Range | None = None,
        table: NDArray[Any] | None = None,
    ) -> SparseProduct | DenseProduct:
        try:
            linear = quantize_linear(*operator, source, result=result, table=table)
            sparsity = linear.sparsity(block_rows)
            chosen: Way = way or measured.choose(
                linear.weights.shape, sparsity, block_rows, num_threads=num_threads, isa=path
            )
            choices.append(Choices(name, sparsity, chosen))
            return make_product(
                linear, chosen, block_rows=block_rows, num_threads=num_threads, isa=path
            )
        except NumericsError as error:
            raise NumericsError(error.message, tensor=name, hint=error.hint) from None

    layers = tuple(_layer(weights, number, ready) for number in range(shape.layers))
    places = tensors["embeddings.position_embeddings.weight"]
    return Engine(
        shape,
        tensors["embeddings.word_embeddings.weight"],
        places + tensors["embeddings.token_type_embeddings.weight"][0],
        _norm(weights, "embeddings.LayerNorm", weights.ranges[0, "input"]),
        layers,
        (tensors["classifier.weight"], tensors["classifier.bias"]),
        tuple(choices),
        path,
        num_threads,
    )


def _layer(
    weights: EncoderWeights,
    number: int,
    ready: Callable[..., SparseProduct | DenseProduct],
) -> EngineLayer:
    at = {site: item for (layer, site), item in weights.ranges.items() if layer == number}
    following = weights.ranges.get((number + 1, "input"), at["middle"])
    parts = [weights.linear(number, f"attention.self.{name}") for name in ("query", "key", "value")]
    joined = tuple(np.concatenate(list(group)) for group in zip(*parts, strict=True))
    before, after = at["before_gelu"], at["after_gelu"]
    table = gelu_table(before.step, before.zero_point, after.step, after.zero_point)
    prefix = f"encoder.layer.{number}"
    return EngineLayer(
        (
            ready(f"{number}.query, key, value", joined, at["input"], at["attention"]),
            ready(
                f"{number}.attention.output.dense",
                weights.linear(number, "attention.output.dense"),
                at["context"],
            ),
            ready(
                f"{number}.intermediate.dense",
                weights.linear(number, "intermediate.dense"),
                at["middle"],
                before,
                table,
            ),
            ready(
                f"{number}.output.dense", weights.linear(number, "output.dense"), at["after_gelu"]
            ),
        ),
        (
            _norm(weights, f"{prefix}.{NORMS[0]}", at["middle"]),
            _norm(weights, f"{prefix}.{NORMS[1]}", following),
        ),
        at["attention"],
        at["context"],
    )


def _norm(weights: EncoderWeights, name: str, codes: Range) -> Norm:
    return Norm(weights.tensors[f"{name}.weight"], weights.tensors[f"{name}.bias"], codes)
