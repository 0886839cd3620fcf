"""What the block-sparse product is compared with. A peer that cannot run here says why.

MKL and the kernel of intel-extension-for-transformers (ITREX) are looked for in `build/peers`,
where `make bench-spmm` installs them, so that they do not become part of the environment.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from netwright.kernels import Requantize, pack, spmm
from netwright.kernels.memory import aligned_empty

FOLDER = Path(__file__).resolve().parent.parent / "build" / "peers"
TOKENS = 128
SCALE = 1e-4

Contestant = Callable[[], object]


def aligned(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Zeros that begin at a cache line, as an inference engine would lay them out."""
    found = aligned_empty(shape, dtype)
    found[...] = 0
    return found


def onednn(*copies: np.ndarray, tokens: int = TOKENS) -> Contestant:
    """Dense int8 through torch: uint8 activations, uint8 result, a scale for each row.

    A call multiplies each of the weights once.
    """
    return onednn_products(copies)(tokens)


def onednn_products(copies: Sequence[np.ndarray]) -> Callable[[int], Contestant]:
    """The same, for a number of tokens that is said later."""
    import torch

    torch.set_num_threads(1)
    torch.backends.quantized.engine = "onednn"
    rows, inputs = copies[0].shape
    scales, zeros = torch.full((rows,), 0.01), torch.zeros(rows, dtype=torch.int64)
    prepared = []
    for weights in copies:
        codes = torch.from_numpy(weights)
        dense = torch._make_per_channel_quantized_tensor(codes, scales, zeros, 0)
        prepared.append(torch.ops.quantized.linear_prepack(dense, torch.zeros(rows)))

    def contestant(tokens: int) -> Contestant:
        codes = torch.randint(0, 256, (tokens, inputs), dtype=torch.uint8)
        activation = torch._make_per_tensor_quantized_tensor(codes, 0.02, 128)
        return lambda: [torch.ops.quantized.linear(activation, one, 0.5, 128) for one in prepared]

    return contestant


def onnxruntime_products(copies: Sequence[np.ndarray]) -> Callable[[int], Contestant]:
    """Dense int8 of ONNX Runtime: uint8 activations, int32 sums.

    A call is one run of a model with a product for each of the weights.
    """
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    rows, inputs = copies[0].shape
    constants = [
        numpy_helper.from_array(np.uint8(128), "input_zero"),
        numpy_helper.from_array(np.int8(0), "weight_zero"),
    ]
    nodes, outputs = [], []
    for i, weights in enumerate(copies):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(weights.T), f"w{i}"))
        operands = ["x", f"w{i}", "input_zero", "weight_zero"]
        nodes.append(helper.make_node("MatMulInteger", operands, [f"y{i}"]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.INT32, ["tokens", rows]))
    given = helper.make_tensor_value_info("x", TensorProto.UINT8, ["tokens", inputs])
    graph = helper.make_graph(nodes, "products", [given], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options)

    def contestant(tokens: int) -> Contestant:
        codes = np.random.default_rng(2).integers(0, 256, (tokens, inputs), dtype=np.uint8)
        return lambda: session.run(None, {"x": codes})

    return contestant


def mkl_csr(weights: np.ndarray) -> Contestant:
    """Compressed rows, float32; the product must equal NumPy's."""
    from scipy.sparse import csr_matrix

    for library in FOLDER.glob("lib/libmkl_rt.so*"):
        os.environ["MKL_RT"] = str(library)
    sys.path.extend(map(str, FOLDER.glob("lib/python*/site-packages")))
    from sparse_dot_mkl import dot_product_mkl

    sparse = csr_matrix(weights.astype(np.float32))
    activation = aligned((weights.shape[1], TOKENS), "float32")
    activation[:] = np.random.default_rng(3).integers(0, 16, activation.shape)
    expected = weights.astype(np.int64) @ activation.astype(np.int64)
    if not np.array_equal(dot_product_mkl(sparse, activation), expected):
        raise RuntimeError("MKL gives another product")
    return lambda: dot_product_mkl(sparse, activation)


def itrex(weights: np.ndarray) -> Contestant:
    """The original kernel, 4x1 blocks, float32 result; the product must equal ours."""
    packed = pack(weights)
    create = _itrex().itrex_create
    create.restype = ctypes.c_void_p
    sizes = (*weights.shape, TOKENS, len(packed.values))
    scale = np.full(len(weights), SCALE, np.float32)
    arrays = (packed.offsets, packed.indices, packed.values, scale)
    handle = create(*map(ctypes.c_int64, sizes), *map(_pointer, arrays))
    if not handle:
        raise RuntimeError("it declines this product")
    activation = aligned((weights.shape[1], TOKENS), "uint8")
    activation[:] = np.random.default_rng(2).integers(0, 256, activation.shape)
    out = aligned((len(weights), TOKENS), "float32")
    operands = (ctypes.c_void_p(handle), _pointer(activation), _pointer(out))
    run = _itrex().itrex_run
    run(*operands)
    epilogue = Requantize(scale=scale, output="float32")
    if not np.array_equal(out, spmm(packed, activation, epilogue=epilogue)):
        raise RuntimeError("it gives another product")
    # The library keeps the addresses only.
    kept = (packed, scale, activation, out)
    return lambda: run(*operands) or kept


@cache
def _itrex() -> ctypes.CDLL:
    """Compile the interface to the library in the wheel, and load both."""
    found = sorted(FOLDER.glob("lib/python*/site-packages/*/libkernellibs.so"))
    if not found:
        raise ImportError("its wheel, for Python 3.9 to 3.11, is not installed")
    os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
    shim = FOLDER / "itrex.so"
    subprocess.run(
        ["g++", "-O2", "-std=c++17", "-shared", "-fPIC", "-o", str(shim),
         str(Path(__file__).with_name("itrex.cpp")), str(found[0]),
         f"-Wl,-rpath,{found[0].parent}"],
        check=True,
    )  # fmt: skip
    return ctypes.CDLL(str(shim))


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def scipy_csr(weights: np.ndarray) -> Contestant:
    from scipy.sparse import csr_matrix

    sparse = csr_matrix(weights.astype(np.float32))
    activation = np.ones((weights.shape[1], TOKENS), np.float32)
    return lambda: sparse @ activation


PEERS: dict[str, Callable[[np.ndarray], Contestant]] = {
    "oneDNN int8 dense": onednn,
    "MKL CSR fp32": mkl_csr,
    "SciPy CSR fp32": scipy_csr,
}

ABSENT = {
    "LIBXSMM": "PyPI has no build of it: the package libxsmm 0.0.1 is empty",
}
"""Peers that are not run, and why."""
