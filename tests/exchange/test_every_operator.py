"""Every operator of ONNX between quantizers: a certificate, or a refusal whose way out is taken."""

from __future__ import annotations

import re
import shlex
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import NetwrightError
from netwright.exchange.onnx.cut import cut_model
from netwright.flows.conversion import compare_source, make_certificate, read_source, stimuli_for
from netwright.report import Certificate
from tests.exchange.operator_files import CASES, MICROSOFT, QONNX, STYLES, B, M, T, a, build, i, n

pytest.importorskip("qonnx")

AT_THE_END = {"ArgMax end", "LogSoftmax", "Softmax", "TopK end"}
"""What is the host's, unless qonnx's quantizer stands behind it."""

WITHOUT_EXECUTOR = {"ms FusedConv", "ms FusedGemm", "ms FusedMatMul", "qonnx MaxPoolNHWC"}
"""What no executor of QONNX runs in one of the styles."""

OLD = {"Upsample (quant only)", "Upsample linear (quant only)"}
"""What later versions of ONNX do not have, which quantize in standard operators."""

REFUSED = set("""
Acos,Acosh,Asin,Atanh,Log,Reciprocal,Sqrt,Hardmax,IsNaN,IsInf,BitwiseNot,Tanh of a sum,Tanh of a
product,Gelu of a product,Mul two activations,Div two activations,Div number first,Pow two
activations,Mod two activations,Tile rows,Expand longer,Concat rows,Slice rows,Transpose rows,
Reshape rows,Flatten 2,Squeeze batch,Resize linear align,GridSample,AffineGrid,RoiAlign,MaxRoiPool,
OneHot,NonZero,Unique,Bernoulli,RandomNormalLike,ReduceProd last,ReduceProd positions,ReduceProd
channels,ReduceL2 last,ReduceL2 positions,ReduceL2 channels,ReduceLogSum last,ReduceLogSum
positions,ReduceLogSum channels,ReduceLogSumExp last,ReduceLogSumExp positions,ReduceLogSumExp
channels,ReduceMean everything,ArgMin end,Det,Einsum two,MatMul two,MatMul stack,Gemm transA,
Gemm C activation,Conv 3d,Conv 3d flat,Conv activation weights,ConvTranspose 3d,DeformConv,MaxPool
indices,MaxUnpool,GlobalLpPool,LpPool,BatchNormalization training,LayerNormalization,
RMSNormalization,
InstanceNormalization,GroupNormalization,LRN,LpNormalization,MeanVarianceNormalization,LSTM,GRU,RNN,
Attention,RotaryEmbedding,If,Loop,Scan,SequenceConstruct,SplitToSequence,Optional,NonMaxSuppression,
DFT,STFT,BitShift,BitwiseAnd,BitwiseOr,BitwiseXor,TfIdfVectorizer,SoftmaxCrossEntropyLoss,
NegativeLogLikelihoodLoss,ms Gelu,ms BiasGelu,ms QuickGelu,ms FastGelu,ms SkipLayerNormalization,
qonnx Im2Col,qonnx XnorPopcountMatMul,qonnx GenericPartition,ml Scaler,ml Normalizer,
ml TreeEnsembleClassifier,squeeze excite,attention,layer norm written out
""".strip().replace(",\n", ",").replace("\n", " ").split(","))  # fmt: skip

READ = [name for name in CASES if name not in REFUSED | AT_THE_END | OLD]


def certificate(path: Path) -> Certificate:
    source = read_source(path)
    source, rows = compare_source(source, stimuli_for(source, random_rows=20))
    return make_certificate(source, rows)


