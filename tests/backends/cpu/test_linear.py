from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.backends import encoders
from netwright.backends.cpu import linear as linear_module
from netwright.backends.cpu.linear import DenseProduct, make_product, quantize_linear
from netwright.backends.cpu.weights import Range
from netwright.errors import ConfigError, DataError, NumericsError, VerificationError
from netwright.kernels import available_isas, gelu_table


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


def sparse(linear):
    return make_product(linear, "sparse", block_rows=4, num_threads=1, isa=None)


@pytest.mark.parametrize("weight", [-1e-9, 1e-9, 1e-20, 1e-38, 1e-44])
@pytest.mark.parametrize("value", [0.5, -0.5, 3e38])
@pytest.mark.parametrize("result", [None, Range(-1.0, 1.0)])
def test_the_bias_of_a_row_that_is_nearly_dead_is_kept(weight, value, result):
    matrix = np.zeros((4, 8), np.float32)
    matrix[0, 3] = weight
    matrix[1:] = np.linspace(-1, 1, 8)
    bias = np.array([value, 0, 0.1, -0.1], np.float32)
    codes = np.arange(0, 256, 8, dtype=np.uint8).reshape(8, 4)
    residual = np.zeros((4, 4), np.float32) if result is None else None
    product = sparse(quantize_linear(matrix, bias, Range(-0.3, 2.0), result=result))
    found = product(codes, residual=residual)[0]
    if result is None:
        np.testing.assert_allclose(found, np.float32(value), rtol=2e-7)
    else:
        wanted = np.clip(np.rint(value / result.step) + result.zero_point, 0, 255)
        np.testing.assert_array_equal(found, wanted)


def test_the_bias_fits_beside_the_largest_sums():
    matrix = np.full((4, 65_535), 1e-6, np.float32)
    linear = quantize_linear(matrix, np.array([9, -9, 0, 0], np.float32), Range(0.0, 0.001))
    found = sparse(linear)(np.full((65_535, 1), 255, np.uint8), residual=np.zeros((4, 1), "f4"))
    np.testing.assert_allclose(found[:, 0], [9, -9, 65_535e-9, 65_535e-9], rtol=1e-4)


def test_rows_whose_bias_fits_are_rounded_as_ever():
    matrix = np.array([[1e-9, -2e-9], [1.0, 0.25]], np.float32)
    room = 2**31 - 1 - 127 * 255  # 127 of the second weight's steps, codes from 0
    step = np.float32(2e-9) / np.float32(127)
    bias = np.array([np.float64(step) * (room - 1000), 0.5], np.float32)
    linear = quantize_linear(matrix, bias, Range(0.0, 255.0))
    np.testing.assert_array_equal(linear.weights, [[64, -127], [127, 32]])
    assert linear.epilogue.scale[0] == step
    assert linear.epilogue.bias[0] == np.rint(bias[0] / np.float64(step))


def test_rows_that_no_step_makes_fit_are_refused():
    matrix = np.ones((4, 70_000), np.float32)
    message = "row 0 can reach 0 or 2266950000 with uint8"
    with pytest.raises(NumericsError, match=message):
        quantize_linear(matrix, np.zeros(4, np.float32), Range(0.0, 1.0))


