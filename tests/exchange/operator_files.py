"""One tiny quantized file for every operator of ONNX, and for unusual attributes of it.

A case is what stands between two quantizers: it reads ``q``, and perhaps ``p``, and makes ``r``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
MICROSOFT = "com.microsoft"
STYLES = ("quant", "qdq", "qdq-uint8")

Case = tuple[list[Any], dict[str, Any], tuple[int, ...], int]
CASES: dict[str, Case] = {}
"""Nodes, constants, shape of the input, and opset, by name."""

f32 = np.float32
_RANDOM = np.random.default_rng(3)
B, T, M = (1, 4), (1, 4, 6), (1, 4, 6, 6)


def a(*shape: int) -> Any:
    """Some eighths."""
    return (np.round(_RANDOM.normal(size=shape) * 8) / 8).astype(f32)


def i(*values: int) -> Any:
    """Integers."""
    return np.array(values, np.int64)


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def n(op: str, inputs: str, outputs: str = "r", domain: str = "", **attrs: Any) -> Any:
    """A node that is called after its first output."""
    made = outputs.split(" ")
    return helper.make_node(
        op, inputs.split(" "), made, name=f"{made[0]}_node", domain=domain, **attrs
    )


def case(
    name: str,
    nodes: list[Any],
    constants: dict[str, Any] | None = None,
    shape: tuple[int, ...] = M,
    opset: int = 21,
) -> None:
    """Add a case."""
    CASES[name] = (nodes, constants or {}, shape, opset)


# fmt: off
# functions of one value
for op in words("Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu "
    "HardSigmoid HardSwish Log Mish Neg Reciprocal Relu Round Selu Sigmoid Sign Sin "
    "Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu LeakyRelu Hardmax Shrink "
    "Identity LogSoftmax Softmax IsNaN IsInf Not BitwiseNot Swish"):
    attrs = {}
    nodes=[n(op, "q", **attrs)]
    if op in("IsNaN", "IsInf"):
        nodes=[n(op, "q", "t"), n("Cast", "t", to=1)]
    if op=="Not":
        nodes=[n("Cast", "q", "b", to=9), n("Not", "b", "t"), n("Cast", "t", to=1)]
    if op=="BitwiseNot":
        nodes=[n("Cast", "q", "b", to=6), n("BitwiseNot", "b", "t"), n("Cast", "t", to=1)]
    if op in ("Softmax", "LogSoftmax", "Hardmax"):
        nodes=[n(op, "q", axis=1)]
    case(op, nodes, {}, B, 24 if op=="Swish" else 21)
case("Gelu tanh", [n("Gelu", "q", approximate="tanh")], {}, B)
case("Shrink soft", [n("Shrink", "q", bias=0.5, lambd=0.5)], {}, B)
case("Sigmoid*x (SiLU)", [n("Sigmoid", "q", "t"), n("Mul", "q t")], {}, B)
case("Tanh of a sum", [n("Add", "q p", "s"), n("Tanh", "s")], {}, B)
case("Tanh of a product", [n("MatMul", "q w", "s"), n("Tanh", "s")], {"w": a(4, 4)}, B)
case("Gelu of a product", [n("MatMul", "q w", "s"), n("Gelu", "s")], {"w": a(4, 4)}, B)
case("PRelu", [n("PRelu", "q w")], {"w": np.array([.25, .5, .125, 1], f32).reshape(4, 1, 1)})
case("Clip", [n("Clip", "q a b")], {"a": f32(-1), "b": f32(2)}, B)
case("Dropout", [n("Dropout", "q")], {}, B)
# binary and n-ary
for op in words("Add Sub Mul Div Pow Mod Max Min"):
    case(f"{op} two activations", [n(op, "q p", **({"fmod": 1} if op=="Mod" else {}))], {}, M)
    if op in("Add", "Sub", "Mul", "Div", "Max", "Min"):
        case(f"{op} number", [n(op, "q c")], {"c": f32(.5)}, M)
        case(f"{op} channel", [n(op, "q c")], {"c": np.array([.5, 1, 2, .25], f32).reshape(4, 1,
             1)}, M)
        case(f"{op} number first", [n(op, "c q")], {"c": f32(.5)}, M)
        case(f"{op} each position", [n(op, "q c")], {"c": (_RANDOM.integers(1, 5, (6,
             6))/4).astype(f32)}, M)
        case(f"{op} two axes", [n(op, "q c")], {"c": (_RANDOM.integers(1, 5, (4, 1,
             6))/4).astype(f32)}, M)
case("Pow 2", [n("Pow", "q c")], {"c": f32(2)}, B)
case("Pow 3", [n("Pow", "q c")], {"c": f32(3)}, B)
case("Square x*x", [n("Mul", "q q")], {}, B)
case("Mod number", [n("Mod", "q c", fmod=1)], {"c": f32(2)}, B)
for op in words("Sum Mean Max Min"):
    case(f"{op} three", [n(op, "q p c")], {"c": a(4, 1, 1)}, M)
    case(f"{op} one", [n(op, "q")], {}, M)
    case(f"{op} three activations", [n("Relu", "p", "t"), n(op, "q p t")], {}, M)
case("Sum same twice", [n("Sum", "q q")], {}, B)
# logic
for op in words("Greater GreaterOrEqual Less LessOrEqual Equal"):
    case(f"{op} number", [n(op, "q c", "t"), n("Cast", "t", to=1)], {"c": f32(.5)}, B)
    case(f"{op} two activations", [n(op, "q p", "t"), n("Cast", "t", to=1)], {}, B)
for op in words("And Or Xor"):
    case(op, [n("Greater", "q c", "a"), n("Less", "p c", "b"), n(op, "a b", "t"), n("Cast", "t",
         to=1)], {"c": f32(.5)}, B)
case("Where constant mask", [n("Where", "m q p")], {"m": np.array([1, 0, 0, 1], bool).reshape(4,
     1, 1)}, M)
case("Where constant mask, number", [n("Where", "m q c")], {"m": np.array([1, 0, 0, 1], bool),
     "c": f32(.5)}, B)
case("Where constant mask, numbers first", [n("Where", "m c q")], {"m": _RANDOM.integers(0, 2, (6,
     6)).astype(bool), "c": a(4, 1, 1)}, M)
case("Where x > 0", [n("Greater", "q c", "t"), n("Where", "t q p")], {"c": f32(0)}, B)
case("Where x > 0, number", [n("Greater", "q c", "t"), n("Where", "t q k")], {"c": f32(0),
     "k": f32(-1)}, B)
# moves
case("Tile", [n("Tile", "q c")], {"c": i(1, 2, 1, 3)}, M)
case("Tile rows", [n("Tile", "q c")], {"c": i(2, 1, 1, 1)}, M)
case("Expand", [n("Reshape", "q k", "t"), n("Expand", "t c")], {"k": i(1, 4, 1, 36), "c": i(1, 4,
     3, 36)}, M)
case("Expand longer", [n("Expand", "q c")], {"c": i(3, 1, 4)}, B)
case("Expand of a row", [n("Expand", "q c")], {"c": i(1, 4, 4)}, (1, 1, 4))
case("Concat", [n("Concat", "q p", axis=1)], {}, M)
case("Concat constant", [n("Concat", "q c", axis=1)], {"c": a(1, 2, 6, 6)}, M)
case("Concat constant first", [n("Concat", "c q", axis=1)], {"c": a(1, 1, 6)}, T)
case("Concat rows", [n("Concat", "q p", axis=0)], {}, M)
case("Split", [n("Split", "q c", "a b", axis=1), n("Concat", "b a", axis=1)], {"c": i(1, 3)}, M)
case("Split num_outputs", [n("Split", "q", "a b", axis=1, num_outputs=2), n("Concat", "b a",
     axis=1)], {}, M)
case("Slice", [n("Slice", "q a b c d")], {"a": i(1), "b": i(5), "c": i(2), "d": i(2)}, M)
case("Slice backwards", [n("Slice", "q a b c d")], {"a": i(-1), "b": i(-9), "c": i(2),
     "d": i(-1)}, M)
case("Slice rows", [n("Slice", "q a b c")], {"a": i(0), "b": i(0), "c": i(0)}, M)
case("Gather", [n("Gather", "q c", axis=1)], {"c": i(2, 0)}, M)
case("Gather scalar", [n("Gather", "q c", axis=1)], {"c": np.int64(2)}, M)
case("GatherElements", [n("GatherElements", "q c", axis=1)], {"c": i(2, 0, 1, 1).reshape(1, 4)},
     B)
case("GatherND", [n("GatherND", "q c")], {"c": np.array([[[0, 2], [0, 1]]])}, B)
case("ScatterND", [n("ScatterND", "q c v")], {"c": np.array([[0, 1], [0, 3]]), "v": np.array([.5,
     1], f32)}, B)
case("ScatterElements", [n("ScatterElements", "q c v", axis=1)], {"c": np.array([[1, 3]]),
     "v": np.array([[.5, 1]], f32)}, B)
case("Transpose", [n("Transpose", "q", perm=[0, 2, 3, 1])], {}, M)
case("Transpose rows", [n("Transpose", "q", perm=[1, 0])], {}, B)
case("Reshape", [n("Reshape", "q c")], {"c": i(0, -1)}, M)
case("Reshape rows", [n("Reshape", "q c")], {"c": i(4, 36)}, M)
case("Reshape rows to 1", [n("Reshape", "q c")], {"c": i(-1, 4)}, B)
case("Flatten", [n("Flatten", "q")], {}, M)
case("Flatten 0", [n("Flatten", "q", axis=0)], {}, M)
case("Flatten 2", [n("Flatten", "q", axis=2)], {}, M)
case("Squeeze Unsqueeze", [n("Unsqueeze", "q c", "t"), n("Squeeze", "t c")], {"c": i(2)}, M)
case("Squeeze batch", [n("Squeeze", "q c")], {"c": i(0)}, M)
case("Unsqueeze front", [n("Unsqueeze", "q c")], {"c": i(0)}, B)
case("DepthToSpace", [n("DepthToSpace", "q", blocksize=2)], {}, M)
case("SpaceToDepth", [n("SpaceToDepth", "q", blocksize=2)], {}, M)
case("Pad zeros", [n("Pad", "q c")], {"c": i(0, 0, 1, 1, 0, 0, 1, 1)}, M)
case("Pad value", [n("Pad", "q c v")], {"c": i(0, 0, 1, 1, 0, 0, 1, 1), "v": f32(.5)}, M)
case("Pad reflect", [n("Pad", "q c", mode="reflect")], {"c": i(0, 0, 1, 1, 0, 0, 1, 1)}, M)
case("Pad edge", [n("Pad", "q c", mode="edge")], {"c": i(0, 0, 1, 1, 0, 0, 1, 1)}, M)
case("Pad wrap", [n("Pad", "q c", mode="wrap")], {"c": i(0, 0, 1, 1, 0, 0, 1, 1)}, M)
case("Pad negative", [n("Pad", "q c")], {"c": i(0, 0, -1, -1, 0, 0, -1, -1)}, M)
case("Pad features", [n("Pad", "q c")], {"c": i(0, 1, 0, 2)}, B)
case("Pad channels", [n("Pad", "q c")], {"c": i(0, 1, 0, 0, 0, 1, 0, 0)}, M)
case("Resize nearest", [n("Resize", "q  s", coordinate_transformation_mode="asymmetric",
     nearest_mode="floor")], {"s": np.array([1, 1, 2, 2], f32)}, M)
case("Resize down", [n("Resize", "q  s", coordinate_transformation_mode="asymmetric",
     nearest_mode="floor")], {"s": np.array([1, 1, .5, .5], f32)}, M)
case("Resize nearest align", [n("Resize", "q  s",
     coordinate_transformation_mode="align_corners")], {"s": np.array([1, 1, 2, 2], f32)}, M)
case("Resize linear", [n("Resize", "q  s", mode="linear")], {"s": np.array([1, 1, 2, 2], f32)}, M)
case("Resize linear align", [n("Resize", "q  s", mode="linear",
     coordinate_transformation_mode="align_corners")], {"s": np.array([1, 1, 2, 2], f32)}, M)
case("Resize cubic", [n("Resize", "q  s", mode="cubic")], {"s": np.array([1, 1, 2, 2], f32)}, M)
case("Resize 1.5", [n("Resize", "q   z", coordinate_transformation_mode="asymmetric",
     nearest_mode="floor")], {"z": i(1, 4, 9, 9)}, M)
case("Upsample (quant only)", [n("Upsample", "q s", mode="nearest")], {"s": np.array([1, 1, 2, 2],
     f32)}, M, 9)
case("Upsample linear (quant only)", [n("Upsample", "q s", mode="linear")], {"s": np.array([1, 1,
     2, 2], f32)}, M, 9)
case("GridSample", [n("GridSample", "q g")], {"g": np.clip(a(1, 3, 3, 2), -1, 1)}, M)
case("AffineGrid", [n("AffineGrid", "a s", "g"), n("GridSample", "q g")], {"a": a(1, 2, 3),
     "s": i(1, 4, 3, 3)}, M)
case("RoiAlign", [n("RoiAlign", "q b i", output_height=2, output_width=2)], {"b": np.array([[0, 0,
     3, 3]], f32), "i": i(0)}, M)
case("MaxRoiPool", [n("MaxRoiPool", "q b", pooled_shape=[2, 2])], {"b": np.array([[0, 0, 0, 3,
     3]], f32)}, M)
case("CenterCropPad", [n("CenterCropPad", "q s", axes=[2, 3])], {"s": i(4, 4)}, M)
case("CenterCropPad larger", [n("CenterCropPad", "q s", axes=[2, 3])], {"s": i(8, 9)}, M)
case("Trilu", [n("Trilu", "q")], {}, M)
case("Trilu lower", [n("Trilu", "q k", upper=0)], {"k": np.int64(1)}, M)
case("ReverseSequence", [n("ReverseSequence", "q l", batch_axis=0, time_axis=1)], {"l": i(4)}, T)
case("Compress", [n("Compress", "q c", axis=1)], {"c": np.array([1, 0, 1, 0], bool)}, M)
case("Col2Im", [n("Col2Im", "q s b")], {"s": i(3, 3), "b": i(2, 2)}, (1, 4, 4))
case("OneHot", [n("Cast", "q", "i", to=7), n("OneHot", "i d v")], {"d": np.int64(4),
     "v": np.array([0, 1], f32)}, B)
case("NonZero", [n("NonZero", "q", "t"), n("Cast", "t", to=1)], {}, B)
case("Shape", [n("Shape", "q", "s"), n("Reshape", "q s")], {}, M)
case("Size", [n("Size", "q", "s"), n("Cast", "s", "t", to=1), n("Div", "q t")], {}, B)
case("ConstantOfShape", [n("Shape", "q", "s"), n("ConstantOfShape", "s", "t"), n("Add", "q t")],
     {}, M)
case("EyeLike", [n("EyeLike", "q", "e"), n("Add", "q e")], {}, B)
case("Range", [n("Range", "a b c", "t"), n("Add", "q t")], {"a": f32(0), "b": f32(4),
     "c": f32(1)}, B)
case("CastLike", [n("CastLike", "q c")], {"c": f32(1)}, B)
case("Cast float16", [n("Cast", "q", "t", to=10), n("Cast", "t", to=1)], {}, B)
case("Cast int64 and back", [n("Cast", "q", "t", to=7), n("Cast", "t", to=1)], {}, B)
case("Cast bool", [n("Cast", "q", "t", to=9), n("Cast", "t", to=1)], {}, B)
case("Cast double", [n("Cast", "q", "t", to=11), n("Cast", "t", to=1)], {}, B)
case("Unique", [n("Unique", "q")], {}, B)
case("Bernoulli", [n("Bernoulli", "q")], {}, B)
case("RandomNormalLike", [n("RandomNormalLike", "q", "t"), n("Add", "q t")], {}, B)
# reductions
for op in words("ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 "
    "ReduceLogSum ReduceLogSumExp ReduceSumSquare"):
    case(f"{op} last", [n(op, "q k", keepdims=1)], {"k": i(-1)}, T)
    case(f"{op} positions", [n(op, "q k", keepdims=0)], {"k": i(2, 3)}, M)
    case(f"{op} channels", [n(op, "q k", keepdims=1)], {"k": i(1)}, M)
case("ReduceMean one position axis", [n("ReduceMean", "q k")], {"k": i(2)}, M)
case("ReduceSum one position axis", [n("ReduceSum", "q k")], {"k": i(3)}, M)
case("ReduceMax last of vector", [n("ReduceMax", "q k")], {"k": i(1)}, B)
case("ReduceMean all behind batch", [n("ReduceMean", "q k")], {"k": i(1, 2, 3)}, M)
case("ReduceMean everything", [n("ReduceMean", "q")], {}, M)
case("ArgMax end", [n("ArgMax", "q", "t", axis=1), n("Cast", "t", to=1)], {}, B)
case("ArgMin end", [n("ArgMin", "q", "t", axis=1), n("Cast", "t", to=1)], {}, B)
case("TopK end", [n("TopK", "q k", "r i", axis=1)], {"k": i(2)}, B)
case("CumSum", [n("CumSum", "q k")], {"k": np.int64(1)}, T)
case("CumSum reverse exclusive", [n("CumSum", "q k", reverse=1, exclusive=1)], {"k": np.int64(2)},
     T)
case("Det", [n("Det", "q")], {}, (1, 3, 3))
case("Einsum constant", [n("Einsum", "q w", equation="bi,ij->bj")], {"w": a(4, 3)}, B)
case("Einsum constant 4d", [n("Einsum", "q w", equation="bchw,cd->bdhw")], {"w": a(4, 3)}, M)
case("Einsum two", [n("Einsum", "q p", equation="bij,bkj->bik")], {}, T)
# products
case("MatMul", [n("MatMul", "q w")], {"w": a(4, 3)}, B)
case("MatMul left", [n("MatMul", "w q")], {"w": a(3, 4)}, T)
case("MatMul two", [n("Transpose", "p", "t", perm=[0, 2, 1]), n("MatMul", "q t")], {}, T)
case("MatMul stack", [n("MatMul", "q w")], {"w": a(4, 6, 3)}, M)
case("Gemm", [n("Gemm", "q w b", transB=1)], {"w": a(3, 4), "b": a(3)}, B)
case("Gemm alpha beta", [n("Gemm", "q w b", alpha=.5, beta=.25)], {"w": a(4, 3), "b": a(1, 3)}, B)
case("Gemm transA", [n("Gemm", "q w", transA=1)], {"w": a(1, 3)}, B)
case("Gemm C activation", [n("MatMul", "q v", "t"), n("Gemm", "q w t")], {"w": a(4, 3), "v": a(4,
     3)}, B)
case("Conv", [n("Conv", "q w b", pads=[1]*4)], {"w": a(3, 4, 3, 3), "b": a(3)}, M)
case("Conv 1d dilated", [n("Conv", "q w", dilations=[2])], {"w": a(3, 4, 2)}, T)
case("Conv grouped", [n("Conv", "q w", group=2)], {"w": a(4, 2, 3, 3)}, M)
case("Conv 3d", [n("Conv", "q w")], {"w": a(2, 2, 2, 2, 2)}, (1, 2, 3, 3, 3))
case("Conv 3d flat", [n("Conv", "q w")], {"w": a(2, 2, 1, 2, 2)}, (1, 2, 3, 3, 3))
case("Conv SAME_LOWER", [n("Conv", "q w", auto_pad="SAME_LOWER", strides=[2, 2])], {"w": a(3, 4,
     2, 2)}, M)
case("Conv activation weights", [n("Reshape", "p s", "t"), n("Conv", "q t")], {"s": i(4, 4, 3,
     3)}, M)
case("ConvTranspose", [n("ConvTranspose", "q w", strides=[2, 2])], {"w": a(4, 3, 2, 2)}, M)
case("ConvTranspose 3d", [n("ConvTranspose", "q w")], {"w": a(2, 2, 2, 2, 2)}, (1, 2, 3, 3, 3))
case("DeformConv", [n("DeformConv", "q w o")], {"w": a(3, 4, 2, 2), "o": a(1, 8, 5, 5)}, M)
# pools
P: dict[str, Any] = {"kernel_shape": [3, 3]}
case("MaxPool", [n("MaxPool", "q", **P)])
case("MaxPool pads", [n("MaxPool", "q", pads=[1]*4, strides=[2, 2], **P)])
case("MaxPool dilated", [n("MaxPool", "q", dilations=[2, 2], kernel_shape=[2, 2])])
case("MaxPool dilated padded strided", [n("MaxPool", "q", dilations=[2, 2], strides=[2, 2],
     pads=[1]*4, kernel_shape=[2, 2])])
case("MaxPool dilated 1d", [n("MaxPool", "q", dilations=[2], kernel_shape=[3])], {}, T)
case("MaxPool ceil", [n("MaxPool", "q", ceil_mode=1, strides=[2, 2], kernel_shape=[3, 3])])
case("MaxPool indices", [n("MaxPool", "q", "a i", kernel_shape=[2, 2], strides=[2, 2]), n("Cast",
     "i", "j", to=1), n("Add", "a j")])
case("MaxPool storage_order", [n("MaxPool", "q", storage_order=1, kernel_shape=[2, 2])])
case("MaxPool SAME_UPPER", [n("MaxPool", "q", auto_pad="SAME_UPPER", strides=[2, 2], **P)])
case("MaxPool 3d", [n("MaxPool", "q", kernel_shape=[2, 2, 2])], {}, (1, 2, 4, 4, 4))
case("MaxUnpool", [n("MaxPool", "q", "a i", kernel_shape=[2, 2], strides=[2, 2]), n("MaxUnpool",
     "a i", kernel_shape=[2, 2], strides=[2, 2])])
case("AveragePool", [n("AveragePool", "q", **P)])
case("AveragePool pads counted", [n("AveragePool", "q", pads=[1]*4, count_include_pad=1, **P)])
case("AveragePool pads not counted", [n("AveragePool", "q", pads=[1]*4, **P)])
case("AveragePool pads not counted, 1d", [n("AveragePool", "q", pads=[1, 1], kernel_shape=[3])],
     {}, T)
case("AveragePool pads not counted, strided", [n("AveragePool", "q", pads=[1]*4, strides=[2, 2],
     **P)])
case("AveragePool SAME", [n("AveragePool", "q", auto_pad="SAME_UPPER", **P)])
case("AveragePool ceil", [n("AveragePool", "q", ceil_mode=1, strides=[2, 2], kernel_shape=[3,
     3])])
case("AveragePool ceil counted", [n("AveragePool", "q", ceil_mode=1, count_include_pad=1,
     pads=[1]*4, strides=[2, 2], kernel_shape=[3, 3])], {}, (1, 4, 7, 6))
case("AveragePool dilated", [n("AveragePool", "q", dilations=[2, 2], kernel_shape=[2, 2])])
case("AveragePool 3d", [n("AveragePool", "q", kernel_shape=[2, 2, 2])], {}, (1, 2, 4, 4, 4))
case("GlobalAveragePool", [n("GlobalAveragePool", "q")])
case("GlobalAveragePool 3d", [n("GlobalAveragePool", "q")], {}, (1, 2, 4, 4, 4))
case("GlobalMaxPool", [n("GlobalMaxPool", "q")])
case("GlobalLpPool", [n("GlobalLpPool", "q", p=2)])
case("LpPool", [n("LpPool", "q", p=2, **P)])
# norms
bn={"s": np.array([.5, 1, 2, .25], f32), "b": a(4), "m": a(4), "v": np.array([1, 4, .25, 1], f32)}
case("BatchNormalization", [n("BatchNormalization", "q s b m v", epsilon=0.0)], bn)
case("BatchNormalization training", [n("BatchNormalization", "q s b m v", "r rm rv",
     training_mode=1)], bn)
case("LayerNormalization", [n("LayerNormalization", "q s b", axis=-1)], {"s": a(6), "b": a(6)}, T)
case("RMSNormalization", [n("RMSNormalization", "q s", axis=-1)], {"s": a(6)}, T, 23)
case("InstanceNormalization", [n("InstanceNormalization", "q s b")], {"s": a(4), "b": a(4)})
case("GroupNormalization", [n("GroupNormalization", "q s b", num_groups=2)], {"s": a(4),
     "b": a(4)})
case("LRN", [n("LRN", "q", size=3)])
case("LpNormalization", [n("LpNormalization", "q", axis=1)])
case("MeanVarianceNormalization", [n("MeanVarianceNormalization", "q")])
# recurrent, control, others
case("LSTM", [n("LSTM", "q w v", "t", hidden_size=3), n("Reshape", "t k")], {"w": a(1, 12, 6),
     "v": a(1, 12, 3), "k": i(1, -1)}, (1, 1, 6))
case("GRU", [n("GRU", "q w v", "t", hidden_size=3), n("Reshape", "t k")], {"w": a(1, 9, 6),
     "v": a(1, 9, 3), "k": i(1, -1)}, (1, 1, 6))
case("RNN", [n("RNN", "q w v", "t", hidden_size=3), n("Reshape", "t k")], {"w": a(1, 3, 6),
     "v": a(1, 3, 3), "k": i(1, -1)}, (1, 1, 6))
case("Attention", [n("Attention", "q q q")], {}, M, 23)
case("RotaryEmbedding", [n("RotaryEmbedding", "q c s")], {"c": a(1, 6, 3), "s": a(1, 6, 3)}, M,
     23)
g=helper.make_graph([n("Neg", "q", "z")], "t", [], [helper.make_tensor_value_info("z", 1, None)])
g2=helper.make_graph([n("Abs", "q", "z")], "e", [], [helper.make_tensor_value_info("z", 1, None)])
case("If", [n("If", "c", then_branch=g, else_branch=g2)], {"c": np.bool_(True)}, B)
b=helper.make_graph([n("Identity", "cin", "cout"), n("Add", "ain q", "aout")], "b",
     [helper.make_tensor_value_info("it", 7, []), helper.make_tensor_value_info("cin", 9, []),
     helper.make_tensor_value_info("ain", 1, [1, 4])], [helper.make_tensor_value_info("cout", 9,
     []), helper.make_tensor_value_info("aout", 1, [1, 4])])
case("Loop", [n("Loop", "m c q", body=b)], {"m": np.int64(2), "c": np.bool_(True)}, B)
sc=helper.make_graph([n("Add", "s x_", "so"), n("Identity", "so", "yo")], "b",
     [helper.make_tensor_value_info("s", 1, [6]), helper.make_tensor_value_info("x_", 1, [6])],
     [helper.make_tensor_value_info("so", 1, [6]), helper.make_tensor_value_info("yo", 1, [6])])
case("Scan", [n("Squeeze", "q k", "t"), n("Scan", "i t", "so r_", body=sc, num_scan_inputs=1),
     n("Unsqueeze", "r_ k")], {"k": i(0), "i": np.zeros(6, f32)}, T)
case("SequenceConstruct", [n("SequenceConstruct", "q p", "t"), n("ConcatFromSequence", "t",
     axis=1)], {}, B)
case("SplitToSequence", [n("SplitToSequence", "q c", "t", axis=1), n("SequenceAt", "t i")],
     {"c": i(2, 2), "i": np.int64(0)}, B)
case("Optional", [n("Optional", "q", "t"), n("OptionalGetElement", "t")], {}, B)
case("NonMaxSuppression", [n("Reshape", "q k", "bx"), n("NonMaxSuppression", "bx s", "t"),
     n("Cast", "t", to=1)], {"k": i(1, 1, 4), "s": a(1, 1, 1)}, B)
case("DFT", [n("Unsqueeze", "q k", "t"), n("DFT", "t")], {"k": i(-1)}, T, 20)
case("STFT", [n("STFT", "q s  l", onesided=1)], {"s": np.int64(2), "l": np.int64(4)}, (1, 16))
case("BitShift", [n("Cast", "q", "t", to=12), n("BitShift", "t c", "u", direction="LEFT"),
     n("Cast", "u", to=1)], {"c": np.uint32(1)}, B)
for op in words("BitwiseAnd BitwiseOr BitwiseXor"):
    case(op, [n("Cast", "q", "t", to=6), n(op, "t c", "u"), n("Cast", "u", to=1)],
         {"c": np.int32(6)}, B)
case("TfIdfVectorizer", [n("Cast", "q", "t", to=7), n("TfIdfVectorizer", "t", mode="TF",
     min_gram_length=1, max_gram_length=1, max_skip_count=0, ngram_counts=[0], ngram_indexes=[0,
     1], pool_int64s=[1, 2])], {}, B)
case("SoftmaxCrossEntropyLoss", [n("SoftmaxCrossEntropyLoss", "q l", reduction="none")],
     {"l": i(1)}, B)
case("NegativeLogLikelihoodLoss", [n("NegativeLogLikelihoodLoss", "q l", reduction="none")],
     {"l": i(1)}, B)
# contrib
case("ms Gelu", [n("Gelu", "q", domain=MICROSOFT)], {}, B)
case("ms BiasGelu", [n("BiasGelu", "q b", domain=MICROSOFT)], {"b": a(4)}, B)
case("ms QuickGelu", [n("QuickGelu", "q", domain=MICROSOFT)], {}, B)
case("ms FastGelu", [n("FastGelu", "q", domain=MICROSOFT)], {}, B)
case("ms FusedConv", [n("FusedConv", "q w", domain=MICROSOFT, activation="Relu")], {"w": a(3, 4,
     3, 3)}, M)
case("ms FusedMatMul", [n("FusedMatMul", "q w", domain=MICROSOFT, transB=1)], {"w": a(3, 4)}, B)
case("ms FusedGemm", [n("FusedGemm", "q w", domain=MICROSOFT, activation="Relu")], {"w": a(4, 3)},
     B)
case("ms SkipLayerNormalization", [n("SkipLayerNormalization", "q p g", domain=MICROSOFT)],
     {"g": a(6)}, T)
case("qonnx QuantAvgPool2d", [n("QuantAvgPool2d", "q", domain=QONNX, stride=2, kernel=2, ibits=8,
     obits=8, signed=1, data_layout="NCHW")], {}, M)
case("qonnx MaxPoolNHWC", [n("MaxPoolNHWC", "q", domain=QONNX, kernel_shape=[2, 2], strides=[2,
     2], pads=[0, 0, 0, 0])], {}, M)
case("qonnx Im2Col", [n("Im2Col", "q", domain=QONNX, stride=[1, 1], kernel_size=[2, 2],
     input_shape="(1,6,6,4)")], {}, (1, 6, 6, 4))
case("qonnx XnorPopcountMatMul", [n("XnorPopcountMatMul", "q w", domain=QONNX)], {"w": a(4, 3)},
     B)
case("qonnx DebugMarker", [n("DebugMarker", "q", domain=QONNX, export_debug_name="d")], {}, B)
case("qonnx GenericPartition", [n("GenericPartition", "q", domain=QONNX, model="m.onnx")], {}, B)
case("ml Scaler", [n("Scaler", "q", domain="ai.onnx.ml", offset=[.5], scale=[2.])], {}, B)
case("ml Normalizer", [n("Normalizer", "q", domain="ai.onnx.ml", norm="L2")], {}, B)
case("ml TreeEnsembleClassifier", [n("TreeEnsembleClassifier", "q", "t r", domain="ai.onnx.ml")],
     {}, B)
# composite idioms
case("channel shuffle", [n("Reshape", "q a", "t"), n("Transpose", "t", "u", perm=[0, 2, 1, 3, 4]),
     n("Reshape", "u b")], {"a": i(1, 2, 2, 6, 6), "b": i(1, 4, 6, 6)}, M)
case("squeeze excite", [n("GlobalAveragePool", "q", "t"), n("Conv", "t w", "u"), n("HardSigmoid",
     "u", "h"), n("Mul", "q h")], {"w": a(4, 4, 1, 1)}, M)
case("hard swish written out", [n("Add", "q c", "a"), n("Clip", "a z s", "b"), n("Mul", "q b",
     "m"), n("Div", "m s")], {"c": f32(3), "z": f32(0), "s": f32(6)}, B)
case("attention", [n("Transpose", "p", "t", perm=[0, 2, 1]), n("MatMul", "q t", "s"), n("Softmax",
     "s", "a"), n("MatMul", "a q")], {}, T)
case("Relu6", [n("Clip", "q a b")], {"a": f32(0), "b": f32(6)}, M)
case("layer norm written out", [n("ReduceMean", "q k", "m"), n("Sub", "q m", "d"), n("Pow",
     "d two", "s"), n("ReduceMean", "s k", "v"), n("Add", "v e", "ve"), n("Sqrt", "ve", "sd"),
     n("Div", "d sd")], {"k": i(-1), "two": f32(2), "e": f32(1e-5)}, T)
# fmt: on


def quantizer(style: str, source: str, output: str, scale: float, zero: int) -> tuple[Any, Any]:
    """The nodes of a quantizer to 8 bits, and its constants."""
    if style == "quant":
        made = helper.make_node(
            "Quant", [source, f"{output}_s", f"{output}_z", f"{output}_b"], [output],
            name=f"{output}_quant", domain=QONNX, signed=1, narrow=0, rounding_mode="ROUND",
        )  # fmt: skip
        values = {"s": f32(scale), "z": f32(0), "b": f32(8)}
        return [made], {f"{output}_{key}": value for key, value in values.items()}
    point = np.uint8(zero + 128) if style == "qdq-uint8" else np.int8(zero)
    grid = [f"{output}_s", f"{output}_z"]
    nodes = [
        helper.make_node(
            "QuantizeLinear", [source, *grid], [f"{output}_c"], name=f"{output}_quantize"
        ),
        helper.make_node(
            "DequantizeLinear", [f"{output}_c", *grid], [output], name=f"{output}_dequantize"
        ),
    ]
    return nodes, {grid[0]: f32(scale), grid[1]: point}


def build(nodes: list[Any], constants: dict[str, Any], shape: tuple[int, ...], opset: int,
          style: str) -> Any:  # fmt: skip
    """The model of a case, with quantizers of a style around it."""
    made: list[Any] = []
    held = dict(constants)
    reads = {name for node in nodes for name in node.input}
    if any(node.op_type in ("If", "Loop") for node in nodes):
        reads.add("q")  # by their subgraphs
    for name, scale, zero in (("q", 1 / 16, 3), ("p", 1 / 8, 0)):
        if name in reads:
            first, known = quantizer(style, "x", name, scale, zero)
            made += first
            held |= known
    last, known = quantizer(style, "r", "y", 1 / 8, 0)
    made += [*nodes, *last]
    held |= known
    graph = helper.make_graph(
        made,
        "by_hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    versions = {QONNX: 2, MICROSOFT: 1, "ai.onnx.ml": 3}
    domains = sorted({node.domain for node in made} - {"", "ai.onnx"})
    opsets = [helper.make_opsetid(name, versions[name]) for name in domains]
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset), *opsets],
        ir_version=10 if opset < 24 else 11,
    )
