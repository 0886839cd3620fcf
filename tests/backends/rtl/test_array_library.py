"""Every module of the library for systolic arrays, alone, against Python."""

import numpy as np
import pytest

from netwright.formats import NM
from tests.backends.rtl.bench import Bench, Instance
from tests.backends.rtl.graphs import needs_verilator

pytestmark = [pytest.mark.tool("g++"), needs_verilator]

SORTERS = {"two": (2, 8, 0), "one": (1, 4, 0), "four": (4, 16, 1), "most": (3, 4, 0)}
"""Kept, group, and whether values are floating point."""
INSTANCES = tuple(
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