@pytest.mark.parametrize(
    ("matrix", "bias", "kind", "message"),
    [
        (np.ones((4, 2)), np.ones(3), DataError, r"not \(4, 2\) and \(3,\)"),
        (np.ones(4), np.ones(4), DataError, r"not \(4,\) and \(4,\)"),
        (np.full((4, 2), np.inf), np.ones(4), NumericsError, "the weights of a linear operator"),
        (np.ones((4, 2)), np.full(4, np.nan), NumericsError, "the bias of a linear operator"),
    ],
)
def test_weights_that_are_no_operator_are_refused(matrix, bias, kind, message):
    with pytest.raises(kind, match=message):
        quantize_linear(matrix.astype("f4"), bias.astype("f4"), Range(0.0, 1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"way": "Dense"}, 'way must be "sparse" or "dense", not \'Dense\''),
        ({"block_rows": 0}, "block_rows must be 4 or 8, not 0"),
        ({"num_threads": 0}, "num_threads must be an integer from 1 to 256, not 0"),
        ({"num_threads": 1.5}, "num_threads must be an integer from 1 to 256, not 1.5"),
    ],
)
def test_options_that_no_product_takes_are_refused(options, message):
    linear = quantize_linear(np.eye(4, dtype="f4"), np.zeros(4, "f4"), Range(0.0, 1.0))
    given = {"way": "sparse", "block_rows": 4, "num_threads": 1, "isa": None}
    with pytest.raises(ConfigError, match=message):
        make_product(linear, **{**given, **options})


def test_a_pruned_linear_of_torch_is_multiplied():
    """By public names alone, as a user does it."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 8)
    with torch.no_grad():
        layer.weight.view(2, 4, 16)[:, :, ::2] = 0
    inputs = torch.rand(5, 16)
    source = encoders.Range(0.0, 1.0)
    integers = encoders.quantize_linear(
        layer.weight.detach().numpy(),
        layer.bias.detach().numpy(),
        source,
        result=encoders.Range(-2.0, 2.0),
    )
    assert isinstance(integers, encoders.IntegerLinear)
    assert integers.sparsity(4) == 0.5
    product = encoders.make_product(integers, "sparse", block_rows=4, num_threads=1, isa=None)
    codes = np.rint(inputs.numpy().T / source.step).astype(np.uint8)
    result = encoders.Range(-2.0, 2.0)
    found = (product(codes).astype(float) - result.zero_point) * result.step
    np.testing.assert_allclose(found.T, layer(inputs).detach().numpy(), atol=0.03)


class Saturating:
    """A runtime that adds pairs of products in 16 bits, in the sessions that are not precise."""

    __version__ = "0"

    class SessionOptions:
        def __init__(self):
            self.entries = {}

        def add_session_config_entry(self, name, value):
            self.entries[name] = value

    class InferenceSession:
        def __init__(self, model, options, **_):
            self.model, self.entries = model, options.entries

        def run(self, outputs, feeds):
            if self.entries.get("session.x64quantprecision") == "1":
                return exact_session(self.model).run(outputs, feeds)
            return (np.full((32, feeds["codes"].shape[1]), 32 * 32767, np.float32),)


def exact_session(model):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    return runtime.InferenceSession(model, providers=["CPUExecutionProvider"])


def test_a_library_that_saturates_is_told_to_be_exact(monkeypatch):
    pytest.importorskip("onnx", reason="needs onnx")

    class Runtime(Saturating): ...

    monkeypatch.setattr(linear_module, "require", lambda *_, **__: Runtime)
    linear = quantize_linear(np.eye(4, dtype="f4"), np.zeros(4, "f4"), Range(0.0, 1.0))
    assert DenseProduct(linear).session.entries["session.x64quantprecision"] == "1"


def test_a_library_that_is_exact_is_not_slowed_down():
    pytest.importorskip("onnx", reason="needs onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    if "avx512-vnni" not in available_isas():
        pytest.skip("this processor has no VNNI")
    assert linear_module._needs_precision(runtime) is False


def test_a_library_that_saturates_all_the_same_is_refused(monkeypatch):
    pytest.importorskip("onnx", reason="needs onnx")

    class Deaf(Saturating):
        class SessionOptions(Saturating.SessionOptions):
            def add_session_config_entry(self, name, value): ...

    monkeypatch.setattr(linear_module, "require", lambda *_, **__: Deaf)
    linear = quantize_linear(np.eye(4, dtype="f4"), np.zeros(4, "f4"), Range(0.0, 1.0))
    message = "ONNX Runtime 0 must give 2072640 for an int8 product of extreme values"
    with pytest.raises(VerificationError, match=message):
        DenseProduct(linear)
