"""Encoders on the processor you have: block-sparse and dense int8, tokens side by side.

>>> from netwright.backends.cpu.encoders import EncoderShape
>>> EncoderShape().macs_per_token
10616832
"""

from __future__ import annotations

from netwright.backends.cpu.break_even import BreakEven, measure, random_linear
from netwright.backends.cpu.encoder_graph import encoder_graph, engine_of
from netwright.backends.cpu.engine import Engine, build_engine
from netwright.backends.cpu.from_onnx import read_onnx
from netwright.backends.cpu.linear import IntegerLinear, make_product, quantize_linear
from netwright.backends.cpu.minilm import minilm_embeddings, sparse_minilm
from netwright.backends.cpu.stored import StoredEncoder, load_encoder, save_encoder
from netwright.backends.cpu.weights import (
    EncoderWeights,
    Range,
    calibrate,
    float_logits,
    read_state,
    tensor_shapes,
)
from netwright.exchange.bert.package import minilm_folder
from netwright.exchange.bert.shape import EncoderShape, read_config

__all__ = [
    "BreakEven",
    "EncoderShape",
    "EncoderWeights",
    "Engine",
    "IntegerLinear",
    "Range",
    "StoredEncoder",
    "build_engine",
    "calibrate",
    "encoder_graph",
    "engine_of",
    "float_logits",
    "load_encoder",
    "make_product",
    "measure",
    "minilm_embeddings",
    "minilm_folder",
    "quantize_linear",
    "random_linear",
    "read_config",
    "read_onnx",
    "read_state",
    "save_encoder",
    "sparse_minilm",
    "tensor_shapes",
]
