"""Every fault that changes an output is noticed; the others are equal on every input there is."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import hls, rtl
from netwright.formats import Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, needs_hls4ml
from tests.backends.planted import HLS_RULES, RTL_RULES, Design, Fault, faults, plant
from tests.backends.rtl.graphs import needs_verilator, needs_yosys

SAMPLE = int(os.environ.get("PLANTED_FAULTS", "24"))
"""Faults of every design in the slow test; ``make planted`` plants all of them."""


def dense() -> Graph:
    """3-3-2 with multipliers and offsets; 4096 inputs."""
    build = Build("dense")
    hidden = build.requantize(
        build.dense(build.quantize((3,), bits=4), 3, bits=3, bias_bits=5),
        multiplier=(3, 5, 4), offset=(2, -3, 1), axis=1, bits=4, shift=4,
    )  # fmt: skip
    total = build.dense(hidden, 2, bits=3, bias_bits=4)
    return build.graph(build.requantize(total, bits=4, signed=True, shift=2))


def convolution() -> Graph:
    """A sequence of three, a kernel of two, a pool; 4096 inputs."""
    build = Build("conv")
    first = build.conv(build.quantize((1, 3), bits=4), 2, (2,), bits=3)
    pooled = build.pool("MaxPool", build.requantize(first, bits=3, shift=3), (2,), (2,))
    return build.graph(build.dense(build.flatten(pooled), 2, bits=3, bias_bits=4))


def tables() -> Graph:
    """3-2 functions, their sums; 4096 inputs."""
    build = Build("tables")
    own = build.constant(build.random.integers(-9, 10, (3, 2, 16)), Int(5))
    looked = build.add("Lookup", (build.quantize((3,), bits=4), own), {"first": -8})
    ones = build.constant(np.tile(np.eye(2, dtype=np.int64), (3, 1)))
    total = build.add("MatMul", (looked, ones))
    return build.graph(build.requantize(total, bits=4, signed=True, shift=2))


DESIGNS: dict[str, Callable[[Path], Design]] = {
    "hls latency": lambda folder: hls().generate(dense(), folder),
    "hls resource": lambda folder: hls(strategy="resource", reuse_factor=3).generate(
        dense(), folder
    ),
    "hls streams": lambda folder: hls(io_type="io_stream").generate(convolution(), folder),
    "hls tables": lambda folder: hls().generate(tables(), folder),
    "rtl unrolled": lambda folder: rtl(adders_per_stage=1).generate(dense(), folder),
    "rtl convolution": lambda folder: rtl().generate(convolution(), folder),
    "rtl tables": lambda folder: rtl().generate(tables(), folder),
    "rtl streams": lambda folder: rtl(reuse_factor=3).generate(dense(), folder),
    "rtl loadable": lambda folder: rtl(reuse_factor=3, weights="loadable").generate(
        dense(), folder
    ),
}


def planted(design: Design) -> list[Fault]:
    return list(faults(design, HLS_RULES if type(design).__name__ == "HlsDesign" else RTL_RULES))


def test_faults_are_found_in_every_generated_file(tmp_path: Path) -> None:
    design = rtl(reuse_factor=3).generate(dense(), tmp_path / "out")
    found = planted(design)
    own = {file for file in design.files if file.endswith(".v") and "/" not in file}
    assert {fault.file for fault in found} == own
    words = [fault for fault in found if fault.new.startswith("0") and "matmul" in fault.file]
    assert words


@needs_hls4ml
@pytest.mark.tool("g++")
def test_a_weight_that_synthesis_compiles_is_noticed(tmp_path: Path) -> None:
    design = hls().generate(tables(), tmp_path / "out")
    found = planted(design)
    assert {Path(fault.file).name for fault in found} >= {"t2.h", "w3.h", "defines.h"}
    weight = next(fault for fault in found if fault.file.endswith("w3.h"))
    assert plant(design, [weight]) == {"stimuli": 1}


@needs_verilator
@needs_yosys
@pytest.mark.tool("g++")
def test_parameters_and_tables_of_verilog_are_noticed(tmp_path: Path) -> None:
    design = rtl().generate(tables(), tmp_path / "out")
    found = [fault for fault in planted(design) if "lookup" in fault.file]
    assert len(found) > 50
    assert plant(design, found[::25])["MISSED"] == 0


@pytest.mark.slow
@needs_hls4ml
@needs_verilator
@needs_yosys
@pytest.mark.tool("g++")
@pytest.mark.parametrize("name", DESIGNS)
def test_every_fault_is_noticed_or_equivalent(name: str, tmp_path: Path) -> None:
    design = DESIGNS[name](tmp_path / "out")
    found = planted(design)
    step = max(len(found) // SAMPLE, 1)
    counts = plant(design, found[::step])
    assert counts["MISSED"] == 0, counts
    noticed = counts["proof"] + counts["stimuli"] + counts["refused"]
    assert noticed > len(found[::step]) // 2  # the others only change bits that are to spare
