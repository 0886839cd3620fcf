"""Streams are proven by one beat of every unit, whatever weights are loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends import StreamDesign, rtl
from netwright.backends.rtl.streams.beat_proof import one_beat
from netwright.backends.rtl.streams.dataflow import lower_to_streams
from netwright.backends.rtl.streams.network import Product
from netwright.backends.rtl.streams.network_text import computes
from netwright.errors import BackendError
from netwright.ir import Graph
from tests.backends.planted_designs import convolution, dense
from tests.backends.rtl.graphs import (
    every_other_operator,
    few_cells,
    images,
    needs_yosys,
    pooled_sums,
    signals,
)


def generated(graph: Graph, folder: Path, **options: object) -> StreamDesign:
    design = rtl(**options).generate(graph, folder / "out")
    assert isinstance(design, StreamDesign)
    return design


@needs_yosys
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (dense, {"reuse_factor": 1}),
        (dense, {"reuse_factor": 3}),
        (few_cells, {"reuse_factor": 2, "weights": "loadable"}),
        (convolution, {"reuse_factor": 2, "weights": "loadable"}),
        (every_other_operator, {"reuse_factor": 2}),
        (images, {"reuse_factor": 2, "weights": "loadable"}),
        (pooled_sums, {"reuse_factor": 1}),
        (signals, {"reuse_factor": 3}),
    ],
)
def test_every_element_of_a_beat_is_proven(
    make: Callable[[], Graph], options: dict[str, object], tmp_path: Path
) -> None:
    design = generated(make(), tmp_path, **options)
    proofs = design.prove_elements()
    assert {proof.verdict for proof in proofs} == {"proven"}
    lanes = sum(
        design.network.streams[unit.output].lanes for unit in design.network.units if computes(unit)
    )
    assert len(proofs) >= lanes > 0


@needs_yosys
@pytest.mark.parametrize(
    ("options", "file", "old", "new"),
    [
        ({"reuse_factor": 3}, "dense_matmul_1__beat.v", ".HIGH(64'sd15)", ".HIGH(64'sd14)"),
        ({"reuse_factor": 3, "weights": "loadable"}, "dense_matmul_1__beat.v",
         ".HIGH(64'sd15)", ".HIGH(64'sd14)"),
        ({"reuse_factor": 3, "weights": "loadable"}, "dense_matmul_3__beat.v",
         ".SHIFT(2), .Y_BITS", ".SHIFT(3), .Y_BITS"),
    ],
)  # fmt: skip
def test_a_fault_behind_a_product_is_refuted_with_numbers(
    options: dict[str, object], file: str, old: str, new: str, tmp_path: Path
) -> None:
    design = generated(dense(), tmp_path, **options)
    path = design.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    refuted = [proof for proof in design.prove_elements() if proof.verdict == "refuted"]
    assert len(refuted) == 1
    assert refuted[0].counter_example is not None
    assert refuted[0].counter_example.expected != refuted[0].counter_example.got


@pytest.mark.parametrize("loadable", [False, True])
def test_sums_beyond_what_is_taken_for_granted_are_refused(loadable: bool) -> None:
    graph = dense()
    network = lower_to_streams(
        graph, 3, loadable=loadable, adders_per_stage=None, max_operations=1000
    )
    unit = next(unit for unit in network.units if isinstance(unit.front, Product))
    assert isinstance(unit.front, Product)
    one_beat(unit, network, graph)
    low, high = unit.front.accumulator
    for narrower in ((low + 1, high), (low, high - 1)):
        front = replace(unit.front, accumulator=narrower)
        with pytest.raises(BackendError, match=f"sums reach {low} to {high}"):
            one_beat(replace(unit, front=front), network, graph)
