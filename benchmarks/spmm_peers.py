"""What the block-sparse product is compared with. A peer that cannot run here says why.

MKL is looked for in `build/peers` too, where `make bench-spmm` installs it, so that it does not
become part of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "build" / "peers"
TOKENS = 128

Contestant = Callable[[], object]


def aligned(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Zeros that begin at a cache line, as an inference engine would lay them out."""
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(num_bytes + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + num_bytes].view(dtype).reshape(shape)


def onednn(weights: np.ndarray) -> Contestant:
    """Dense int8 through torch: uint8 activations, uint8 result, a scale for each row."""
    import torch

    torch.set_num_threads(1)
    torch.backends.quantized.engine = "onednn"
    rows = len(weights)
    scales, zeros = torch.full((rows,), 0.01), torch.zeros(rows, dtype=torch.int64)
    dense = torch._make_per_channel_quantized_tensor(torch.from_numpy(weights), scales, zeros, 0)
    prepared = torch.ops.quantized.linear_prepack(dense, torch.zeros(rows))
    codes = torch.randint(0, 256, (TOKENS, weights.shape[1]), dtype=torch.uint8)
    activation = torch._make_per_tensor_quantized_tensor(codes, 0.02, 128)
    return lambda: torch.ops.quantized.linear(activation, prepared, 0.5, 128)


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
    "the kernel of intel-extension-for-transformers 1.4.2": (
        "its wheel has the library without headers and no Python function for one product"
    ),
}
"""Peers that are not run, and why."""
