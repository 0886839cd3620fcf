"""Random files return the numbers of exact arithmetic, or notes that bound what they do not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import GraphError, NumericsError, UnsupportedOp
from netwright.exchange import read_qonnx, referee
from netwright.ir import Graph, interpret, real_values
from netwright.passes import integerize, realize
from tests.exchange.random_networks import Network, random_network, random_rows, reference

ROWS = 8
FLOAT64 = 2.0**-40
"""What executing in float64 may cost, relative to the largest value."""


def outcome(seed: int, folder: Path) -> str:
    """Convert one random file and compare it; says what came of it.

    Raises:
        AssertionError: A row differs by more than the notes say.
    """
    net = random_network(seed)
    path = net.save(folder / f"{seed}.onnx")
    try:
        graph = integerize(read_qonnx(path))
    except (GraphError, UnsupportedOp, NumericsError) as error:
        names = [node.name for node in net.nodes] + list(net.shapes)
        text = str(error)
        assert "made twice" not in text, (seed, text)
        assert "faults" not in text, (seed, text)
        assert any(f'"{name}"' in text for name in names), (seed, text)
        return f"refused: {error.message.split(':', 1)[-1].strip()[:60]}"
    rows = random_rows(net, ROWS)
    assert_within_notes(net, graph, rows, seed)
    real = realize(graph).graph
    back = interpret(real, {name: values.astype(np.float64) for name, values in rows.items()})
    codes = interpret(graph, rows)
    for name in graph.outputs:
        np.testing.assert_array_equal(back[name], real_values(graph, name, codes[name]))
    return "noted" if graph.notes else "exact"


def assert_within_notes(net: Network, graph: Graph, rows: dict[str, np.ndarray], seed: int) -> None:
    codes, wanted = interpret(graph, rows), reference(net, rows)
    allowed = sum(note.output_bound for note in graph.notes)
    assert graph.outputs == tuple(net.outputs), seed
    for name in graph.outputs:
        found, right = real_values(graph, name, codes[name]), wanted[name].astype(np.float64)
        assert found.shape == right.shape, (seed, name)
        off = float(np.max(np.abs(found - right)))
        largest = float(np.max(np.abs(right)))
        assert off <= allowed + FLOAT64 * largest, (seed, name, off, allowed, graph.notes)


def test_qonnx_executes_random_networks_with_names_that_meet_ours(tmp_path: Path) -> None:
    for seed in (0, 4, 12, 39):  # generated names meet others; a sign behind float64; 26 bits
        net = random_network(seed)
        graph = integerize(read_qonnx(net.save(tmp_path / f"{seed}.onnx")))
        rows = random_rows(net, ROWS)
        found, wanted = referee(graph).run(rows), interpret(graph, rows)
        for name in graph.outputs:
            np.testing.assert_array_equal(found[name], wanted[name])


@pytest.mark.parametrize("start", range(0, 40, 10))
def test_random_networks_are_exact_or_bounded(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 10):
        outcome(seed, tmp_path)


@pytest.mark.slow
def test_many_random_networks_are_exact_or_bounded(tmp_path: Path) -> None:
    found = Counter(outcome(seed, tmp_path).split(":")[0] for seed in range(1500))
    assert sum(found.values()) == 1500
    assert found["exact"] + found["noted"] > 1000, found
