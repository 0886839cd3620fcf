from __future__ import annotations

import numpy as np
import pytest

from netwright.backends.cpu.linear import DenseProduct, make_product, quantize_linear
from netwright.backends.cpu.weights import Range
from netwright.errors import DataError
from netwright.kernels import gelu_table


@pytest.mark.parametrize("signed", [False, True, None])
def test_both_ways_are_equal_and_close_to_float(signed):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    random = np.random.default_rng(0)
    matrix = random.normal(size=(16, 12)).astype(np.float32)
    matrix[4:8] = 0
    bias = random.normal(size=16).astype(np.float32)
    source = Range(-1.0, 3.0)
    result = None if signed is None else Range(-15.0, 15.0, signed)
    linear = quantize_linear(matrix, bias, source, result=result)
    codes = random.integers(0, 256, (12, 9), dtype=np.uint8)
    residual = random.normal(size=(16, 9)).astype(np.float32) if signed is None else None
    ours, theirs = (
        make_product(linear, way, block_rows=4, num_threads=1, isa=None)(codes, residual=residual)
        for way in ("sparse", "dense")
    )
    np.testing.assert_array_equal(ours, theirs)
    real = matrix @ ((codes.astype(float) - source.zero_point) * source.step) + bias[:, None]
    found = ours if result is None else (ours.astype(float) - result.zero_point) * result.step
    if residual is not None:
        real = real + residual
        assert np.abs(found - real).max() < 0.2
        return
    assert np.abs(found - np.clip(real, -15, 15)).max() < 0.6 * result.step + 0.2


def test_a_table_replaces_codes():
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    table = gelu_table(0.1, 40, 0.05, 4)
    matrix = np.eye(8, dtype=np.float32)
    bias = np.zeros(8, np.float32)
    linear = quantize_linear(matrix, bias, Range(0.0, 25.5), result=Range(-4.0, 21.5), table=table)
    codes = np.arange(16, dtype=np.uint8).reshape(8, 2)
    ours = make_product(linear, "sparse", block_rows=4, num_threads=1, isa=None)(codes)
    np.testing.assert_array_equal(ours, DenseProduct(linear)(codes))
    assert linear.sparsity(4) == 0.5


def test_rows_that_the_block_does_not_divide_are_refused():
    linear = quantize_linear(
        np.ones((6, 2), np.float32), np.zeros(6, np.float32), Range(0, 1), result=Range(0, 1)
    )
    with pytest.raises(DataError, match="rows must be a positive multiple of block_rows 4, not 6"):
        make_product(linear, "sparse", block_rows=4, num_threads=1, isa=None)
