"""Every path equals the NumPy reference in every element."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, NumericsError
from netwright.kernels import Requantize, available_isas, pack, prepare, spmm, spmm_reference
from netwright.kernels.epilogue import GELU_TOLERANCE
from tests.kernels.paths import COMPILED

REAL = Requantize(scale=np.ones(4, np.float32), output="float32")
ADDING = Requantize(scale=np.ones(4, np.float32), residual=True, output="float32")
TOKENS = (1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 130, 192, 260)


def random_case(
    seed: int, rows: int, columns: int, tokens: int, block_rows: int, density: float
) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (rows, columns), dtype=np.int8)
    mask = random.random((rows // block_rows, columns)) < density
    weights *= np.repeat(mask, block_rows, axis=0).astype(np.int8)
    return weights, random.integers(0, 256, (columns, tokens), dtype=np.uint8)


def epilogue_of(seed: int, rows: int, output: Any) -> Requantize:
    """Anything but GELU of real values, which alone is not exact."""
    random = np.random.default_rng(seed)
    in_bytes = output in ("uint8", "int8")
    staged = in_bytes and seed % 5 == 0
    return Requantize(
        bias=random.integers(-30_000, 30_000, rows, dtype=np.int32) if seed % 3 else None,
        scale=np.exp2(random.uniform(-14, -4, rows)).astype(np.float32),
        relu=bool(seed % 2),
        residual=output != "int32" and seed % 4 == 0,
        multiplier=float(np.float32(random.uniform(0.01, 3))) if staged else 1.0,
        zero_point=int(random.integers(-255, 256)) if in_bytes else 0,
        output=output,
        table=random.integers(-128, 128, 256, np.int8) if in_bytes and seed % 7 < 2 else None,
    )


def residual_of(epilogue: Requantize, rows: int, tokens: int) -> NDArray[np.float32] | None:
    if not epilogue.residual:
        return None
    return np.random.default_rng(rows).normal(0, 50, (rows, tokens)).astype(np.float32)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, Any, Requantize]:
    block_rows = draw(st.sampled_from((4, 8)))
    rows = block_rows * draw(st.integers(1, 10))
    columns = draw(st.sampled_from((1, 2, 3, 4, 5, 7, 16, 33, 61, 100)))
    density = draw(st.sampled_from((0.0, 0.05, 0.3, 0.9, 1.0)))
    seed = draw(st.integers(0, 2**16))
    tokens = draw(st.sampled_from(TOKENS))
    weights, activation = random_case(seed, rows, columns, tokens, block_rows, density)
    output = draw(st.sampled_from(("int32", "float32", "uint8", "int8")))
    return pack(weights, block_rows=block_rows), activation, epilogue_of(seed, rows, output)


@pytest.mark.parametrize("isa", COMPILED)
@settings(max_examples=200)
@given(case=cases())
def test_path_equals_reference(isa: str, case: tuple[Any, Any, Requantize]) -> None:
    packed, activation, epilogue = case
    residual = residual_of(epilogue, packed.rows, activation.shape[1])
    expected = spmm_reference(packed, activation, epilogue=epilogue, residual=residual)
    product = prepare(packed, epilogue=epilogue, isa=isa)
    for num_threads in (1, 2):
        found = product(activation, residual=residual, num_threads=num_threads)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("block_rows", [4, 8])
def test_dense_columns_side_by_side_are_exact(isa: str, block_rows: int) -> None:
    """Many stripes with neighboring columns, so that these are interleaved beforehand."""
    for columns, tokens in ((64, 130), (67, 64), (66, 5), (96, 200)):
        weights, activation = random_case(9, 24 * block_rows, columns, tokens, block_rows, 0.85)
        packed = pack(weights, block_rows=block_rows)
        for num_threads in (1, 3):
            found = spmm(packed, activation, isa=isa, num_threads=num_threads)
            np.testing.assert_array_equal(found, spmm_reference(packed, activation))


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("block_rows", [4, 8])
def test_many_stripes_and_tokens_are_exact(isa: str, block_rows: int) -> None:
    """Rows that are gathered so often, or lie so far apart, that they are copied into panels."""
    for stripes, tokens in ((60, 66), (160, 130), (16, 513), (48, 576)):
        weights, activation = random_case(4, stripes * block_rows, 40, tokens, block_rows, 0.5)
        packed = pack(weights, block_rows=block_rows)
        for num_threads in (1, 3):
            found = spmm(packed, activation, isa=isa, num_threads=num_threads)
            np.testing.assert_array_equal(found, spmm_reference(packed, activation))


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("num_threads", [1, 2])
def test_statistics_are_those_of_the_real_values(isa: str, num_threads: int) -> None:
    """Relative tolerances of float32 sums over 32 rows, merged in float64."""
    weights, activation = random_case(11, 200, 40, 70, 4, 0.5)
    packed = pack(weights)
    scale = np.full(200, 0.01, np.float32)
    for output in ("float32", "uint8"):
        epilogue = Requantize(scale=scale, residual=True, zero_point=0, output=output)
        residual = residual_of(epilogue, 200, 70)
        expected, found = np.empty((2, 70)), np.full((2, 70), np.nan)
        exact = spmm_reference(
            packed, activation, epilogue=epilogue, residual=residual, statistics=expected
        )
        out = spmm(
            packed, activation, epilogue=epilogue, residual=residual, statistics=found, isa=isa,
            num_threads=num_threads,
        )  # fmt: skip
        np.testing.assert_array_equal(out, exact)
        spread = np.sqrt(expected[1] / 200)
        assert (np.abs(found[0] - expected[0]) <= 1e-6 * (np.abs(expected[0]) + spread)).all()
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)


@pytest.mark.parametrize("isa", COMPILED)
def test_gelu_is_within_its_tolerance(isa: str) -> None:
    packed = pack(np.array([[1], [-1], [2], [-2]], np.int8))
    activation = np.arange(256, dtype=np.uint8)[None, :]
    scale = np.full(4, 0.02, np.float32)
    epilogue = Requantize(scale=scale, gelu=True, output="float32")
    expected = spmm_reference(packed, activation, epilogue=epilogue)
    found = spmm(packed, activation, epilogue=epilogue, isa=isa)
    bound = GELU_TOLERANCE * np.maximum(1, np.abs(packed.unpack() @ activation.astype(int) * 0.02))
    assert (np.abs(found - expected) <= bound).all()
    codes = Requantize(scale=scale, gelu=True, multiplier=20.0, zero_point=5, output="uint8")
    exact = spmm_reference(packed, activation, epilogue=codes).astype(int)
    assert np.abs(spmm(packed, activation, epilogue=codes, isa=isa) - exact).max() <= 1


@pytest.mark.parametrize("isa", COMPILED)
def test_residual_that_is_no_number_is_defined(isa: str) -> None:
    packed, activation = pack(np.ones((4, 2), np.int8)), np.ones((2, 3), np.uint8)
    residual = np.array([[np.nan, np.inf, -np.inf]] * 4, np.float32)
    scale = np.ones(4, np.float32)
    codes = Requantize(scale=scale, residual=True, zero_point=3, output="uint8")
    found = spmm(packed, activation, epilogue=codes, residual=residual, isa=isa)
    assert found.tolist() == [[0, 255, 0]] * 4
    reals = Requantize(scale=scale, residual=True, output="float32")
    np.testing.assert_array_equal(
        spmm(packed, activation, epilogue=reals, residual=residual, isa=isa), residual
    )


@settings(max_examples=60)
@given(case=cases())
def test_reference_equals_plain_integers(case: tuple[Any, Any, Requantize]) -> None:
    packed, activation, _ = case
    plain = packed.unpack().astype(np.int64) @ activation.astype(np.int64)
    np.testing.assert_array_equal(spmm_reference(packed, activation), plain)


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("block_rows", [4, 8])
@pytest.mark.parametrize("tokens", TOKENS)
def test_nothing_outside_the_result_is_written(isa: str, block_rows: int, tokens: int) -> None:
    weights, activation = random_case(3, 16, 9, tokens, block_rows, 0.5)
    packed = pack(weights, block_rows=block_rows)
    for output in ("int32", "float32", "uint8", "int8"):
        epilogue = epilogue_of(4, 16, output)
        residual = residual_of(epilogue, 16, tokens)
        item_bytes = epilogue.result.itemsize
        memory = np.full(16 * tokens * item_bytes + 256, 0xA5, dtype=np.uint8)
        out = memory[128:-128].view(epilogue.result).reshape(16, tokens)
        spmm(packed, activation, epilogue=epilogue, residual=residual, out=out, isa=isa)
        expected = spmm_reference(packed, activation, epilogue=epilogue, residual=residual)
        np.testing.assert_array_equal(out, expected)
        assert (memory[:128] == 0xA5).all()
        assert (memory[-128:] == 0xA5).all()


@pytest.mark.parametrize("isa", COMPILED)
def test_extreme_sums_and_ties_are_exact(isa: str) -> None:
    weights = np.repeat(np.array([[-128], [127], [-128], [127]], np.int8), 8000, axis=1)
    packed = pack(weights)
    activation = np.full((8000, 70), 255, dtype=np.uint8)
    for scale in (2.0**-30, 2.0**-20, 1.0, 3e38):
        for output in ("uint8", "int8", "float32"):
            epilogue = Requantize(scale=np.full(4, scale, np.float32), output=output)
            expected = spmm_reference(packed, activation, epilogue=epilogue)
            found = spmm(packed, activation, epilogue=epilogue, isa=isa)
            np.testing.assert_array_equal(found, expected)
    ties = Requantize(scale=np.full(4, 0.5, np.float32), output="uint8")
    ones = pack(np.ones((4, 1), np.int8))
    codes = np.arange(100, dtype=np.uint8)[None, :]
    halves = np.rint(np.arange(100) * 0.5).astype(np.uint8)
    np.testing.assert_array_equal(spmm(ones, codes, epilogue=ties, isa=isa)[0], halves)


@pytest.mark.parametrize("isa", COMPILED)
def test_callers_in_parallel_do_not_disturb_each_other(isa: str) -> None:
    weights, activation = random_case(5, 64, 64, 64, 4, 0.4)
    packed = pack(weights)
    expected = spmm_reference(packed, activation)
    with ThreadPoolExecutor(4) as executor:
        calls = [
            executor.submit(spmm, packed, activation, isa=isa, num_threads=1 + i % 3)
            for i in range(60)
        ]
        for call in calls:
            np.testing.assert_array_equal(call.result(), expected)


LIMITED = """
import resource, sys
import numpy as np
from netwright.kernels import pack, prepare

