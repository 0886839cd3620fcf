from pathlib import Path

import numpy as np
import pytest

from netwright.backends import hls
from netwright.backends.hls.lookup import HEADER, KIND
from netwright.backends.hls.lowering import IoType
from netwright.backends.hls.translation import lower
from netwright.errors import UnsupportedOp
from netwright.formats import Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, assert_same, needs_hls4ml


def tables(*, positions: int = 1, signed: bool = True) -> Graph:
    """Two layers of functions and their sums; the second reads fewer codes than it has entries."""
    build = Build("tables")
    first = build.quantize((positions, 3) if positions > 1 else (3,), bits=3, signed=signed)
    for low, entries in ((-4 if signed else 0, 8), (-5, 12)):
        own = build.constant(build.random.integers(-9, 10, (3, 3, entries)), Int(5))
        looked = build.add("Lookup", (first, own), {"first": low}, scale=(0.5,))
        ones = build.constant(np.tile(np.eye(3, dtype=np.int64), (3, 1)))
        first = build.requantize(
            build.add("MatMul", (looked, ones)), bits=4, signed=True, shift=2, low=-5, high=6
        )
    return build.graph(first)


@needs_hls4ml
@pytest.mark.tool("g++")
@pytest.mark.parametrize(
    ("io_type", "positions", "signed"), [("io_parallel", 1, False), ("io_stream", 2, True)]
)
def test_tables_equal_the_interpreter(
    io_type: IoType, positions: int, signed: bool, tmp_path: Path
) -> None:
    graph = tables(positions=positions, signed=signed)
    design = assert_same(graph, hls(io_type=io_type), tmp_path, rows=100)
    assert (design.root / "firmware" / "nnet_utils" / HEADER).exists()


def test_a_table_has_an_entry_for_every_bit_pattern() -> None:
    graph = tables()
    first, second = (layer for layer in lower(graph, "io_parallel").layers if layer.kind == KIND)
    (node, *_) = (node for node in graph.nodes if node.op == "Lookup")
    codes = graph.constants[node.inputs[1]]
    step = np.ldexp(1.0, first.registers["table"].integer_bits - first.registers["table"].bits)
    assert first.arrays["table_data"].shape == (3, 3, 8)
    assert first.arrays["table_data"][1, 2, 7] == codes[1, 2, 3] * step  # the code -1
    assert second.arrays["table_data"].shape == (3, 3, 16)
    assert not np.any(second.arrays["table_data"][:, :, 7:11])  # codes that never come


def test_codes_that_are_too_wide_are_refused() -> None:
    build = Build("wide")
    source = build.declare(build.quantize((1,), bits=17), Int(17))
    entries = build.constant(np.arange(1 << 17).reshape(1, 1, -1))
    graph = build.graph(build.add("Lookup", (source, entries), {"first": -(1 << 16)}))
    with pytest.raises(UnsupportedOp, match="codes of at most 16 bits, not 17"):
        lower(graph, "io_parallel")
