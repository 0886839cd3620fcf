"""How each ONNX operator becomes Einsums."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.exchange.onnx import lower_contrib as contrib
from netwright.exchange.onnx import lower_norms as norms
from netwright.exchange.onnx import lower_products as products
from netwright.exchange.onnx import lower_recurrent as recurrent
from netwright.exchange.onnx.lower_attention import attention, packed_attention
from netwright.exchange.onnx.lower_elementwise import (
    EXACT,
    FUNCTIONS,
    OTHER_FUNCTIONS,
    OTHERS,
    combine,
    function,
    gelu,
    power,
    swish,
)
from netwright.exchange.onnx.lower_moves import (
    join,
    look_up,
    look_up_elements,
    look_up_slices,
    pad,
    whole,
)
from netwright.exchange.onnx.lower_site import Lower
from netwright.exchange.onnx.lower_windows import pool, reduce_all, reduce_axes
from netwright.exchange.onnx.vocabulary import MICROSOFT

_PRODUCTS: Mapping[str, Lower] = {
    "Conv": products.convolve(),
    "ConvInteger": products.convolve((0, 1)),
    "ConvTranspose": products.spread,
    "Einsum": products.equation,
    "Gemm": products.gemm,
    "MatMul": products.multiply(),
    "MatMulInteger": products.multiply(),
    "QLinearConv": products.convolve((0, 3, 8)),
    "QLinearMatMul": products.multiply((0, 3)),
}

_REDUCTIONS: Mapping[str, Lower] = {
    "ArgMax": reduce_axes("max", last=("function",)),
    "ArgMin": reduce_axes("min", last=("function",)),
    "AveragePool": pool("add"),
    "GlobalAveragePool": reduce_all("add"),
    "GlobalLpPool": whole("opaque"),
    "GlobalMaxPool": reduce_all("max"),
    "LpPool": whole("opaque"),
    "MaxPool": pool("max"),
    "ReduceL1": reduce_axes("add", ("absolute",)),
    "ReduceL2": reduce_axes("add", ("square",), ("sqrt",)),
    "ReduceLogSum": reduce_axes("add", (), ("log",)),
    "ReduceLogSumExp": reduce_axes("add", ("exp",), ("log",)),
    "ReduceMax": reduce_axes("max"),
    "ReduceMean": reduce_axes("add", mean=True),
    "ReduceMin": reduce_axes("min"),
    "ReduceProd": reduce_axes("add", ("function",)),
    "ReduceSum": reduce_axes("add"),
    "ReduceSumSquare": reduce_axes("add", ("square",)),
}

_NORMS: Mapping[str, Lower] = {
    "BatchNormalization": norms.batch_norm,
    "GroupNormalization": norms.group_norm,
    "InstanceNormalization": norms.group_norm,
    "LayerNormalization": norms.layer_norm,
    "LogSoftmax": norms.softmax,
    "LpNormalization": norms.norm,
    "LRN": norms.local_norm,
    "MeanVarianceNormalization": norms.norm,
    "RMSNormalization": norms.layer_norm,
    "Softmax": norms.softmax,
}

_MOVES: Mapping[str, Lower] = {
    "Concat": join,
    "Gather": look_up,
    "GatherElements": look_up_elements,
    "GatherND": look_up_slices,
    "Pad": pad,
    **dict.fromkeys(
        ("DepthToSpace", "Expand", "Range", "Reshape", "ReverseSequence", "ScatterElements",
         "ScatterND", "Slice", "SpaceToDepth", "Split", "TensorScatter", "Tile", "Transpose",
         "Trilu"),
        whole("copy"),
    ),
    **dict.fromkeys(("GridSample", "Resize", "Upsample"), whole("interpolate")),
}  # fmt: skip

_FUSED: Mapping[str, Lower] = {
    "Attention": packed_attention,
    "BiasGelu": contrib.biased_function,
    "FastGelu": contrib.biased_function,
    "FusedMatMul": contrib.fused_product,
    "Gelu": function("gelu"),
    "GroupQueryAttention": attention,
    "MatMulNBits": contrib.packed_product,
    "MultiHeadAttention": attention,
    "QGemm": contrib.integer_gemm,
    "QLinearAdd": contrib.integer_pair,
    "QLinearConcat": contrib.integer_join,
    "QLinearGlobalAveragePool": contrib.integer_mean,
    "QLinearLeakyRelu": function("function"),
    "QLinearMul": contrib.integer_pair,
    "QLinearSigmoid": function("sigmoid"),
    "QLinearSoftmax": norms.softmax,
    "QuickGelu": function("function"),
    "RotaryEmbedding": contrib.rotary,
    "SimplifiedLayerNormalization": norms.layer_norm,
    "SkipLayerNormalization": contrib.skip_norm,
    "SkipSimplifiedLayerNormalization": contrib.skip_norm,
}
"""Operators of ONNX Runtime."""

PARAMETRIC = frozenset(
    {*_PRODUCTS, *_NORMS, "BiasGelu", "FusedMatMul", "GRU", "LSTM", "MatMulNBits", "PRelu", "QGemm",
     "RNN", "SimplifiedLayerNormalization", "SkipLayerNormalization",
     "SkipSimplifiedLayerNormalization"}
)  # fmt: skip
"""Operators whose constant operands are trained parameters, however the file makes them."""

LOWER: Mapping[str, Lower] = {
    **_PRODUCTS,
    **_REDUCTIONS,
    **_NORMS,
    **_MOVES,
    **{name: function(unary) for name, unary in FUNCTIONS.items()},
    **{name: function("function") for name in OTHER_FUNCTIONS},
    **{name: combine(map_op, unary) for name, (map_op, unary) in EXACT.items()},
    **{name: combine(map_op, ("function",)) for name, map_op in OTHERS.items()},
    "Attention": attention,
    "DynamicQuantizeLinear": contrib.dynamic_quantizer,
    "GRU": recurrent.gru,
    "Gelu": gelu,
    "LSTM": recurrent.lstm,
    "Pow": power,
    "RNN": recurrent.rnn,
    "Swish": swish,
    **dict.fromkeys(("CumSum", "Hardmax", "NonMaxSuppression", "NonZero", "OneHot", "TopK"),
                    whole("opaque")),
    **{f"{MICROSOFT}.{name}": lower for name, lower in _FUSED.items()},
    "RotaryEmbedding": contrib.rotary,
}  # fmt: skip
"""How each known operator becomes Einsums; those of ONNX Runtime have its domain in front."""
