"""Encoders from ONNX files, checked against what ONNX Runtime makes of the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.weights import LAYER, EncoderWeights, float_logits, read_state
from netwright.errors import DataError, require
from netwright.exchange.bert.sentences import Sentence
from netwright.exchange.bert.shape import EncoderShape
from netwright.exchange.onnx.bert_tensors import ANCHOR, read_bert_tensors

TOLERANCE = 1e-3
"""Largest difference of a logit, relative to the largest magnitude of the logits."""

_MERGED = (
    "exporters store equal tensors once, as all normalizations of an encoder that was never "
    "trained; train the encoder first, or pass its state to read_state"
)
_SIZED = {
    "positions": ("embeddings.position_embeddings.weight", 0),
    "intermediate": ("encoder.layer.0.intermediate.dense.weight", 0),
    "classes": ("classifier.weight", 0),
}


def read_onnx(path: Path | str, *, heads: int) -> EncoderWeights:
    """Read a BERT encoder with a classifier on the mean over its tokens, in float32.

    That the file computes just this is not read from its nodes but tried: ONNX Runtime runs it on a
    sentence, and its logits must be those of :func:`float_logits`.

    Args:
        path: An ONNX file with initializers named as in a BERT checkpoint; its inputs are the word
            pieces and the mask, both (batch, tokens), in this order, tokens a dynamic axis.
        heads: Attention heads of a layer; the file does not tell.

    Raises:
        DataError: The file is no such encoder, or has other logits.
        GraphError: A tensor or node of the file cannot be read.
        MissingExtra: onnx or onnxruntime is not installed.
        NumericsError: A weight is not finite.
    """
    path = Path(path)
    source = str(path)
    tensors = read_bert_tensors(path)
    matrices = (ANCHOR, *(name for name, _ in _SIZED.values()))
    missing = [name for name in matrices if np.ndim(tensors.get(name, 0)) != 2]
    if missing:
        raise DataError(
            f'tensor "{missing[0]}" is missing, or no matrix',
            source=source,
            hint="export with a dynamic axis of tokens, so that nothing is folded for one length",
        )
    layers = {found[1] for found in map(LAYER.match, tensors) if found}
    vocabulary, hidden = tensors[ANCHOR].shape
    sizes = {name: int(tensors[key].shape[axis]) for name, (key, axis) in _SIZED.items()}
    try:
        shape = EncoderShape(
            hidden=hidden,
            layers=1 + max(int(number[:9]) for number in layers),
            heads=heads,
            vocabulary=vocabulary,
            **sizes,
        )
        weights = read_state(tensors, shape)
    except DataError as error:
        hint = _MERGED if "is missing" in error.message else error.hint
        raise DataError(error.message, source=source, hint=hint) from None
    _check(path, weights)
    return weights


def _check(path: Path, weights: EncoderWeights) -> None:
    source = str(path)
    runtime = require("onnxruntime", extra="cpu", purpose="checking an encoder from ONNX")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        inputs = session.get_inputs()
        feeds, sentence = _feeds(inputs, weights.shape)
        theirs = np.asarray(session.run(None, feeds)[0])
    except DataError as error:
        raise DataError(error.message, source=source) from None
    except Exception as error:  # the library raises nothing more specific
        reason = str(error).splitlines()[0][:200]
        raise DataError(f"ONNX Runtime cannot run it ({reason})", source=source) from None
    ours = float_logits(weights, sentence)
    if theirs.shape[1:] != ours.shape:
        raise DataError(
            f"must return logits (batch, {len(ours)}), not of shape {theirs.shape}", source=source
        )
    apart = float(np.abs(theirs[0] - ours).max() / max(np.abs(theirs[0]).max(), 1e-6))
    if not apart <= TOLERANCE:
        raise DataError(
            f"its logits are not those of such an encoder with {weights.shape.heads} heads: they "
            f"differ by {apart:.2g} of the largest, and at most {TOLERANCE:g} is accepted",
            source=source,
            hint="accepted: normalization after the residual, exact GELU, mean over the tokens",
        )


def _feeds(inputs: Any, shape: EncoderShape) -> tuple[dict[str, NDArray[Any]], Sentence]:
    """A sentence as the file takes it, and as we do: shorter, where the mask says so."""
    if len(inputs) != 2 or any(len(item.shape) != 2 for item in inputs):
        raise DataError("must have two inputs, word pieces and mask, both (batch, tokens)")
    batch, tokens = (
        extent if isinstance(extent, int) and extent > 0 else default
        for extent, default in zip(inputs[0].shape, (1, 8), strict=True)
    )
    tokens = min(tokens, shape.positions)
    ids = np.random.default_rng(0).integers(0, shape.vocabulary, (batch, tokens))
    mask = np.zeros((batch, tokens), bool)
    mask[:, : max(1, tokens - 2)] = True
    kinds = {"tensor(bool)": bool, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
    unknown = [item.type for item in inputs if item.type not in kinds]
    if unknown:
        raise DataError(f"inputs must be integers or a boolean mask, not {unknown[0]}")
    feeds = {
        item.name: values.astype(kinds[item.type])
        for item, values in zip(inputs, (ids, mask), strict=True)
    }
    return feeds, ids[0, mask[0]].astype(np.int32)
