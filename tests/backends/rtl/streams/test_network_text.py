from collections.abc import Callable
from pathlib import Path

import pytest

from netwright.backends.rtl.cells.verilog import library_names
from netwright.backends.rtl.reuse import ReuseFactor
from netwright.backends.rtl.streams.dataflow import lower_to_streams
from netwright.backends.rtl.streams.network_text import computes, sources
from netwright.ir import Graph
from tests.backends.hls.graphs import Build
from tests.backends.rtl.cells.test_verilog import lint
from tests.backends.rtl.graphs import (
    every_other_operator,
    images,
    needs_verilator,
    signals,
    two_layers,
)

CASES: list[tuple[Graph, ReuseFactor, bool]] = [
    (two_layers(), {"matmul_1": 6, "matmul_3": 15}, True),
    (every_other_operator(), 1, False),
    (images(), {"conv_1": 12, "conv_3": 2}, False),
    (signals(), {"conv_1": 3, "conv_4": 2}, True),
]


def texts(graph: Graph, reuse_factor: ReuseFactor, loadable: bool) -> dict[str, str]:
    network = lower_to_streams(
        graph, reuse_factor, loadable=loadable, adders_per_stage=2, max_operations=50_000
    )
    return sources(network, "A design of streams.")


@pytest.mark.parametrize("loadable", [False, True])
def test_text_of_a_small_design(golden: Callable[[str, str], None], loadable: bool) -> None:
    build = Build("tiny", seed=2)
    conv = build.conv(build.quantize((1, 4), bits=2), 2, (2,), bits=2, bias=loadable)
    found = texts(build.graph(build.requantize(conv, bits=2, shift=2)), 4, loadable)
    text = "\n".join(text for name, text in found.items() if not name.startswith("library/"))
    golden(f"rtl/tiny_{'loadable' if loadable else 'streams'}.v", text)


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert texts(*CASES[2]) == texts(*CASES[2])


def test_only_used_library_modules_are_copied() -> None:
    found = {name for name in texts(two_layers(), 1, False) if name.startswith("library/")}
    assert {"library/credit_fifo.v", "library/stream_join.v", "library/valid_chain.v"} <= found
    assert not {"library/mac_array.v", "library/window_buffer.v"} & found
    found = {name for name in texts(*CASES[2]) if name.startswith("library/")}
    assert {"library/mac_steps.v", "library/sum_tree.v", "library/window_axis.v"} <= found
    assert found <= {f"library/{name}.v" for name in library_names()}


@needs_verilator
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].name)
def test_generated_modules_are_free_of_lint(
    tmp_path: Path, case: tuple[Graph, ReuseFactor, bool]
) -> None:
    files = []
    for name, text in texts(*case).items():
        files.append(tmp_path / Path(name).name)
        files[-1].write_text(text)
    lint(files, case[0].name, tmp_path, "-Wno-UNUSEDSIGNAL")


def test_streams_that_are_only_put_side_by_side_are_all_there() -> None:
    build = Build("net")
    first, second = build.quantize((2, 4), bits=3), build.quantize((1, 4), bits=5)
    network = lower_to_streams(
        build.graph(build.add("Concat", (first, second), {"axis": 1})),
        1,
        loadable=False,
        adders_per_stage=None,
        max_operations=1000,
    )
    texts = sources(network, "about")
    assert all(computes(unit) for unit in network.units if len(unit.inputs) > 1)
    joined = next(text for name, text in texts.items() if "concat" in name and "u_join" in text)
    assert "x0_data(quantize_" in joined
    assert "x1_data(quantize_" in joined