def written(name: str, style: str, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(build(*CASES[name], style).SerializeToString())
    return path


def check(name: str, style: str, folder: Path) -> None:
    found = certificate(written(name, style, folder))
    assert found.first.missing is None or name in WITHOUT_EXECUTOR
    assert found.holds or found.first.missing, found.verdict


def few(names: list[str], of: int) -> list[str]:
    """One name of so many, always the same ones."""
    return [name for name in names if zlib.crc32(name.encode()) % of == 0]


@pytest.mark.parametrize("name", few(READ, 8))
def test_some_files_have_a_certificate(name: str, tmp_path: Path) -> None:
    check(name, STYLES[zlib.crc32(name.encode()) % 3], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", READ)
def test_every_file_has_a_certificate(name: str, style: str, tmp_path: Path) -> None:
    check(name, style, tmp_path)


@pytest.mark.parametrize("name", sorted(AT_THE_END))
def test_what_is_the_hosts_ends_a_file(name: str, tmp_path: Path) -> None:
    check(name, "qdq", tmp_path)
    take_the_way_out(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OLD))
def test_old_operators_have_a_certificate(name: str, tmp_path: Path) -> None:
    check(name, "quant", tmp_path)


def refusal(name: str, folder: Path) -> str:
    with pytest.raises(NetwrightError) as caught:
        read_source(written(name, "quant", folder))
    return str(caught.value)


def take_the_way_out(name: str, folder: Path) -> None:
    """The refusal names node and operator, and the option that it names converts the rest."""
    text = refusal(name, folder)
    ops = {node.op_type for node in CASES[name][0]}
    named = re.search(r'node "[^"]+"(?: \((\w+)\))?: (?:operator "?(?:[\w.]+\.)?(\w+))?', text)
    assert named is not None, text
    assert (named[1] or named[2]) in ops or name == "Scan", text
    if name in IN_WORDS:
        assert IN_WORDS[name][0] in text
        return
    words = shlex.split(text.partition("--until")[1] + text.partition("--until")[2])
    tensors = [words[at + 1] for at, word in enumerate(words) if word == "--until"]
    assert tensors, text
    found = certificate(cut_model(folder / "model.onnx", folder / "part", tensors))
    assert found.holds, found.verdict


Rewritten = tuple[list[Any], dict[str, Any], tuple[int, ...]]


def inner(inputs: str, output: str) -> Any:
    """A further quantizer of QONNX, to 8 bits in steps of 1/16."""
    return n("Quant", f"{inputs} y_s y_z y_b", output, QONNX, signed=1, narrow=0,
             rounding_mode="ROUND")  # fmt: skip


def clipped(op: str, low: float, high: float) -> tuple[str, Rewritten]:
    nodes = [n("Clip", "q low high", "t"), n(op, "t")]
    limits = {"low": np.float32(low), "high": np.float32(high)}
    return "put a Clip behind the quantizer that keeps values", (nodes, limits, B)


LIMITS = {"low": np.float32(0.125), "high": np.float32(8)}
AXIS = {"k": i(-1)}
BN: dict[str, Any] = {"s": a(4), "b": a(4), "m": a(4), "v": np.array([1, 4, 0.25, 1], np.float32)}

IN_WORDS: dict[str, tuple[str, Rewritten | str | None]] = {
    "Acos": clipped("Acos", -1, 1), "Acosh": clipped("Acosh", 1, 8),
    "Asin": clipped("Asin", -1, 1), "Atanh": clipped("Atanh", -0.5, 0.5),
    "Log": clipped("Log", 0.125, 8), "Reciprocal": clipped("Reciprocal", 0.125, 8),
    "Sqrt": clipped("Sqrt", 0, 8),
    "Flatten 2": ("export with axis = 1", "Flatten"),
    "Resize linear align": ("with half_pixel positions (align_corners=False)", "Resize linear"),
    "Gemm transA": ("export the product as MatMul", "MatMul"),
    "Gemm C activation": (
        "write the sum with an activation as a node Add behind it",
        ([n("MatMul", "q v", "t"), n("Gemm", "q w", "u"), n("Add", "u t")],
         {"w": a(4, 3), "v": a(4, 3)}, B),
    ),
    "MaxPool indices": ("export without the indices (return_indices=False)", "MaxPool"),
    "BatchNormalization training": ("export the model in evaluation mode", "BatchNormalization"),
    "If": ("accepted: plain nodes", None), "Loop": ("accepted: plain nodes", None),
    "Scan": ("accepted: plain nodes", None),
}  # fmt: skip
"""Advice in words, and the case that follows it; how to decide branches and unroll is said."""

BESIDES: dict[str, tuple[str, Rewritten | str]] = {
    "ReduceL2 last": (
        "write it as ReduceSumSquare, a quantizer and Sqrt",
        ([n("ReduceSumSquare", "q k", "t"), inner("t", "u"), n("Clip", "u low high", "c"),
          n("Sqrt", "c")], {**AXIS, **LIMITS}, T),
    ),
    "ReduceLogSum last": (
        "write it as ReduceSum, a quantizer and Log",
        ([n("ReduceSum", "q k", "t"), inner("t", "u"), n("Clip", "u low high", "c"),
          n("Log", "c")], {**AXIS, **LIMITS}, T),
    ),
    "ReduceLogSumExp last": (
        "write it as Exp, a quantizer, ReduceSum, a quantizer and Log",
        ([n("Exp", "q", "e"), inner("e", "f"), n("ReduceSum", "f k", "t"), inner("t", "u"),
          n("Clip", "u low high", "c"), n("Log", "c")], {**AXIS, **LIMITS}, T),
    ),
    "LpPool": (
        "write it as Pow, AveragePool, a quantizer and Sqrt",
        ([n("Pow", "q two", "t"), n("AveragePool", "t", "m", kernel_shape=[3, 3]), inner("m", "u"),
          n("Clip", "u low high", "c"), n("Sqrt", "c")],
         {"two": np.float32(2), **LIMITS}, M),
    ),
    "GlobalLpPool": (
        "write it as Pow, GlobalAveragePool, a quantizer and Sqrt",
        ([n("Pow", "q two", "t"), n("GlobalAveragePool", "t", "m"), inner("m", "u"),
          n("Clip", "u low high", "c"), n("Sqrt", "c")], {"two": np.float32(2), **LIMITS}, M),
    ),
    "DFT": ("MatMul with a constant matrix of cosines and sines", "MatMul"),
    "STFT": (
        "Conv with constant windows of cosines and sines",
        ([n("Unsqueeze", "q k", "t"), n("Conv", "t w", strides=[2])],
         {"k": i(1), "w": a(4, 1, 4)}, (1, 16)),
    ),
    "RNN": (
        "unroll its steps: MatMul, a quantizer and Tanh",
        ([n("MatMul", "q w", "t"), inner("t", "u"), n("Tanh", "u")], {"w": a(6, 3)}, (1, 6)),
    ),
    "Tanh of a product": (
        "put a quantizer with one scale in front of it",
        ([n("MatMul", "q w", "s"), inner("s", "u"), n("Tanh", "u")], {"w": a(4, 4)}, B),
    ),
    "LayerNormalization": ("BatchNormalization converts", "BatchNormalization"),
    "MatMul stack": (
        "split it into a MatMul for each matrix, and Concat",
        ([n("Split", "q", "c d", axis=1, num_outputs=2), n("MatMul", "c v", "e"),
          n("MatMul", "d w", "f"), n("Concat", "e f", axis=1)],
         {"v": a(6, 3), "w": a(6, 3)}, (1, 2, 5, 6)),
    ),
    "Concat rows": ("join along an axis behind the batch", "Concat"),
    "Reshape rows": ("begin the shape with 0", "Reshape"),
    "SequenceConstruct": ("join tensors with Concat", "Concat"),
    "SplitToSequence": ("take parts with Split", "Split"),
    "Optional": ("leave it out", "Identity"),
    "ml Scaler": ("write it as Sub and Mul", "Sub number"),
    "qonnx Im2Col": ("convert the file from before its convolutions were lowered", "Conv"),
    "Conv 3d": ("convolutions in one and two dimensions are", "Conv"),
}  # fmt: skip
"""Advice in words beside the option, and the case that follows it."""


@pytest.mark.parametrize("name", few(sorted(REFUSED - IN_WORDS.keys()), 5))
def test_some_refusals_name_a_way_out_that_works(name: str, tmp_path: Path) -> None:
    take_the_way_out(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_every_refusal_names_a_way_out_that_works(name: str, tmp_path: Path) -> None:
    take_the_way_out(name, tmp_path)


@pytest.mark.parametrize("name", sorted([*IN_WORDS, *BESIDES]))
def test_advice_in_words_works(name: str, tmp_path: Path) -> None:
    words, way = {**IN_WORDS, **BESIDES}[name]
    assert words in refusal(name, tmp_path)
    if isinstance(way, str):
        check(way, "quant", tmp_path)
    elif way is not None:
        path = tmp_path / "rewritten.onnx"
        path.write_bytes(build(*way, 21, "quant").SerializeToString())
        found = certificate(path)
        assert found.holds, found.verdict


def test_fused_products_of_onnx_runtime(tmp_path: Path) -> None:
    """What it fuses into a product, between quantizers that its own executor runs."""
    weights = {"w": a(3, 4, 3, 3), "z": a(1, 3, 4, 4)}
    conv = n("FusedConv", "q w  z", domain=MICROSOFT, activation="LeakyRelu",
             activation_params=[0.25])  # fmt: skip
    gemm = n("FusedGemm", "q w b", domain=MICROSOFT, activation="Relu", transB=1)
    leaky = n("FusedGemm", "q w b", domain=MICROSOFT, activation="LeakyRelu", transB=1,
              activation_alpha=0.25)  # fmt: skip
    product = n("FusedMatMul", "q w", domain=MICROSOFT, transB=1, alpha=0.5)
    dense = {"w": a(3, 4), "b": a(3)}
    for nodes, constants, shape in (
        ([conv], weights, M), ([gemm], dense, B), ([leaky], dense, B),
        ([product], {"w": a(3, 4)}, B),
    ):  # fmt: skip
        path = tmp_path / "model.onnx"
        path.write_bytes(build(nodes, constants, shape, 21, "qdq").SerializeToString())
        found = certificate(path)
        assert found.holds, found.verdict
        assert found.first.missing is None


def test_codes_of_onnx_runtime(tmp_path: Path) -> None:
    """Sums and functions of codes."""
    from onnx import TensorProto, helper, numpy_helper

    held = {"s": np.float32(1 / 16), "z": np.int8(3), "t": np.float32(1 / 64), "e": np.int8(-5),
            "c": np.array([5, -7, 20, 9], np.int8)}  # fmt: skip
    for op, more in (("QLinearLeakyRelu", "t e"), ("QLinearSigmoid", "t e"),
                     ("QLinearAdd", "c s e t z")):  # fmt: skip
        nodes = [n("QuantizeLinear", "x s z", "q"),
                 n(op, f"q s z {more}", "r", MICROSOFT)]  # fmt: skip
        nodes.append(n("DequantizeLinear", f"r {' '.join(more.split(' ')[-2:])}", "y"))
        graph = helper.make_graph(
            nodes, "codes", [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
            [numpy_helper.from_array(np.asarray(v), k) for k, v in held.items()],
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
        path = tmp_path / f"{op}.onnx"
        made = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        path.write_bytes(made.SerializeToString())
        found = certificate(path)
        assert found.holds, (op, found.verdict)
