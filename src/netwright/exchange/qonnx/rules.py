"""How each operator of a file is read, by its domain and its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.onnx.vocabulary import (
    CHANNELS_LAST,
    MICROSOFT,
    QONNX_DOMAINS,
    QUANT_DOMAIN,
)
from netwright.exchange.qonnx import (
    read_axes,
    read_channels_last,
    read_composed,
    read_contrib,
    read_einsum,
    read_formats,
    read_functions,
    read_integer,
    read_linear,
    read_many,
    read_moves,
    read_pools,
    read_quant,
    read_reals,
    read_reductions,
    read_select,
    read_thresholds,
    read_truths,
)
from netwright.exchange.qonnx.reader import Rule

_STANDARD: dict[str, Rule] = {
    **dict.fromkeys(read_functions.FUNCTIONS, read_functions.function),
    **read_truths.RULES,
    **read_axes.RULES,
    "Einsum": cast("Rule", read_einsum.einsum),
    "Add": read_linear.add,
    "AveragePool": read_pools.pool,
    "BatchNormalization": read_linear.normalize,
    "Clip": read_linear.clip,
    "Constant": read_moves.constant,
    "Conv": read_linear.conv,
    "ConvTranspose": read_linear.conv_transpose,
    "ConvInteger": read_integer.integer_product,
    "DepthToSpace": read_select.depth_to_space,
    "DequantizeLinear": read_integer.dequantize_linear,
    "Div": read_linear.divide,
    "Dropout": read_moves.dropout,
    "DynamicQuantizeLinear": read_integer.dynamic,
    "Expand": read_many.expand,
    "Flatten": read_moves.flatten,
    "Gather": read_select.gather,
    "Gemm": read_linear.gemm,
    "GlobalAveragePool": read_pools.global_pool,
    "GlobalMaxPool": read_pools.global_pool,
    "Identity": read_moves.identity,
    "LeakyRelu": read_linear.leaky_relu,
    "MatMul": read_linear.matmul,
    "MatMulInteger": read_integer.integer_product,
    "Max": read_many.extremes,
    "MaxPool": read_pools.pool,
    "Mean": read_many.sums,
    "Min": read_many.extremes,
    "Mul": read_linear.multiply,
    "Neg": read_linear.negate,
    "PRelu": read_linear.prelu,
    "QLinearConv": read_integer.qlinear_conv,
    "QLinearMatMul": read_integer.qlinear_matmul,
    "QuantizeLinear": read_integer.quantize_linear,
    "ReduceL1": read_reductions.norm,
    "ReduceMax": read_reductions.reduce,
    "ReduceMean": read_reductions.reduce,
    "ReduceMin": read_reductions.smallest,
    "ReduceSum": read_reductions.reduce,
    "ReduceSumSquare": read_reductions.norm,
    "Relu": read_linear.relu,
    "Reshape": read_moves.reshape,
    "Shape": read_moves.shape,
    "Size": read_moves.shape,
    "Slice": read_select.slice_,
    "Softmax": read_linear.softmax,
    "SpaceToDepth": read_select.space_to_depth,
    "Split": read_select.split,
    "Squeeze": read_moves.squeeze,
    "Sub": read_linear.subtract,
    "Sum": read_many.sums,
    "Tile": read_many.tile,
    "Transpose": read_moves.transpose,
    "Unsqueeze": read_moves.unsqueeze,
}

_QUANTIZERS: dict[str, Rule] = {
    **read_contrib.QONNX_RULES,
    "BipolarQuant": read_quant.bipolar_quant,
    "IntQuant": read_quant.quant,
    "MultiThreshold": read_thresholds.multi_threshold,
    "Quant": read_quant.quant,
    "Trunc": read_quant.trunc,
}

_MICROSOFT: dict[str, Rule] = {
    **read_contrib.MICROSOFT_RULES,
    "DynamicQuantizeMatMul": read_integer.dynamic,
    "QGemm": read_integer.qgemm,
    "QLinearAdd": read_integer.qlinear_binary,
    "QLinearAveragePool": read_integer.qlinear_pool,
    "QLinearConcat": read_integer.qlinear_concat,
    "QLinearGlobalAveragePool": read_integer.qlinear_pool,
    "DequantizeLinear": read_integer.dequantize_linear,
    "QuantizeLinear": read_integer.quantize_linear,
}

RULES: dict[str, Mapping[str, Rule]] = {
    "": _STANDARD,
    "ai.onnx": _STANDARD,
    CHANNELS_LAST: dict.fromkeys(read_channels_last.RULES, read_channels_last.read),
    MICROSOFT: _MICROSOFT,
    **dict.fromkeys(QONNX_DOMAINS, _QUANTIZERS),
}
"""How each operator is read, by domain and name."""

REAL_RULES: dict[str, Mapping[str, Rule]] = {
    **RULES,
    **dict.fromkeys(
        ("", "ai.onnx"),
        cast("Mapping[str, Rule]", {**_STANDARD, **read_reals.RULES, **read_composed.RULES}),
    ),
}
"""The same for networks of real values."""


Rules = Mapping[str, Mapping[str, Rule]]


def rule_of(node: SourceNode, rules: Rules) -> Rule | None:
    """How an operator is read; our own quantizers have one name for each format."""
    if node.domain == QUANT_DOMAIN and node.op.startswith(read_formats.PREFIX):
        return read_formats.format_quant
    return rules.get(node.domain, {}).get(node.op)
