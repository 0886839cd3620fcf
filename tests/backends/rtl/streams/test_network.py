import numpy as np

from netwright.backends.rtl.reuse import Tiling
from netwright.backends.rtl.streams.network import (
    Fork,
    Gather,
    Join,
    Product,
    Serialize,
    Stream,
    Unit,
    Window,
    outputs_of,
)

WEIGHTS = np.zeros((12, 10), dtype=np.int64)


def product(levels_per_stage: int) -> Product:
    tiling = Tiling(1, 20, 6, 12)
    return Product("n", tiling, 20, 3, 1, (-9, 9), levels_per_stage, WEIGHTS, None)


def test_widths_of_streams() -> None:
    stream = Stream("s", "t", 4, 3, (-5, 2))
    assert (stream.bits, stream.is_signed, stream.total_bits) == (4, True, 12)


def test_spans_of_windows() -> None:
    window = Window((5, 6), (1, 0), (2, 1), (3, 1), (1, 1), (2, 3), 0)
    assert (window.totals, window.spans) == ((8, 7), (5, 1))


def test_registers_of_the_adder_trees() -> None:
    """20 terms in 12 clocks are 5 a clock: three levels."""
    assert [product(levels).tree_stages for levels in (0, 1, 2, 3, 4)] == [0, 3, 1, 1, 0]
    assert product(1).latency == 12 + 2 + 3


def test_latency_counts_the_front_and_the_registers() -> None:
    fronts = (Join(), Gather(2), product(0))
    units = [Unit("u", (), ("a",), "b", front, None, stages=2, depth=1) for front in fronts]
    assert [unit.latency for unit in units] == [2, 3, 16]


def test_outputs_of_parts() -> None:
    assert outputs_of(Fork("f", ("a",), ("b", "c"))) == ("b", "c")
    assert outputs_of(Serialize("s", ("a",), "b")) == ("b",)
