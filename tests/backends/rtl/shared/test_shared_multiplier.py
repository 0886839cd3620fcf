"""Products of two's complement numbers of many widths, in both ways of making them."""

from pathlib import Path

import numpy as np
import pytest

from tests.backends.rtl.bench import Bench, Instance
from tests.backends.rtl.graphs import needs_verilator

pytestmark = [pytest.mark.tool("g++"), needs_verilator]

WIDTHS = ((17, 8), (5, 1), (9, 2), (29, 3), (4, 13), (30, 31))


def test_every_corner_and_random_products(tmp_path: Path) -> None:
    instances = [
        Instance(f"m{x}_{w}_{blocks}", "shared_multiplier",
                 {"X_BITS": x, "W_BITS": w, "BLOCKS": blocks}, {"x": x, "w": w}, {"y": x + w},
                 clocked=False)
        for x, w in WIDTHS for blocks in (0, 1)
    ]  # fmt: skip
    bench, random = Bench(instances, tmp_path), np.random.default_rng(0)
    for instance in instances:
        x_bits, w_bits = instance.inputs["x"], instance.inputs["w"]
        ends = [(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (x_bits, w_bits)]
        pairs = [(x, w) for x in ends[0] for w in ends[1]]
        pairs += [tuple(int(random.integers(low, high + 1)) for low, high in ends)
                  for _ in range(300)]  # fmt: skip
        for x, w in pairs:
            bench.put(instance.name, x=x, w=w)
            assert bench.get(instance.name, "y") == x * w & ((1 << (x_bits + w_bits)) - 1)
