from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError, NumericsError
from netwright.formats import FLOAT, Bipolar, Blocks, Format, Int, MiniFloat
from netwright.kernels import available_isas
from netwright.kernels.products import MOST_TERMS, PRODUCTS, product_for

RANDOM = np.random.default_rng(0)
KINDS = (Int(8), Int(8, signed=False), Int(4), Int(3, signed=False), Bipolar())


def drawn(number, shape):
    codes = RANDOM.integers(int(number.min), int(number.max) + 1, shape)
    return np.where(codes == 0, 1, codes) if isinstance(number, Bipolar) else codes


@pytest.mark.parametrize("inputs", KINDS, ids=str)
@pytest.mark.parametrize("outputs", [8, 5])
def test_products_of_bytes_are_exact_on_every_path(inputs, outputs) -> None:
    weights = drawn(Int(8), (7, outputs))
    weights[0, 0] = -128
    kinds = Format(Int(8)), Format(inputs)
    kernel = product_for(*kinds, shape=weights.shape)
    assert kernel.name == "int8"
    arrays = kernel.pack(weights, kinds[0])
    codes = drawn(inputs, (7, 9))
    codes[:, 0], codes[:, 1] = int(inputs.min), int(inputs.max)
    for isa in available_isas():
        multiply = kernel.prepare(arrays, *kinds, isa)
        np.testing.assert_array_equal(multiply(codes), weights.T @ codes)


@pytest.mark.parametrize("rows", [4, 8])
def test_weights_in_blocks_go_to_the_sparse_kernel(rows) -> None:
    weights = drawn(Int(8), (6, 16)) * np.repeat(RANDOM.random((6, 16 // rows)) < 0.4, rows, axis=1)
    kinds = Format(Int(8), pattern=Blocks(rows, axis=1, density=0.6)), Format(Int(8))
    kernel = product_for(*kinds, shape=weights.shape)
    assert kernel.name == "block-sparse int8"
    codes = drawn(Int(8), (6, 5))
    made = kernel.prepare(kernel.pack(weights, kinds[0]), *kinds, None)(codes, num_threads=2)
    np.testing.assert_array_equal(made, weights.T @ codes)


@pytest.mark.parametrize(("weight_bits", "input_bits"), [(9, 4), (16, 12), (30, 30)])
def test_wider_codes_are_exact_too(weight_bits, input_bits) -> None:
    kinds = Format(Int(weight_bits)), Format(Int(input_bits))
    kernel = product_for(*kinds, shape=(5, 3))
    assert kernel.name == "integers"
    weights, codes = drawn(Int(weight_bits), (5, 3)), drawn(Int(input_bits), (5, 4))
    made = kernel.prepare({"values": weights}, *kinds, None)(codes)
    np.testing.assert_array_equal(made.astype(object), weights.T.astype(object) @ codes)


def test_real_values_are_multiplied_in_float32() -> None:
    kernel = product_for(Format(FLOAT), Format(FLOAT))
    weights, values = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(5, 4))
    made = kernel.prepare({"values": weights}, Format(FLOAT), Format(FLOAT), None)(values)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, weights.T @ values, rtol=1e-5, atol=1e-6)


def test_sums_of_too_many_bytes_go_elsewhere() -> None:
    byte = Format(Int(8))
    assert product_for(byte, byte, shape=(MOST_TERMS, 1)).name == "int8"
    assert product_for(byte, byte, shape=(MOST_TERMS + 1, 1)).name == "integers"
    assert 128 * (255 + 255) * MOST_TERMS < 2**31


def test_formats_that_nothing_takes_are_refused() -> None:
    with pytest.raises(NumericsError, match=r"no kernel multiplies weights of .* with inputs of"):
        product_for(Format(MiniFloat(2, 1)), Format(Int(8)))


def test_damaged_arrays_are_refused() -> None:
    byte = Format(Int(8))
    kernel = product_for(byte, byte)
    arrays = dict(kernel.pack(drawn(Int(8), (4, 4)), byte))
    for name in arrays:
        rest = {key: value for key, value in arrays.items() if key != name}
        with pytest.raises(DataError, match=f'they have no "{name}"'):
            kernel.prepare(rest, byte, byte, None)
    with pytest.raises(DataError, match="damaged"):
        kernel.prepare({**arrays, "shape": np.zeros(2)}, byte, byte, None)
    with pytest.raises(DataError, match="damaged"):
        kernel.prepare({**arrays, "indices": arrays["indices"] + 9}, byte, byte, None)


def test_every_kernel_has_a_name_of_its_own() -> None:
    assert len({kernel.name for kernel in PRODUCTS}) == len(PRODUCTS)