packed = pack(np.ones((64, 8), np.int8))
activation = np.ones((8, 4096), np.uint8)
product = prepare(packed, isa="scalar")
product(activation)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (60 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for num_threads in (64, 2, 64):
    assert (product(activation, num_threads=num_threads) == 8).all()
print("threads", open("/proc/self/status").read().split("Threads:")[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory as Linux does")
@pytest.mark.skipif("scalar" not in available_isas(), reason="nothing is compiled")
def test_fewer_threads_than_asked_for_are_enough() -> None:
    """Stacks of 64 threads do not fit the memory that is left; the product is made all the same."""
    # A sanitizer that is loaded beforehand needs more memory than the limit leaves.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    found = subprocess.run(
        [sys.executable, "-c", LIMITED],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert int(found.stdout.split()[1]) < 40


def test_environment_chooses_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    packed, activation = pack(np.ones((4, 2), np.int8)), np.ones((2, 3), np.uint8)
    for isa in available_isas():
        monkeypatch.setenv("NETWRIGHT_ISA", isa)
        assert (spmm(packed, activation) == 2).all()
    monkeypatch.setenv("NETWRIGHT_ISA", "mmx")
    with pytest.raises(ConfigError, match=r"^NETWRIGHT_ISA: must be one of numpy, scalar, avx2"):
        spmm(packed, activation)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (np.ones((2, 0), np.uint8), "uint8 of shape (2, tokens), not uint8 of (2, 0)"),
        (np.ones((3, 1), np.uint8), "uint8 of shape (2, tokens), not uint8 of (3, 1)"),
        (np.ones(2, np.uint8), "uint8 of shape (2, tokens), not uint8 of (2,)"),
        (np.ones((2, 1), np.int8), "uint8 of shape (2, tokens), not int8 of (2, 1)"),
        ([[1], [2]], "an array, uint8 of shape (2, tokens), not list"),
    ],
)
def test_activation_that_does_not_fit_is_refused(activation: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^activation must be {re.escape(message)}"):
        spmm(pack(np.ones((4, 2), np.int8)), activation)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_threads": 0}, "num_threads must be from 1 to 256, not 0"),
        (
            {"out": np.zeros((4, 3), np.int8)},
            "out must be int32 of shape (4, 3), not int8 of (4, 3)",
        ),
        (
            {"out": np.zeros((3, 4), np.int32).T},
            "out must be writeable and in C order",
        ),
        (
            {"epilogue": Requantize(bias=np.zeros(3, np.int32))},
            "bias must have shape (4,), not (3,)",
        ),
        (
            {"residual": np.zeros((4, 3), np.float32)},
            "residual must be None for an epilogue that adds none",
        ),
        (
            {"statistics": np.zeros((2, 3))},
            "output int32 has no statistics: they need real values",
        ),
        (
            {"epilogue": ADDING, "residual": np.zeros((4, 2), np.float32)},
            "residual must be float32 of shape (4, 3), not float32 of (4, 2)",
        ),
        (
            {"epilogue": ADDING, "residual": np.zeros((4, 3))},
            "residual must be float32 of shape (4, 3), not float64 of (4, 3)",
        ),
        (
            {"epilogue": ADDING},
            "residual is missing, and the epilogue adds one",
        ),
        (
            {"epilogue": REAL, "statistics": np.zeros((2, 2))},
            "statistics must be float64 of shape (2, 3), not float64 of (2, 2)",
        ),
        (
            {"epilogue": REAL, "statistics": np.zeros((3, 2)).T},
            "statistics must be writeable and in C order",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        spmm(pack(np.ones((4, 2), np.int8)), np.ones((2, 3), np.uint8), **options)


def test_result_over_its_own_input_is_refused() -> None:
    memory = np.ones((8, 4), np.uint8)
    epilogue = Requantize(scale=np.ones(8, np.float32), output="uint8")
    with pytest.raises(DataError, match=r"^out must not share memory with activation$"):
        spmm(pack(np.ones((8, 8), np.int8)), memory, epilogue=epilogue, out=memory)


@pytest.mark.parametrize("isa", available_isas())
@settings(max_examples=40)
@given(
    first=st.sampled_from(("out", "statistics")),
    second=st.sampled_from(("activation", "residual", "out", "statistics")),
    shift=st.integers(-1200, 1200),
    tokens=st.sampled_from((5, 16, 33)),
)
def test_arrays_that_overlap_are_refused_or_right(
    isa: str, first: str, second: str, shift: int, tokens: int
) -> None:
    weights, activation = random_case(tokens, 8, 12, tokens, 4, 0.6)
    epilogue = Requantize(
        scale=np.full(8, 1e-3, np.float32), residual=True, multiplier=9.0, output="uint8"
    )
    residual = np.random.default_rng(0).normal(0, 9, (8, tokens)).astype(np.float32)
    given = {
        "activation": activation,
        "residual": residual,
        "out": np.zeros((8, tokens), np.uint8),
        "statistics": np.zeros((2, tokens)),
    }
    size = {name: array.nbytes for name, array in given.items()}
    assume(first != second)
    step = shift // given[first].itemsize * given[first].itemsize
    begin = 1200 + step
    memory = np.zeros(max(begin + size[first], 1200 + size[second]) + 64, np.uint8)
    memory = memory[-memory.ctypes.data % 64 :]  # so that both are where their items may lie
    for name, place in ((first, begin), (second, 1200)):
        array = given[name]
        view = memory[place : place + size[name]].view(array.dtype).reshape(array.shape)
        view[...] = array
        given[name] = view
    overlap = np.may_share_memory(given[first], given[second])
    product = prepare(pack(weights), epilogue=epilogue, isa=isa)
    expected_moments = np.zeros((2, tokens))
    expected = spmm_reference(
        pack(weights),
        activation,
        epilogue=epilogue,
        residual=residual,
        statistics=expected_moments,
    )
    others = {name: array for name, array in given.items() if name != "activation"}
    call = partial(product, given["activation"], **others)
    if overlap:
        with pytest.raises(DataError, match="must not share memory with"):
            call()
        return
    np.testing.assert_array_equal(call(), expected)
    np.testing.assert_allclose(given["statistics"], expected_moments, rtol=1e-4, atol=1e-3)


def test_bias_that_overflows_is_refused() -> None:
    epilogue = Requantize(bias=np.array([0, 0, 2**31 - 255, 0], np.int32))
    message = (
        "row 2 can reach 2147483393 or 2147483648 with uint8 activations, "
        "and int32 sums hold -2147483648 to 2147483647"
    )
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}\n"):
        spmm(pack(np.ones((4, 1), np.int8)), np.ones((1, 1), np.uint8), epilogue=epilogue)


def test_operands_in_another_order_are_copied() -> None:
    weights, activation = random_case(6, 8, 6, 5, 4, 0.7)
    packed = pack(weights)
    columns_first = np.asfortranarray(activation)
    np.testing.assert_array_equal(spmm(packed, columns_first), spmm_reference(packed, activation))
