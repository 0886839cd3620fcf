"""Every module of the library for systolic arrays, alone, against Python."""

import numpy as np
import pytest

from netwright.backends.rtl.arrays import OutlierArray
from netwright.formats import NM, OutlierPairs
from tests.backends.rtl.bench import Bench, Instance
from tests.backends.rtl.graphs import needs_verilator

pytestmark = [pytest.mark.tool("g++"), needs_verilator]

PAIRS = {
    "int4": OutlierPairs(),
    "flint4": OutlierPairs("flint4"),
    "far": OutlierPairs(bias=5, rule="left"),
    "e4m3": OutlierPairs("int8"),
    "e2m5": OutlierPairs("int8", outlier="e2m5"),
}
ENCODERS = {"int4": (8, 0), "flint4": (8, 2), "far": (9, 0)}
"""Bits of what is encoded, and those behind the point."""
SORTERS = {"two": (2, 8, 0), "one": (1, 4, 0), "four": (4, 16, 1), "most": (3, 4, 0)}
"""Kept, group, and whether values are floating point."""


def exponent_bits_of(number: OutlierPairs) -> int:
    """Bits of the exponents that a decoder gives in an array."""
    return OutlierArray(1, 1, number).structure.parameters["EXPONENT_BITS"]


DECODERS = tuple(
    Instance(
        f"decode_{name}", f"ovp_decode{number.bits}",
        {key: value for key, value in OutlierArray(1, 1, number).structure.parameters.items()
         if key in ("BIAS", "EXPONENT_BITS", "FLINT" if number.bits == 4 else "MANTISSA_BITS")},
        {"pair": 2 * number.bits},
        {"exponents": 2 * exponent_bits_of(number), "integers": 2 * number.bits},
        clocked=False,
    )
    for name, number in PAIRS.items()
)  # fmt: skip
CODERS = tuple(
    Instance(
        f"encode_{name}", "ovp_encode4",
        {"FLINT": int(PAIRS[name].normal == "flint4"), "BIAS": int(PAIRS[name].bias or 0),
         "X_BITS": bits, "FRACTION_BITS": fraction, "LEFT": int(PAIRS[name].rule == "left")},
        {"x": 2 * bits}, {"pair": 8}, clocked=False,
    )
    for name, (bits, fraction) in ENCODERS.items()
)  # fmt: skip
INSTANCES = DECODERS + CODERS + tuple(
    Instance(
        name, "nm_sorter",
        {"KEPT": kept, "GROUP": group, "INDEX_BITS": (group - 1).bit_length(), "FLOAT": is_float},
        {"x_valid": 1, "x_data": 8},
        {"y_valid": 1, "y_values": 8 * kept, "y_indices": kept * (group - 1).bit_length()},
    )
    for name, (kept, group, is_float) in SORTERS.items()
)  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(INSTANCES, tmp_path_factory.mktemp("bench"))


def pieces(word: int, bits: int, count: int) -> list[int]:
    return [word >> (bits * i) & ((1 << bits) - 1) for i in range(count)]


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def outlier(word: int, number: OutlierPairs) -> int:
    """The value of an outlier's word by the definition of its bits; zero where there is none."""
    mantissa_bits = int(str(number.outlier)[-1])
    exponent, mantissa = divmod(word & (number.identifier - 1), 1 << mantissa_bits)
    size = ((1 << mantissa_bits) + mantissa) << (exponent + int(number.bias or 0))
    there = (exponent or mantissa) and size < 1 << 15
    return (-size if word & number.identifier else size) if there else 0


@pytest.mark.parametrize("name", PAIRS)
def test_decoder_reads_every_pair(bench: Bench, name: str) -> None:
    """All pairs of one byte or of two, those included that cannot occur: they are zeros."""
    number = PAIRS[name]
    bits, victim, exponent_bits = number.bits, number.identifier, exponent_bits_of(number)
    words = range(1 << bits)
    halves = number.decode(np.array([[w, 0] for w in words if w != victim], np.uint64))[:, 0]
    normal = {w: int(v) for w, v in zip((w for w in words if w != victim), halves, strict=True)}
    far = [outlier(word, number) for word in words]
    assert set(map(abs, far)) == {0, *number.outliers}
    for first in words:
        for second in words:
            code = first << 4 | second if bits == 4 else second << 8 | first
            bench.put(f"decode_{name}", pair=code)
            exponents = pieces(bench.get(f"decode_{name}", "exponents"), exponent_bits, 2)
            integers = pieces(bench.get(f"decode_{name}", "integers"), bits, 2)
            found = [signed(i, bits) << e for i, e in zip(integers, exponents, strict=True)]
            expected = [
                0 if word == victim else far[word] if partner == victim else normal[word]
                for word, partner in ((first, second), (second, first))
            ]
            assert found == expected, (first, second)


@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_over_its_whole_range(bench: Bench, name: str) -> None:
    """All pairs of eight bits; of more, every value beside some, in both places."""
    number, (bits, fraction) = PAIRS[name], ENCODERS[name]
    every = np.arange(-(1 << (bits - 1)), 1 << (bits - 1))
    some = every if bits == 8 and not fraction else every[:: len(every) // 32]
    firsts, seconds = (side.ravel() for side in np.meshgrid(every, some))
    rows = np.concatenate([np.stack([firsts, seconds], 1), np.stack([seconds, firsts], 1)])
    expected = number.pack(number.encode(rows / (1 << fraction)))[:, 0]
    mask = (1 << bits) - 1
    for (first, second), byte in zip(rows.tolist(), expected.tolist(), strict=True):
        bench.put(f"encode_{name}", x=(first & mask) | (second & mask) << bits)
        assert bench.get(f"encode_{name}", "pair") == byte, (first, second)


@pytest.mark.parametrize("name", SORTERS)
def test_sorter_keeps_the_largest_of_each_group(bench: Bench, name: str) -> None:
    """Ties and the code without a positive are frequent; values come with gaps and without."""
    kept, group, is_float = SORTERS[name]
    random, index_bits = np.random.default_rng(7), (group - 1).bit_length()
    codes = np.array([0, 1, 2, 5, 126, 127, 128, 129, 254, 255])
    for number in range(120):
        values = random.choice(codes, group) if number % 2 else random.integers(0, 256, group)
        sizes = values & 127 if is_float else np.abs(values - 256 * (values > 127))
        places = np.flatnonzero(NM(kept, group).mask(sizes)).tolist()
        for place, value in enumerate(values.tolist()):
            while number % 3 == 0 and random.random() < 0.3:
                bench.put(name, x_valid=0, x_data=99)
                bench.clock()
                assert not bench.get(name, "y_valid")
            bench.put(name, x_valid=1, x_data=value)
            bench.clock()
            assert bench.get(name, "y_valid") == (place == group - 1)
        assert pieces(bench.get(name, "y_indices"), index_bits, kept) == places
        assert pieces(bench.get(name, "y_values"), 8, kept) == values[places].tolist()
    bench.put(name, x_valid=0)
